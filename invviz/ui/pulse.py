"""The part of a page that is drawn again and again while work is running."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import streamlit as st

from . import orphans, press, session, unchanged

PACES = (0.3, 0.5, 1.0, 2.0, 4.0)  # seconds between two drawings
ROOM = 2.0  # times what drawing takes

orphans.leave_none()  # the part has parts of its own inside
unchanged.send_once()


def part(draw: Callable[[], None]) -> None:
    """Draw, and while `keep(True)` is said draw again, with room between two drawings; the browser hears of what has changed (`unchanged`).

    A request of the clock that comes while the last one is still being drawn swallows a click on another page that waits there, too (Streamlit folds both into one
    and keeps the clock's page). So the clock never strikes faster than drawing takes.
    """
    every = _pace() if st.session_state.get("polling", False) else None
    st.session_state.pop(press.ACTED, None)

    def timed() -> None:
        if st.session_state.pop(press.ACTED, False):
            st.rerun()  # the controls outside of this part may show something else now
        if page := st.session_state.pop(press.GO, ""):
            st.switch_page(page)
        if every is not None:
            unchanged.tell()
        start = time.monotonic()
        draw()
        took = st.session_state.get("drawing takes", 0.0)
        st.session_state["drawing takes"] = (took + time.monotonic() - start) / 2 if took else time.monotonic() - start
        if every is not None and _pace() > every:
            st.rerun()  # the clock is set by a whole run of the page

    st.fragment(timed, run_every=every)()


def inner(draw: Callable[..., None], *given: Any) -> None:
    """A part inside of that part, which is drawn alone when a control of its own moves.

    While the clock runs it is drawn with all the rest: a browser that gets the runs of both in one breath may find no container where the inner one draws, and shows an empty page.

    Args:
        draw: called with what is given.
        given: arguments.
    """
    if st.session_state.get("polling", False):
        with st.container():  # as deep as a part of its own would lie
            draw(*given)
    else:
        st.fragment(draw)(*given)


def keep(active: bool) -> None:
    """Whether there is work to look at; called while drawing."""
    if active:
        session.station().keep_workers()  # one may have died while nobody clicked
    if active != st.session_state.get("polling", False):
        st.session_state["polling"] = active
        st.rerun()  # the clock is set by a whole run of the page


def _pace() -> float:
    return next((pace for pace in PACES if pace >= ROOM * st.session_state.get("drawing takes", 0.0)), PACES[-1])
