"""Asking for what `lookup` has not found: the queue, who waits for what in it, and what is no longer waited for."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import streamlit as st

from ..core.errors import LimitError
from ..engine.assess import sketched_first
from ..jobs.limits import check_price
from ..jobs.store import Curve, Job, Kind
from ..scenario import Scenario
from ..scenario.kinds import WORK
from .lookup import desk_of
from .session import session, station
from .trouble import plain

PRIORITY = {name: work.priority for name, work in WORK.items()}  # of what is open on a screen
BEHIND = -1  # of what is compared


def wanted(scenario: Scenario, job: Job | None) -> Job | None:
    """A spectrum that is on the screen and not known yet is queued; the job that is after it.

    Args:
        scenario: whose risk can be computed.
        job: that is known of it.
    """
    key = scenario.key("risk")
    first = not scenario.upload and session().spectrum != key  # it may wait behind others, as part of a comparison
    if job is None or job.state in ("done", "stopped", "pruned") or (job.state == "queued" and first):
        if sketched_first(scenario):
            ask("sketch", scenario)  # before the spectrum: a worker that makes both shall make it first
        ask("risk", scenario)
        job = desk_of(scenario).job(key)
    join(scenario, job)
    return job


def compare(missing: Mapping[Scenario, Job | None]) -> dict[Scenario, Job]:
    """Spectra that are compared and not known yet are queued, and what is no longer compared is not waited for any more; the jobs that are after them.

    Args:
        missing: scenarios whose risk can be computed, each with the job that is known of it.
    """
    visitor, store = session(), station().store
    keys = {s: s.key("risk") for s in missing}
    if not visitor.gone:
        leave_comparison(list(keys.values()))
        for s, job in missing.items():
            if (job is None or job.state in ("done", "stopped", "pruned")) and behind(s):
                visitor.joined.add(keys[s])
    jobs = store.jobs(list(keys.values()))
    if not visitor.gone:
        for s, key in keys.items():
            join(s, jobs.get(key))
        visitor.compared = set(keys.values())
    return {s: jobs[key] for s, key in keys.items() if key in jobs}


def retry_risk(scenario: Scenario) -> None:
    """A person wants a spectrum that failed to be tried again."""
    ask("risk", scenario)


def has_left(scenario: Scenario) -> bool:
    """Whether this tab has stopped an attack that others still watch."""
    return scenario.key("run") in session().left


def asked_for(scenario: Scenario) -> bool:
    """Whether this tab has asked for an attack, alone or as one of many; others see it, too, as it goes."""
    key, visitor = scenario.key("run"), session()
    return bool(scenario.upload) or key == visitor.attack or key in visitor.grid


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
