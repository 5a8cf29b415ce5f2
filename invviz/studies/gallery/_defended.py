"""The prepared grid of the Defend page: every defense against three attackers, for the opening scene."""

from __future__ import annotations

from pathlib import Path

from ...scenario import Scenario
from ...scenario.families import defenses
from . import OPENING, _results

CHOICES = ("usual", "all")


def make(folder: Path, missing: bool = False) -> None:
    """Write facts.json and arrays.npz; with `missing` only what is not there yet is computed."""
    now = Scenario.parse(OPENING)
    rows = [defenses.compared(now, stack) for stack in dict.fromkeys(s for which in CHOICES for s in defenses.stacks(now, which))]
    _results.make(folder, "defended", [(row, [row.replace(attacker=who) for who in ("unaware", "aware")]) for row in rows], missing=missing)
