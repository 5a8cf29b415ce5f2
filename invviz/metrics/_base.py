"""What every metric is: one number for each pair of pictures."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from ..core.component import Component


@dataclasses.dataclass(frozen=True)
class Metric(Component):
    """A score of guesses against truths, both (n, c, h, w) with values in [0, 1], already matched to each other."""

    higher_is_better: ClassVar[bool] = True
    perfect: ClassVar[float]  # the score of a guess that equals the truth
    unit: ClassVar[str] = ""
    optional: ClassVar[bool] = False  # needs something that requirements.txt does not install

    def score(self, guess: np.ndarray, truth: np.ndarray) -> np.ndarray:
        """Scores, shape (n,)."""
        raise NotImplementedError
