"""The scene of a stop: pictures side by side, the answer as a blank until it is shown, the scale, the spectrum."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import streamlit as st

from ...charts._colours import IDEAL, ink, line
from ...charts.spectrum import spectrum_spec
from .. import drawn, language
from ._scene import Picture, Scene
from .stops import Stop, Told

FRAMES = {"truth": "own", "sent": "own", "ideal": "ideal", "plain": "own"}  # other roles are real attacks


def draw(stop: Stop, scene: Scene, said: Told, guess: int | None, answered: bool, lang: str) -> None:
    """All but the slider, which stands under the scale."""
    words = language.words(lang)["pictures"]
    tiles = [_tile(one, words[one.role], _said(one, lang)) for one in scene.before]
    for place, one in enumerate(scene.options):
        title = said.options[place] + (" ✓" if answered and place == scene.answer else "")
        tiles.append(_tile(one, title, _said(one, lang) if answered else "", "chosen" if guess == place else ""))
    if stop.kind == "scale":
        tiles.append(_blank(words["guess"]) if guess is None else _tile(scene.scale[guess], words["guess"], "", "chosen"))
    if answered:
        tiles += [_tile(one, words[one.role], _said(one, lang)) for one in scene.after]
    elif scene.after:
        tiles.append(_blank(words["hidden"]))
    st.html(f'<div class="guide attacks tiles" lang="{lang}">{"".join(tiles)}</div>')
    if scene.scale:
        _scale(scene, guess, answered, lang)
    if scene.spectrum and answered:
        _spectrum(scene.spectrum, said, lang)


def _scale(scene: Scene, guess: int | None, answered: bool, lang: str) -> None:
    """A place for no guess yet, then from nothing to everything; with the answer, what each is, and which is it."""
    words, small = language.words(lang)["page"], [_blank("")]
    for place, one in enumerate(scene.scale):
        ends = {0: words["none"], len(scene.scale) - 1: words["all"]}
        mark = "chosen" if place == guess else ""
        mark += f" is {FRAMES.get(scene.after[0].role, '')}" if answered and place == scene.answer else ""
        small.append(_tile(one, "", _said(one, lang) if answered else ends.get(place, ""), mark))
    how = words["both" if answered else "move"]
    st.html(f'<div class="guide" lang="{lang}">{escape(how)}<div class="attacks scale">{"".join(small)}</div></div>')


def _tile(one: Picture, title: str, said: str, more: str = "") -> str:
    alt = ": ".join(filter(None, (title, said))) or "picture"
    head, foot = (f"<b>{escape(title)}</b>" if title else ""), f"<figcaption>{escape(said) or '&ensp;'}</figcaption>"
    kind = f"{FRAMES.get(one.role, '')} {more}".strip()
    return f'<figure class="{kind}">{head}<img src="{drawn.thumb(one.pixels)}" alt="{escape(alt)}.">{foot}</figure>'


def _blank(title: str) -> str:
    head = f"<b>{escape(title)}</b>" if title else ""
    return f'<figure>{head}<span class="blank">?</span></figure>'


def _said(one: Picture, lang: str) -> str:
    figure = language.figure(one.said, lang)
    return language.words(lang)["pictures"][one.unit].format(level=figure) if one.unit else figure


def _spectrum(spectrum: tuple[np.ndarray, float, tuple[int, int]], said: Told, lang: str) -> None:
    """With the two options on it, and the chart's own words in the language."""
    (values, floor, places), dark = spectrum, st.context.theme.type == "dark"
    spec = _translated(spectrum_spec(values, floor, dark), language.words(lang)["chart"])
    named = [{"i": place + 1, "s": float(values[place]), "text": name} for place, name in zip(places, said.options, strict=True)]
    x, y = ({"field": name, "type": "quantitative"} for name in ("i", "s"))
    mark = {"type": "text", "fontWeight": "bold", "fontSize": 15, "dy": -14, "dx": 8, "color": ink(IDEAL, dark)}
    marks = [
        {
            "data": {"values": named},
            "mark": {"type": "point", "filled": True, "size": 90, "color": line(IDEAL, dark)},
            "encoding": {"x": x, "y": y},
        },
        {"data": {"values": named}, "mark": mark, "encoding": {"x": x, "y": y, "text": {"field": "text"}}},
    ]
    layers = [*spec["layer"], *marks]
    st.vega_lite_chart({**spec, "layer": layers, "height": 210}, key="guide-spectrum", alt=said.title)


def _translated(spec: Any, words: dict[str, str]) -> Any:
    if isinstance(spec, dict):
        told = {name: words.get(one, one) for name, one in spec.items() if name in ("title", "text", "part") and isinstance(one, str)}
        return {name: told[name] if name in told else _translated(one, words) for name, one in spec.items()}
    return [_translated(one, words) for one in spec] if isinstance(spec, list) else spec
