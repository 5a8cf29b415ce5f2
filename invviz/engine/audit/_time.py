"""Whether a time is enough for an audit, told before it begins."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ...risk import least_products

if TYPE_CHECKING:
    from ...scenario import Scenario
    from .subject import Subject

SLOW = 1.0  # seconds of a product from which on times are compared with it: below that they vary with the machine


class AuditTime(UserWarning):
    """An audit will take longer than was allowed; it says how long about, before it begins."""


def too_short(subject: Subject, scenario: Scenario, limit: float | None) -> str:
    """That the least there is to compute takes longer than the time given, and how long about; empty where it does not, or the net is too quick to tell."""
    least = least_products(scenario.prior == "white")
    seconds = least * subject.product
    if limit is None or scenario.method == "exact" or subject.product < SLOW or seconds <= limit:
        return ""
    return (
        f"{limit:,.0f} s are too short for this net on this machine: a spectrum takes {least} products at the least, each about {subject.product:.0f} s, so about "
        f"{seconds:,.0f} s, and its interval is wide then. It is computed all the same; for one that says more, give several times as much (within=)."
    )


def left_of(limit: float, start: float) -> float:
    """What is left of a time, as long as there is any."""
    return max(limit - (time.monotonic() - start), 1e-3)
