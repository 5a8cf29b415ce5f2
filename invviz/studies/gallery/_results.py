"""Computing prepared results that pages find by key: attacks, and spectra with the ideal attacker's picture at the noise that is shown."""

from __future__ import annotations

import dataclasses
import math
import os
import sys
import tempfile
import time
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ...core.command import command
from ...core.errors import InvvizError
from ...core.lazy import torch
from ...core.pixels import as_bytes
from ...core.plain import to_json
from ...core.record import write_whole
from ...engine.assess import assess
from ...engine.attack import run
from ...engine.client import Site
from ...engine.results import Assessment, Event
from ...engine.summary import noise_variance
from ...risk import ideal, total_sigma
from ...scenario import Scenario
from ..kept import HEAD
from . import late, results

KEPT_POINTS = 120  # of a curve
KEPT = ("singular_values", "gains", "weights")


def make(
    folder: Path,
    name: str,
    wanted: Iterable[tuple[Scenario, list[Scenario]]],
    curves: bool = False,
    scored: Collection[Scenario] | None = None,
    most: float = math.inf,
    missing: bool = False,
) -> None:
    """Write facts.json and arrays.npz, anew after every scenario of `wanted`, so that what is interrupted can be gone on with.

    Args:
        folder: where to.
        name: of the command that makes them again.
        wanted: scenarios whose spectrum is shown, each with the attacks that stand beside it; what does not fit is left out, as the page says why.
        curves: keep each attack's PSNR over seconds, too.
        scored: those whose spectrum is computed; None: all.
        most: seconds of one processor for one attack; what takes longer is left to who asks for it, and named as late.
        missing: compute only what is not prepared yet; False: everything anew.
    """
    torch.set_num_threads(1)
    done = Prepared.read(folder) if missing else Prepared()
    spectra: dict[str, Assessment] = {}
    keys = set[str]()

    with tempfile.TemporaryDirectory() as cache:
        site = Site(None, Path(cache), "cpu")
        for scenario, attacks in wanted:
            keys |= {scenario.key("risk"), *(one.key("run") for one in attacks)}
            try:
                if (scored is None or scenario in scored) and not (missing and scenario.key("risk") in done.facts):
                    key = scenario.key("risk")
                    spectra[key] = spectra.get(key) or assess(scenario, site)
                    done.add_spectrum(scenario, spectra[key])
                for one in attacks:
                    if one.key("run") not in done.facts:
                        done.attack(one, site, most, curves)
            except InvvizError as err:
                sys.stderr.write(f"{scenario.text()}: left out: {err}\n")
            done.write(folder, name)
        done.keep(keys)
        done.write(folder, name)


@dataclasses.dataclass
class Prepared:
    """What a folder of prepared results holds.

    Attributes:
        facts: of each result, by key.
        arrays: of each result, by "key/name".
        late: seconds of one processor that an attack takes at least, for which reason it is not prepared, by key.
    """

    facts: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    arrays: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    late: dict[str, float] = dataclasses.field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Prepared:
        """What is there; nothing where that was made for other results."""
        kept = results(folder.name)
        arrays = {f"{key}/{name}": array for key, (own, _) in kept.items() for name, array in own.items()}
        return cls({key: facts for key, (_, facts) in kept.items()}, arrays, dict(late(folder.name)))

    def attack(self, scenario: Scenario, site: Site, most: float, curves: bool) -> None:
        """Run an attack, unless it takes longer than `most` seconds of one processor."""
        key, events, end = scenario.key("run"), list[Event](), time.process_time() + most

        def report(event: Event) -> bool:
            events.append(event)
            return time.process_time() < end

        result = run(scenario, site, report)
        if result.stopped:
            self.late[key] = most
            sys.stderr.write(f"{scenario.text()}: left out, as it takes more than {most:.0f} s\n")
            return
        self.late.pop(key, None)
        self.facts[key] = {**result.to_json(), "trace": []}
        self.arrays[f"{key}/guess"] = as_bytes(result.guess)
        if curves:
            self.arrays[f"{key}/curve"] = _curve(events)
        sys.stderr.write(f"{scenario.text()}: {np.mean(result.scores['psnr'] or [0]):.1f} dB in {result.seconds:.1f} s\n")

    def add_spectrum(self, scenario: Scenario, found: Assessment) -> None:
        """A spectrum with the ideal attacker's picture at the scenario's noise, beside those at the noise of others with the same spectrum."""
        key, d = scenario.key("risk"), found.decomposition
        if f"{key}/sigmas" not in self.arrays:
            kept = {name: a.astype(np.float32) for name, a in d.arrays().items() if name in KEPT or name.startswith("quadrature_")}
            none = {"sigmas": np.zeros(0), "ideals": np.zeros((0, *d.shape), np.float32)}
            self.arrays.update({f"{key}/{name}": a for name, a in {**kept, **none}.items()})
            self.facts[key] = found.facts()
        sigma = total_sigma(d, scenario.floor, noise_variance(scenario, found.size, found.stages))
        if sigma not in self.arrays[f"{key}/sigmas"]:
            self.arrays[f"{key}/sigmas"] = np.append(self.arrays[f"{key}/sigmas"], sigma)
            self.arrays[f"{key}/ideals"] = np.concatenate(
                [self.arrays[f"{key}/ideals"], ideal(d, sigma).clip(0, 1)[None].astype(np.float32)]
            )
        sys.stderr.write(f"{scenario.text()}: spectrum, {d.method}, {d.seconds:.1f} s\n")

    def keep(self, keys: Collection[str]) -> None:
        """Drop what nobody finds any more, as its key has moved or nobody wants it."""
        self.facts = {key: facts for key, facts in self.facts.items() if key in keys}
        self.late = {key: seconds for key, seconds in self.late.items() if key in keys}
        self.arrays = {name: array for name, array in self.arrays.items() if name.partition("/")[0] in keys}

    def write(self, folder: Path, name: str) -> None:
        """Both files, each whole or not at all."""
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / "arrays.part.npz"
        np.savez_compressed(part, **self.arrays)  # type: ignore[arg-type]
        os.replace(part, folder / "arrays.npz")
        head = {**HEAD, "command": command(name, module="invviz.gallery")}
        write_whole(folder / "facts.json", to_json({**head, "late": self.late, "results": self.facts}) + "\n")


def _curve(events: list[Event]) -> np.ndarray:
    """Seconds and PSNR of the reports that were scored, shape (2, k), thinned evenly."""
    scored = [(e.seconds, e.psnr) for e in events if e.phase == "attack" and e.psnr is not None]
    keep = np.unique(np.linspace(0, len(scored) - 1, KEPT_POINTS).round().astype(int)) if scored else []
    return np.array([scored[i] for i in keep], np.float32).reshape(-1, 2).T
