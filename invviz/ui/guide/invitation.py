"""A framed line on the first page for those who come the first time."""

from __future__ import annotations

import streamlit as st

from .. import language, lesson
from ..pages import FOLDER


def draw() -> None:
    """A link to the tour, until it was opened in this tab."""
    if "view stop" not in st.session_state and not lesson.lesson().hide:
        with st.container(key="invitation"):
            st.page_link(FOLDER / "guide.py", label=language.words(language.FIRST)["page"]["invite"], icon=":material/explore:")
