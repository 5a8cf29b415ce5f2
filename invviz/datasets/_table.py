"""Tables: a row is a picture of height 1 with one channel, one entry a number and one for each word of a choice."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from ..core.modality import ROW, Modality
from ..core.table import Column
from ._base import Dataset, Samples
from ._bundled import bundled

SPLIT_SEED = 0


@dataclasses.dataclass(frozen=True, eq=False)
class Rows:
    """Rows of a table that lie in memory."""

    rows: np.ndarray  # (n, d) float32 in [0, 1]
    labels: np.ndarray  # (n,) int64

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, indices: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Rows (n, 1, 1, d), float32 in [0, 1], and their labels (n,), int64."""
        chosen = np.asarray(indices, dtype=np.int64)
        return self.rows[chosen][:, None, None], self.labels[chosen]


@dataclasses.dataclass(frozen=True)
class Table(Dataset):
    """A data set of rows. The scale of its numbers is written in the code, from public rows alone, so attackers know it as well."""

    channels: ClassVar[int] = 1
    modality: ClassVar[Modality] = ROW

    @property
    def shape(self) -> tuple[int, int, int]:
        """One channel, one line, as many entries as the columns take."""
        return (1, 1, self.edges[-1])

    @classmethod
    def rows(cls, values: Sequence[Sequence[Any] | np.ndarray], labels: np.ndarray) -> Rows:
        """Raw values, one sequence for each column, as rows; locked, because caches hand the same arrays to everyone."""
        entries = np.concatenate([c.encode(raw) for c, raw in zip(cls.columns, values, strict=True)], 1)
        labels = np.ascontiguousarray(labels, dtype=np.int64)
        for array in (entries, labels):
            array.setflags(write=False)
        return Rows(entries, labels)


def from_sklearn(table: type[Table], file: str, victims: int, class_names: tuple[str, ...]) -> Samples:
    """A table that comes with scikit-learn, its first `victims` rows in a fixed random order being private.

    Raises:
        MissingExtra: scikit-learn is not installed.
    """
    values, classes = bundled(table.name, file, head=1)
    order = np.random.default_rng(SPLIT_SEED).permutation(len(classes))
    private, public = (table.rows(list(values[part].T), classes[part]) for part in (order[:victims], order[victims:]))
    return Samples(private, public, class_names)


def scaled(*columns: tuple[str, float, float, str]) -> list[Column]:
    """Columns of numbers, each (name, least, largest, unit), shown with three or four digits of their range."""
    return [Column(name, low, high, unit, decimals=max(0, int(np.ceil(3 - np.log10(high - low))))) for name, low, high, unit in columns]
