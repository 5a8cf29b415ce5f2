"""Prepared results of the Attacks page: every attack on the opening scene, with its noise and without."""

from __future__ import annotations

from pathlib import Path

from .. import lineup
from ..scenario import Scenario
from . import _results

PREPARED = 2  # of the page's scenes: those that stand first


def make(folder: Path) -> None:
    """Write facts.json and arrays.npz."""
    scenes = [Scenario.parse(scene.scenario) for scene in lineup.SCENES[:PREPARED]]
    _results.make(folder, "attacks", [(scene, list(lineup.attackers(scene).values())) for scene in scenes], curves=True)
