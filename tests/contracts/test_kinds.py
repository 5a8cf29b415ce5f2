"""Every table that knows kinds of work knows all of them."""

from __future__ import annotations

from typing import get_args

import pytest

from invviz.jobs import price
from invviz.jobs.store import Kind, _sound
from invviz.report import _kinds
from invviz.scenario import Scenario

KINDS = set(get_args(Kind))


@pytest.mark.parametrize(
    "table", [_sound.CORE, _sound.MORE, _sound.ARRAYS, _kinds.KINDS, price.PRICES], ids=["core", "more", "arrays", "report", "price"]
)
def test_all_kinds_are_in_it(table):
    assert set(table) == KINDS


def test_a_scenario_has_a_key_and_a_form_of_every_kind():
    s = Scenario.parse("data=digits&model=mlp&train=federated")
    assert len({s.key(kind) for kind in KINDS}) == len(KINDS) and all(s.form(kind) for kind in KINDS)
