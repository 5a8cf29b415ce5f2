"""What a teacher takes along: links for a class, sheets to print."""

from __future__ import annotations

import streamlit as st

from .. import class_link, language, lesson
from . import handout


def draw(lang: str) -> None:
    """One button in the bar of the Guide; not on the screen in front of a class, nor for the class."""
    if lesson.lesson().present or lesson.lesson().group:
        return
    words = language.words(lang)["teach"]
    with st.popover(words["button"], icon=":material/school:", type="tertiary", key="guide-teachers"):
        if st.button(words["link"], icon=":material/link:", type="tertiary", key="class link"):
            class_link.draw()
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
