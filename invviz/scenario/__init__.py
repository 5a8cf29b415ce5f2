"""Scenarios: everything that determines a result, written as one line of text, and the rules of what fits together."""

from __future__ import annotations

from ._former import former_key
from ._moved import present
from ._problems import check, problems
from ._risk import bits_problems, risk_problems
from ._scenario import MAX_DEFENSES, RESULTS_VERSION, Scenario, brought, escaped
from ._settings import KINDS, LATE_PARTS, MAX_EXACT_INPUTS, PARTS, SETTINGS
from ._train import train_problems

__all__ = [
    "KINDS",
    "LATE_PARTS",
    "MAX_DEFENSES",
    "MAX_EXACT_INPUTS",
    "PARTS",
    "RESULTS_VERSION",
    "SETTINGS",
    "Scenario",
    "bits_problems",
    "brought",
    "check",
    "escaped",
    "former_key",
    "present",
    "problems",
    "risk_problems",
    "train_problems",
]
