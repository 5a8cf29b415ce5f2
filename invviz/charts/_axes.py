"""Marks of a log axis of Vega-Lite charts, written as powers of ten."""

from __future__ import annotations

import json
import math
from typing import Any

from ..core.figures import RAISED

NARROW = 1.5  # decades; a shorter axis has marks between the powers of ten


def powers(low: float, high: float) -> dict[str, Any]:
    """An axis from `low` to `high`, both above 0: a mark at every power of ten, or plain numbers where there is hardly one."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    if math.log10(high / low) < NARROW:
        return {"format": "~g", "tickCount": 3}
    names = {str(e): "1" if e == 0 else "10" if e == 1 else f"10{str(e).translate(RAISED)}" for e in range(first, last + 1)}
    place = "round(log(datum.value) / LN10)"
    return {"values": [10.0**e for e in range(first, last + 1)], "labelExpr": f"{json.dumps(names, ensure_ascii=False)}['' + {place}]"}
