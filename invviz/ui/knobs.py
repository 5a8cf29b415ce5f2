"""Controls for knobs, made from what a knob says of itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from ..core.component import Component, Knob
from ..defenses import Defense
from . import choice, lesson, state
from .widgets import holds

IN_SIGHT = {"index"}  # knobs that have a place of their own


def of_component(component: Component, seat: state.Seat) -> None:
    """Controls for all knobs of a component, but for those that have a place of their own."""
    last = seat == state.seats(seat.part)[-1]
    shown = [
        k
        for k in component.knobs()
        if k.name not in IN_SIGHT and not (isinstance(component, Defense) and last and k.name == component.strength)  # it has the slider
    ]
    if shown and seat.part != "defense":
        st.caption(component.title)
    for knob in shown:
        widget(knob, getattr(component, knob.name), lambda value, n=knob.name: state.set_knobs(seat, **{n: value}), seat)


def widget(knob: Knob, value: object, taken: Callable[[Any], object], seat: state.Seat | None = None, place: str = "") -> None:
    """One control for one knob, of a component or of the scenario itself, whatever its kind.

    Args:
        knob: what is set.
        value: as it stands.
        taken: called with a new one.
        seat: of its component; None of a setting.
        place: letters of its own where a page shows the same knob a second time.
    """
    label = knob.name.replace("_", " ") + (f" ({knob.unit})" if knob.unit not in ("", knob.name) else "")
    name = place + (f"{seat.part}/{knob.name}" if seat else f"setting/{knob.name}")
    hint, locked = f"{knob.help}. Allowed: {knob.range}.", lesson.locks(seat.part if seat else knob.name)
    if knob.choices:
        choice.from_list(label, name, knob.choices, value, taken, str, seat, help=hint, disabled=locked)
        return
    common: dict[str, Any] = {"help": hint, "disabled": locked, **holds(name, value, taken, seat)}
    if isinstance(knob.default, bool):
        st.toggle(label, bool(value), **common)
    elif isinstance(knob.default, int):
        st.number_input(label, int(knob.low or 0), int(knob.high or 2**31 - 1), int(value), **common)  # type: ignore[call-overload]
    elif isinstance(knob.default, str):
        st.text_input(label, str(value), **common)
    else:
        st.number_input(label, knob.low, knob.high, float(value), format="%g", step=None, **common)  # type: ignore[arg-type]
