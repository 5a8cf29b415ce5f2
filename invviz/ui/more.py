"""What is not a page's answer, folded under a line that says what it is."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from . import sight, state


def figures(title: str, name: str, *views: tuple[str, str]) -> DeltaGenerator:
    """A place for more figures, closed until a person opens it; an address that chooses something inside opens it, too.

    Args:
        title: what is inside, the same whatever the figures are.
        name: of the place, letters and hyphens, the only one on its page.
        views: what the address may choose inside, with what it says where nothing was chosen.
    """
    wanted = any(state.view(view) not in ("", usual) for view, usual in views)
    return st.expander(f"**More figures:** {title}", expanded=wanted, key=_key(name), on_change="rerun")


def is_open(name: str) -> bool:
    """Whether the place is open; asked once it is on the page."""
    return bool(st.session_state.get(_key(name)))


def show(name: str) -> None:
    """Open a place and bring it into sight; from a callback."""
    st.session_state[_key(name)] = True
    sight.bring(_key(name))


def _key(name: str) -> str:
    return f"more-{name}"
