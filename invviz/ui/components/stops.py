"""Which noise each place of the slider stands for, and the table of a scenario, made once."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import streamlit as st

from ...scenario import Scenario
from .. import lesson, strength
from ..memory import Memory, fingerprint
from ..views import RiskView
from . import noise
from .table import NoiseTable, Shown, Stops, made

_tables: Memory[NoiseTable] = Memory(60, 100_000_000, lambda table: len(table.data))


def table_of(board: str, now: Scenario, view: RiskView | None, shown: Shown) -> NoiseTable | None:
    """What the slider moves of this spectrum; None where there is no slider, only a first sketch, or where a lesson hides some of it: what a browser has, a person can read.

    Args:
        board: of the page.
        now: the scenario on the screen.
        view: its spectrum, where it is known.
        shown: the pictures, and what stands under them.
    """
    if view is None or view.first or not noise.available() or not now.defense or lesson.lesson().hide:
        return None
    values = tuple(strength.options(now.defense[-1], now.data.modality))
    prints = fingerprint(view.decomposition.gains), fingerprint(view.truth)
    name = (board, shown.name, now.key("risk"), _at(now, values[0]), values, *prints, view.levels)
    memory = st.session_state["visitor"].images if now.upload else _tables  # a person's own picture goes with the tab
    return memory.of(name, lambda: made(view, stops(now, view), shown, board))


def stops(now: Scenario, view: RiskView) -> Stops:
    """All strengths, with the noise of those that leave the spectrum as it is."""
    values, key = strength.options(now.defense[-1], now.data.modality), now.key("risk")
    there = [_at(now, value) for value in values]
    sigmas = [view.sigma(s) if s.key("risk") == key else None for s in there]
    return Stops(values, sigmas, [None if s is not None else c for s, c in zip(sigmas, _ladder(now, view, values), strict=True)])


def _ladder(now: Scenario, view: RiskView, values: Sequence[float]) -> list[float | None]:
    """Expected best in dB of coloured noise at other strengths, between those at which it was computed beside this spectrum, over the logarithm of the strength."""
    rungs = sorted(view.ladder)
    if not now.coloured or len(rungs) < 2:
        return [None] * len(values)
    from scipy.interpolate import PchipInterpolator  # slow to import

    curve = PchipInterpolator(np.log([rung[0] for rung in rungs]), [rung[1] for rung in rungs])
    return [float(curve(math.log(v))) if rungs[0][0] <= v <= rungs[-1][0] else None for v in values]


def _at(now: Scenario, value: float) -> Scenario:
    last = len(now.defense) - 1
    return now.replace(defense=now.defense.put(last, now.defense[last].replace(**{now.defense[last].strength: value})))
