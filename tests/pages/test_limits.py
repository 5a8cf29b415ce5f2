"""What is too dear here is said where it was asked for, and the page goes on."""

from __future__ import annotations

import dataclasses

from visits import button, press, said

from invviz.jobs import limits
from invviz.jobs.store import Store
from invviz.scenario import Scenario

QUICK = "data=digits&model=mlp(width=8)&attack=linear_layer"


def test_a_job_that_is_too_dear_is_refused_in_words(visit, monkeypatch):
    tight = {**limits.PROFILES, "own": dataclasses.replace(limits.PROFILES["own"], job=1e-6)}
    monkeypatch.setattr(limits, "PROFILES", tight)
    at = visit("lab", QUICK)
    assert (
        not at.exception and said(at).count("one job may take 1 s here") > 1
    )  # the spectrum, which is asked for by looking, and the attack
    assert button(at, "Run the attack").disabled


def test_what_is_not_too_dear_says_its_price(visit):
    at = visit("lab", QUICK)
    assert not button(at, "Run the attack").disabled and "at most about" in button(at, "Run the attack").help


def test_a_button_that_asks_for_too_much_says_so(visit, store_dir, monkeypatch):
    tight = {**limits.PROFILES, "own": dataclasses.replace(limits.PROFILES["own"], visitor=1e-6)}
    monkeypatch.setattr(limits, "PROFILES", tight)
    at = visit("defend", QUICK)
    assert not at.exception and button(at, "Run all attacks")  # spectra that are not taken now are asked for again later
    press(at, "Run all attacks")
    assert not at.exception and "a visitor may have 1 s waiting here" in said(at)
    assert not at.exception and not Store(store_dir).jobs([Scenario.parse(QUICK).key(kind) for kind in ("run", "risk")])
