"""Prepared results of the Attacks page: every attack on every victim that it offers."""

from __future__ import annotations

from pathlib import Path

from ...scenario import Scenario
from ...scenario.families import attacks
from . import _results

MOST = 40.0  # seconds of one processor for one attack


def make(folder: Path, missing: bool = False) -> None:
    """Write facts.json and arrays.npz; with `missing` only what is not there yet is computed."""
    scenes = [Scenario.parse(scene.scenario) for scene in attacks.SCENES]
    _results.make(
        folder, "attacks", [(scene, list(attacks.attackers(scene).values())) for scene in scenes], curves=True, most=MOST, missing=missing
    )
