"""Where a scenario's spectrum and attack come from: the gallery, the store, or a private worker."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import streamlit as st
from plotly.graph_objects import Figure

from .. import gallery
from ..core.types import Size
from ..plots.progress import scrubber
from ..risk import Decomposition, direction, ideal, pixel_knowledge, total_sigma
from ..scenario import Scenario, problems, risk_problems
from ..store import Job, Kind, Store
from ..summary import noise_variance
from .session import session, station
from .victim import Victim, victim_of

KEEP = 6  # spectra held open at a time; each maps about 40 MB


@dataclasses.dataclass(frozen=True, eq=False)
class Portrait:
    """What of a picture leaks, and through which directions."""

    known: Callable[[float], np.ndarray]  # sigma (absolute) -> share of each pixel's variance that is learned, (b, c, h, w) in [0, 1]
    direction: Callable[[int], np.ndarray]  # index -> that direction as a picture
    indices: np.ndarray  # directions that can be shown, strongest first


@dataclasses.dataclass(frozen=True, eq=False)
class RiskView:
    """A spectrum on the screen; serves every noise level in closed form."""

    decomposition: Decomposition
    size: Size
    truth: np.ndarray
    draw: Callable[[float], np.ndarray]  # sigma (absolute) -> the ideal attacker's picture
    portrait: Portrait | None = None
    stages: tuple[Size, ...] = ()
    trust: dict[str, Any] | None = None
    why: str = ""
    layers: tuple[tuple[str, int], ...] = ()

    def sigma(self, scenario: Scenario) -> float:
        """Noise per message entry: the defenses' and the floor's."""
        return total_sigma(self.decomposition, scenario.floor, noise_variance(scenario, self.size, self.stages))


@dataclasses.dataclass(frozen=True, eq=False)
class RunView:
    """A finished (or stopped) attack on the screen."""

    scenario: Scenario
    result: dict[str, Any]
    guess: np.ndarray
    frame_steps: np.ndarray
    frames: np.ndarray
    frame_psnr: np.ndarray
    steps: np.ndarray
    loss: np.ndarray
    prepared: bool = False  # from the gallery, not computed here

    @functools.cached_property
    def scrubber(self) -> Figure:
        """Its steps to play back; made once, because the slider redraws the stage many times beside it."""
        return scrubber(self.frame_steps, self.frames, self.frame_psnr, self.steps, self.loss)


def risk_of(scenario: Scenario) -> tuple[RiskView | None, Job | None]:
    """The spectrum of a scenario; where it is not known yet, the job that computes it, which is queued here."""
    if risk_problems(scenario):
        return None, None
    key = scenario.key("risk")
    for scene in gallery.scenes():
        if scene.scenario.key("risk") == key and not scenario.upload:
            portrait = Portrait(scene.known, scene.direction, scene.arrays["direction_indices"])
            return RiskView(scene.decomposition, scene.size, scene.arrays["truth"], scene.ideal, portrait, trust=scene.trust), None
    victim = victim_of(scenario)
    if isinstance(victim, str):
        return None, None  # said under the picture; there is nothing to compute
    desk = _desk(scenario)
    job = desk.job(key)
    if job is not None and job.state == "done" and _is_of(victim, desk, key):
        return _opened(scenario, key), None
    if job is None or job.state in ("done", "stopped", "pruned"):
        _submit("risk", scenario)
        job = desk.job(key)
    join(scenario, job)
    return None, job


def run_of(scenario: Scenario) -> tuple[RunView | None, Job | None]:
    """What the attack of this very scenario reached, or the job that is after it (submitted by anyone)."""
    if problems(scenario):
        return None, None
    key, desk = scenario.key("run"), _desk(scenario)
    job = desk.job(key)
    victim = victim_of(scenario)
    finished = job is not None and job.state in ("done", "stopped") and not isinstance(victim, str) and _is_of(victim, desk, key)
    result = desk.result(key) if finished else None
    join(scenario, job)
    if result is None:
        return _prepared(scenario, key), job
    arrays, curve = desk.arrays(key), desk.curve(key)
    frame_steps, frames = desk.frames(key)
    trace = np.array(result["trace"], np.float64).reshape(-1, 2)
    known = ~np.isnan(curve.psnr)
    psnr = np.interp(frame_steps, curve.steps[known], curve.psnr[known]) if known.any() else np.zeros(len(frame_steps))
    return RunView(scenario, result, arrays["guess"], frame_steps, frames, psnr, trace[:, 0], trace[:, 1]), job


def _is_of(victim: Victim, desk: Any, key: str) -> bool:
    """Whether a stored result was computed from this very batch; one from another copy of the data set is forgotten."""
    arrays = desk.arrays(key)
    if "truth" in arrays and np.allclose(arrays["truth"], victim.truth, atol=1e-6):
        return True
    if isinstance(desk, Store):
        desk.forget(key)
        _from_store.clear(key)
    return False


def _prepared(scenario: Scenario, key: str) -> RunView | None:
    scene = next((s for s in gallery.scenes() if s.scenario.key("run") == key), None)
    if scene is None:
        return None
    names = ("guess", "frame_steps", "frames", "frame_psnr", "steps", "loss")
    return RunView(scenario, scene.result, *(scene.arrays[name] for name in names), prepared=True)


def retry_risk(scenario: Scenario) -> None:
    """A person wants a spectrum that failed to be tried again."""
    _submit("risk", scenario)


def has_left(scenario: Scenario) -> bool:
    """Whether this tab has stopped an attack that others still watch."""
    return scenario.key("run") in session().left


def start_run(scenario: Scenario) -> None:
    """A person asked for the attack; one that was asked for before in this tab, and is still going, is left."""
    visitor, key = session(), scenario.key("run")
    if visitor.attack not in ("", key) and not scenario.upload:
        visitor.joined.discard(visitor.attack)
        station().store.stop(visitor.attack, visitor.name)
    visitor.attack = key
    visitor.left.discard(key)
    _submit("run", scenario)


def stop_run(scenario: Scenario) -> None:
    """A person does not want it any more; it goes on where others watch it."""
    if scenario.upload:
        session().private.stop(scenario.key("run"))
    else:
        key, visitor = scenario.key("run"), session()
        visitor.joined.discard(key)
        visitor.left.add(key)
        station().store.stop(key, visitor.name)


def live_picture(scenario: Scenario) -> np.ndarray | None:
    """Newest picture of a running attack."""
    frame = _desk(scenario).latest_frame(scenario.key("run"))
    return None if frame is None else frame.picture


def live_curve(scenario: Scenario) -> tuple[np.ndarray, np.ndarray]:
    """Steps and matching loss of a running attack so far."""
    curve = _desk(scenario).curve(scenario.key("run"))
    return curve.steps, curve.loss


def join(scenario: Scenario, job: Job | None) -> None:
    """Who sees somebody else's job running watches it too: it goes on when the other tab is closed."""
    visitor = session()
    if job is None or scenario.upload or visitor.gone:
        return
    if not job.active:
        visitor.joined.discard(job.key)
        visitor.left.discard(job.key)
    elif not job.stopping and job.key not in visitor.joined | visitor.left:
        visitor.joined.add(job.key)
        station().store.watch(job.key, visitor.name)


