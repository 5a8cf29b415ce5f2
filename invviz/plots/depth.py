"""What each attacker gets over the depth of the cut, as a Vega-Lite chart that is updated in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ._colours import IDEAL, PALE, REAL, TRUTH

SHAPES = ("circle", "diamond", "square", "triangle-up")


def over_depth(
    layers: Sequence[str],
    ideal: Sequence[float | None],
    real: Mapping[str, Sequence[float | None]],
    mean: float | None,
    here: str,
    dark: bool = False,
) -> dict[str, Any]:
    """PSNR after each layer.

    Args:
        layers: names of the cuts, the shallowest first.
        ideal: PSNR of the ideal attacker's picture after each, None where it is not known.
        real: the same of each real attacker, by name.
        mean: PSNR of the mean picture; None draws no line.
        here: the chosen layer.
        dark: choose colours for a dark ground.
    """
    purple = PALE if dark else IDEAL
    x = {"field": "x", "type": "ordinal", "title": "the party's last layer", "sort": list(layers), "axis": {"labelAngle": 0, "grid": False}}
    y = {"field": "y", "type": "quantitative", "title": "PSNR, dB", "scale": {"zero": True}}
    layered: list[dict[str, Any]] = [
        {
            "data": {"values": [{"x": here}]},
            "mark": {"type": "rule", "color": TRUTH, "strokeWidth": 16, "opacity": 0.25},
            "encoding": {"x": x},
        }
    ]
    if mean is not None:
        rows = [{"y": round(mean, 2), "text": f"mean picture, {mean:.1f} dB"}]
        layered += [
            {"data": {"values": rows}, "mark": {"type": "rule", "color": TRUTH, "strokeWidth": 2}, "encoding": {"y": y}},
            {
                "data": {"values": rows},
                "mark": {"type": "text", "align": "left", "dx": 4, "dy": 12, "color": TRUTH, "fontSize": 12},
                "encoding": {"y": y, "x": {"value": 0}, "text": {"field": "text"}},
            },
        ]
    layered += _line("an ideal attacker", layers, ideal, x, y, purple, [6, 4], "circle")
    for (name, values), shape in zip(real.items(), SHAPES, strict=False):
        layered += _line(name, layers, values, x, y, REAL, [1, 0], shape)
    return {"layer": layered, "height": 300}


def _line(
    name: str,
    layers: Sequence[str],
    values: Sequence[float | None],
    x: dict[str, Any],
    y: dict[str, Any],
    colour: str,
    dash: list[int],
    shape: str,
) -> list[dict[str, Any]]:
    """One attacker, its name written at its last point."""
    rows = [{"x": at, "y": round(value, 2), "name": name} for at, value in zip(layers, values, strict=True) if value is not None]
    if not rows:
        return []
    tooltip = [{"field": "name", "title": " "}, {"field": "x", "title": "after"}, {"field": "y", "title": "PSNR, dB", "format": ".1f"}]
    point = {"shape": shape, "size": 60, "filled": True, "color": colour}
    text = {"type": "text", "align": "right", "dx": -8, "dy": -10, "color": colour, "fontWeight": "bold", "fontSize": 12}
    last = rows[-1] if len(rows) == 1 else rows[len(rows) // 2]
    return [
        {
            "data": {"values": rows},
            "mark": {"type": "line", "color": colour, "strokeDash": dash, "strokeWidth": 2.5, "point": point},
            "encoding": {"x": x, "y": y, "tooltip": tooltip},
        },
        {"data": {"values": [last]}, "mark": text, "encoding": {"x": x, "y": y, "text": {"field": "name"}}},
    ]
