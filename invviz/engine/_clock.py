"""The time that a spectrum may take."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..risk import Decomposition

TRUST_PRODUCTS = 60  # products of a spectrum that take as long as measuring the curvature


class Clock:
    """The time that a spectrum may take."""

    def __init__(self, seconds: float | None) -> None:
        self.seconds, self.start = seconds, time.monotonic()
        self.asked, self.ended = self.start, False

    def over(self) -> bool:
        """Whether another block, of as long as the last one, would end too late."""
        now = time.monotonic()
        self.ended = self.seconds is not None and now + (now - self.asked) > self.start + self.seconds
        self.asked = now
        return self.ended

    def short(self, dec: Decomposition) -> bool:
        """Whether too little time is left for measuring the curvature."""
        spent = time.monotonic() - self.start
        return self.seconds is not None and (self.ended or spent + TRUST_PRODUCTS * dec.seconds / max(1, dec.products) > self.seconds)

    def words(self, dec: Decomposition) -> str:
        """What was left out, to be said behind the reason for the method."""
        if self.seconds is None or not (self.ended or self.short(dec)):
            return ""
        ended = (
            f"; it ended after {dec.products:,} products, as its time of {self.seconds:.0f} s was over; how sure it is stands in its interval"
            if self.ended
            else ""
        )
        return f"{ended}; the curvature was not measured, as no time was left for it"
