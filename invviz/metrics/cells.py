"""The share of a table's cells that a guess has right."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from ..core.table import Column, right
from ._base import Metric


@dataclasses.dataclass(frozen=True)
class Cells(Metric):
    """Share of the cells of a row that are right; 1 is perfect, and pictures have no score.

    A word is right where it has the largest entry of its column, alone; a number within 5 % of the column's public range (ours; the paper takes a
    share of the standard deviation).
    """

    name: ClassVar[str] = "cells"
    title: ClassVar[str] = "Cells right"
    paper: ClassVar[str] = "vero2023tableak"
    perfect: ClassVar[float] = 1.0
    modalities: ClassVar[tuple[str, ...]] = ("row",)

    def score(self, guess: np.ndarray, truth: np.ndarray) -> np.ndarray:
        """NaN, shape (n,): pictures have no cells."""
        return np.full(len(truth), np.nan)

    def of_rows(self, guess: np.ndarray, truth: np.ndarray, columns: Sequence[Column]) -> np.ndarray:
        """Scores in [0, 1], shape (n,)."""
        return right(columns, truth, guess).mean(1)
