"""Attacks side by side: quality over seconds, and its spread over seeds; Vega-Lite charts that are updated in place."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ._colours import IDEAL, PALE, REAL, TRUTH

POINTS = 120  # of a line
LOW, TOP = 5.0, 65.0  # dB between which lines are drawn; what is better is exact to the eye and stands at the top
FIRST = 0.002  # seconds before which nothing is drawn
GROUNDS: tuple[str, str] = ("#FFFFFF", "#0E1117")  # of Streamlit's themes, light and dark
WORDS: dict[str, str] = dict(zip(GROUNDS, ("#B34E00", "#FF9A4D"), strict=True))  # the real attack's colour as it is legible in words
APART = 3.4  # dB between two names
INNER, LETTER = 820.0, 6.4  # about the width of the plot and of a letter, screen pixels


@dataclasses.dataclass(frozen=True)
class Run:
    """One attack's way to its answer.

    Attributes:
        name: in words.
        seconds: since it began, (k,).
        psnr: of its picture at that moment in dB, (k,).
        done: whether it has ended.
    """

    name: str
    seconds: np.ndarray
    psnr: np.ndarray
    done: bool


def race(runs: Sequence[Run], best: str, ceiling: float | None, mean: float | None, dark: bool = False) -> dict[str, Any]:
    """PSNR against seconds (log scale), one line an attack, the ideal attacker as a line across.

    Args:
        runs: with at least one point each.
        best: name of the one that is drawn strongest.
        ceiling: the ideal attacker's PSNR in dB; None draws none.
        mean: the mean picture's; None draws none.
        dark: choose colours for a dark ground.
    """
    last = max([float(r.seconds[-1]) for r in runs], default=10.0)
    first = min([max(float(r.seconds[0]), FIRST) for r in runs], default=FIRST)
    span = [min(first, 0.2) / 2, max(1.0, 20 * last)]  # room for names
    x = {
        "field": "x",
        "type": "quantitative",
        "title": "seconds (log scale)",
        "scale": {"type": "log", "domain": span, "nice": False},
        "axis": {"grid": False, "values": [10.0**e for e in range(-2, 6)], "format": "~g"},
    }
    y = {"field": "y", "type": "quantitative", "title": "PSNR of its picture, dB", "scale": {"domain": [LOW, TOP], "nice": False}}
    layered: list[dict[str, Any]] = []
    ground = GROUNDS[dark]
    for value, words, colour, dash in (
        (ceiling, "ideal attacker", PALE if dark else IDEAL, [6, 4]),
        (mean, "mean picture", TRUTH, [1, 0]),
    ):
        if value is not None:
            layered += _across(value, words, colour, dash, x, y, span[0], ground)
    order = sorted(runs, key=lambda r: (r.name != best, r.seconds[-1]))
    heights = _names([(float(r.seconds[-1]), _clip(float(r.psnr[-1])), _words(r)) for r in order], span)
    for run, height in zip(order, heights, strict=True):
        layered += _line(run, run.name == best, height, x, y, ground)
    return {"layer": layered, "height": 380}


def _across(
    value: float, words: str, colour: str, dash: list[int], x: dict[str, Any], y: dict[str, Any], start: float, ground: str
) -> list[dict[str, Any]]:
    rows = [{"x": start, "y": _clip(value), "text": f"{words}, {value:.1f} dB"}]
    text = {"type": "text", "align": "left", "dx": 6, "dy": -8, "color": colour, "fontWeight": "bold", "fontSize": 12}
    rule = {"type": "rule", "color": colour, "strokeWidth": 2, "strokeDash": dash}
    return [{"data": {"values": rows}, "mark": rule, "encoding": {"y": y}}, *_written(rows, text, {"x": x, "y": y}, ground)]


def _written(rows: list[dict[str, Any]], text: dict[str, Any], places: dict[str, Any], ground: str) -> list[dict[str, Any]]:
    """Words that stay legible where a line runs through them."""
    encoding = {**places, "text": {"field": "text"}}
    halo = {**text, "color": ground, "stroke": ground, "strokeWidth": 4, "opacity": 0.85}
    return [{"data": {"values": rows}, "mark": mark, "encoding": encoding} for mark in (halo, text)]


def _line(run: Run, best: bool, height: float, x: dict[str, Any], y: dict[str, Any], ground: str) -> list[dict[str, Any]]:
    keep = np.unique(np.linspace(0, len(run.seconds) - 1, POINTS).round().astype(int))
    rows = [
        {"x": max(float(run.seconds[i]), FIRST), "y": _clip(float(run.psnr[i])), "psnr": round(float(run.psnr[i]), 1), "name": run.name}
        for i in keep
    ]
    end = [{**rows[-1], "text": _words(run), "label": height}]
    tooltip = [
        {"field": "name", "title": " "},
        {"field": "x", "title": "seconds", "format": ".2f"},
        {"field": "psnr", "title": "PSNR, dB"},
    ]
    opacity = 1.0 if best else 0.6
    mark = {"type": "line", "color": REAL, "strokeWidth": 3 if best else 1.5, "opacity": opacity, "clip": True}
    text = {"type": "text", "align": "left", "dx": 8, "color": WORDS[ground], "fontWeight": "bold" if best else "normal", "fontSize": 12}
    encoding = {"x": x, "y": y, "tooltip": tooltip}
    lead = {"type": "rule", "color": REAL, "strokeWidth": 0.8, "opacity": 0.6, "strokeDash": [2, 2]}  # from the end to its name
    point = {"type": "point", "color": REAL, "filled": run.done, "size": 70 if best else 40, "opacity": opacity}
    return [
        {"data": {"values": rows}, "mark": mark, "encoding": encoding},
        {"data": {"values": end}, "mark": point, "encoding": encoding},
        {"data": {"values": end}, "mark": lead, "encoding": {"x": x, "y": y, "y2": {"field": "label"}}},
        *_written(end, text, {"x": x, "y": {**y, "field": "label"}}, ground),
    ]


def _words(run: Run) -> str:
    final = float(run.psnr[-1])
    return f"{run.name} {final:.0f} dB{' ↑' if final > TOP else ''}{'' if run.done else ' ...'}"


def _clip(value: float) -> float:
    return round(float(np.clip(value, LOW, TOP)), 2)


def _names(ends: Sequence[tuple[float, float, str]], span: Sequence[float]) -> list[float]:
    """Heights of names that begin at the ends of their lines: as near as there is room, none over another.

    Args:
        ends: seconds and dB of every line's end, and its words; who comes first keeps its place.
        span: first and last second of the axis.
    """
    scale = INNER / np.log10(span[1] / span[0])  # screen pixels a decade
    taken: list[tuple[float, float, float]] = []  # from, to, height
    placed = []
    for x, height, words in ends:
        start = scale * np.log10(max(x, span[0]) / span[0])
        stop = start + LETTER * len(words) + 12
        beside = [at for low, high, at in taken if low < stop and start < high]
        tries = [min(max(height + side * k * APART / 2, LOW + 1), TOP) for k in range(60) for side in (1, -1)]
        free = next((h for h in tries if all(abs(h - at) >= APART for at in beside)), height)
        taken.append((start, stop, free))
        placed.append(round(float(free), 2))
    return placed


def spread(found: Mapping[str, Sequence[tuple[int, float, bool]]], dark: bool = False) -> dict[str, Any]:
    """One dot a seed, one row an attack; hollow where the attack itself says that it failed; the worst seed is named.

    Args:
        found: seed, PSNR in dB and whether it failed, by the attack's name in words; rows in this order.
        dark: choose colours for a dark ground.
    """
    rows = [
        {"name": name, "x": _clip(psnr), "psnr": round(psnr, 1), "seed": seed, "failed": failed}
        for name, runs in found.items()
        for seed, psnr, failed in runs
    ]
    worst = [{**min((r for r in rows if r["name"] == name), key=lambda r: r["psnr"])} for name, runs in found.items() if len(runs) > 1]
    for row in worst:
        row["text"] = f"seed {row['seed']}: {row['psnr']:.1f}"
    x = {"field": "x", "type": "quantitative", "title": "PSNR, dB", "scale": {"domain": [LOW, TOP], "nice": False}}
    y = {"field": "name", "type": "nominal", "title": None, "sort": list(found), "axis": {"grid": True, "labelLimit": 260}}
    tooltip = [
        {"field": "name", "title": " "},
        {"field": "seed", "title": "seed"},
        {"field": "psnr", "title": "PSNR, dB"},
        {"field": "failed", "title": "failed"},
    ]
    dot = {"type": "point", "color": REAL, "size": 70, "strokeWidth": 2, "opacity": 0.85}
    text = {"type": "text", "align": "right", "dx": -8, "color": PALE if dark else "#555", "fontSize": 11}
    return {
        "layer": [
            {
                "data": {"values": [r for r in rows if not r["failed"]]},
                "mark": {**dot, "filled": True},
                "encoding": {"x": x, "y": y, "tooltip": tooltip},
            },
            {
                "data": {"values": [r for r in rows if r["failed"]]},
                "mark": {**dot, "filled": False},
                "encoding": {"x": x, "y": y, "tooltip": tooltip},
            },
            {"data": {"values": worst}, "mark": text, "encoding": {"x": x, "y": y, "text": {"field": "text"}}},
        ],
        "height": {"step": 26},
    }
