"""How many planted nets detectors catch over the false alarms that are allowed: a Vega-Lite chart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ._colours import TRUTH, framed, ink, line

COLOURS = ("#0072B2", "#009E73", "#CC79A7", "#E69F00")  # of detectors, the surest first
LEFT = 1e-3  # false alarms at the left end


def curves(
    found: Mapping[str, Sequence[Sequence[float]]], hidden: Mapping[str, Sequence[Sequence[float]]], dark: bool = False
) -> dict[str, Any]:
    """Broad without jitter, fine with it, one colour a detector; false alarms on a log axis.

    Args:
        found: (false alarms, caught) by detector, at most as many as there are colours.
        hidden: the same where the server hides.
        dark: choose colours for a dark ground.
    """
    rows = [
        {"alarms": max(float(a), LEFT), "caught": float(c), "detector": name, "way": way}
        for way, every in (("as published", found), ("hiding", hidden))
        for name, points in every.items()
        for a, c in points
    ]
    names = list(dict.fromkeys([*found, *hidden]))
    encoding = {
        "x": {
            "field": "alarms", "type": "quantitative", "title": "false alarms on honest nets (log scale)",
            "scale": {"type": "log", "domain": [LEFT, 1], "nice": False}, "axis": {"format": "~%", "values": [1e-3, 1e-2, 0.1, 1]},
        },
        "y": {"field": "caught", "type": "quantitative", "title": "planted nets caught", "scale": {"domain": [0, 1]}, "axis": {"format": "~%"}},
        "color": {
            "field": "detector", "type": "nominal", "title": None, "legend": {"orient": "bottom", "columns": 2, "labelLimit": 0},
            "scale": {"domain": names, "range": [line(colour, dark) for colour in COLOURS[: len(names)]]},
        },
        "strokeWidth": {
            "field": "way", "type": "nominal", "title": None, "legend": {"orient": "bottom"},
            "scale": {"domain": ["as published", "hiding"], "range": [3, 1.2]},
        },
    }  # fmt: skip
    at = {"data": {"values": [{"alarms": 0.01, "text": "1 %"}]}}
    place = {"x": {"field": "alarms", "type": "quantitative"}}
    layers: list[dict[str, Any]] = [
        {"data": {"values": rows}, "mark": {"type": "line", "interpolate": "step-after"}, "encoding": encoding},
        {**at, "mark": {"type": "rule", "color": line(TRUTH, dark)}, "encoding": place},
        {
            **at,
            "mark": {"type": "text", "color": ink(TRUTH, dark), "align": "left", "dx": 4},
            "encoding": {**place, "y": {"value": 8}, "text": {"field": "text"}},
        },
    ]
    return framed({"layer": layers, "height": 260}, dark)