def _desk(scenario: Scenario) -> Any:
    """Uploaded pictures never touch the store: they have a desk of their own with the same questions."""
    return session().private if scenario.upload else station().store


def _submit(kind: Kind, scenario: Scenario) -> None:
    if session().gone:
        return
    if not scenario.upload:
        if kind == "risk":
            _leave_old_spectrum(scenario.key(kind))
        station().store.submit(kind, scenario, session().name, priority=1 if kind == "run" else 0)
    elif scenario.upload in session().pictures:
        session().private.submit(kind, scenario, session().pictures[scenario.upload])


def _leave_old_spectrum(key: str) -> None:
    """A spectrum is computed because its scenario is on the screen; one that has left the screen is not waited for any more."""
    visitor = session()
    if visitor.spectrum and visitor.spectrum != key:
        visitor.joined.discard(visitor.spectrum)
        station().store.stop(visitor.spectrum, visitor.name)
    visitor.spectrum = key


def _opened(scenario: Scenario, key: str) -> RiskView:
    if not scenario.upload:
        return _from_store(key)
    opened = session().opened
    if key not in opened:
        desk = session().private
        result, arrays = desk.result(key), desk.arrays(key)
        assert result is not None
        opened.clear()  # one at a time: a spectrum is large
        opened[key] = view_of(desk.spectrum(key), result, arrays["truth"])
    return opened[key]


@st.cache_resource(max_entries=KEEP, show_spinner=False)
def _from_store(key: str) -> RiskView:
    store = station().store
    result, arrays = store.result(key), store.arrays(key)
    assert result is not None
    return view_of(Decomposition.load(store.folder(key)), result, arrays["truth"])


def view_of(decomposition: Decomposition, result: dict[str, Any], truth: np.ndarray) -> RiskView:
    """A spectrum and the numbers and words that were kept beside it."""
    return RiskView(
        decomposition,
        Size(**result["size"]),
        truth,
        lambda sigma: ideal(decomposition, sigma),
        Portrait(
            lambda sigma: pixel_knowledge(decomposition, sigma),
            lambda index: direction(decomposition, index),
            np.arange(decomposition.basis.shape[1]),
        ),
        tuple(Size(**stage) for stage in result["stages"]),
        result["trust"],
        result["why"],
        tuple((name, count) for name, count in result["layers"]),
    )
