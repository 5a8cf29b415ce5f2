"""What the page of a tab shows, for whoever is asked about it outside of the page's own run, as a report is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from ..scenario import Scenario


class Screen:
    """Written by the page, read in other threads.

    Attributes:
        scenario: on the page; None before anything was drawn.
        keys: of results, on a page that lists some; empty elsewhere.
        made: makes the page's own report, where it has one.
    """

    scenario: Scenario | None = None
    keys: tuple[str, ...] = ()
    made: Callable[[], str] | None = None


def screen() -> Screen:
    """Of this tab."""
    return st.session_state.setdefault("screen", Screen())
