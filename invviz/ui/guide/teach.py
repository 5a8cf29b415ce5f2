"""What a teacher takes along: links for a class, sheets to print."""

from __future__ import annotations

import streamlit as st

from .. import class_link, language, lesson
from . import handout

PLACE, ASKED = "guide-teachers", "class link asked"


def draw(lang: str) -> None:
    """One button in the bar of the Guide; not on the screen in front of a class, nor for the class."""
    if lesson.lesson().present or lesson.lesson().group:
        return
    words = language.words(lang)["teach"]
    if st.session_state.pop(ASKED, False):
        class_link.draw()
    with st.popover(words["button"], icon=":material/school:", type="tertiary", key=PLACE, on_change="rerun"):
        st.button(words["link"], icon=":material/link:", type="tertiary", key="class link", on_click=_ask)
        for name, made in (("students", handout.students), ("teachers", handout.teachers)):
            st.download_button(
                words[f"{name}_file"],
                lambda made=made: made(lang),
                f"invviz-{name}-{lang}.html",
                "text/html",
                icon=":material/print:",
                type="tertiary",
                on_click="ignore",
                key=f"sheet {name}",
            )


def _ask() -> None:
    """The dialog comes, and the list that it was asked from goes: it would lie on top."""
    st.session_state.update({PLACE: False, ASKED: True})
