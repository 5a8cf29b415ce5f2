"""Everything that a report tells of, read from the store once."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.errors import InvvizError
from ..core.types import Size
from ..core.version import __version__
from ..engine.baseline import baseline_of
from ..engine.client import Site
from ..engine.summary import risk_summary
from ..metrics import Baseline
from ..risk import ideal
from ..risk.prior import TAU
from ..scenario.kinds import WORK
from ..studies.sweep import Sweep, table
from ._bib import cited
from ._command import command
from ._find import Asked, find

if TYPE_CHECKING:
    import pandas as pd

    from ..jobs.store import Job, Kind, Store
    from ..scenario import Scenario

PACKAGES = {"torch": "torch", "numpy": "numpy", "scikit-image": "scikit-image", "pandas": "pandas"}


@dataclasses.dataclass(frozen=True, eq=False)
class Spectrum:
    """A spectrum at the noise of a scenario.

    Attributes:
        figures: `risk_summary` without the singular values.
        levels: singular values (weighted by the prior), descending, in message units per unit of pixel.
        floor: what noise drowns, in the same units.
        picture: what an ideal attacker sees, (b, c, h, w) in [0, 1].
        truth: (b, c, h, w).
    """

    figures: dict[str, Any]
    levels: np.ndarray
    floor: float
    picture: np.ndarray
    truth: np.ndarray | None


@dataclasses.dataclass(frozen=True, eq=False)
class Entry:
    """One result, or what became of it.

    Attributes:
        job: state, key, kind, error.
        scenario: at which it is looked at.
        facts: what the store holds of it; empty where there is no result.
        arrays: shape and type by name.
        truth: (b, c, h, w) in [0, 1] or None; guess likewise.
        curve: steps and matching loss, each (k,), of an attack.
        spectrum: of a risk score; of an attack the one of its scenario, if that is known.
        gap: why there is no spectrum where one would be expected.
    """

    job: Job
    scenario: Scenario
    facts: dict[str, Any]
    arrays: dict[str, dict[str, Any]]
    truth: np.ndarray | None = None
    guess: np.ndarray | None = None
    curve: tuple[np.ndarray, np.ndarray] | None = None
    spectrum: Spectrum | None = None
    gap: str = ""

    @property
    def key(self) -> str:
        """In the store."""
        return self.job.key

    @property
    def kind(self) -> Kind:
        """Of the job."""
        return self.job.kind

    def baseline(self, truth: np.ndarray) -> Baseline | None:
        """How good what needs no message is of these pictures; None of samples that are none."""
        return baseline_of(self.scenario, truth, Site.from_env().data_dir) if self.scenario.data.modality.grid else None

    @property
    def command(self) -> str:
        """The line that computes it again."""
        return command(self.kind, self.scenario)


@dataclasses.dataclass(frozen=True, eq=False)
class Swept:
    """A sweep: its table (`invviz.studies.sweep.table`), the command that computes it, its text."""

    key: str
    rows: pd.DataFrame
    text: str
    command: str


@dataclasses.dataclass(frozen=True, eq=False)
class Report:
    """What a report tells of; `to_html`, `to_md`, `to_csv` and `to_json` write it."""

    entries: tuple[Entry, ...]
    sweeps: tuple[Swept, ...]
    made: datetime
    versions: dict[str, str]
    references: tuple[str, ...]  # BibTeX entries
    references_note: str = ""

    @property
    def title(self) -> str:
        """What there is in it."""
        counts = [(kind, sum(e.kind == name for e in self.entries)) for name, kind in WORK.items()]
        found = [kind.counted(n) for kind, n in counts if n]
        if count := len(self.sweeps):
            found.append(f"{count} sweep{'s' * (count != 1)}")
        return f"invviz report: {', '.join(found)}"


def collect(store: Store, keys: Sequence[str]) -> Report:
    """Read what a report tells of.

    Args:
        store: where the results are.
        keys: keys of jobs or sweeps, their beginnings (at least 6 characters), or scenarios.

    Raises:
        InvvizError: a key that is unknown or fits several, or nothing of all this is done yet.
    """
    asked, sweeps = find(store, keys)
    results = {key: found for a in asked if store.whole(key := a.job.key) and (found := store.result(key))}
    jobs = store.jobs([a.job.key for a in asked])  # after the results: those that were found damaged have failed by now
    entries = tuple(_entry(store, Asked(jobs.get(a.job.key, a.job), a.scenario), results.get(a.job.key) or {}) for a in asked)
    swept = tuple(Swept(s.key, table(s, store), s.text(), s.command()) for s in sweeps)
    if all(e.job.active for e in entries) and all((s.rows["state"] == "waiting").all() for s in swept):
        raise InvvizError(_nothing(store, entries, sweeps))
    references, note = cited(_components(entries, sweeps))
    return Report(entries, swept, datetime.now(UTC), versions(), references, note)


def _nothing(store: Store, entries: Sequence[Entry], sweeps: Sequence[Sweep]) -> str:
    """Why there is nothing to report, and what to do."""
    jobs = [e.job for e in entries] + [job for s in sweeps for job in store.jobs(list(s.jobs)).values()]
    if any(job.active for job in jobs):
        waits = f"{sum(job.active for job in jobs):,} in the queue"
        return f"Nothing is done yet of what was asked for ({waits}). `python -m invviz work --once` computes what waits."
    return f"Nothing was computed here of {sweeps[0].text()}. Compute it: {sweeps[0].command()}"


def versions() -> dict[str, str]:
    """Of Python and the packages that numbers depend on."""
    found = {"invviz": __version__, "python": platform.python_version()}
    for name, package in PACKAGES.items():
        try:
            found[name] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def _entry(store: Store, asked: Asked, facts: dict[str, Any]) -> Entry:
    job, scenario = asked.job, asked.scenario
    arrays = store.arrays(job.key) if facts else {}
    shapes = {name: {"shape": list(a.shape), "dtype": str(a.dtype)} for name, a in arrays.items()}
    entry = Entry(job, scenario, facts, shapes, truth=arrays.get("truth"), guess=arrays.get("guess"))
    if WORK[job.kind].spectrum and facts:
        return _with_spectrum(entry, store, facts)
    if job.kind == "run" and facts:
        entry = dataclasses.replace(entry, curve=_curve(store, job.key, facts))
        key = scenario.key("risk")
        if known := store.results_of([key]).get(key):
            entry = _with_spectrum(entry, store, known)
        beside = store.job(key)
        return dataclasses.replace(entry, gap=f"No risk score beside it. {beside.error}" if beside is not None and beside.damaged else "")
    return entry


def _with_spectrum(entry: Entry, store: Store, facts: dict[str, Any]) -> Entry:
    s = entry.scenario
    key = entry.key if WORK[entry.kind].spectrum else s.key("risk")
    d = store.spectrum(key)
    if d is None:
        job = store.job(key)
        gap = job.error if job is not None and job.damaged else "Its arrays were removed to make room, so there are no figures."
        return dataclasses.replace(entry, gap=gap, job=job if job is not None and WORK[entry.kind].spectrum else entry.job)
    figures = risk_summary(
        s, d, Size.from_json(facts["size"]), [Size.from_json(stage) for stage in facts["stages"]], facts.get("trust"), facts.get("solved")
    )
    kept = getattr(store, "ideal", lambda key, sigma: None)(key, figures["sigma"])  # of a spectrum that was shipped without its directions
    picture = s.data.modality.settled(ideal(d, figures["sigma"]) if kept is None else kept)
    figures.pop("singular_values")
    levels = np.sqrt(np.asarray(d.gains, dtype=float)) / TAU
    truth = store.arrays(key).get("truth")
    return dataclasses.replace(
        entry, spectrum=Spectrum(figures | {"why": facts.get("why", "")}, levels, figures["sigma"] / TAU, picture, truth)
    )


def _curve(store: Store, key: str, facts: dict[str, Any]) -> tuple[np.ndarray, np.ndarray] | None:
    """Matching loss of the attempt that was kept, else of all as they were reported."""
    if trace := facts.get("trace"):
        steps, loss = np.array(trace, dtype=float).T
    else:
        live = store.curve(key)
        steps, loss = live.steps.astype(float), live.loss
    good = np.isfinite(loss) & (loss > 0)
    return (steps[good], loss[good]) if good.sum() > 1 else None


def _components(entries: Sequence[Entry], sweeps: Sequence[Sweep]) -> dict[str, list[str]]:
    """Keys of papers, and the components that stand on each."""
    from ..metrics import METRICS

    used = [part for e in entries for part in _used(e.kind, e.scenario)]
    used += [part for s in sweeps for cell in s.cells for kind, scenario in cell.jobs.values() for part in _used(kind, scenario)]
    for e in entries:
        used += [METRICS[name] for name, values in e.facts.get("scores", {}).items() if values is not None and name in METRICS]
    papers: dict[str, list[str]] = {"xu2025invloss": ["InvLoss and InvRE"]}
    if any(e.kind == "run" for e in entries):
        papers["carletti2025sok"] = ["threat models"]
    for part in used:
        if part.paper and part.name not in papers.setdefault(part.paper, []):
            papers[part.paper].append(part.name)
    return papers


def _used(kind: Kind, s: Scenario) -> list[Any]:
    return [s.data, s.model, s.protocol, *s.defense, *(getattr(s, part) for part in WORK[kind].uses)]
