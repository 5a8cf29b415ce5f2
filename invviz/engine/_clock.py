"""The time that a spectrum may take."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from ..core.lazy import torch

if TYPE_CHECKING:
    from ..risk import Decomposition, Jacobian

TRUST_PRODUCTS = 50  # products of one vector, there and back, that take as long as measuring the curvature: 47 there, 32 back, 42 messages


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

    @property
    def left(self) -> float:
        """Seconds."""
        return np.inf if self.seconds is None else self.start + self.seconds - time.monotonic()

    def short(self, jacobian: Jacobian) -> bool:
        """Whether too little time is left for measuring the curvature, judged by one product of one vector: those of an exact spectrum are made many at once, so quicker each."""
        if self.seconds is None:
            return False
        if self.ended or self.left <= 0:
            return True
        began = time.monotonic()
        jacobian.rmatvec(jacobian.matvec(torch.ones_like(jacobian.point)))
        return TRUST_PRODUCTS * (time.monotonic() - began) > self.left

    def words(self, dec: Decomposition, short: bool) -> str:
        """What was left out, to be said behind the reason for the method."""
        ended = (
            f"; it ended after {dec.products:,} products, as its time of {self.seconds:.0f} s was over; how sure it is stands in its interval"
            if self.ended
            else ""
        )
        return f"{ended}; the curvature was not measured, as no time was left for it" if short else ended
