"""The same attacks with other seeds: a dot a seed; a Vega-Lite chart that is updated in place."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ._colours import REAL, TRUTH, framed, ink, line
from .race import LOW, TOP, shown


def spread(found: Mapping[str, Sequence[tuple[int, float, bool]]], hollow: bool = False, dark: bool = False) -> dict[str, Any]:
    """One dot a seed, one row an attack; a cross where the attack itself says that it failed; the worst seed is named.

    Args:
        found: seed, PSNR in dB and whether it failed, by the attack's name in words; rows in this order.
        hollow: whether the attackers are not told of the defense.
        dark: choose colours for a dark ground.
    """
    rows = [
        {"name": name, "x": shown(psnr), "psnr": round(psnr, 1), "seed": seed, "failed": failed}
        for name, runs in found.items()
        for seed, psnr, failed in runs
    ]
    worst = [{**min((r for r in rows if r["name"] == name), key=lambda r: r["psnr"])} for name, runs in found.items() if len(runs) > 1]
    for row in worst:
        row["text"] = f"seed {row['seed']}: " + (f"{row['psnr']:.1f}" if row["psnr"] < math.inf else "no error")
    x = {"field": "x", "type": "quantitative", "title": "PSNR, dB", "scale": {"domain": [LOW, TOP], "nice": False}}
    y = {"field": "name", "type": "nominal", "title": None, "sort": list(found), "axis": {"grid": True, "labelLimit": 260}}
    tooltip = [
        {"field": "name", "title": " "},
        {"field": "seed", "title": "seed"},
        {"field": "psnr", "title": "PSNR, dB"},
        {"field": "failed", "title": "failed"},
    ]
    place = {"x": x, "y": y, "tooltip": tooltip}
    dot = {"type": "point", "color": line(REAL, dark), "size": 70, "strokeWidth": 2, "filled": not hollow}
    cross = {**dot, "shape": "M-.5,-.5L.5,.5M.5,-.5L-.5,.5", "filled": False}  # strokes have nothing to fill
    text = {"type": "text", "align": "right", "dx": -8, "color": ink(TRUTH, dark), "fontSize": 11}
    spec = {
        "layer": [
            {"data": {"values": [r for r in rows if not r["failed"]]}, "mark": dot, "encoding": place},
            {"data": {"values": [r for r in rows if r["failed"]]}, "mark": cross, "encoding": place},
            {"data": {"values": worst}, "mark": text, "encoding": {"x": x, "y": y, "text": {"field": "text"}}},
        ],
        "height": {"step": 26},
    }
    return framed(spec, dark)
