"""The one visual language: a colour per role (colour-blind safe: Okabe-Ito and one purple), its shade on light and dark ground, its dash, its mark.

The ideal attacker is purple and dashed, as a line and as the frame of a picture; a real attack is orange and solid; a mark is filled where the attacker
knows the defense (or there is none) and hollow where it does not; defenses and noise floors are blue; the truth and what nobody attacked are grey.
`assets/css/app.css` names the same colours.
"""

from __future__ import annotations

from typing import Any

from ..core.plain import plain

TRUTH = "#8A8F98"
IDEAL = "#7B4EA3"
REAL = "#D55E00"
DEFENSE = "#0072B2"
PALE = "#C9B8DB"  # what lies beside the one that is meant
BESIDE = (PALE, "#6D5A80")  # the same as lines, on light and dark ground; they may be faint

GROUNDS = ("#FFFFFF", "#14171C")  # of the pages, light and dark
LETTERS, LINES = 4.5, 3.0  # least contrast of words, and of lines and marks (WCAG 2.2, AA)
SOLID, DASHED = [1, 0], [6, 4]
_LINE = {IDEAL: (IDEAL, "#C4A2E0"), DEFENSE: (DEFENSE, "#56B4E9")}
_INK = {**_LINE, REAL: ("#B34E00", "#FF9A4D"), TRUTH: ("#5F646D", "#A9AFB8")}


def line(colour: str, dark: bool) -> str:
    """A role's colour, or any other, as it is drawn on this ground: contrast at least 3."""
    return _LINE[colour][dark] if colour in _LINE else legible(colour, dark, LINES)


def ink(colour: str, dark: bool) -> str:
    """A role's colour, or any other, as words have it on this ground: contrast at least 4.5."""
    return _INK[colour][dark] if colour in _INK else legible(colour, dark, LETTERS)


def dash(colour: str) -> list[int]:
    """Of a role's line."""
    return DASHED if colour == IDEAL else SOLID


def css(colour: str) -> str:
    """A colour as marks have it in a page, on either ground."""
    return f"light-dark({line(colour, False)}, {line(colour, True)})"


def frame(colour: str) -> str:
    """A role's colour as the frame of a picture, which is the same on both grounds."""
    return legible(legible(colour, False, LINES), True, LINES)


def framed(spec: dict[str, Any], dark: bool) -> dict[str, Any]:
    """A Vega-Lite chart whose axes and legend can be read, and whose marks are as strong as they say: the app's grey and Vega's 70 % are too pale.

    Numbers that are infinite or unknown are no JSON, and a browser shows nothing of a chart that holds one: they are written as `core.plain` writes them.
    """
    words = {"labelColor": ink(TRUTH, dark), "titleColor": ink(TRUTH, dark)}
    made = plain(spec)
    return {
        **_silent(made, made.get("datasets") or {}),
        "config": {"axis": words, "legend": words, "point": {"opacity": 1}, "tick": {"opacity": 1}},
    }


def _silent(spec: dict[str, Any], datasets: dict[str, Any]) -> dict[str, Any]:
    """The same, in which layers without a row are no images to screen readers: Vega makes one without a name of each."""
    data = spec.get("data") or {}
    rows = data["values"] if "values" in data else datasets.get(data.get("name", ""), [{"": 0}])
    if isinstance(rows, list) and all(value is None for row in rows if isinstance(row, dict) for value in row.values()) and "mark" in spec:
        mark = spec["mark"] if isinstance(spec["mark"], dict) else {"type": spec["mark"]}
        spec = {**spec, "mark": {**mark, "aria": False}}
    return {**spec, "layer": [_silent(part, datasets) for part in spec["layer"]]} if isinstance(spec.get("layer"), list) else spec


def legible(colour: str, dark: bool, least: float) -> str:
    """The colour itself, or as little darker (lighter on a dark ground) as it takes to reach a contrast.

    Args:
        colour: as #RRGGBB.
        dark: the ground.
        least: contrast, at most 15.
    """
    far = 255 if dark else 0
    parts = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    for step in range(101):
        mixed = "#" + "".join(f"{round(part + (far - part) * step / 100):02X}" for part in parts)
        if contrast(mixed, GROUNDS[dark]) >= least:
            break
    return mixed


def contrast(one: str, other: str) -> float:
    """Ratio of two colours' luminances after WCAG, 1 to 21."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in (red, green, blue)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
