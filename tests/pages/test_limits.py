"""What is too dear here is said where it was asked for, and the page goes on."""

from __future__ import annotations

import dataclasses

from visits import button, press, said

from invviz import limits

QUICK = "data=digits&model=mlp(width=8)&attack=linear_layer"


def test_a_job_that_is_too_dear_is_refused_in_words(visit, monkeypatch):
    tight = {**limits.PROFILES, "own": dataclasses.replace(limits.PROFILES["own"], job=1e-6)}
    monkeypatch.setattr(limits, "PROFILES", tight)
    at = visit("lab", QUICK)
    assert not at.exception and "one job may take 1 s here" in said(at)  # the spectrum is asked for by looking
    press(at, "Run the attack")
    assert not at.exception and "one job may take 1 s here" in said(at) and button(at, "Run the attack")
