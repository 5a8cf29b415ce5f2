"""What a job may take of a worker, time and memory, and why one failed."""

from __future__ import annotations

import os
import time
from typing import Any

try:
    import resource
except ImportError:  # not on Windows
    resource = None

from ...core.errors import InvvizError, LimitError
from ...core.lazy import torch
from ...core.remaining import in_words
from ...risk import too_little
from ..limits import VARIABLE, limits
from ._outcome import Outcome

MAX_REASON = 400  # characters


class Clock:
    """Rings when a job has taken as long as one may; it is looked at with every report, so that a step without reports is waited for."""

    def __init__(self, most: float) -> None:
        self._most, self._until, self.rang = most, time.monotonic() + most, False

    def over(self) -> bool:
        """Whether it is time to stop."""
        self.rang = self.rang or time.monotonic() > self._until
        return self.rang

    @property
    def words(self) -> str:
        """Why the job was stopped."""
        return f"It was stopped after {in_words(self._most)}, which is what one job may take here ({VARIABLE}); compute it on your own machine, or ask for less."

    def said(self, outcome: Outcome) -> dict[str, Any]:
        """What there is of a job that was stopped by this clock, with why in its note.

        Raises:
            LimitError: there is nothing.
        """
        if outcome.result is None:
            raise LimitError(self.words)
        return outcome.result | {"note": f"{outcome.result.get('note', '')} {self.words}".strip()}


def bound_memory() -> None:
    """Take at most the profile's share of the machine's memory: an allocation beyond it fails, and the job with it, instead of the machine. Not where a GPU is used, whose driver reserves more."""
    if resource is None or (torch.cuda.is_available() and torch.cuda.device_count()):
        return
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = int(limits().memory * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    resource.setrlimit(resource.RLIMIT_DATA, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def reason(err: Exception) -> str:
    """Why a job failed, short and in words."""
    if isinstance(err, InvvizError):
        return str(err)
    if too_little(err):
        return f"There was not enough memory: a worker may take {100 * limits().memory:.0f} % of the machine's. Choose a smaller batch, net or picture."
    return f"{type(err).__name__}: {err}"[:MAX_REASON]
