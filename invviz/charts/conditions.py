"""One condition changed at a time: a row each, a dot a seed, the ideal attacker beside them; a Vega-Lite chart."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from ._colours import IDEAL, REAL, SOLID, TRUTH, framed, ink, line

STEP = 25  # screen pixels a row
MARGIN = 1.0  # dB beside the outermost dot


@dataclasses.dataclass(frozen=True)
class Row:
    """One set of conditions against one attacker.

    Attributes:
        name: of the conditions, in words; rows of the same name share a line.
        attacker: in words.
        psnr: in dB, by seed.
        hollow: whether the attacker is not told of the dropout.
        plain: whether it uses no batch statistics (a diamond instead of a circle).
        said: at the end of the line; of several rows with one name the first that says something.
        open: whether the line is what the switches show.
    """

    name: str
    attacker: str
    psnr: dict[int, float]
    hollow: bool = False
    plain: bool = False
    said: str = ""
    open: bool = False


def strip(rows: Sequence[Row], ideals: dict[str, float], base: float | None, unseen: float | None, dark: bool = False) -> dict[str, Any]:
    """PSNR of every seed, one line a set of conditions, with a short stroke at every attacker's median.

    Args:
        rows: in order; those without any seed keep their line.
        ideals: the ideal attacker's PSNR in dB by the rows' names, where it is known; one that lies outside stands at the edge with its number.
        base: median of the base line in dB, drawn across; None draws none.
        unseen: of what needs no message; None draws none.
        dark: choose colours for a dark ground.
    """
    names = list(dict.fromkeys(row.name for row in rows))
    known = [psnr for row in rows for psnr in row.psnr.values()] + [v for v in (base, unseen) if v is not None]
    span = [np.floor(min(known, default=10.0) - MARGIN), np.ceil(max(known, default=20.0) + MARGIN)]
    x: dict[str, Any] = {
        "field": "x",
        "type": "quantitative",
        "title": "PSNR of the attacker's pictures, dB",
        "scale": {"domain": span, "nice": False},
    }
    x["axis"] = {"tickMinStep": 1, "format": "d"}
    y: dict[str, Any] = {"field": "name", "type": "nominal", "title": None, "sort": names, "scale": {"domain": names}}
    bold = {"condition": {"test": _is_open(rows), "value": "bold"}, "value": "normal"}
    y["axis"] = {
        "grid": True,
        "labelLimit": 230,
        "labelFontWeight": bold,
        "labelOverlap": False,
        "labelFlush": False,
        "ticks": False,
        "labelPadding": 8,
        "labelFontSize": 12,
    }
    layers = [_nothing(names, y)]
    for value, words, colour in ((unseen, "without a message", TRUTH), (base, "", REAL)):
        if value is not None:
            layers += _down(value, words, colour, x, dark)
    layers += _seeds(rows, x, y)
    layers.append(_medians(rows, x, y))
    layers += _ideals(ideals, span, x, y, ink(IDEAL, dark))
    layers.append(_said(rows, y, ink(REAL, dark)))
    return framed({"layer": layers, "height": {"step": STEP}}, dark)


def _is_open(rows: Sequence[Row]) -> str:
    name = next((row.name for row in rows if row.open), "")
    return f"datum.label === {name!r}"


def _nothing(names: list[str], y: dict[str, Any]) -> dict[str, Any]:
    """Lines that have no dot yet."""
    return {"data": {"values": [{"name": name} for name in names]}, "mark": {"type": "point", "opacity": 0}, "encoding": {"y": y}}


def _down(value: float, words: str, colour: str, x: dict[str, Any], dark: bool) -> list[dict[str, Any]]:
    rows = [{"x": round(value, 2), "text": f"{words} {value:.1f} dB" if words else ""}]
    mark = {"type": "rule", "color": line(colour, dark), "strokeDash": SOLID, "strokeWidth": 1.5}
    layers: list[dict[str, Any]] = [{"data": {"values": rows}, "mark": mark, "encoding": {"x": x}}]
    if words:
        text = {"type": "text", "align": "center", "baseline": "bottom", "color": ink(colour, dark), "fontSize": 11, "dy": -4}
        layers.append({"data": {"values": rows}, "mark": text, "encoding": {"x": x, "y": {"value": 0}, "text": {"field": "text"}}})
    return layers


def _seeds(rows: Sequence[Row], x: dict[str, Any], y: dict[str, Any]) -> list[dict[str, Any]]:
    tooltip = [
        {"field": "name", "title": " "},
        {"field": "attacker", "title": "attacker"},
        {"field": "seed", "title": "seed"},
        {"field": "psnr", "title": "PSNR, dB"},
    ]
    layers = []
    for hollow in (False, True):
        for plain in (False, True):
            dots = [
                {"name": row.name, "x": round(psnr, 2), "psnr": round(psnr, 1), "seed": seed, "attacker": row.attacker}
                for row in rows
                if (row.hollow, row.plain) == (hollow, plain)
                for seed, psnr in row.psnr.items()
            ]
            if dots:
                shape = "diamond" if plain else "circle"
                mark = {"type": "point", "color": REAL, "filled": not hollow, "shape": shape, "size": 65, "strokeWidth": 2}
                layers.append({"data": {"values": dots}, "mark": mark, "encoding": {"x": x, "y": y, "tooltip": tooltip}})
    return layers


def _medians(rows: Sequence[Row], x: dict[str, Any], y: dict[str, Any]) -> dict[str, Any]:
    values = [{"name": r.name, "x": round(float(np.median(list(r.psnr.values()))), 2)} for r in rows if len(r.psnr) > 1]
    return {
        "data": {"values": values},
        "mark": {"type": "tick", "color": REAL, "thickness": 2, "size": 20},
        "encoding": {"x": x, "y": y},
    }


def _ideals(ideals: dict[str, float], span: Sequence[float], x: dict[str, Any], y: dict[str, Any], colour: str) -> list[dict[str, Any]]:
    """Strokes; beyond the axis a number at its end."""
    inside = [{"name": name, "x": round(v, 2), "psnr": round(v, 1)} for name, v in ideals.items() if v <= span[1]]
    beyond = [{"name": name, "text": f"ideal {v:.0f} dB →"} for name, v in ideals.items() if v > span[1]]
    tooltip = [{"field": "name", "title": " "}, {"field": "psnr", "title": "ideal attacker, dB"}]
    tick = {"type": "tick", "color": colour, "thickness": 3, "size": 20}
    text = {"type": "text", "align": "right", "dx": -4, "color": colour, "fontSize": 11}
    return [
        {"data": {"values": inside}, "mark": tick, "encoding": {"x": x, "y": y, "tooltip": tooltip}},
        {"data": {"values": beyond}, "mark": text, "encoding": {"x": {"value": "width"}, "y": y, "text": {"field": "text"}}},
    ]


def _said(rows: Sequence[Row], y: dict[str, Any], colour: str) -> dict[str, Any]:
    """Words to the right of the plot."""
    said: dict[str, str] = {}
    for row in rows:
        if row.said:
            said.setdefault(row.name, row.said)
    values = [{"name": name, "text": text} for name, text in said.items()]
    text = {"type": "text", "align": "left", "dx": 8, "color": colour, "fontSize": 12}
    return {"data": {"values": values}, "mark": text, "encoding": {"x": {"value": "width"}, "y": y, "text": {"field": "text"}}}


__all__ = ["Row", "strip"]
