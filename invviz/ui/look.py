"""What is seen at once of the scenario on the screen: what is found, and first sketches of spectra that are being computed."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from ..engine.assess import sketched_first
from ..jobs.limits import risk_problems
from ..jobs.store import Job
from ..scenario import Scenario, problems
from . import lookup, sources
from .session import session, station
from .victim import victim_of
from .views import RiskView, RunView
from .waits import waits

BEHIND = 1  # priority of the first sketches of a comparison: that of what is open on a screen goes first
MARK = "sketch, being sharpened"


def risk_of(scenario: Scenario, whole: bool = False, beside: Collection[str] = ()) -> tuple[RiskView | None, Job | None]:
    """The spectrum of a scenario; while it is computed, which is asked for here, a first sketch of it stands in (`RiskView.first`), with the job that computes it.

    Args:
        scenario: that is on the screen.
        whole: with all directions and maps; else a spectrum that came with another page will do.
        beside: keys of other first sketches that the page waits for.
    """
    if risk_problems(scenario):
        leave(beside)
        return None, None
    truth = _truth(scenario)
    found = lookup.spectra({scenario: truth}, whole=whole)[scenario]
    job = (
        None if found.view is not None or truth is None else sources.wanted(scenario, found.job)
    )  # without pictures there is nothing to compute
    if job is None or not job.active:
        leave(beside)
        return found.view, job
    return sketches({scenario: truth}, sources.PRIORITY["sketch"], beside).get(scenario), job


def run_of(scenario: Scenario) -> tuple[RunView | None, Job | None]:
    """What the attack of this very scenario reached, or the job that is after it (submitted by anyone)."""
    if problems(scenario):
        return None, None
    found = lookup.attacks({scenario: _truth(scenario)}, way=True)[scenario]
    sources.join(scenario, found.job)
    return found.view, found.job


def _truth(scenario: Scenario) -> np.ndarray | None:
    """The private batch; None where it cannot be shown, which is said under the picture."""
    victim = victim_of(scenario)
    return None if isinstance(victim, str) else victim.truth


def sketches(wanted: Mapping[Scenario, lookup.Truth], priority: int = BEHIND, beside: Collection[str] = ()) -> dict[Scenario, RiskView]:
    """First sketches that are ready, of scenarios whose spectra are being computed; the others are asked for.

    Args:
        wanted: scenarios on the screen, each with its batch; what was asked for before and is not among them is not waited for any more.
        priority: of those that are asked for.
        beside: keys of others that the page waits for.
    """
    first = [s for s in wanted if sketched_first(s)]
    leave({*beside, *(s.key("sketch") for s in first if not s.upload)})
    found = lookup.sketches({s: wanted[s] for s in first})
    for s, one in found.items():
        if one.job is None or one.job.state in ("stopped", "pruned"):  # a damaged one is passed over: the spectrum comes
            sources.ask("sketch", s, priority)
    return {s: one.view for s, one in found.items() if one.view is not None}


def leave(keep: Collection[str] = ()) -> None:
    """First sketches that this tab waits for and nobody looks at any more are not made."""
    visitor = session()
    for key in visitor.sketches - set(keep):
        station().store.stop(key, visitor.name)
    visitor.sketches &= set(keep)


def said(job: Job | None) -> str:
    """The mark of a first sketch, with where the spectrum is."""
    return f"{MARK}{f' ({where})' if (where := waits(job)) else ''}"
