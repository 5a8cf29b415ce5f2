"""Prepared results of the Attacks page: every attack on every victim that it offers."""

from __future__ import annotations

from pathlib import Path

from .. import lineup
from ..scenario import Scenario
from . import _results

MOST = 40.0  # seconds of one processor for one attack


def make(folder: Path, missing: bool = False) -> None:
    """Write facts.json and arrays.npz; with `missing` only what is not there yet is computed."""
    scenes = [Scenario.parse(scene.scenario) for scene in lineup.SCENES]
    _results.make(
        folder, "attacks", [(scene, list(lineup.attackers(scene).values())) for scene in scenes], curves=True, most=MOST, missing=missing
    )
