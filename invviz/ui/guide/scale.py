"""The scale of a stop: pictures from nothing to everything, a press on which is a guess, and the slider beneath them."""

from __future__ import annotations

import functools
from html import escape

import streamlit as st

from .. import language, press, state
from ..widgets import holds
from . import board, pictures
from ._scene import Scene
from .stops import Stop, filled, named

GUESS = "guess_"  # with a stop's key: the name of its guess in the address
NONE = -1  # place on a scale of no guess yet


def draw(stop: Stop, scene: Scene, guess: int | None, answered: bool, lang: str) -> None:
    """A place for no guess yet, then from nothing to everything; with the answer, what each is, and which is it."""
    words, kept = language.words(lang)["page"], language.words(lang)["stops"][stop.key]
    over = answered or board.sent(stop)
    how = " ".join((words["both"], filled(kept["note"], scene, lang))) if answered else words["move"]
    names = named(len(scene.scale), lang)
    with st.container(key="guide-scale", gap=None):
        st.html(f'<style>.st-key-guide-scale {{ --places: {len(names) + 1} }}</style><div class="guide" lang="{lang}">{escape(how)}</div>')
        with st.container(key="guide-strip"):
            st.html(_strip(scene, guess, answered, names, lang))
            if not over:
                with st.container(key="guide-picks"):
                    for place, name in enumerate(names):
                        take = functools.partial(state.set_view, GUESS + stop.key, str(place))
                        press.button(name, f"{GUESS}{stop.key} {place}", take, type="tertiary")
        if not answered:
            _slider(stop, guess, over, names, lang)


def _strip(scene: Scene, guess: int | None, answered: bool, names: list[str], lang: str) -> str:
    small = [pictures.blank("")]
    for place, (one, name) in enumerate(zip(scene.scale, names, strict=True)):
        mark = "chosen" if place == guess else ""
        mark += f" is {pictures.FRAMES.get(scene.after[0].role, '')}" if answered and place == scene.answer else ""
        small.append(pictures.tile(one, "", f"{name}\n{pictures.figure(one, lang)}" if answered else "", mark, "" if answered else name))
    return f'<div class="guide" lang="{lang}"><div class="attacks scale">{"".join(small)}</div></div>'


def _slider(stop: Stop, guess: int | None, over: bool, names: list[str], lang: str) -> None:
    """It stands at no guess until it is moved."""
    value = NONE if guess is None else guess
    take = functools.partial(state.set_view, GUESS + stop.key)
    with st.container(key="guide-slider"):
        st.select_slider(
            language.words(lang)["page"]["scale"],
            list(range(NONE, len(names))),
            value,
            format_func=lambda one: "?" if one == NONE else names[one],
            disabled=over,
            label_visibility="collapsed",
            **holds(GUESS + stop.key, value, lambda one: take("" if one == NONE else str(one))),
        )
