"""Numbers as JSON that every reader takes: the one place where infinite and unknown ones are written and read."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np


def plain(value: Any, digits: int | None = None) -> Any:
    """Infinite numbers as "inf" and "-inf", unknown ones as None, no NumPy types; of an array only shape and type.

    Args:
        value: of mappings, lists, numbers and words.
        digits: significant ones that are kept; None for all.

    Example:
        >>> plain({"a": (float("inf"), float("nan"), np.int64(2))}), plain(0.123456, 3)
        ({'a': ['inf', None, 2]}, 0.123)
    """
    if isinstance(value, Mapping):
        return {str(key): plain(v, digits) for key, v in value.items()}
    if isinstance(value, np.ndarray):
        return {"shape": list(value.shape), "dtype": str(value.dtype)}
    if isinstance(value, (list, tuple)):
        return [plain(v, digits) for v in value]
    if isinstance(value, np.generic):
        return plain(value.item(), digits)
    if isinstance(value, float):
        if not math.isfinite(value):
            return None if math.isnan(value) else str(value)
        return value if digits is None else float(f"{value:.{digits}g}")
    return value


def to_json(value: Any, indent: int | None = None, digits: int | None = None) -> str:
    """The same as text."""
    return json.dumps(plain(value, digits), indent=indent, allow_nan=False)


def from_json(text: str) -> Any:
    """What `to_json` wrote: "inf" and "-inf" are numbers again, where they stand for one; what was unknown stays None.

    Raises:
        ValueError: no JSON.

    Example:
        >>> from_json(to_json({"a": [float("inf"), float("nan"), "in"]}))
        {'a': [inf, None, 'in']}
    """
    return _numbers(json.loads(text))


def _numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _numbers(v) for key, v in value.items()}
    if isinstance(value, list):
        return [_numbers(v) for v in value]
    return float(value) if value in ("inf", "-inf") else value


def read(value: Any) -> float:
    """A number that was written so.

    Example:
        >>> read("inf"), read(None), read(2)
        (inf, nan, 2.0)
    """
    return math.nan if value is None else float(value)
