"""Results whose pictures were removed to make room: every page says so, or has a button that computes them again; none breaks."""

from __future__ import annotations

import pytest
from visits import button, computed, press, said

from invviz.jobs.store import Store
from invviz.scenario import Scenario

QUICK = "data=digits&model=mlp(width=8)&attack=linear_layer"


def emptied(store: Store) -> None:
    """Pictures, spectra and frames went, numbers stayed, as `make_room` leaves it."""
    with store._db.write() as con:
        for _, _, drop in list(store._bulk()):
            drop(con)


def test_lab_offers_to_run_an_attack_again_whose_pictures_went(visit, store_dir):
    at = visit("lab", QUICK)
    press(at, "Run the attack")
    computed(at, store_dir)
    store, key = Store(store_dir), Scenario.parse(QUICK).key("run")
    emptied(store)
    assert store.job(key).state == "pruned"
    at = visit("lab", QUICK)
    assert not at.exception
    computed(press(at, "Run the attack"), store_dir)
    assert store.job(key).state == "done" and button(visit("lab", QUICK), "Finished").disabled


@pytest.mark.parametrize("page", ["lab", "risk", "defend", "vertical", "attacks"])
def test_no_page_breaks_where_everything_was_removed(visit, store_dir, page):
    at = visit(page, QUICK)
    computed(at, store_dir)
    store = Store(store_dir)
    emptied(store)
    at = visit(page, QUICK)
    assert not at.exception and said(at)
