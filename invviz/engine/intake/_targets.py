"""Labels of records that a visitor hands over, and whether they go with the net."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from ...core.component import shown
from ...core.errors import UploadError

Shape = tuple[int, ...]


def whole(targets: np.ndarray) -> np.ndarray:
    """Class numbers int64, or real numbers float64; (b,).

    Raises:
        UploadError: they are not finite.
    """
    if targets.dtype.kind in "iub":
        return targets.astype(np.int64)
    if not bool(np.isfinite(targets).all()):
        raise UploadError("The labels hold numbers that are not finite.")
    return targets.astype(np.float64)


def labels_of(text: str, count: int) -> np.ndarray:
    """Class numbers (count,) as a person writes them.

    Raises:
        UploadError: they are none, or not one a record.
    """
    words = re.split(r"[\s,;]+", text.strip(" ,;\n"))
    if len(words) != count or len(text) > 100_000 or not all(re.fullmatch(r"\d{1,6}", word) for word in words):
        raise UploadError(f"Labels are {shown(text, 40)}; allowed: {count:,} class numbers from 0 on, with commas, one a record.")
    return np.array([int(word) for word in words], np.int64)


def check_targets(targets: np.ndarray, facts: dict[str, Any]) -> None:
    """Refuse labels that the net has no score for.

    Raises:
        UploadError: says which, and what is allowed.
    """
    gives = facts["gives"]
    if targets.dtype == np.int64:
        if len(gives) != 1 or gives[0] < 2:
            raise UploadError(
                f"The net gives {by(tuple(gives))} a record; for class numbers it has to give one score a class, at least 2. End it with flatten and linear."
            )
        if not 0 <= int(targets.min()) <= int(targets.max()) < gives[0]:
            raise UploadError(
                f"Labels go from {int(targets.min())} to {int(targets.max())}, and the net gives {gives[0]} scores: allowed are 0 to {gives[0] - 1}."
            )
    elif math.prod(gives) != 1:
        raise UploadError(
            f"Labels are real numbers, and the net gives {by(tuple(gives))} a record; allowed: one number, for the mean squared error."
        )


def by(shape: Shape) -> str:
    """A shape in words."""
    return " x ".join(map(str, shape)) or "one number"
