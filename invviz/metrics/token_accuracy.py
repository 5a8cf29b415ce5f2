"""The share of a sentence's words that a guess has right."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from ._base import Metric


@dataclasses.dataclass(frozen=True)
class TokenAccuracy(Metric):
    """Share of the words of a sentence that stand right, each at its place; 1 is perfect."""

    name: ClassVar[str] = "token_accuracy"
    title: ClassVar[str] = "Words right"
    perfect: ClassVar[float] = 1.0
    modalities: ClassVar[tuple[str, ...]] = ("tokens",)

    def score(self, guess: np.ndarray, truth: np.ndarray) -> np.ndarray:
        """Scores of sentences (n, length), shape (n,)."""
        return ((guess == truth) & (truth != 0)).sum(1) / np.maximum((truth != 0).sum(1), 1)
