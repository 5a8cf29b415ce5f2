"""Cards under the Lab: each opens a prepared scene."""

from __future__ import annotations

import functools

import streamlit as st

from ..charts._colours import IDEAL, REAL, TRUTH
from ..studies import gallery
from . import drawn, lesson, press, sight, state


def draw() -> None:
    """One card per scene that is on this machine; none where the link of a class hides or locks something, which they would show or exchange."""
    scenes = gallery.scenes()
    if not scenes or lesson.lesson().hide or lesson.lesson().lock:
        return
    st.markdown("## Scenes to try")
    for place, scene in zip(st.columns(len(scenes)), scenes, strict=True):
        with place, st.container(border=True):
            sigma = scene.size.rms * scene.summary["sigma_relative"]
            pictures = [scene.arrays["truth"], scene.ideal(sigma), scene.arrays["guess"]]
            st.image(
                drawn.strip(pictures, [TRUTH, IDEAL, REAL], 96),
                width="stretch",
                output_format="PNG",
                alt=f"{scene.card.title}: picture, ideal attacker, real attack.",
            )
            show = functools.partial(state.open_scenario, scene.scenario)
            press.button(
                scene.card.title, f"card/{scene.card.name}", show, shows=sight.TOP, help=scene.card.lesson, type="tertiary", width="stretch"
            )
            st.caption(scene.card.lesson)
