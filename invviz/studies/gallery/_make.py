"""Computing a prepared scene: the attack, the spectrum, and the ideal attacker's picture at every noise level."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from ...core.command import command
from ...core.lazy import torch
from ...core.pixels import as_bytes
from ...core.plain import to_json
from ...engine.assess import assess
from ...engine.attack import run
from ...engine.client import Site
from ...engine.results import Event
from ...engine.summary import noise_variance
from ...risk import direction, ideal, pixel_knowledge, total_sigma
from ...scenario import Scenario
from . import DIRECTIONS, FRAMES, KEPT, LEVELS, Card


def _evenly(events: list[Event]) -> list[Event]:
    """At most FRAMES of them, as evenly over the steps as there are any, the first and the last among them."""
    shown = list({e.done: e for e in events}.values())  # of two at the same step the second is the answer
    steps = np.array([e.done for e in shown])
    wanted = np.linspace(steps[0], steps[-1], FRAMES) if shown else []
    return [shown[i] for i in sorted({int(np.abs(steps - at).argmin()) for at in wanted})]


def make(card: Card, folder: Path) -> None:
    """Compute one scene and write scene.json and arrays.npz.

    Args:
        card: names the scenario; its default data come with the package, so that everybody can make it again.
        folder: made if it is not there.
    """
    torch.set_num_threads(1)
    scenario = Scenario.parse(card.scenario)
    events: list[Event] = []

    def report(event: Event) -> bool:
        events.append(event)
        return True

    with tempfile.TemporaryDirectory() as cache:
        site = Site(None, Path(cache), "cpu")
        result = run(scenario, site, report)
        assessment = assess(scenario, site)
    d = assessment.decomposition
    sigma = total_sigma(d, scenario.floor, noise_variance(scenario, assessment.size, assessment.stages))
    shown = _evenly([e for e in events if e.frame is not None])
    trace = np.array(result.trace, np.float64).reshape(-1, 2)
    indices = np.unique(np.geomspace(1, d.basis.shape[1], DIRECTIONS).round().astype(int)) - 1
    arrays = {
        "known": np.stack([as_bytes(pixel_knowledge(d, level * assessment.size.rms)) for level in LEVELS]),
        "directions": np.stack([as_bytes(direction(d, int(i))) for i in indices]),
        "direction_indices": indices,
        **{k: np.asarray(getattr(d, k), np.float32) for k in KEPT},
        "truth": result.truth.astype(np.float32),
        "guess": result.guess.astype(np.float32),
        "strip": np.stack([as_bytes(ideal(d, level * assessment.size.rms)) for level in LEVELS]),
        "frames": np.stack([as_bytes(e.frame) for e in shown if e.frame is not None])
        if shown
        else np.zeros((0, *result.truth.shape), np.uint8),
        "frame_steps": np.array([e.done for e in shown]),
        "frame_psnr": np.array([e.psnr for e in shown], np.float32),
        "steps": trace[:, 0],
        "loss": trace[:, 1],
    }
    facts = {
        "scenario": scenario.text(full=True),
        "command": command(card.name, module="invviz.gallery"),
        "keys": [scenario.key("run"), scenario.key("risk")],
        "result": result.to_json(),
        "summary": {"sigma_relative": sigma / assessment.size.rms},
        "decomposition": {k: v for k, v in d.facts().items() if k != "shape"},
        "trust": assessment.trust.to_json() if assessment.trust else None,
        "size": {"norm": assessment.size.norm, "count": assessment.size.count, "peak": assessment.size.peak},
        "shape": list(d.shape),
    }
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / "arrays.npz", **arrays)  # type: ignore[arg-type]
    (folder / "scene.json").write_text(to_json(facts, indent=1) + "\n")
    psnr = float(np.mean(result.scores["psnr"] or [0]))
    sys.stderr.write(
        f"{card.name}: real attack {psnr:.1f} dB in {result.seconds:.1f} s{' (failed)' if result.failed else ''} {result.note}\n"
    )
