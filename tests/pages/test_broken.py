"""Pages that compare defenses name those whose noise an attacker who knows it may solve for."""

import pytest
from visits import opened, said

from invviz.defenses import DEFENSES
from invviz.ui.curves.words import stack_of, titles


@pytest.mark.parametrize("page", ["defend", "curves"])
def test_the_page_says_it(page):
    words = said(opened(page))
    assert "InvL-GNP" in words and "no protection to rely on" in words


@pytest.mark.parametrize("study, passed", [("digits", False), ("photos", False), ("cifar10", True)])
def test_curves_recommends_none_of_them_and_says_which_it_passes_over(study, passed):
    at = opened("curves", views={"of": study})
    finding = next(m.value.replace("\\", "") for m in at.markdown if m.value.startswith("## At most 1 point"))
    used = next(option for box in at.selectbox if box.label == "Open point" for option in box.options if "best at this cost" in option)
    for title in ("InvL-GNP", "Water-filling"):
        assert title not in finding and title not in used
    words = said(at).replace("\\", "")
    assert (
        "is passed over: who knows it may solve for its noise" in words
    ) == passed  # those of digits and photographs solved for it: nothing better is left to pass over; of CIFAR-10 they cannot
    assert "for at most 800 numbers a batch" in words and "did not solve for it" not in words  # CIFAR-10's pictures have 3,072


def test_a_band_that_is_not_the_published_one_is_named():
    names = titles(["invl_dnp(low=0.6,reuse=10)", "invl_gnp(reuse=10)", "water_filling(cost='energy')"])
    assert list(names.values()) == ["InvL-DNP (low=0.6)", "InvL-GNP", "Water-filling (cost='energy')"]


def test_the_fold_of_equal_costs_says_it_too():
    words = said(opened("defend"))
    assert "the attackers of this study did not solve for it" in words


def test_a_label_of_a_study_names_its_defenses():
    assert stack_of("clipping + invl_gnp(reuse=10)") == (DEFENSES["clipping"](), DEFENSES["invl_gnp"]())
    assert stack_of("none") == stack_of("gone") == ()
