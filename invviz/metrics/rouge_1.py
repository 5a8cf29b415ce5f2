"""Words that guess and truth share."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from ._base import Metric
from ._text import rouge, words


@dataclasses.dataclass(frozen=True)
class Rouge1(Metric):
    """ROUGE-1 (F1): the words that guess and truth share, wherever they stand; 1 is perfect."""

    name: ClassVar[str] = "rouge_1"
    title: ClassVar[str] = "ROUGE-1"
    paper: ClassVar[str] = "lin2004rouge"
    perfect: ClassVar[float] = 1.0
    modalities: ClassVar[tuple[str, ...]] = ("tokens",)

    def score(self, guess: np.ndarray, truth: np.ndarray) -> np.ndarray:
        """Scores of sentences (n, length), shape (n,)."""
        return np.array([rouge(g, t, 1) for g, t in zip(words(guess), words(truth), strict=True)])
