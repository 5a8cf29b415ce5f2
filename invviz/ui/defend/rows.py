"""The rows of the Defend page, each with what is known of it, or the jobs that are after it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from ...scenario import Scenario
from .. import known
from .row import ATTACKERS, Row


def found(scenarios: Sequence[Scenario], truth: np.ndarray, unseen: Collection[Scenario] = ()) -> list[Row]:
    """Every row with what is known of it; arguments as of `known.found`."""
    return known.found(Row, scenarios, lambda s: {who: s.replace(attacker=who) for who in ATTACKERS}, truth, unseen)
