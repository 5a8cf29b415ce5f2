"""The frame around every page: title, theme, navigation."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from . import trouble
from .session import arrive, station

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "pages"


def route() -> None:
    """Configure the app and run the page that the address names.

    The Lab is the default page and answers at /. A page beside it needs a guard: until the first `st.navigation` call of a server's
    life Streamlit runs a deep-linked file of pages/ alone, without this frame.
    """
    st.set_page_config(page_title="invviz: what does an update give away?", page_icon=":material/visibility:", layout="wide")
    st.html(ROOT / "assets" / "css" / "app.css")
    pages = [st.Page(PAGES / "lab.py", title="Lab", icon=":material/science:", default=True)]
    with trouble.shown():
        station().keep_workers()
        arrive()
    st.navigation(pages, position="top").run()
