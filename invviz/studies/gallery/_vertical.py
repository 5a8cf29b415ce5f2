"""The prepared depths of the Vertical page: every cut of the opening scene against an optimiser and a decoder."""

from __future__ import annotations

from pathlib import Path

from ...scenario import Scenario
from ...scenario.families import cuts as depths
from . import _results


def make(folder: Path, missing: bool = False) -> None:
    """Write facts.json and arrays.npz; with `missing` only what is not there yet is computed."""
    cuts = depths.at_depths(Scenario.parse(depths.VERTICAL))
    _results.make(folder, "vertical", [(cut, list(depths.attackers(cut).values())) for cut in cuts], missing=missing)
