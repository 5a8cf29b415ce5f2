"""Where a scenario's spectrum and attack come from: the gallery, the store, or a private worker."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import streamlit as st

from ..core.errors import LimitError
from ..engine.assess import sketched_first
from ..jobs.limits import check_price, risk_problems
from ..jobs.store import Curve, Job, Kind, Store
from ..scenario import Scenario, problems
from ..scenario.kinds import WORK
from ..studies import gallery
from .session import session, station
from .trouble import plain
from .victim import victim_of
from .views import Portrait, RiskView, RunView, view_of

PRIORITY = {name: work.priority for name, work in WORK.items()}  # of what is open on a screen
BEHIND = -1  # of what is compared
KEEP = 6  # spectra held open at a time; each maps about 40 MB


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
    desk = desk_of(scenario)
    job = desk.job(key)
    if job is not None and job.state == "done":
        if desk.whole(key) and is_of(victim.truth, desk, key) and (view := _opened(scenario, key, job)) is not None:
            return view, None
        job = desk.job(key)  # what was found damaged has failed now
    first = not scenario.upload and session().spectrum != key  # it may wait behind others, as part of a comparison
    if job is None or job.state in ("done", "stopped", "pruned") or (job.state == "queued" and first):
        if sketched_first(scenario):
            ask("sketch", scenario)  # before the spectrum: a worker that makes both shall make it first
        ask("risk", scenario)
        job = desk.job(key)
    join(scenario, job)
    return None, job


def run_of(scenario: Scenario) -> tuple[RunView | None, Job | None]:
    """What the attack of this very scenario reached, or the job that is after it (submitted by anyone)."""
    if problems(scenario):
        return None, None
    key, desk = scenario.key("run"), desk_of(scenario)
    job = desk.job(key)
    victim = victim_of(scenario)
    result = None
    if job is not None and job.state in ("done", "stopped") and not isinstance(victim, str):
        result = desk.result(key) if desk.whole(key) and is_of(victim.truth, desk, key) else None
        job = desk.job(key) if result is None else job  # what was found damaged has failed now
    join(scenario, job)
    if result is None:
        return None, job
    arrays, curve = desk.arrays(key), desk.curve(key)
    frame_steps, frames = desk.frames(key)
    trace = np.array(result["trace"], np.float64).reshape(-1, 2)
    known = ~np.isnan(curve.psnr)
    psnr = np.interp(frame_steps, curve.steps[known], curve.psnr[known]) if known.any() else np.zeros(len(frame_steps))
    return RunView(scenario, result, arrays["guess"], frame_steps, frames, psnr, trace[:, 0], trace[:, 1]), job


def is_of(truth: np.ndarray, desk: Any, key: str) -> bool:
    """Whether a stored result was computed from this very batch; one from another copy of the data set is forgotten."""
    kept = desk.arrays(key).get("truth")
    if kept is not None and kept.shape == truth.shape and np.allclose(kept, truth, atol=1e-6):
        return True
    if isinstance(desk, Store):
        desk.forget(key)
    return False


def retry_risk(scenario: Scenario) -> None:
    """A person wants a spectrum that failed to be tried again."""
    ask("risk", scenario)


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
    ask("run", scenario)


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
    frame = desk_of(scenario).latest_frame(scenario.key("run"))
    return None if frame is None else frame.picture


def live_curve(scenario: Scenario) -> Curve:
    """Matching loss and PSNR of a running attack so far."""
    return desk_of(scenario).curve(scenario.key("run"))


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


def desk_of(scenario: Scenario) -> Any:
    """Who is asked about a scenario. Uploaded pictures never touch the store: they have a desk of their own with the same questions."""
    return session().private if scenario.upload else station().store


def ask(kind: Kind, scenario: Scenario, priority: int | None = None) -> None:
    """Have something computed that is on the screen; `priority` in place of the kind's own."""
    visitor = session()
    if visitor.gone:
        return
    if not scenario.upload:
        key = scenario.key(kind)
        if kind == "risk":
            _leave_old_spectrum(key)
        elif kind == "sketch":
            visitor.sketches.add(key)
        try:
            station().store.submit(kind, scenario, visitor.name, PRIORITY[kind] if priority is None else priority)
        except LimitError as err:
            if kind == "run":  # a person asked for it, and hears it at the button
                raise
            st.warning(plain(str(err)), icon=":material/hourglass_disabled:")
    elif scenario.upload in visitor.pictures:
        check_price(kind, scenario)
        visitor.private.submit(kind, scenario, visitor.pictures[scenario.upload])


def behind(scenario: Scenario) -> bool:
    """Have the spectrum of something that is compared computed, behind what is open on a screen; whether it was taken. What is not, as too much waits, is asked for again when the page is drawn."""
    try:
        station().store.submit("risk", scenario, session().name, BEHIND)
    except LimitError:
        return False
    return True


def _leave_old_spectrum(key: str) -> None:
    """A spectrum is computed because its scenario is on the screen; one that has left the screen is not waited for any more."""
    visitor = session()
    if visitor.spectrum and visitor.spectrum not in (key, *visitor.compared):
        visitor.joined.discard(visitor.spectrum)
        station().store.stop(visitor.spectrum, visitor.name)
    visitor.spectrum = key


def leave_comparison(keep: Collection[str] = ()) -> None:
    """What a comparison of this tab waits for is not waited for any more, but for what is kept and the spectrum on the screen."""
    visitor = session()
    for key in visitor.compared - {*keep, visitor.spectrum}:
        visitor.joined.discard(key)
        station().store.stop(key, visitor.name)
    visitor.compared &= set(keep)


def _opened(scenario: Scenario, key: str, job: Job) -> RiskView | None:
    if not scenario.upload:
        return _from_store(key, job.finished)
    opened = session().opened
    if key not in opened:
        desk = session().private
        result, arrays = desk.result(key), desk.arrays(key)
        assert result is not None
        opened.clear()  # one at a time: a spectrum is large
        opened[key] = view_of(desk.spectrum(key), result, arrays["truth"])
    return opened[key]


@st.cache_resource(max_entries=KEEP, show_spinner=False)
def _from_store(key: str, made: float | None) -> RiskView | None:
    """A result by its key and the time at which it was made: one that was computed anew is opened anew. None where it is damaged."""
    store = station().store
    result, truth, spectrum = store.result(key), store.arrays(key).get("truth"), store.spectrum(key)
    return None if result is None or truth is None or spectrum is None else view_of(spectrum, result, truth)
