"""Computing prepared results that pages find by key: attacks, and spectra with the ideal attacker's picture at the noise that is shown."""

from __future__ import annotations

import math
import sys
import tempfile
import time
from collections.abc import Collection, Iterable
from pathlib import Path

import numpy as np

from ..assess import assess
from ..core.errors import InvvizError
from ..core.lazy import torch
from ..core.pixels import as_bytes
from ..core.plain import to_json
from ..results import Assessment, Event
from ..risk import ideal, total_sigma
from ..run import Site, run
from ..scenario import RESULTS_VERSION, Scenario
from ..summary import noise_variance

KEPT_POINTS = 120  # of a curve
KEPT = ("singular_values", "gains", "weights")


def make(
    folder: Path,
    name: str,
    wanted: Iterable[tuple[Scenario, list[Scenario]]],
    curves: bool = False,
    scored: Collection[Scenario] | None = None,
    most: float = math.inf,
) -> None:
    """Write facts.json and arrays.npz.

    Args:
        folder: where to.
        name: of the command that makes them again.
        wanted: scenarios whose spectrum is shown, each with the attacks that stand beside it; what does not fit is left out, as the page says why.
        curves: keep each attack's PSNR over seconds, too.
        scored: those whose spectrum is computed; None: all.
        most: seconds of one processor for one attack; what takes longer is left to who asks for it.
    """
    torch.set_num_threads(1)
    arrays: dict[str, np.ndarray] = {}
    facts: dict[str, dict[str, object]] = {}
    spectra: dict[str, Assessment] = {}
    levels: dict[str, dict[float, np.ndarray]] = {}

    with tempfile.TemporaryDirectory() as cache:
        site = Site(None, Path(cache), "cpu")

        def attack(scenario: Scenario) -> None:
            key = scenario.key("run")
            if key not in facts:
                events: list[Event] = []
                end = time.process_time() + most

                def report(event: Event) -> bool:
                    events.append(event)
                    return time.process_time() < end

                result = run(scenario, site, report)
                if result.stopped:
                    sys.stderr.write(f"{scenario.text()}: left out, as it takes more than {most:.0f} s\n")
                    return
                facts[key] = {**result.to_json(), "trace": []}
                arrays[f"{key}/guess"] = as_bytes(result.guess)
                if curves:
                    arrays[f"{key}/curve"] = _curve(events)
                sys.stderr.write(f"{scenario.text()}: {np.mean(result.scores['psnr'] or [0]):.1f} dB in {result.seconds:.1f} s\n")

        def spectrum(scenario: Scenario) -> None:
            key = scenario.key("risk")
            if key not in spectra:
                spectra[key] = assess(scenario, site)
            found, d = spectra[key], spectra[key].decomposition
            sigma = total_sigma(d, scenario.floor, noise_variance(scenario, found.size, found.stages))
            levels.setdefault(key, {})[sigma] = ideal(d, sigma).clip(0, 1)
            sys.stderr.write(f"{scenario.text()}: spectrum, {d.method}, {d.seconds:.1f} s\n")

        for scenario, attacks in wanted:
            try:
                if scored is None or scenario in scored:
                    spectrum(scenario)
                for one in attacks:
                    attack(one)
            except InvvizError as err:
                sys.stderr.write(f"{scenario.text()}: left out: {err}\n")

    for key, found in spectra.items():
        own = found.decomposition.arrays()
        kept = {name: a.astype(np.float32) for name, a in own.items() if name in KEPT or name.startswith("quadrature_")}
        kept |= {"sigmas": np.array(list(levels[key])), "ideals": np.stack(list(levels[key].values()))}
        arrays.update({f"{key}/{name}": a for name, a in kept.items()})
        facts[key] = found.facts()
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / "arrays.npz", **arrays)  # type: ignore[arg-type]
    command = f"python -m invviz.gallery {name}"
    (folder / "facts.json").write_text(to_json({"results_version": RESULTS_VERSION, "command": command, "results": facts}) + "\n")


def _curve(events: list[Event]) -> np.ndarray:
    """Seconds and PSNR of the reports that were scored, shape (2, k), thinned evenly."""
    scored = [(e.seconds, e.psnr) for e in events if e.phase == "attack" and e.psnr is not None]
    keep = np.unique(np.linspace(0, len(scored) - 1, KEPT_POINTS).round().astype(int)) if scored else []
    return np.array([scored[i] for i in keep], np.float32).reshape(-1, 2).T
