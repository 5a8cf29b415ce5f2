"""One spectrum before and after a defense, each with its noise floor, as a Vega-Lite chart that is updated in place."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._axes import powers
from ._colours import DASHED, DEFENSE, GROUNDS, IDEAL, SOLID, TRUTH, framed, ink, line

POINTS = 90  # of each line
DECADES = 7  # below the largest value


def before_after(before: np.ndarray, after: np.ndarray, floors: tuple[float, float], dark: bool = False) -> dict[str, Any]:
    """Singular values on two log axes.

    Args:
        before: without the defense, descending, in units of the undefended message's root mean square.
        after: with it, in the same units.
        floors: the noise before and after, in the same units; one that is 0 is not drawn.
        dark: choose colours for a dark ground.
    """
    top = max([float(v[0]) for v in (before, after) if len(v)] + [1e-12])
    low = max(top * 10.0**-DECADES, min([float(v[-1]) for v in (before, after) if len(v)] + [f for f in floors if f > 0] + [top / 10]) / 3)
    drawn = (("without", before), ("with the defense", after))
    rows = [{"part": part, "x": int(i) + 1, "y": float(f"{values[i]:.4g}")} for part, values in drawn for i in _places(values, low)]
    x: dict[str, Any] = {
        "field": "x",
        "type": "quantitative",
        "title": "direction, strongest first (log scale)",
        "axis": {"format": ",d", "grid": False},
    }
    x["scale"] = {"type": "log", "nice": False}
    y: dict[str, Any] = {"field": "y", "type": "quantitative", "title": "singular value, relative (log scale)"}
    y["scale"] = {"type": "log", "nice": False, "domain": [low, top * 2], "clamp": True}
    y["axis"] = powers(low, top * 2)
    parts = [part for part, _ in drawn]
    styles = {"color": [line(TRUTH, dark), line(IDEAL, dark)], "strokeDash": [SOLID, DASHED], "strokeWidth": [2.5, 3]}
    stroke = {k: {"field": "part", "scale": {"domain": parts, "range": v}, "legend": None} for k, v in styles.items()}
    tooltip = [
        {"field": "part", "title": " "},
        {"field": "x", "title": "direction"},
        {"field": "y", "title": "singular value", "format": ".3g"},
    ]
    lines = {"mark": {"type": "line", "clip": True}, "encoding": {"x": x, "y": y, "tooltip": tooltip, **stroke}}
    return framed({"data": {"values": rows}, "layer": [lines, *_floors(floors, low, top, dark)], "height": 300}, dark)


def _places(values: np.ndarray, low: float) -> np.ndarray:
    if not len(values):
        return np.zeros(0, int)
    places = np.unique(np.geomspace(1, len(values), POINTS).round().astype(int)) - 1
    return places[values[places] > low]


def _floors(floors: tuple[float, float], low: float, top: float, dark: bool) -> list[dict[str, Any]]:
    """Both floors with their names; one name where they are the same."""
    before, after = floors
    same = before > 0 and abs(np.log(max(after, 1e-300) / before)) < 0.02
    named = [(after, "noise floor" if same else "noise floor with the defense", 2.5)]
    if not same:
        named.append((before, "noise floor without", 1.2))
    layers: list[dict[str, Any]] = []
    for level, words, width in named:
        below = level < max(floors)  # the lower one is named below its line
        if level <= 0:
            continue
        data = {"values": [{"y": float(np.clip(level, low, top * 2)), "text": words}]}
        place = {"y": {"field": "y", "type": "quantitative"}}
        text = {"type": "text", "align": "left", "dy": 10 if below else -8, "dx": 6, "fontWeight": "bold", "fontSize": 12}
        named_at = {**place, "x": {"value": 0}, "text": {"field": "text"}}
        layers += [
            {"data": data, "mark": {"type": "rule", "color": line(DEFENSE, dark), "strokeWidth": width}, "encoding": place},
            {"data": data, "mark": {**text, "color": GROUNDS[dark], "stroke": GROUNDS[dark], "strokeWidth": 4}, "encoding": named_at},
            {"data": data, "mark": {**text, "color": ink(DEFENSE, dark)}, "encoding": named_at},
        ]
    return layers
