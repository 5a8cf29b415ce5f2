"""Time series: values along time, one line a channel."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from ..core.modality import SERIES, Modality
from ._base import Dataset


@dataclasses.dataclass(frozen=True, eq=False)
class Lines:
    """Series that lie in memory."""

    values: np.ndarray  # (n, channels, length) float32 in [0, 1]
    labels: np.ndarray  # (n,) int64

    @classmethod
    def of(cls, raw: np.ndarray, low: float, high: float, labels: np.ndarray) -> Lines:
        """Raw values (n, channels, length), of which `low` becomes 0 and `high` 1; what lies beyond is moved to the end. Locked, because caches hand the same arrays to everyone."""
        values, labels = ((raw - low) / (high - low)).clip(0, 1).astype(np.float32), labels.astype(np.int64)
        for array in (values, labels):
            array.setflags(write=False)
        return cls(values, labels)

    def __len__(self) -> int:
        return len(self.values)

    def take(self, indices: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Series (n, channels, length), float32 in [0, 1], and their labels (n,), int64."""
        chosen = np.asarray(indices, dtype=np.int64)
        return self.values[chosen], self.labels[chosen]


@dataclasses.dataclass(frozen=True)
class SeriesSet(Dataset):
    """A data set of series. The scale of their values is written in the code, so attackers know it as well."""

    modality: ClassVar[Modality] = SERIES
    channels: ClassVar[int] = 1
    ends: ClassVar[tuple[float, float]]  # values that become 0 and 1
    unit: ClassVar[str] = ""  # of the values
    seconds: ClassVar[float]  # from the first value to behind the last one

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]
        """Channels and length."""
        return (self.channels, self.side)
