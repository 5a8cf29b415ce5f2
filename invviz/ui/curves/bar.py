"""At the top of the Curves page: which study, which axis, how much accuracy may be lost."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from .. import choice, state
from . import numbers
from .source import Shown, opened
from .words import BUDGETS, MEANS, axes_of

SPANS = {"near": "Close-up", "all": "All strengths"}


def draw(names: Mapping[str, str]) -> tuple[Shown, str]:
    """The three choices; answers what is shown, and its measure."""
    chosen = choice.pick("of", names)
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom", key="curves-bar"):
        choice.from_list("Study or sweep", "curves of", list(names), chosen, _open, names.__getitem__, width=300)
        shown = opened(chosen)  # what cannot be opened can still be exchanged for another
        axes = axes_of(shown.rows)
        measure = choice.of_view("privacy", axes, "What leaks (upward axis)", help=MEANS[choice.pick("privacy", axes)])
        choice.of_view("budget", BUDGETS, "Points that may be lost", "1", help="Of accuracy: from 90.0 % to 89.0 % is 1 point.")
        choice.of_view("span", SPANS, "Shown")
    return shown, measure


def _open(name: str) -> None:
    """Another study: what was open in the last one is not in it."""
    for view, value in {"of": name, "point": "", "seen": "", "setting": "0"}.items():
        state.set_view(view, value)


def setting(shown: Shown) -> int:
    """Which setting of a sweep over several ones; a choice only where there are several."""
    names = dict(zip(map(str, range(10_000)), numbers.choices(shown), strict=False))
    chosen = choice.pick("setting", names)
    if len(names) > 1:
        label, taken = "Setting (one at a time can be compared)", lambda value: state.set_view("setting", value)
        choice.from_list(label, "curves setting", list(names), chosen, taken, names.__getitem__)
    return int(chosen)
