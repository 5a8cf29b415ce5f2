"""Mean squared error."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from ._base import Metric


@dataclasses.dataclass(frozen=True)
class MSE(Metric):
    """Mean squared error per pixel value, pixels in [0, 1]; 0 is perfect."""

    name: ClassVar[str] = "mse"
    title: ClassVar[str] = "MSE"
    higher_is_better: ClassVar[bool] = False
    perfect: ClassVar[float] = 0.0

    def score(self, guess: np.ndarray, truth: np.ndarray) -> np.ndarray:
        """Scores, shape (n,), computed in float64."""
        difference = guess.astype(np.float64) - truth.astype(np.float64)
        return (difference**2).reshape(len(truth), -1).mean(axis=1)
