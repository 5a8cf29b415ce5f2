"""Structural similarity, as scikit-image computes it."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from ._base import Metric


@dataclasses.dataclass(frozen=True)
class SSIM(Metric):
    """Structural similarity with scikit-image's defaults (uniform 7x7 window, data range 1), averaged over channels; 1 is perfect.

    Pictures with a side below 7, as parts of small pictures are, get the largest odd window that fits; below 3 there is no score.
    """

    name: ClassVar[str] = "ssim"
    title: ClassVar[str] = "SSIM"
    paper: ClassVar[str] = "wang2004ssim"
    perfect: ClassVar[float] = 1.0
    modalities: ClassVar[tuple[str, ...]] = ("picture",)

    def score(self, guess: np.ndarray, truth: np.ndarray) -> np.ndarray:
        """Scores in [-1, 1], shape (n,); NaN where pictures are too small, and of samples that are none."""
        side = min(truth.shape[2:]) if truth.ndim == 4 else 0
        if side < 3:
            return np.full(len(truth), np.nan)
        window = min(7, side - (side + 1) % 2)
        from skimage.metrics import structural_similarity  # 0.3 s to import, so only where it is used

        pairs = zip(guess.astype(np.float64), truth.astype(np.float64), strict=True)
        return np.array([structural_similarity(t, g, data_range=1.0, channel_axis=0, win_size=window) for g, t in pairs])
