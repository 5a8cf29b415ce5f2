"""Peak signal-to-noise ratio."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from ._base import Metric
from .mse import MSE


@dataclasses.dataclass(frozen=True)
class PSNR(Metric):
    """Peak signal-to-noise ratio, 10 log10(1 / MSE) for pixels in [0, 1]; infinite for a perfect guess."""

    name: ClassVar[str] = "psnr"
    title: ClassVar[str] = "PSNR"
    perfect: ClassVar[float] = float("inf")
    unit: ClassVar[str] = "dB"

    def score(self, guess: np.ndarray, truth: np.ndarray) -> np.ndarray:
        """Scores in dB, shape (n,)."""
        with np.errstate(divide="ignore"):
            return -10 * np.log10(MSE().score(guess, truth))
