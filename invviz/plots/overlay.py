"""Many spectra or risk curves over one another, as Vega-Lite charts that are updated in place."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._colours import DEFENSE, IDEAL, PALE, TRUTH

POINTS = 80  # of one curve


def risk_curves(curves: list[dict[str, Any]], noise: float, dark: bool = False) -> dict[str, Any]:
    """InvRE of several things over the noise.

    Args:
        curves: each with name, part ("this", "most", "least" or "other"), noise (k,), value, low, high (k,), all in [0, 1].
        noise: the present noise, share of the message's root mean square; a line is drawn there.
        dark: choose colours for a dark ground.
    """
    rows = [
        {"name": c["name"], "part": c["part"], "x": float(x), "y": float(y), "low": float(a), "high": float(b)}
        for c in curves
        for x, y, a, b in zip(c["noise"], c["value"], c["low"], c["high"], strict=True)
    ]
    low, high = float(min(c["noise"][0] for c in curves)), float(max(c["noise"][-1] for c in curves))
    x = {
        "field": "x",
        "type": "quantitative",
        "title": "noise, share of the message's typical entry (log scale)",
        "scale": {"type": "log", "domain": [low, high], "nice": False},
        "axis": {"format": "~%", "values": [10.0**e for e in range(-4, 2)], "grid": False},
    }
    y = {"field": "y", "type": "quantitative", "title": "InvRE, share recovered", "scale": {"domain": [0, 1]}}
    tooltip = [
        {"field": "name", "title": " "},
        {"field": "y", "title": "InvRE", "format": ".2f"},
        {"field": "x", "title": "noise", "format": ".2~%"},
    ]
    band = {"mark": {"type": "area", "opacity": 0.18, "color": IDEAL}, "transform": [{"filter": "datum.part == 'this'"}]}
    here = min(max(noise, low), high)
    layers = [
        {**band, "encoding": {"x": x, "y": {"field": "low", "type": "quantitative"}, "y2": {"field": "high"}}},
        {
            "mark": {"type": "line", "clip": True},
            "encoding": {"x": x, "y": y, "detail": {"field": "name"}, "tooltip": tooltip, **_stroke(dark)},
        },
        *_ends(curves, dark),
        {
            "data": {"values": [{"x": here, "text": "noise now"}]},
            "layer": [
                {"mark": {"type": "rule", "color": DEFENSE, "strokeWidth": 2}, "encoding": {"x": {"field": "x", "type": "quantitative"}}},
                {
                    "mark": {"type": "text", "color": _blue(dark), "align": "left", "dx": 5, "dy": -8, "fontWeight": "bold"},
                    "encoding": {"x": {"field": "x", "type": "quantitative"}, "y": {"value": "height"}, "text": {"field": "text"}},
                },
            ],
        },
    ]
    return {"data": {"values": rows}, "layer": layers, "height": 330}


def spectra(curves: list[dict[str, Any]], floor: float, dark: bool = False) -> dict[str, Any]:
    """Singular values of several things over one another, on two log axes.

    Args:
        curves: each with name, part and values (k,), descending, in units of that message's root mean square.
        floor: the noise in the same units; 0 draws none.
        dark: choose colours for a dark ground.
    """
    rows, top = [], max(float(c["values"][0]) for c in curves)
    low = top * 1e-6
    for c in curves:
        values = np.asarray(c["values"])
        keep = np.unique(np.geomspace(1, len(values), POINTS).round().astype(int)) - 1
        rows += [{"name": c["name"], "part": c["part"], "x": int(i) + 1, "y": float(values[i])} for i in keep if values[i] > low]
    x = {
        "field": "x",
        "type": "quantitative",
        "title": "direction, strongest first (log scale)",
        "scale": {"type": "log", "nice": False},
        "axis": {"grid": False, "format": ",d"},
    }
    y = {
        "field": "y",
        "type": "quantitative",
        "title": "singular value, relative (log scale)",
        "scale": {"type": "log", "nice": False, "domain": [low, top * 1.5], "clamp": True},
        "axis": {"format": ".0e", "values": [10.0**e for e in range(-12, 13) if low <= 10.0**e <= top * 1.5]},
    }
    tooltip = [
        {"field": "name", "title": " "},
        {"field": "x", "title": "direction"},
        {"field": "y", "title": "singular value", "format": ".3g"},
    ]
    layers: list[dict[str, Any]] = [
        {
            "mark": {"type": "line", "clip": True},
            "encoding": {"x": x, "y": y, "detail": {"field": "name"}, "tooltip": tooltip, **_stroke(dark)},
        },
    ]
    if floor > 0:
        level = [{"y": float(np.clip(floor, low, top)), "text": "noise floor"}]
        place = {"y": {"field": "y", "type": "quantitative"}}
        layers += [
            {"data": {"values": level}, "mark": {"type": "rule", "color": DEFENSE, "strokeWidth": 2.5}, "encoding": place},
            {
                "data": {"values": level},
                "mark": {"type": "text", "color": _blue(dark), "align": "left", "dy": -8, "dx": 4, "fontWeight": "bold"},
                "encoding": {**place, "x": {"value": 0}, "text": {"field": "text"}},
            },
        ]
    return {"data": {"values": rows}, "layer": layers, "height": 330}


def _stroke(dark: bool) -> dict[str, Any]:
    """The one on the screen in full purple and thick, the others pale; the most and the least exposed in grey."""
    colours = {"this": PALE if dark else IDEAL, "most": TRUTH, "least": TRUTH, "other": "#6D5A80" if dark else PALE}
    widths = {"this": 3.5, "most": 2.2, "least": 2.2, "other": 1.2}
    dashes = {"this": [6, 3], "most": [1, 0], "least": [1, 0], "other": [1, 0]}
    parts = list(colours)
    return {
        "color": {"field": "part", "scale": {"domain": parts, "range": [colours[p] for p in parts]}, "legend": None},
        "strokeWidth": {"field": "part", "scale": {"domain": parts, "range": [widths[p] for p in parts]}, "legend": None},
        "strokeDash": {"field": "part", "scale": {"domain": parts, "range": [dashes[p] for p in parts]}, "legend": None},
    }


def _ends(curves: list[dict[str, Any]], dark: bool) -> list[dict[str, Any]]:
    """Names of the marked curves, written beside them at a place where they are apart."""
    marked = [c for c in curves if c["part"] != "other"]
    rows = []
    for c, height in zip(marked, (0.62, 0.42, 0.22), strict=False):
        place = int(np.abs(np.asarray(c["value"]) - height).argmin())
        rows.append({"x": float(c["noise"][place]), "y": float(c["value"][place]), "text": c["name"], "part": c["part"]})
    ground = "#14171C" if dark else "#FFFFFF"
    text = {"type": "text", "align": "left", "dx": 8, "dy": -6, "fontSize": 12, "clip": False}
    encoding = {"x": {"field": "x", "type": "quantitative"}, "y": {"field": "y", "type": "quantitative"}, "text": {"field": "text"}}
    ink = {"this": PALE if dark else IDEAL}
    rim = {"data": {"values": rows}, "mark": {**text, "stroke": ground, "strokeWidth": 4, "color": ground}, "encoding": encoding}
    inked = [
        {"data": {"values": [row]}, "mark": {**text, "color": ink.get(row["part"], "#B8BCC4" if dark else "#5A5F68")}, "encoding": encoding}
        for row in rows
    ]
    return [rim, *inked] if rows else []


def _blue(dark: bool) -> str:
    return "#56B4E9" if dark else DEFENSE
