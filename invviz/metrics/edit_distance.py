"""Edits between guess and truth."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from ._base import Metric
from ._text import edits, words


@dataclasses.dataclass(frozen=True)
class EditDistance(Metric):
    """Fewest words to put in, take out or replace until the guess is the truth (Levenshtein); 0 is perfect."""

    name: ClassVar[str] = "edit_distance"
    title: ClassVar[str] = "Edit distance"
    higher_is_better: ClassVar[bool] = False
    unit: ClassVar[str] = "words"
    perfect: ClassVar[float] = 0.0
    modalities: ClassVar[tuple[str, ...]] = ("tokens",)

    def score(self, guess: np.ndarray, truth: np.ndarray) -> np.ndarray:
        """Scores of sentences (n, length), shape (n,)."""
        return np.array([float(edits(g, t)) for g, t in zip(words(guess), words(truth), strict=True)])
