"""Numbers as text: PSNR one decimal, SSIM and InvRE two, times with units."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core import figures
from ..core.plain import read


def mean(values: Sequence[Any] | None) -> float:
    """Mean of those that are known; nan of none."""
    known = [v for v in map(read, values or []) if not math.isnan(v)]
    return float(np.mean(known)) if known else math.nan


def number(value: Any, digits: int, form: str = "f") -> str:
    """Digits after the point (form f) or of the whole (form g); "?" for what is not known."""
    found = read(value)
    if math.isnan(found):
        return "?"
    return figures.number(found, digits) if form == "g" else f"{found:.{digits}f}"


def amount(value: Any) -> str:
    """A whole number with separators."""
    return "?" if value is None else f"{value:,}"


def seconds(value: Any) -> str:
    """A time with its unit.

    Example:
        >>> seconds(0.0314), seconds(12.34), seconds(300), seconds(9000)
        ('31 ms', '12.3 s', '5.0 min', '2.5 h')
    """
    found = read(value)
    if math.isnan(found):
        return "?"
    if found < 1:
        return f"{1000 * found:.0f} ms"
    if found < 120:
        return f"{found:.1f} s"
    return f"{found / 60:.1f} min" if found < 7200 else f"{found / 3600:.1f} h"


def with_interval(value: float, interval: tuple[float, float] | None, form: str) -> str:
    """A number and its interval, each in a form; a question mark for one that is not known."""
    text = "?" if math.isnan(value) else format(value, form)
    return text if interval is None else f"{text} [{interval[0]:{form}} to {interval[1]:{form}}]"


def percent(value: float, interval: tuple[float, float] | None) -> str:
    """The same of a share, in per cent."""
    return with_interval(100 * value, interval and (100 * interval[0], 100 * interval[1]), ".1f")
