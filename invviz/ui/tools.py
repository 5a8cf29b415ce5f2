"""The buttons at the top right of every page: Copy link, Save (charts and pictures that are shown, as files), Report."""

from __future__ import annotations

from functools import lru_cache

import streamlit as st

from ..core.paths import ROOT
from . import lesson, reporting

SCRIPT = ROOT / "assets" / "js" / "tools.js"


def draw() -> None:
    """Once a page, before it: the report is of what the page shows when the button is pressed; there is none where the link of a class hides something."""
    with st.container(key="tools", horizontal=True, gap="small"):
        st.html(_buttons(), unsafe_allow_javascript=True, width="content")
        if lesson.lesson().hide:  # a report would tell it
            return
        st.download_button(
            "Report",
            reporting.of_screen(),
            "invviz-report.html",
            "text/html",
            key="report",
            on_click="ignore",
            type="tertiary",
            icon=":material/description:",
            help="One HTML file about the scenario on this page: figures, pictures, papers, and the commands that compute it again.",
        )


@lru_cache(maxsize=1)
def _buttons() -> str:
    """What the browser answers by itself."""
    named = {"copy": "Copy link", "save": "Save"}
    buttons = "".join(
        f'<button type="button" data-tool="{tool}" title="{title}"><span>{title}</span></button>' for tool, title in named.items()
    )
    return f'<div class="tools">{buttons}<i role="status"></i></div><script>{SCRIPT.read_text()}</script>'
