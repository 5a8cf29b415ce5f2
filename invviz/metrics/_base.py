"""What every metric is: one number for each pair of samples."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from ..core.component import Component
from ..core.table import Column


@dataclasses.dataclass(frozen=True)
class Metric(Component):
    """A score of guesses against truths, both (n, ...) with values in [0, 1], or numbers of words, already matched to each other."""

    higher_is_better: ClassVar[bool] = True
    perfect: ClassVar[float]  # the score of a guess that equals the truth
    unit: ClassVar[str] = ""
    optional: ClassVar[bool] = False  # needs something that requirements.txt does not install

    def score(self, guess: np.ndarray, truth: np.ndarray) -> np.ndarray:
        """Scores of samples, shape (n,)."""
        raise NotImplementedError

    def of_rows(self, guess: np.ndarray, truth: np.ndarray, columns: Sequence[Column]) -> np.ndarray:
        """Scores of rows (n, 1, 1, d) of a table with these columns, shape (n,); NaN where they are not defined for rows."""
        return self.score(guess, truth) if self.takes("row") else np.full(len(truth), np.nan)
