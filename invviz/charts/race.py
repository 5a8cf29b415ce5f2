"""Attacks side by side: quality over seconds; a Vega-Lite chart that is updated in place."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ._colours import GROUNDS, IDEAL, REAL, TRUTH, dash, framed, ink, line
from ._heights import apart

POINTS = 120  # of a line
LOW, TOP = 5.0, 65.0  # dB between which lines are drawn; what is better is exact to the eye and stands at the top
FIRST = 0.002  # seconds before which nothing is drawn
HEIGHT = 420  # screen pixels
APART, LEAST = 3.0, 2.2  # dB between two names, where there is room and where there is little: 12 pixels are a letter's height
SHADES = (("#D55E00", "#FF9A4D"), ("#8A3C00", "#D55E00"), ("#DB7410", "#FFC08A"))  # oranges, on light and dark ground
SHAPES = ("circle", "square", "triangle-up", "diamond", "triangle-down", "triangle-right", "triangle-left")
GLYPHS = ("●○", "■□", "▲△", "◆◇", "▼▽", "▶▷", "◀◁")  # the same as letters, filled and hollow


@dataclasses.dataclass(frozen=True)
class Run:
    """One attack's way to its answer.

    Attributes:
        name: in words.
        seconds: since it began, (k,).
        psnr: of its picture at that moment in dB, (k,).
        done: whether it has ended.
        hollow: whether the attacker is not told of the defense.
        place: of the attack among all, which decides its mark and its shade of orange.
    """

    name: str
    seconds: np.ndarray
    psnr: np.ndarray
    done: bool
    hollow: bool = False
    place: int = 0


def race(
    runs: Sequence[Run], best: str, ceiling: float | None, unseen: float | None, dark: bool = False, thing: str = "picture"
) -> dict[str, Any]:
    """PSNR against seconds (log scale), one line an attack, the ideal attacker as a line across; names at the right, the best at the top.

    A line ends in its mark where the attack ended; a thin line leads from there to its name. Pausing on a line lets the others fade.

    Args:
        runs: with at least one point each.
        best: name of the one that is drawn strongest.
        ceiling: the ideal attacker's PSNR in dB; None draws none.
        unseen: of what needs no message; None draws none.
        dark: choose colours for a dark ground.
        thing: what one sample is called.
    """
    last = max([float(r.seconds[-1]) for r in runs], default=10.0)
    first = min([max(float(r.seconds[0]), FIRST) for r in runs], default=FIRST)
    span = [min(first, 0.2) / 2, max(1.0, 1.3 * last)]
    span.append(span[1] * (span[1] / span[0]) ** 0.06)  # between the second and the third, lines lead to their names
    x = {
        "field": "x",
        "type": "quantitative",
        "title": "seconds (log scale)",
        "scale": {"type": "log", "domain": [span[0], span[2]], "nice": False},
        "axis": {"grid": False, "values": [10.0**e for e in range(-2, 6)], "format": "~g"},
    }
    y = {"field": "y", "type": "quantitative", "title": f"PSNR of its {thing}, dB", "scale": {"domain": [LOW, TOP], "nice": False}}
    heights = names([float(r.psnr[-1]) for r in runs], ceiling)
    layers: list[dict[str, Any]] = []
    if unseen is not None:
        layers += _across(unseen, "without a message", TRUTH, y, dark)
    if ceiling is not None:
        layers += _across(ceiling, "ideal attacker", IDEAL, y, dark)
    before = len(layers)
    for run, height in sorted(zip(runs, heights, strict=True), key=lambda pair: pair[0].name == best):
        layers += _line(run, run.name == best, height, x, y, span, dark)
    if runs:
        layers[before]["params"] = [
            {"name": "near", "select": {"type": "point", "fields": ["name"], "on": "pointerover", "clear": "pointerout", "nearest": False}}
        ]
    return framed({"layer": layers, "height": HEIGHT}, dark)


def look(place: int, dark: bool) -> tuple[str, str, str]:
    """Shade, mark, and that mark as two letters (filled, hollow) of the n-th attack; no two of the first 21 have the same shade and mark."""
    return SHADES[place % len(SHADES)][dark], SHAPES[place % len(SHAPES)], GLYPHS[place % len(GLYPHS)]


def names(ends: Sequence[float], ceiling: float | None) -> list[float]:
    """Heights of the attacks' names in the column at the right: who ended below the ideal attacker stands below its line, where there is room for all.

    Args:
        ends: PSNR in dB that each attack reached.
        ceiling: the ideal attacker's; None where there is no such line.
    """
    drawn = [shown(v) for v in ends]
    if ceiling is None:
        return apart(drawn, APART, (LOW, TOP))
    level = shown(ceiling)
    below, above = ([i for i, v in enumerate(drawn) if (v <= level) == under] for under in (True, False))
    rooms = (LOW, level - APART), (level + APART, TOP)
    if any(high - low < LEAST * (len(part) - 1) for part, (low, high) in zip((below, above), rooms, strict=True) if part):
        return apart(drawn, APART, (LOW, TOP))
    found = dict(
        zip(
            [*below, *above],
            [h for part, room in zip((below, above), rooms, strict=True) for h in apart([drawn[i] for i in part], APART, room)],
            strict=True,
        )
    )
    return [found[i] for i in range(len(drawn))]


def _across(value: float, words: str, colour: str, y: dict[str, Any], dark: bool) -> list[dict[str, Any]]:
    """A line across the plot; its name stands on it at the left, where attacks have hardly begun: above the ideal attacker's, below that of who sees no message."""
    rows = [{"y": shown(value), "text": f"{words}, {f'{value:.1f} dB' if math.isfinite(value) else 'no error'}"}]
    rule = {"type": "rule", "color": line(colour, dark), "strokeWidth": 2.5 if colour == IDEAL else 1.5, "strokeDash": dash(colour)}
    text = {
        "type": "text",
        "align": "left",
        "dx": 6,
        "dy": -9 if colour == IDEAL else 10,
        "color": ink(colour, dark),
        "fontWeight": "bold",
        "fontSize": 12,
    }
    name = {"data": {"values": rows}, "mark": text, "encoding": {"x": {"value": 0}, "y": y, "text": {"field": "text"}}}
    return [{"data": {"values": rows}, "mark": rule, "encoding": {"y": y}}, name]


