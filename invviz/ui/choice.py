"""Rows of buttons of which one is pressed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import streamlit as st

from . import state
from .state import Seat
from .widgets import holds

MOST = 500  # words of options that a list remembers
T = TypeVar("T")


def one_of(
    label: str,
    name: str,
    options: Sequence[str],
    value: str | None,
    taken: Callable[[str], None],
    shown: Callable[[str], str] = str,
    seat: Seat | None = None,
    **more: Any,
) -> None:
    """One choice; `taken` is handed the new value.

    Args:
        label: above the buttons.
        name: of the widget, the only one on its page.
        options: values in order.
        value: what is chosen now.
        taken: called with what a person chooses.
        shown: how a value is written.
        seat: the component that the choice belongs to, if it is one's.
        more: further arguments of `st.segmented_control`.
    """
    st.segmented_control(label, options, default=value, format_func=shown, required=True, **holds(name, value, taken, seat), **more)


def from_list(
    label: str,
    name: str,
    options: Sequence[T],
    value: T | None,
    taken: Callable[[T], object],
    shown: Callable[[T], str] = str,
    seat: Seat | None = None,
    **more: Any,
) -> None:
    """One choice from a list that folds out; arguments as of `one_of`, `more` those of `st.selectbox`.

    A browser answers with the words of an option, and these may have changed while it did: what "Wine" is called depends on whether it fits. So all words that the
    list has shown are remembered.
    """
    said: dict[str, T] = st.session_state.setdefault("said", {}).setdefault(name, {})
    said.update({shown(option): option for option in options})
    for old in list(said)[:-MOST]:
        del said[old]

    def meant(answer: Any) -> None:
        option = answer if answer in options else said.get(answer)
        if option is not None:
            taken(option)

    place = None if value is None else list(options).index(value)
    st.selectbox(label, options, place, format_func=shown, **holds(name, value, meant, seat), **more)


def pick(view: str, options: Mapping[str, str], otherwise: str = "") -> str:
    """What the address says; a fallback, or the first, where it says something else."""
    if state.view(view) in options:
        return state.view(view)
    return otherwise if otherwise in options else next(iter(options))


def of_view(view: str, options: Mapping[str, str], label: str, otherwise: str = "", **more: Any) -> str:
    """One choice that the address keeps, and what is chosen; arguments as of `one_of` and `pick`, options with the words that are shown."""
    now = pick(view, options, otherwise)
    one_of(label, view, list(options), now, lambda value: state.set_view(view, value), options.__getitem__, **more)
    return now
