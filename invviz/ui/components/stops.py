"""Which noise each place of the slider stands for, and the table of a scenario, made once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import streamlit as st

from ...scenario import Scenario
from .. import lesson, strength
from ..memory import Memory, fingerprint
from ..views import RiskView
from .noise import BOARD
from .table import NoiseTable, Stops, Words, made

SHOWS = {"ideal", "score", "spectrum"}  # of a lesson's `hide`
_tables: Memory[NoiseTable] = Memory(60, 100_000_000, lambda table: len(table.data))


def table_of(now: Scenario, view: RiskView, say: Callable[[np.ndarray], Words], part: str = "") -> NoiseTable | None:
    """What the slider moves of this spectrum; None where there is no slider, only a first sketch, or where a lesson hides some of it: what a browser has, a person can read.

    Args:
        now: the scenario on the screen.
        view: its spectrum.
        say: what stands under a picture, shape (b, c, h, w) in [0, 1].
        part: of the page whose words these are.
    """
    if not now.defense or view.first or lesson.lesson().hide & SHOWS:
        return None
    last = now.defense[-1]
    values = strength.options(last)
    name = (
        part,
        now.key("risk"),
        _at(now, values[0]),
        tuple(values),
        fingerprint(view.decomposition.gains),
        fingerprint(view.truth),
        view.levels,
    )
    memory = st.session_state["visitor"].images if now.upload else _tables  # a person's own picture goes with the tab
    return memory.of(name, lambda: made(view, stops(now, view), say, BOARD))


def stops(now: Scenario, view: RiskView) -> Stops:
    """All strengths, with the noise of those that leave the spectrum as it is."""
    values, key = strength.options(now.defense[-1]), now.key("risk")
    there = [_at(now, value) for value in values]
    return Stops(values, [view.sigma(s) if s.key("risk") == key else None for s in there])


def _at(now: Scenario, value: float) -> Scenario:
    last = len(now.defense) - 1
    return now.replace(defense=now.defense.put(last, now.defense[last].replace(**{now.defense[last].strength: value})))
