"""Pages that compare defenses name those whose noise an attacker who knows it may solve for."""

import pytest
from visits import opened, said

from invviz.defenses import DEFENSES
from invviz.ui.curves.words import stack_of


@pytest.mark.parametrize("page", ["defend", "curves"])
def test_the_page_says_it(page):
    words = said(opened(page))
    assert "InvL-GNP" in words and "no protection to rely on" in words


def test_a_label_of_a_study_names_its_defenses():
    assert stack_of("clipping + invl_gnp(reuse=10)") == (DEFENSES["clipping"](), DEFENSES["invl_gnp"]())
    assert stack_of("none") == stack_of("gone") == ()
