"""The scene of a stop: pictures side by side, the answer as a blank until it is shown, the scale, the spectrum."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import streamlit as st

from ...charts._colours import GROUNDS
from ...charts.spectrum import spectrum_spec
from ...metrics import GAINS, WORDS, decibels
from .. import drawn, language
from ._scene import Picture, Scene
from .stops import Stop, Told

FRAMES = {"truth": "own", "sent": "own", "ideal": "ideal", "plain": "own", "pattern": "own"}  # other roles are real attacks


def draw(stop: Stop, scene: Scene, said: Told, guess: int | None, answered: bool, lang: str) -> None:
    """All but the scale. With the answer the right one of two has a frame of its own, wherever the guess was."""
    words = language.words(lang)["pictures"]
    tiles = [tile(one, words[one.role], figure(one, lang)) for one in scene.before]
    for place, one in enumerate(scene.options):
        right = answered and place == scene.answer
        kind = f"{'chosen' if guess == place else ''} {'right' if right else ''}"
        tiles.append(tile(one, said.options[place] + " ✓" * right, figure(one, lang) if answered else "", kind.strip()))
    if stop.kind == "scale":
        tiles.append(blank(words["guess"]) if guess is None else tile(scene.scale[guess], words["guess"], "", "chosen"))
    if answered:
        tiles += [tile(one, words[one.role], figure(one, lang)) for one in scene.after]
    elif scene.after:
        tiles.append(blank(words["hidden"]))
    st.html(f'<div class="guide attacks tiles" lang="{lang}">{"".join(tiles)}</div>{_quiet(signs(scene, answered, lang), lang)}')
    if scene.spectrum and answered:
        _spectrum(scene.spectrum, said, lang)


def tile(one: Picture, title: str, said: str, more: str = "", name: str = "") -> str:
    """A picture with its title above and what is said of it beneath; `name` for those who do not see it, where it has no title."""
    alt = ": ".join(filter(None, (title or name, said))) or "picture"
    head, foot = (f"<b>{escape(title)}</b>" if title else ""), f"<figcaption>{escape(said) or '&ensp;'}</figcaption>"
    kind = f"{FRAMES.get(one.role, '')} {more}".strip()
    return f'<figure class="{kind}">{head}<img src="{drawn.thumb(one.pixels)}" alt="{escape(alt)}.">{foot}</figure>'


def blank(title: str) -> str:
    """A place without a picture yet."""
    head = f"<b>{escape(title)}</b>" if title else ""
    return f'<figure>{head}<span class="blank">?</span></figure>'


def figure(one: Picture, lang: str) -> str:
    """What is said of a picture."""
    level = language.figure(one.said, lang)
    return language.words(lang)["pictures"][one.unit].format(level=level, also=language.figure(one.also, lang)) if one.unit else level


def rule(scene: Scene, lang: str) -> str:
    """From how many decibels on a word for pictures is said of this one, quietly beneath them; empty where none is said."""
    if scene.without is None:
        return ""
    unseen, plain = float(np.mean(scene.without.psnr)), float(np.mean(scene.without.plain_psnr))
    limits = {name: base + gain for name, base, gain in zip(WORDS[1:], (unseen, plain, plain), GAINS, strict=True)}
    said = {name: language.figure(decibels(limit), lang) for name, limit in limits.items()}
    return _quiet(language.words(lang)["page"]["rule"].format(**said), lang)


def signs(scene: Scene, answered: bool, lang: str) -> str:
    """What the signs beside the names of pictures that are shown stand for, those on the scale among them; empty where there are none."""
    words, more = language.words(lang), (*scene.after, *scene.scale) if answered else ()
    names = [words["pictures"][name] for one in (*scene.before, *more) for name in (one.role, one.unit) if name in words["pictures"]]
    return " ".join(f"{sign} {said}." for sign, said in words["signs"].items() if any(sign in name for name in names))


def _quiet(text: str, lang: str) -> str:
    """A line in small letters; nothing where there is no text."""
    return f'<div class="guide" lang="{lang}"><p class="rule">{escape(text)}</p></div>' if text else ""


def _spectrum(spectrum: tuple[np.ndarray, float, tuple[int, int]], said: Told, lang: str) -> None:
    """With the two options on it, and the chart's own words in the language."""
    (values, floor, places), dark = spectrum, st.context.theme.type == "dark"
    spec = _translated(spectrum_spec(values, floor, dark), language.words(lang)["chart"])
    low = spec["layer"][0]["encoding"]["y"]["scale"]["domain"][0]
    words = language.words(lang)["chart"]
    named = [
        {
            "i": place + 1,
            "s": float(values[place]),
            "low": low,
            "text": f"{name}: {words['readable' if values[place] > floor else 'drowned']}",
        }
        for place, name in zip(places, said.options, strict=True)
    ]
    marks = [{"data": {"values": named}, **layer} for layer in _marks("#FFFFFF" if dark else "#1A1D23", GROUNDS[dark])]
    layers = [*spec["layer"], *marks]
    st.vega_lite_chart({**spec, "layer": layers, "height": 210}, key="guide-spectrum", alt=said.title)


def _marks(colour: str, ground: str) -> list[dict[str, Any]]:
    """A line from the axis up to the value of a direction, and its name beside the top, with a rim that parts it from what lies behind."""
    x, y = ({"field": name, "type": "quantitative"} for name in ("i", "s"))
    text = {"type": "text", "align": "left", "fontWeight": "bold", "fontSize": 14, "dx": 12, "dy": -6}
    place = {"x": x, "y": y, "text": {"field": "text"}}
    return [
        {"mark": {"type": "rule", "color": colour, "strokeWidth": 2}, "encoding": {"x": x, "y": y, "y2": {"field": "low"}}},
        {"mark": {"type": "point", "filled": True, "size": 90, "color": colour, "opacity": 1}, "encoding": {"x": x, "y": y}},
        {"mark": {**text, "stroke": ground, "strokeWidth": 4, "color": ground}, "encoding": place},
        {"mark": {**text, "color": colour}, "encoding": place},
    ]


def _translated(spec: Any, words: dict[str, str]) -> Any:
    if isinstance(spec, dict):
        told = {name: words.get(one, one) for name, one in spec.items() if name in ("title", "text", "part") and isinstance(one, str)}
        return {name: told[name] if name in told else _translated(one, words) for name, one in spec.items()}
    return [_translated(one, words) for one in spec] if isinstance(spec, list) else spec