def _line(
    run: Run, best: bool, height: float, x: dict[str, Any], y: dict[str, Any], span: Sequence[float], dark: bool
) -> list[dict[str, Any]]:
    """The line, its mark where it ended, the way from there to its name, and the name."""
    shade, shape, glyphs = look(run.place, dark)
    keep = np.unique(np.linspace(0, len(run.seconds) - 1, POINTS).round().astype(int))
    rows = [
        {"x": max(float(run.seconds[i]), FIRST), "y": shown(float(run.psnr[i])), "psnr": round(float(run.psnr[i]), 1), "name": run.name}
        for i in keep
    ]
    end = [{**rows[-1], "text": f"{glyphs[run.hollow]} {_words(run)}", "label": height}]
    lead = [
        {"x": at, "y": up, "name": run.name} for at, up in ((rows[-1]["x"], rows[-1]["y"]), (span[1], rows[-1]["y"]), (span[2], height))
    ]
    tooltip = [
        {"field": "name", "title": " "},
        {"field": "x", "title": "seconds", "format": ".2f"},
        {"field": "psnr", "title": "PSNR, dB"},
    ]
    fade = {"opacity": {"condition": {"param": "near", "value": 1.0}, "value": 0.15}}
    mark = {"type": "line", "color": shade, "strokeWidth": 3.5 if best else 1.8, "clip": True}
    point = {"type": "point", "shape": shape, "color": shade, "fill": GROUNDS[dark] if run.hollow else shade, "filled": not run.hollow}
    point |= {"size": 110 if best else 60, "strokeWidth": 2}
    thin = {"type": "line", "color": shade, "strokeWidth": 0.8, "opacity": 0.7}
    return [
        {"data": {"values": rows}, "mark": mark, "encoding": {"x": x, "y": y, "tooltip": tooltip, "detail": {"field": "name"}, **fade}},
        {"data": {"values": lead}, "mark": thin, "encoding": {"x": x, "y": y}},
        {"data": {"values": end}, "mark": point, "encoding": {"x": x, "y": y, "tooltip": tooltip}},
        _name(end, ink(REAL, dark), best, y),
    ]


def _name(rows: list[dict[str, Any]], colour: str, bold: bool, y: dict[str, Any]) -> dict[str, Any]:
    """Words to the right of the plot."""
    text = {
        "type": "text",
        "align": "left",
        "dx": 6,
        "color": colour,
        "fontWeight": "bold" if bold else "normal",
        "fontSize": 12,
        "limit": 240,
    }
    return {
        "data": {"values": rows},
        "mark": text,
        "encoding": {"x": {"value": "width"}, "y": {**y, "field": "label"}, "text": {"field": "text"}},
    }


def _words(run: Run) -> str:
    final = float(run.psnr[-1])
    return f"{run.name} {f'{final:.0f} dB' if final < math.inf else 'no error'}{' ↑' if final > TOP else ''}{'' if run.done else ' ...'}"


def shown(value: float) -> float:
    """PSNR as it is drawn: within the axis."""
    return round(float(np.clip(value, LOW, TOP)), 2)
