"""How well the shape of a series was met, whatever its level and scale."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from ._base import Metric


@dataclasses.dataclass(frozen=True)
class Correlation(Metric):
    """Pearson's correlation of a series with its guess, along time, averaged over channels; 1 is perfect, 0 is none.

    It does not see level and scale: a guess that is too small or too high may have 1. A line without any change has no correlation, so a guess of grey counts as 0; where the truth does not
    change either there is no score.
    """

    name: ClassVar[str] = "correlation"
    title: ClassVar[str] = "Correlation"
    perfect: ClassVar[float] = 1.0
    modalities: ClassVar[tuple[str, ...]] = ("series",)

    def score(self, guess: np.ndarray, truth: np.ndarray) -> np.ndarray:
        """Scores in [-1, 1], shape (n,); NaN of what is no series, and where the truth is a flat line."""
        if truth.ndim != 3:
            return np.full(len(truth), np.nan)
        g, t = (x.astype(np.float64) - x.astype(np.float64).mean(-1, keepdims=True) for x in (guess, truth))
        size, own = np.sqrt((g**2).sum(-1)), np.sqrt((t**2).sum(-1))
        with np.errstate(divide="ignore", invalid="ignore"):
            found = np.where(size > 0, (g * t).sum(-1) / (size * own), 0.0)
        return np.where(own > 0, found, np.nan).clip(-1, 1).mean(-1)
