"""What a job, a visitor and a worker may take: the one place. Generous on one's own machine, fair in a classroom."""

from __future__ import annotations

import dataclasses
import os
from functools import partial

from ..core.errors import LimitError, TextError
from ..core.remaining import in_words
from ..scenario import Scenario
from ..scenario import risk_problems as unfit
from . import price
from .store import Gate, Kind

VARIABLE = "INVVIZ_PROFILE"
HOUR = 3600.0


@dataclasses.dataclass(frozen=True)
class Limits:
    """A profile.

    Attributes:
        name: in INVVIZ_PROFILE.
        job: seconds that one job may take, by its price before it is queued and by the clock while it runs.
        visitor: seconds of work, by its price, that one visitor may have waiting and running; all sweeps together count as one visitor.
        memory: share of the machine's memory that one worker may take.
        quick: seconds; a job of at most this price never waits much longer than that behind dearer ones; 0: no such promise.
    """

    name: str
    job: float
    visitor: float
    memory: float
    quick: float = 0.0


PROFILES = {one.name: one for one in (Limits("own", 24 * HOUR, 14 * 24 * HOUR, 0.8), Limits("classroom", 300.0, 1200.0, 0.25, quick=30.0))}


def limits() -> Limits:
    """Those of INVVIZ_PROFILE; "own" without it.

    Raises:
        TextError: there is no such profile.
    """
    name = os.environ.get(VARIABLE, "own")
    if name not in PROFILES:
        raise TextError(f"{VARIABLE}={name[:40]!r} is no profile; known: {', '.join(PROFILES)}.")
    return PROFILES[name]


def check_price(kind: Kind, scenario: Scenario) -> float:
    """The price of a job in seconds.

    Raises:
        LimitError: it is above what a job may take here.
    """
    seconds, most = price.seconds(kind, scenario), limits()
    if seconds > most.job:
        raise LimitError(
            f"This would take about {in_words(seconds)} on this machine; one job may take {in_words(most.job)} here. "
            "Choose fewer steps, rounds or restarts, a smaller net, picture or batch, or compute it on your own machine from the line of text "
            f"(the profile {most.name!r} sets this limit; {VARIABLE}=own has the largest)."
        )
    return seconds


def too_dear(kind: Kind, scenario: Scenario) -> str:
    """Why a job is more than one may be here; empty where it is not."""
    try:
        check_price(kind, scenario)
    except LimitError as err:
        return str(err)
    return ""


def risk_problems(scenario: Scenario) -> list[str]:
    """Why there is no risk score on a page: what does not fit together, or that it is too dear here."""
    return unfit(scenario) or list(filter(None, [too_dear("risk", scenario)]))


def gate() -> Gate:
    """What the store asks before something is queued."""
    return Gate(check_price, partial(_crowded, limits()), limits().visitor)


def _crowded(most: Limits, seconds: float) -> str:
    """Why somebody may not ask for more now."""
    return (
        f"About {in_words(seconds)} of work would be waiting for you; a visitor may have {in_words(most.visitor)} waiting here. "
        "Wait until some of it is done, stop something, or ask for less at once."
    )


__all__ = ["PROFILES", "VARIABLE", "Limits", "check_price", "gate", "limits", "risk_problems", "too_dear"]
