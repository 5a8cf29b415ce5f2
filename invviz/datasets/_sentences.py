"""Sentences in memory, as data sets of text hand them out."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Sentences:
    """Sentences that lie in memory as numbers of words."""

    tokens: np.ndarray  # (n, length) int64, 0 behind the last word
    labels: np.ndarray  # (n,) int64

    @classmethod
    def locked(cls, tokens: np.ndarray, labels: np.ndarray) -> Sentences:
        """Of arrays that nobody can change any more, because caches hand the same ones to everyone."""
        for array in (tokens, labels):
            array.setflags(write=False)
        return cls(tokens, labels)

    def __len__(self) -> int:
        return len(self.tokens)

    def take(self, indices: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of words (n, length) and labels (n,), both int64."""
        chosen = np.asarray(indices, dtype=np.int64)
        return self.tokens[chosen], self.labels[chosen]
