"""Prepared results of "Does training mode protect?": every condition changed by itself, seed by seed; the ideal attacker at the first seed."""

from __future__ import annotations

from pathlib import Path

from ...scenario.families import conditions
from . import _results


def make(folder: Path, missing: bool = False) -> None:
    """Write facts.json and arrays.npz; with `missing` only what is not there yet is computed."""
    _results.make(folder, "conditions", conditions.prepared(), scored=conditions.scored(), missing=missing)
