"""What a widget answers: its new value, unless what it was drawn for is gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from . import state
from .state import Seat

MOST = 1_000  # widgets that are remembered: more than a person has ever seen in a while


def holds(name: str, value: object, act: Callable[[Any], object], seat: Seat | None = None) -> dict[str, Any]:
    """Key and callback of a widget that shows a value which it may change: `st.slider(..., **holds("cut", 3, act))`.

    The key stays while the widget itself moves the value, so that it keeps the keyboard, and is new where something else has moved it, so that it shows what is so.

    A browser that has not yet seen its widgets replaced sends their old values once more, and Streamlit takes those for new ones: they are dropped. What a person
    has changed in such a widget in that moment counts, unless the component that it was drawn for has made room for another one.

    Args:
        name: of the widget, the only one on its page, or the only one of its seat.
        value: what it shows.
        act: takes a new value, which is never None: that is a row of buttons of which the pressed one is gone.
        seat: the component that the value belongs to; None where there is none.
    """
    drawn: dict[tuple[Seat | None, str], tuple[int, object]] = st.session_state.setdefault("drawn", {})
    number, shows = drawn.get((seat, name), (0, value))
    number += shows != value
    drawn.pop((seat, name), None)
    drawn[seat, name] = number, value
    for old in list(drawn)[:-MOST]:
        del drawn[old]
    key = f"{name}{f'@{seat.number}' if seat else ''}#{number}"
    known = value

    def given() -> None:
        nonlocal known
        new, present = st.session_state[key], drawn.get((seat, name), (number, value))[0] == number
        echo, known = new == known and not present, new
        if new is None or echo or (seat is not None and state.place_of(seat) is None):
            return
        if present:
            drawn[seat, name] = number, new
        act(new)

    return {"key": key, "on_change": given}
