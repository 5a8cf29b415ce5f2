"""Many spectra or risk curves over one another, as Vega-Lite charts that are updated in place."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._axes import powers
from ._colours import BESIDE, DASHED, DEFENSE, GROUNDS, IDEAL, SOLID, TRUTH, framed, ink, line

POINTS = {"this": 80, "most": 80, "least": 80, "other": 30}  # of one spectrum
EVERY = {"this": 1, "most": 1, "least": 1, "other": 2}  # point of a risk curve is drawn
DECADES = 6  # of a spectrum, below its largest value


def risk_curves(curves: list[dict[str, Any]], noise: float, dark: bool = False) -> dict[str, Any]:
    """InvRE of several things over the noise.

    Args:
        curves: each with name, part ("this", "most", "least" or "other"), noise (k,), value, low, high (k,), all in [0, 1].
        noise: the present noise, share of the message's root mean square; a line is drawn there.
        dark: choose colours for a dark ground.
    """
    rows = [
        {"name": c["name"], "part": c["part"], "x": _short(x), "y": round(float(y), 4)}
        for c in curves
        for x, y in list(zip(c["noise"], c["value"], strict=True))[:: EVERY[c["part"]]]
    ]
    low, high = min((float(c["noise"][0]) for c in curves), default=1e-4), max((float(c["noise"][-1]) for c in curves), default=10.0)
    ticks = [10.0**e for e in range(-4, 2)]
    x = _axis("noise, share of the message's typical entry (log scale)", {"format": "~%", "values": ticks}, [low, high])
    y = {"field": "y", "type": "quantitative", "title": "InvRE, share recovered", "scale": {"domain": [0, 1]}}
    tooltip = [
        {"field": "name", "title": " "},
        {"field": "y", "title": "InvRE", "format": ".2f"},
        {"field": "x", "title": "noise", "format": ".2~%"},
    ]
    lines = {"mark": {"type": "line", "clip": True}, "encoding": {"x": x, "y": y, "tooltip": tooltip, **_stroke(dark)}}
    layers = [_band(curves, x), lines, *_ends(curves, dark), _now(min(max(noise, low), high), dark)]
    return framed({"data": {"values": rows}, "layer": layers, "height": 330}, dark)


def spectra(curves: list[dict[str, Any]], floor: float, dark: bool = False) -> dict[str, Any]:
    """Singular values of several things over one another, on two log axes.

    Args:
        curves: each with name, part and values (k,), descending, in units of that message's root mean square; those without a value above 0 are
            left out.
        floor: the noise in the same units; 0 draws none.
        dark: choose colours for a dark ground.
    """
    curves = [c for c in curves if len(c["values"]) and np.isfinite(c["values"][0]) and c["values"][0] > 0]
    top = max((float(c["values"][0]) for c in curves), default=1.0)
    low = top * 10.0**-DECADES
    rows = []
    for c in curves:
        values = np.asarray(c["values"])
        keep = np.unique(np.geomspace(1, len(values), POINTS[c["part"]]).round().astype(int)) - 1
        rows += [{"name": c["name"], "part": c["part"], "x": int(i) + 1, "y": _short(float(values[i]))} for i in keep if values[i] > low]
    x = _axis("direction, strongest first (log scale)", {"format": ",d"})
    domain = {"type": "log", "nice": False, "domain": [low, top * 1.5], "clamp": True}
    y = {"field": "y", "type": "quantitative", "title": "singular value, relative (log scale)", "scale": domain}
    y["axis"] = powers(low, top * 1.5)
    tooltip = [
        {"field": "name", "title": " "},
        {"field": "x", "title": "direction"},
        {"field": "y", "title": "singular value", "format": ".3g"},
    ]
    lines = {"mark": {"type": "line", "clip": True}, "encoding": {"x": x, "y": y, "tooltip": tooltip, **_stroke(dark)}}
    across = _floor(float(np.clip(floor, low, top)), dark) if floor > 0 else []
    return framed({"data": {"values": rows}, "layer": [lines, *across], "height": 330}, dark)


def _short(value: float) -> float:
    """With 4 significant digits: what a screen shows."""
    return float(f"{value:.4g}")


def _axis(title: str, axis: dict[str, Any], domain: list[float] | None = None) -> dict[str, Any]:
    """A horizontal log axis."""
    scale = {"type": "log", "nice": False} | ({"domain": domain} if domain else {})
    return {"field": "x", "type": "quantitative", "title": title, "scale": scale, "axis": {**axis, "grid": False}}


def _band(curves: list[dict[str, Any]], x: dict[str, Any]) -> dict[str, Any]:
    """The interval around the one on the screen."""
    rows = [
        {"x": _short(at), "low": round(float(low), 4), "high": round(float(high), 4)}
        for c in curves
        if c["part"] == "this"
        for at, low, high in zip(c["noise"], c["low"], c["high"], strict=True)
    ]
    encoding = {"x": x, "y": {"field": "low", "type": "quantitative"}, "y2": {"field": "high"}}
    return {"data": {"values": rows}, "mark": {"type": "area", "opacity": 0.18, "color": IDEAL}, "encoding": encoding}


def _now(noise: float, dark: bool) -> dict[str, Any]:
    """The line at the present noise."""
    place = {"x": {"field": "x", "type": "quantitative"}}
    text = {"type": "text", "color": ink(DEFENSE, dark), "align": "left", "dx": 5, "dy": -8, "fontWeight": "bold"}
    return {
        "data": {"values": [{"x": noise, "text": "noise now"}]},
        "layer": [
            {"mark": {"type": "rule", "color": line(DEFENSE, dark), "strokeWidth": 2}, "encoding": place},
            {"mark": text, "encoding": {**place, "y": {"value": "height"}, "text": {"field": "text"}}},
        ],
    }


def _floor(level: float, dark: bool) -> list[dict[str, Any]]:
    """The noise across the spectra."""
    data, place = {"values": [{"y": level, "text": "noise floor"}]}, {"y": {"field": "y", "type": "quantitative"}}
    text = {"type": "text", "color": ink(DEFENSE, dark), "align": "left", "dy": -8, "dx": 4, "fontWeight": "bold"}
    return [
        {"data": data, "mark": {"type": "rule", "color": line(DEFENSE, dark), "strokeWidth": 2.5}, "encoding": place},
        {"data": data, "mark": text, "encoding": {**place, "x": {"value": 0}, "text": {"field": "text"}}},
    ]


def _stroke(dark: bool) -> dict[str, Any]:
    """The one on the screen in full purple and thick, the others pale; the most and the least exposed in grey."""
    colours = {"this": line(IDEAL, dark), "most": line(TRUTH, dark), "least": line(TRUTH, dark), "other": BESIDE[dark]}
    widths = {"this": 3.5, "most": 2.2, "least": 2.2, "other": 1.2}
    dashes = {"this": DASHED, "most": SOLID, "least": SOLID, "other": SOLID}
    parts = list(colours)
    by_part = {"color": colours, "strokeWidth": widths, "strokeDash": dashes}
    scales = {k: {"domain": parts, "range": [v[p] for p in parts]} for k, v in by_part.items()}
    return {"detail": {"field": "name"}} | {k: {"field": "part", "scale": s, "legend": None} for k, s in scales.items()}


def _ends(curves: list[dict[str, Any]], dark: bool) -> list[dict[str, Any]]:
    """Names of the marked curves, written beside them at a place where they are apart."""
    marked = [c for c in curves if c["part"] != "other"]
    rows = []
    for c, height in zip(marked, (0.62, 0.42, 0.22), strict=False):
        place = int(np.abs(np.asarray(c["value"]) - height).argmin())
        right = place > 0.8 * len(c["noise"])  # no room beside it
        rows.append({"x": float(c["noise"][place]), "y": float(c["value"][place]), "text": c["name"], "part": c["part"], "right": right})
    text = {
        "type": "text",
        "align": {"expr": "datum.right ? 'right' : 'left'"},
        "dx": {"expr": "datum.right ? -8 : 8"},
        "dy": -6,
        "fontSize": 12,
    }
    encoding = {"x": {"field": "x", "type": "quantitative"}, "y": {"field": "y", "type": "quantitative"}, "text": {"field": "text"}}
    rim = {
        "data": {"values": rows},
        "mark": {**text, "stroke": GROUNDS[dark], "strokeWidth": 4, "color": GROUNDS[dark]},
        "encoding": encoding,
    }
    inked = [
        {"data": {"values": [row]}, "mark": {**text, "color": ink(IDEAL if row["part"] == "this" else TRUTH, dark)}, "encoding": encoding}
        for row in rows
    ]
    return [rim, *inked] if rows else []
