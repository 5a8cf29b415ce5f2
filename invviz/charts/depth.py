"""What each attacker gets over the depth of the cut, as a Vega-Lite chart that is updated in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ._colours import IDEAL, REAL, TRUTH, dash, framed, ink, line

SHAPES = ("circle", "diamond", "square", "triangle-up")


def over_depth(
    layers: Sequence[str],
    ideal: Sequence[float | None],
    real: Mapping[str, Sequence[float | None]],
    unseen: float | None,
    here: str,
    dark: bool = False,
    hollow: bool = False,
) -> dict[str, Any]:
    """PSNR after each layer.

    Args:
        layers: names of the cuts, the shallowest first.
        ideal: PSNR of the ideal attacker's picture after each, None where it is not known.
        real: the same of each real attacker, by name.
        unseen: PSNR of what needs no message; None draws no line.
        here: the chosen layer.
        dark: choose colours for a dark ground.
        hollow: whether real attackers are not told of a defense.
    """
    x = {"field": "x", "type": "ordinal", "title": "the party's last layer", "sort": list(layers), "axis": {"labelAngle": 0, "grid": False}}
    y = {"field": "y", "type": "quantitative", "title": "PSNR, dB", "scale": {"zero": True}}
    layered: list[dict[str, Any]] = [
        {
            "data": {"values": [{"x": here}]},
            "mark": {"type": "rule", "color": TRUTH, "strokeWidth": 16, "opacity": 0.25},
            "encoding": {"x": x},
        }
    ]
    if unseen is not None:
        rows = [{"y": round(unseen, 2), "text": f"without a message, {unseen:.1f} dB"}]
        layered += [
            {"data": {"values": rows}, "mark": {"type": "rule", "color": line(TRUTH, dark), "strokeWidth": 2}, "encoding": {"y": y}},
            {
                "data": {"values": rows},
                "mark": {"type": "text", "align": "left", "dx": 4, "dy": 12, "color": ink(TRUTH, dark), "fontSize": 12},
                "encoding": {"y": y, "x": {"value": 0}, "text": {"field": "text"}},
            },
        ]
    lines = {"an ideal attacker": ideal, **real}
    places = _places(list(lines.values()), len(layers))
    layered += _line("an ideal attacker", layers, ideal, x, y, IDEAL, "circle", places[0], dark)
    for (name, values), shape, place in zip(real.items(), SHAPES, places[1:], strict=False):
        layered += _line(name, layers, values, x, y, REAL, shape, place, dark, hollow)
    return framed({"layer": layered, "height": 300}, dark)


def _line(
    name: str,
    layers: Sequence[str],
    values: Sequence[float | None],
    x: dict[str, Any],
    y: dict[str, Any],
    colour: str,
    shape: str,
    place: int,
    dark: bool,
    hollow: bool = False,
) -> list[dict[str, Any]]:
    """One attacker, its name written at one of its points."""
    rows = [{"x": at, "y": round(value, 2), "name": name} for at, value in zip(layers, values, strict=True) if value is not None]
    if not rows:
        return []
    tooltip = [{"field": "name", "title": " "}, {"field": "x", "title": "after"}, {"field": "y", "title": "PSNR, dB", "format": ".1f"}]
    point = {"shape": shape, "size": 60, "filled": not hollow, "color": line(colour, dark)}
    right = place >= len(layers) / 2
    text = {
        "type": "text",
        "align": "right" if right else "left",
        "dx": -6 if right else 8,
        "dy": -10,
        "color": ink(colour, dark),
        "fontWeight": "bold",
        "fontSize": 12,
    }
    named = [row for row in rows if row["x"] == layers[place]]
    return [
        {
            "data": {"values": rows},
            "mark": {"type": "line", "color": line(colour, dark), "strokeDash": dash(colour), "strokeWidth": 2.5, "point": point},
            "encoding": {"x": x, "y": y, "tooltip": tooltip},
        },
        {"data": {"values": named}, "mark": text, "encoding": {"x": x, "y": y, "text": {"field": "name"}}},
    ]


def _places(lines: Sequence[Sequence[float | None]], count: int) -> list[int]:
    """Where each line's name is written: at the point that is furthest from the other lines and names."""
    taken: list[tuple[int, float]] = []
    found = []
    for number, values in enumerate(lines):
        room = []
        for at in range(count):
            value = values[at]
            if value is None:
                room.append(-1.0)
                continue
            others = [abs(value - other[at]) for k, other in enumerate(lines) if k != number and other[at] is not None]  # type: ignore[operator]
            near = [abs(value - height) + 12 * abs(at - place) for place, height in taken]
            room.append(min([*others, *near], default=0.0))
        best = max(range(count), key=room.__getitem__)
        found.append(best)
        if values[best] is not None:
            taken.append((best, float(values[best])))  # type: ignore[arg-type]
    return found
