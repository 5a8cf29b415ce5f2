"""Troubles that a person can do something about are shown as words; the rest of the page goes on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import streamlit as st

from ..core.errors import InvvizError


@contextlib.contextmanager
def shown() -> Iterator[None]:
    """Show what invviz refuses (full disk, locked store, missing data) in place of what could not be drawn."""
    try:
        yield
    except InvvizError as err:
        st.error(str(err), icon=":material/error:")
