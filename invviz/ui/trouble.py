"""Troubles that a person can do something about are shown as words; the rest of the page goes on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import streamlit as st

from ..core.errors import InvvizError
from ..core.inert import markdown


@contextlib.contextmanager
def shown() -> Iterator[None]:
    """Show what invviz refuses (full disk, locked store, missing data) in place of what could not be drawn."""
    try:
        yield
    except InvvizError as err:
        st.error(plain(str(err)), icon=":material/error:")


def said() -> None:
    """What the address or the last change came to, where that is not what was asked for."""
    if words := st.session_state.get("trouble"):
        st.error(plain(words), icon=":material/error:")
    if words := st.session_state.get("aside"):
        st.caption(f":material/link_off: {plain(words)}")


def plain(words: str) -> str:
    """Words that came from outside, so that nothing in them is taken for Markdown."""
    return markdown(words)
