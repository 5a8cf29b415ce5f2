"""Buttons that act."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from ..core.errors import LimitError
from . import sight, state

ACTED, GO = "acted", "go to"


def acted() -> None:
    """A person did something after which the whole page is drawn again; for callbacks."""
    st.session_state[ACTED] = True


def button(label: str, name: str, act: Callable[[], object], page: str = "", shows: str = "", **more: Any) -> None:
    """A button; the whole page is drawn again once it was pressed.

    The act is a callback, never something done after `if st.button(...)`: the page's clock may ask for another run in the middle of the very run
    that a click has started (`pulse.keep`, when a job has just ended), and a click that was not reached until then is lost.

    Args:
        label: its words.
        name: of the widget, the only one on its page.
        act: called without arguments before anything is drawn.
        page: that is opened then, if it is another one: its file.
        shows: what it changes, where that may be out of sight: a place for `sight.bring`.
        more: further arguments of `st.button`.
    """

    def given() -> None:
        acted()
        st.session_state.update({GO: page, "touched": True})
        if shows:
            sight.bring(shows)
        try:
            act()
        except LimitError as err:
            st.session_state["trouble"] = str(err)

    st.button(label, key=state.key(name), on_click=given, **more)
