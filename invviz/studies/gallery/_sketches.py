"""Computing the prepared sketches: everything that the Risk page compares for the opening scene."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from ...core.lazy import torch
from ...core.plain import to_json
from ...engine.assess import assess
from ...engine.client import Site
from ...scenario import Scenario
from ...scenario.families import comparisons
from ..kept import HEAD
from . import OPENING, PICTURES

KEPT = ("singular_values", "gains", "weights")


def make(folder: Path) -> None:
    """Write facts.json and arrays.npz."""
    torch.set_num_threads(1)
    now = Scenario.parse(OPENING)
    arrays: dict[str, np.ndarray] = {}
    facts: dict[str, dict[str, object]] = {}

    with tempfile.TemporaryDirectory() as cache:
        site = Site(None, Path(cache), "cpu")

        def add(scenario: Scenario) -> None:
            key = scenario.key("risk")
            if key in facts:
                return
            found = assess(scenario, site)
            inner = {name: a for name, a in found.decomposition.arrays().items() if name in KEPT or name.startswith("quadrature_")}
            arrays.update({f"{key}/{name}": a.astype(np.float32) for name, a in inner.items()})
            facts[key] = {"scenario": scenario.only("risk").text(full=True), **found.facts()}
            sys.stderr.write(f"{scenario.text()}: {found.decomposition.products} products, {found.decomposition.seconds:.1f} s\n")

        for scenario in [*comparisons.pictures(now, range(PICTURES)), *comparisons.over_rounds(now), *comparisons.models(now)]:
            add(scenario)
        for whole in comparisons.layered(now):
            names = [name for name, _ in facts[whole.key("risk")]["layers"]]  # type: ignore[attr-defined]
            for scenario in comparisons.layers(whole, names):
                add(scenario)
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / "arrays.npz", **arrays)  # type: ignore[arg-type]
    command = "python -m invviz.gallery sketches"
    (folder / "facts.json").write_text(to_json({**HEAD, "command": command, "sketches": facts}) + "\n")
