"""The Lab shows a row cell by cell: what is right, what the attack is certain of, bits of words and shares of numbers; and a card opens a table."""

from __future__ import annotations

import functools
import importlib.util
import re

import pytest
from visits import press, said

from invviz.engine.client import Site
from invviz.jobs.store import Store
from invviz.jobs.worker import work
from invviz.scenario import Scenario
from invviz.ui import cards

TEXT = "data=fair&model=mlp(width=32)&attack=tableak(steps=150,restarts=3)&defense=gaussian_noise(sigma=0.01)"
there = pytest.mark.skipif(importlib.util.find_spec("statsmodels") is None, reason="needs statsmodels, whose table it reads")


@pytest.fixture
def lab(visit):
    return functools.partial(visit, "lab")


def table(at):
    return next(e.proto.body for e in at.get("html") if 'class="rows' in e.proto.body)


@there
def test_cells_are_right_certain_and_have_bits(lab, store_dir):
    at = lab(TEXT)
    assert not at.exception and "bits" not in re.sub(r'title=".*?"', "", table(at))
    store = Store(store_dir)
    for kind in ("run", "risk", "bits"):
        store.submit(kind, Scenario.parse(TEXT), "test")
    for _ in range(3):
        work(store, Site(None, store_dir, "cpu"), once=True)
    at.run()
    assert not at.exception, at.exception
    told = table(at)
    assert "real attack (8 of 8 right)" in told and told.count("right: ") == 16
    assert told.count("2.0 of 2.0 bits") == 2 and told.count("2.6 of 2.6 bits") == 3 and told.count("certain") >= 5
    assert "Bits: told to whoever knows all other cells" in said(at) and "blind to the truth" in said(at)


@there
def test_a_card_opens_a_table(lab):
    at = lab()
    press(at, cards.MARRIAGES[1])
    assert not at.exception and ">affairs<" in table(at) and "The first of 4 rows" in said(at)


def test_where_the_package_is_missing_the_card_opens_another_table(lab, monkeypatch):
    monkeypatch.setattr(cards, "fair_is_here", lambda: False)
    at = lab()
    press(at, cards.TUMOURS[1])
    assert not at.exception and ">mean radius<" in table(at)
