"""What is seen at once: attacks that came with the package, and first sketches of spectra that are being computed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping

import numpy as np
import streamlit as st

from ..engine.assess import sketched_first
from ..jobs.limits import risk_problems
from ..jobs.store import Job
from ..scenario import Scenario, problems
from . import kept, sources
from .session import session, station
from .victim import victim_of
from .views import RiskView, RunView, view_of
from .waits import waits

BEHIND = 1  # priority of the first sketches of a comparison: that of what is open on a screen goes first
MARK = "sketch, being sharpened"


def risk_of(scenario: Scenario, whole: bool = False, beside: Collection[str] = ()) -> tuple[RiskView | None, Job | None]:
    """As `sources.risk_of`; while the spectrum is computed, a first sketch of it stands in (`RiskView.first`).

    Args:
        scenario: that is on the screen.
        whole: with all directions and maps; else a spectrum that came with another page will do.
        beside: keys of other first sketches that the page waits for.
    """
    victim = victim_of(scenario)
    if not whole and not risk_problems(scenario) and not isinstance(victim, str) and (ready := kept.drawable(scenario, victim.truth)):
        leave(beside)
        return ready, None
    risk, job = sources.risk_of(scenario)
    if risk is not None or job is None or not job.active:
        leave(beside)
        return risk, job
    assert not isinstance(victim, str)  # else there would be no job
    return sketches({scenario: lambda: victim.truth}, sources.PRIORITY["sketch"], beside).get(scenario), job


def run_of(scenario: Scenario) -> tuple[RunView | None, Job | None]:
    """As `sources.run_of`; where nothing was computed here, what came with the package."""
    run, job = sources.run_of(scenario)
    return (kept.prepared_run(scenario) if run is None and not problems(scenario) else run), job


def sketches(
    wanted: Mapping[Scenario, Callable[[], np.ndarray]], priority: int = BEHIND, beside: Collection[str] = ()
) -> dict[Scenario, RiskView]:
    """First sketches that are ready, of scenarios whose spectra are being computed; the others are asked for.

    Args:
        wanted: scenarios on the screen, each with its batch; what was asked for before and is not among them is not waited for any more.
        priority: of those that are asked for.
        beside: keys of others that the page waits for.
    """
    keys = {s: s.key("sketch") for s in wanted if sketched_first(s)}
    leave({*beside, *(key for s, key in keys.items() if not s.upload)})
    found: dict[Scenario, RiskView | None] = {}
    for s, key in keys.items():
        desk = sources.desk_of(s)
        job = desk.job(key)
        if job is not None and job.state == "done":
            found[s] = (
                _private(key) if s.upload else _stored(key, job.finished, wanted[s])
            )  # a damaged one is passed over: the spectrum comes
            job = station().store.job(key) if found[s] is None and not s.upload else job  # one of another copy of the data set is forgotten
        if job is None or job.state in ("stopped", "pruned"):
            sources.ask("sketch", s, priority)
    return {s: view for s, view in found.items() if view is not None}


def leave(keep: Collection[str] = ()) -> None:
    """First sketches that this tab waits for and nobody looks at any more are not made."""
    visitor = session()
    for key in visitor.sketches - set(keep):
        station().store.stop(key, visitor.name)
    visitor.sketches &= set(keep)


def said(job: Job | None) -> str:
    """The mark of a first sketch, with where the spectrum is."""
    return f"{MARK}{f' ({where})' if (where := waits(job)) else ''}"


@st.cache_resource(max_entries=200, show_spinner=False)
def _stored(key: str, made: float | None, _truth: Callable[[], np.ndarray]) -> RiskView | None:
    """One by its key and the time at which it was made; None where it is damaged or of another copy of the data set."""
    store = station().store
    if not sources.is_of(_truth(), store, key):
        return None
    result, truth, spectrum = store.result(key), store.arrays(key).get("truth"), store.spectrum(key)
    if result is None or truth is None or spectrum is None or not store.whole(key):
        return None
    return dataclasses.replace(view_of(spectrum, result, truth), first=True)


def _private(key: str) -> RiskView:
    opened, desk = session().opened, session().private
    if key not in opened:
        opened.clear()
        result, arrays = desk.result(key), desk.arrays(key)
        assert result is not None
        opened[key] = dataclasses.replace(view_of(desk.spectrum(key), result, arrays["truth"]), first=True)
    return opened[key]
