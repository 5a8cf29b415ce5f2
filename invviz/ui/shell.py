"""The frame around every page: title, theme, navigation."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from ..core import shipped
from ..core.paths import ROOT
from . import glossary, lesson, sight, sources, state, things, tools, trouble
from .pages import HOME, PAGES, heading
from .screen import screen
from .session import arrive, station

if TYPE_CHECKING:
    from streamlit.navigation.page import StreamlitPage as Entry

ICON = ROOT / "assets" / "icons" / "invviz.svg"


def route() -> None:
    """Configure the app and run the page that the address names.

    The Lab is the default page and answers at /. A page beside it needs a guard (`ensure`): until the first `st.navigation` call of a server's
    life Streamlit runs a deep-linked file of pages/ alone, without this frame.
    """
    _configure()
    st.html(ROOT / "assets" / "css" / "app.css")
    st.session_state["framed"] = True
    sight.draw()
    lesson.read(state.whole_address())
    if lesson.lesson().present:
        st.html(ROOT / "assets" / "css" / "present.css")
    with trouble.shown():
        station().keep_workers()
        arrive()
    bare = lesson.lesson().present or bool(st.context.is_embedded)  # in a page of somebody else, or in front of a class: one thing
    page = st.navigation(list(_pages().values()), position="hidden" if bare else "top")
    with trouble.shown():
        if not PAGES[page.url_path or HOME].compares:
            sources.leave_comparison()
    screen().keys, screen().made = (), None
    if not bare:
        tools.draw()
    notices = st.container(key="damaged")
    try:
        page.run()
    finally:  # a page finds damage by reading, and may end by asking for a run of a part of it
        with notices:
            for words in shipped.damaged():
                st.warning(trouble.plain(words), icon=":material/broken_image:")


def ensure(name: str) -> None:
    """First line of every page beside the Lab: run it inside the frame, whatever the address was opened with."""
    if not st.session_state.get("framed"):
        _configure()
        pages = _pages()
        st.navigation(list(pages.values()))
        st.switch_page(pages[name], query_params=dict(st.query_params.to_dict()))


def head(name: str, beside: Callable[[], object] | None = None) -> None:
    """The line above a page, with its words; `beside` draws what else stands on it."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="head"):
        words = heading(name)  # a page need not have a scenario
        st.markdown(things.say(state.scenario(), words) if "scenario" in st.session_state else words, width="content")
        if beside is not None:
            beside()
        if PAGES[name].terms:
            glossary.draw(PAGES[name].terms)


def _configure() -> None:
    """Title, icon and width. The icon is a file: one named by a word is fetched from another host, at every run of the page."""
    st.set_page_config(page_title="invviz: what does an update give away?", page_icon=ICON, layout="wide")


def _pages() -> dict[str, Entry]:
    """For the navigation; the first has no path of its own. Where the link of a class hides something that all others would show, there is only the first."""
    return {
        name: st.Page(
            page.folder / f"{name}.py",
            title=page.title,
            icon=f":material/{page.icon}:",
            default=name == HOME,
            url_path=None if name == HOME else name,
        )
        for name, page in PAGES.items()
        if name == HOME or not lesson.lesson().hide
    }
