"""What is asked before something is queued."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...scenario import Scenario
    from ._job import Kind


@dataclasses.dataclass(frozen=True)
class Gate:
    """Prices and the limit of what one watcher may have waiting.

    Attributes:
        price: seconds that a job takes; raises LimitError where that is too much for one.
        crowded: words for a watcher of whom so many seconds would be waiting.
        most: seconds that one watcher may have waiting and running.
    """

    price: Callable[[Kind, Scenario], float] = lambda kind, scenario: 1.0
    crowded: Callable[[float], str] = lambda seconds: ""
    most: float = math.inf

    def refused(self, seconds: float) -> str:
        """Why somebody of whom so many seconds would be waiting may not ask for that; empty where they may."""
        return self.crowded(seconds) if seconds > self.most else ""
