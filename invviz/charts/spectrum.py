"""The singular values with the noise floor drawn across them, as a Vega-Lite chart that is updated in place."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._axes import powers
from ._colours import DEFENSE, GROUNDS, IDEAL, PALE, framed, ink, line

POINTS = 400  # more than the screen shows


def spectrum_spec(values: np.ndarray, floor: float, dark: bool = False) -> dict[str, Any]:
    """Directions above the floor are filled, those below are pale.

    Args:
        values: singular values, descending, in message units per unit of pixel.
        floor: the level that noise drowns, in the same units; 0 draws none.
        dark: choose colours for a dark ground.
    """
    keep = np.unique(np.linspace(0, len(values) - 1, POINTS).round().astype(int))
    readable = int((values > floor).sum())
    if 0 < readable < len(values):
        keep = np.unique([*keep, readable - 1, readable])  # the two areas meet where the floor cuts
    positive = values[values > 0]
    top = float(values.max()) * 2 if len(positive) else 1.0
    low = max(float(positive.min()) if len(positive) else 1e-9, top * 1e-9) / 2
    low = min(low, floor / 3) if floor > 0 else low
    low = max(low, top * 1e-10)
    rows = [
        {"i": int(i) + 1, "s": float(max(values[i], low)), "low": low, "part": "readable" if values[i] > floor else "drowned"} for i in keep
    ]
    x = {
        "field": "i",
        "type": "quantitative",
        "title": "direction, strongest first",
        "scale": {"domain": [1, len(values)], "nice": False},
        "axis": {"tickCount": 7, "grid": False},
    }
    y = {
        "field": "s",
        "type": "quantitative",
        "title": "singular value (log scale)",
        "scale": {"type": "log", "domain": [low, top], "nice": False, "clamp": True},
        "axis": powers(low, top),
    }
    tooltip = [
        {"field": "i", "title": "direction"},
        {"field": "s", "title": "singular value", "format": ".3g"},
        {"field": "part", "title": "is"},
    ]
    area = {"type": "area", "clip": True}
    layers: list[dict[str, Any]] = [
        {
            "transform": [{"filter": f"datum.i > {readable}"}],
            "mark": {**area, "color": PALE, "opacity": 0.35},
            "encoding": {"x": x, "y": y, "y2": {"field": "low"}},
        },
        {
            "transform": [{"filter": f"datum.i <= {readable}"}],
            "mark": {**area, "color": IDEAL, "opacity": 0.75},
            "encoding": {"x": x, "y": y, "y2": {"field": "low"}},
        },
        {
            "mark": {"type": "line", "color": line(IDEAL, dark), "strokeWidth": 1.5, "clip": True},
            "encoding": {"x": x, "y": y, "tooltip": tooltip},
        },
    ]
    if floor > 0:
        layers += _floor(len(values), min(max(floor, low), top), dark)
    return framed({"data": {"values": rows}, "layer": layers, "height": 250}, dark)


def _floor(last: int, level: float, dark: bool) -> list[dict[str, Any]]:
    """The line and its name; the name has a rim in the ground's colour, so that it can be read over the filled part."""
    data = {"values": [{"i": last, "s": level, "text": "noise floor"}]}
    x, y = ({"field": name, "type": "quantitative"} for name in ("i", "s"))
    text = {"type": "text", "align": "right", "dy": -8, "dx": -4, "fontWeight": "bold", "fontSize": 12}
    rim = {"stroke": GROUNDS[dark], "strokeWidth": 4, "color": GROUNDS[dark]}
    encoding = {"x": x, "y": y, "text": {"field": "text"}}
    return [
        {"data": data, "mark": {"type": "rule", "color": line(DEFENSE, dark), "strokeWidth": 2.5}, "encoding": {"y": y}},
        {"data": data, "mark": {**text, **rim}, "encoding": encoding},
        {"data": data, "mark": {**text, "color": ink(DEFENSE, dark)}, "encoding": encoding},
    ]
