"""Prepared results of the page Server: what its first case reads, and a look at the net that it sends."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ...engine.client import Site
from ...scenario import Scenario
from ...scenario.families import servers
from ...scenario.kinds import WORK, found
from . import _results, forget


def make(folder: Path, missing: bool = False) -> None:
    """Write facts.json and arrays.npz; with `missing` only what is not there yet is computed."""
    scenes = [Scenario.parse(scene.scenario) for scene in servers.SCENES]
    _results.make(folder, "servers", [(scene, [scene]) for scene in scenes], scored=(), missing=missing)
    forget()
    done = _results.Prepared.read(folder)
    with tempfile.TemporaryDirectory() as cache:
        for scene in scenes:
            key = scene.key("inspect")
            if key not in done.facts:
                outcome = found(WORK["inspect"].compute)(scene, Site(None, Path(cache), "cpu"), lambda event: True, None)
                done.facts[key] = outcome.result
                done.arrays.update({f"{key}/{name}": array for name, array in outcome.arrays.items()})
    done.write(folder, "servers")
