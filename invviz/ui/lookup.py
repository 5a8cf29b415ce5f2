"""The one way to find a result: computed here (the store; for a person's own picture the tab's own desk), shipped with the package, or who is after it in the queue.

Every page asks here, so what one page has, all have. Nothing is queued and nobody is counted as a watcher: that is `sources`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping
from typing import Any, Generic, TypeVar

import numpy as np

from ..engine.bits import Counted
from ..jobs.store import Job, Kind, Store
from ..scenario import Scenario
from . import shipped
from .memory import Memory
from .session import session, station
from .views import RiskView, RunView, view_of

ENTRIES, BYTES = (
    600,
    2_000_000_000,
)  # results of the store that are held open, and numbers in them at most; those of spectra are mapped from the disk
READY = {"run": ("done", "stopped"), "risk": ("done",), "sketch": ("done",)}

V = TypeVar("V", RunView, RiskView)
Truth = np.ndarray | Callable[[], np.ndarray] | None
"""The batch that a result must have been computed from (or what reads it, where that takes a while); None where it cannot be read: then nothing of the store is taken."""


@dataclasses.dataclass(frozen=True, eq=False)
class Found(Generic[V]):
    """A result, if there is one, and what the queue knows of it: who is after it, or has made it, or why it failed."""

    view: V | None = None
    job: Job | None = None


def _bytes(found: RunView | RiskView | Counted | None) -> int:
    if isinstance(found, Counted):
        return found.gram.nbytes
    if isinstance(found, RiskView):
        return sum(v.nbytes for v in vars(found.decomposition).values() if isinstance(v, np.ndarray))
    return 0 if found is None else found.guess.nbytes + found.frames.nbytes


_opened: Memory[Any] = Memory(ENTRIES, BYTES, _bytes)


def attacks(wanted: Mapping[Scenario, Truth], way: bool = False) -> dict[Scenario, Found[RunView]]:
    """What attacks got: computed here, or else what came with the package.

    Args:
        wanted: scenarios that fit together, with their batches.
        way: with every step that was kept, not the answer alone; what a study keeps, pictures and scores without times and notes, is an answer for this alone.
    """
    found = _stored("run", wanted, "way" if way else "")
    return {s: one if one.view is not None else Found(shipped.attack(s, studies=way), one.job) for s, one in found.items()}


def spectra(wanted: Mapping[Scenario, Truth], plain: Collection[Scenario] = (), whole: bool = False) -> dict[Scenario, Found[RiskView]]:
    """Spectra: what came with the package where that has all that is shown, or else what was computed here.

    Args:
        wanted: scenarios whose risk can be computed, with their batches.
        plain: those of which figures are shown and no picture of the ideal attacker.
        whole: with all directions and maps.
    """
    ready = {s: view for s, truth in wanted.items() if (view := shipped.spectrum(s, truth, s in plain, whole)) is not None}
    rest = _stored("risk", {s: truth for s, truth in wanted.items() if s not in ready})
    return {s: Found(ready[s]) if s in ready else rest[s] for s in wanted}


def sketches(wanted: Mapping[Scenario, Truth]) -> dict[Scenario, Found[RiskView]]:
    """First sketches of spectra that are being computed."""
    return _stored("sketch", wanted)


def counted(scenario: Scenario, truth: Truth) -> tuple[Counted | None, Job | None]:
    """The alternatives of the words of a scenario, at its noise, as they were counted here; and who is after them."""
    job = jobs("bits", [scenario]).get(scenario)
    if job is None or job.state != "done" or truth is None:
        return None, job

    def read() -> Counted | None:
        desk = desk_of(scenario)
        if not desk.whole(job.key) or not is_of(truth() if callable(truth) else truth, desk, job.key):
            return None
        return Counted.kept(scenario, desk.result(job.key), desk.arrays(job.key))

    found = _opened.of(("bits", job.key, job.finished), read)
    if found is not None and found.scenario != scenario:
        found = _opened.of(("bits", job.key, job.finished, scenario.text()), lambda: dataclasses.replace(found, scenario=scenario))
    return found, desk_of(scenario).job(job.key) if found is None else job


def is_of(truth: np.ndarray, desk: Any, key: str) -> bool:
    """Whether a stored result was computed from this very batch; one from another copy of the data set is forgotten."""
    kept = desk.arrays(key).get("truth")
    if kept is not None and kept.shape == truth.shape and np.allclose(kept, truth, atol=1e-6):
        return True
    if isinstance(desk, Store):
        desk.forget(key)
    return False


def desk_of(scenario: Scenario) -> Any:
    """Who is asked about a scenario. Uploaded pictures never touch the store: they have a desk of their own with the same questions."""
    return session().private if scenario.upload else station().store


def jobs(kind: Kind, wanted: Collection[Scenario]) -> dict[Scenario, Job]:
    """Who is after these results, or has made them."""
    keys = {s: s.key(kind) for s in wanted}
    there = station().store.jobs([key for s, key in keys.items() if not s.upload])
    found = {s: session().private.job(key) if s.upload else there.get(key) for s, key in keys.items()}
    return {s: job for s, job in found.items() if job is not None}


def _stored(kind: Kind, wanted: Mapping[Scenario, Truth], how: str = "") -> dict[Scenario, Found[Any]]:
    """Of each what was computed here. What is damaged has failed by then, and what is of another copy of the data set is gone."""
    known = jobs(kind, wanted)
    views = {s: _open(kind, s, job, wanted[s], how) for s, job in known.items() if job.state in READY[kind] and wanted[s] is not None}
    for s in [s for s, view in views.items() if view is None]:
        job = desk_of(s).job(known[s].key)
        known = {k: v for k, v in known.items() if k is not s} | ({} if job is None else {s: job})
    return {s: Found(views.get(s), known.get(s)) for s in wanted}


def _open(kind: Kind, scenario: Scenario, job: Job, truth: Truth, how: str) -> Any:
    """A result that is there, read once; by its key and the time at which it was made: one that was computed anew is opened anew."""
    read = lambda: _read(kind, scenario, job.key, truth() if callable(truth) else truth, how)  # noqa: E731
    if not scenario.upload:
        found = _opened.of((kind, job.key, job.finished, how), read)
        if isinstance(found, RunView) and found.scenario != scenario:
            return dataclasses.replace(found, scenario=scenario)  # the same key: it differs in what an attack does not depend on
        return found
    if kind == "run":
        return read()
    held = session().opened
    if job.key not in held:
        held.clear()  # one at a time: a spectrum is large
        held[job.key] = read()
    return held[job.key]


def _read(kind: Kind, scenario: Scenario, key: str, truth: Any, how: str) -> RunView | RiskView | None:
    desk = desk_of(scenario)
    result = desk.result(key) if desk.whole(key) else None
    if result is None or not is_of(truth, desk, key):
        return None
    if kind == "run":
        return _run(scenario, desk, key, result, how == "way")
    spectrum = desk.spectrum(key)
    return None if spectrum is None else dataclasses.replace(view_of(spectrum, result, truth), first=kind == "sketch")


def _run(scenario: Scenario, desk: Any, key: str, result: dict[str, Any], way: bool) -> RunView | None:
    guess, nothing = desk.arrays(key).get("guess"), np.zeros(0)
    if guess is None:
        return None
    if not way:
        return RunView(scenario, result, np.array(guess), nothing, np.zeros((0, *guess.shape), np.uint8), nothing, nothing, nothing)
    curve, (frame_steps, frames) = desk.curve(key), desk.frames(key)
    trace = np.array(result["trace"], np.float64).reshape(-1, 2)
    known = ~np.isnan(curve.psnr)
    psnr = np.interp(frame_steps, curve.steps[known], curve.psnr[known]) if known.any() else np.zeros(len(frame_steps))
    return RunView(scenario, result, np.array(guess), frame_steps, frames, psnr, trace[:, 0], trace[:, 1])
