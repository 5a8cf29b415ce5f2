"""An attack over its steps: matching loss, and the quality of its picture; two Vega-Lite charts that are updated in place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ._axes import powers
from ._colours import REAL, TRUTH, framed, line

POINTS = 300  # of a line
HEIGHT = 125  # screen pixels
Rows = list[dict[str, Any]]


def loss_spec(steps: np.ndarray, loss: np.ndarray, last: int, here: int | None = None, dark: bool = False) -> dict[str, Any]:
    """Matching loss over the steps, on a log axis.

    Args:
        steps: (m,) step of each loss.
        loss: (m,) matching loss.
        last: step at which the axis ends.
        here: the step whose picture is shown; None marks none.
        dark: choose colours for a dark ground.
    """
    good = np.isfinite(loss) & (loss > 0)
    rows = _rows(steps[good], loss[good])
    values = [r["value"] for r in rows]
    axis = powers(min(values), max(values)) if values and min(values) < max(values) else {"format": "~g", "tickCount": 3}
    y = {"title": "matching loss", "scale": {"type": "log", "nice": False}, "axis": axis}
    return _chart(rows, y, "", last, here, dark)


def psnr_spec(steps: np.ndarray, psnr: np.ndarray, last: int, here: int | None = None, dark: bool = False) -> dict[str, Any]:
    """PSNR of the pictures over the steps, which the attacker cannot see; arguments as of `loss_spec`, pictures that were not scored as NaN."""
    known = np.isfinite(psnr)
    y = {"title": "PSNR, dB", "scale": {"zero": False}, "axis": {"tickCount": 4}}
    return _chart(_rows(steps[known], psnr[known]), y, "step of the attack", last, here, dark)


def _chart(rows: Rows, y: dict[str, Any], title: str, last: int, here: int | None, dark: bool) -> dict[str, Any]:
    x: dict[str, Any] = {"field": "step", "type": "quantitative", "scale": {"domain": [0, last], "nice": False}}
    x |= {"axis": {"grid": False, "title": title, "tickMinStep": 1} if title else {"grid": False, "labels": False, "title": None}}
    y = {"field": "value", "type": "quantitative", **y, "axis": {"minExtent": 36, **y["axis"]}}
    way: dict[str, Any] = {"type": "line", "color": line(REAL, dark), "strokeWidth": 2, "interpolate": "linear"}
    if len(rows) <= POINTS // 2:
        way["point"] = {"color": line(REAL, dark), "size": 16}
    tooltip = [{"field": "step", "format": ","}, {"field": "value", "title": y["title"], "format": ".3~g"}]
    rule = {"type": "rule", "color": line(TRUTH, dark), "strokeWidth": 2}
    marked: Sequence[dict[str, Any]] = [{"step": here}] if here is not None else [{"step": None}]
    spec = {
        "datasets": {"way": rows or [{"step": None, "value": None}], "here": marked},  # a dataset without rows would have no columns
        "height": HEIGHT + (30 if title else 0),
        "layer": [
            {"data": {"name": "way"}, "mark": way, "encoding": {"x": x, "y": y, "tooltip": tooltip}},
            {"data": {"name": "here"}, "mark": rule, "encoding": {"x": x}},
        ],
    }
    return framed(spec, dark)


def _rows(steps: np.ndarray, values: np.ndarray) -> Rows:
    keep = np.unique(np.linspace(0, len(steps) - 1, POINTS).round().astype(int)) if len(steps) else np.zeros(0, int)
    return [{"step": int(steps[i]), "value": float(f"{values[i]:.5g}")} for i in keep]
