"""Cards under the Lab: each opens a prepared scene."""

from __future__ import annotations

import functools

import streamlit as st

from ..charts._colours import IDEAL, REAL, TRUTH
from ..datasets.fair import is_here as fair_is_here
from ..scenario import Scenario
from ..studies import gallery
from . import drawn, lesson, press, sight, state

BEYOND = (
    (
        "data=notes&model=tiny_lm&defense=gaussian_noise(sigma=0.01)&attack=dager&batch=2",
        "Two sentences, one gradient",
        "Notes about invented patients, read word by word. How much noise does it take to hide a word?",
        ":material/notes:",
    ),
    (
        "data=ecg(index=2)&model=convnet1d&defense=gaussian_noise(sigma=3.0)&attack=inverting_gradients(steps=300,restarts=1,tv=0.01)&prior=natural",
        "A heartbeat in a gradient",
        "Three seconds of an invented person's heart. Which waves drown first when the noise grows?",
        ":material/ecg_heart:",
    ),
)

MARRIAGES = (
    "data=fair&model=mlp&defense=gaussian_noise(sigma=0.3)&attack=tableak(steps=300)&batch=4",
    "Four answers to a survey",
    "Marriages, and what nobody would tell of them: which cells does the attack call certain, and is it right?",
    ":material/table:",
)
TUMOURS = (
    "data=breast_cancer&model=mlp&defense=gaussian_noise(sigma=0.3)&attack=tableak(steps=300)&batch=2",
    "Two biopsies in a table",
    "Thirty measurements each, read cell by cell: which does the attack call certain, and is it right?",
    ":material/table:",
)  # where the package that brings the survey is not there


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
    st.markdown("### Samples that are no pictures")
    for scenario, title, lesson_, icon in (*BEYOND, MARRIAGES if fair_is_here() else TUMOURS):
        show = functools.partial(state.open_scenario, Scenario.parse(scenario))
        press.button(title, f"card/{title}", show, shows=sight.TOP, help=lesson_, icon=icon)
        st.caption(lesson_)
