"""The end of the tour: what each stop found, in one line that leads back to it, and where to go on."""

from __future__ import annotations

import functools

import streamlit as st

from .. import language, press, state
from ..pages import FOLDER, PAGES
from .stops import STOPS, told

ONWARD = ("lab", "defend", "curves", "audit")


def draw(lang: str) -> None:
    """Under the last stop, once its answer is shown."""
    words = language.words(lang)["page"]
    with st.container(key="guide-summary", gap="small"):
        st.markdown(f"### {words['end']}")
        with st.container(key="guide-found"):
            for place, stop in enumerate(STOPS, 1):
                press.button(
                    f"{place}. {told(stop, lang).found}",
                    f"found {stop.key}",
                    functools.partial(state.set_view, "stop", str(place)),
                    type="tertiary",
                )
        st.markdown(f"{words['limits']} {words['onward']}")
        with st.container(horizontal=True, gap="small", key="guide-pages"):
            for name in ONWARD:
                st.page_link(FOLDER / f"{name}.py", label=PAGES[name].title, icon=":material/arrow_forward:")
