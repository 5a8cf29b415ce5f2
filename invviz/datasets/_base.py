"""What every data set is: victims, public pictures (or rows of a table), and facts about both."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np

from ..core.component import Component, knob
from ..core.errors import InvvizError
from ..core.modality import PICTURE, Modality
from ..core.table import Column, edges
from ..core.vocabulary import Vocabulary


class Pictures(Protocol):
    """Pictures that are read when they are asked for."""

    def __len__(self) -> int: ...

    def take(self, indices: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Pictures (n, c, h, w), float32 in [0, 1], and their labels (n,), int64."""
        ...


@dataclasses.dataclass(frozen=True, eq=False)
class ArrayPictures:
    """Pictures that lie in memory as bytes."""

    images: np.ndarray  # (n, c, h, w) uint8
    labels: np.ndarray  # (n,) int64

    def __len__(self) -> int:
        return len(self.images)

    def take(self, indices: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Pictures (n, c, h, w), float32 in [0, 1], and their labels (n,), int64."""
        chosen = np.asarray(indices, dtype=np.int64)
        return self.images[chosen].astype(np.float32) / 255, self.labels[chosen]


@dataclasses.dataclass(frozen=True, eq=False)
class Samples:
    """What a data set gives: private pictures to attack, public ones to train on, class names, and a note about the copy."""

    victims: Pictures
    public: Pictures
    class_names: tuple[str, ...]
    note: str = ""  # e.g. that this copy is cut down; shown wherever its results are


@dataclasses.dataclass(frozen=True)
class Dataset(Component):
    """A data set. `index` says which victim; a batch takes the next ones, round the end."""

    channels: ClassVar[int]
    num_classes: ClassVar[int]
    side: ClassVar[int]  # height and width; data sets with a size knob override `shape`
    needs_folder: ClassVar[bool] = False
    labelled: ClassVar[bool] = True  # whether its samples have labels that differ
    citation: ClassVar[str] = ""  # licence and use, in one sentence
    modality: ClassVar[Modality] = PICTURE  # what one sample is
    columns: ClassVar[tuple[Column, ...]] = ()  # of a table; a row is then a picture of shape (1, 1, d)
    vocabulary: ClassVar[Vocabulary | None] = None  # of sentences: the words that numbers stand for
    similar: ClassVar[str] = (
        ""  # another data set with pictures of the same kind, for attackers who have none of this one; none where it is empty
    )

    index: int = knob(0, "which picture (or row) of the private part is the victim, counted from 0", low=0, high=10_000_000)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height, width."""
        return (self.channels, self.side, self.side)

    @property
    def edges(self) -> tuple[int, ...]:
        """Where a row of a table may be cut between two columns, its ends included; nothing for pictures."""
        return edges(self.columns)

    def victims(self, samples: Samples, batch: int) -> tuple[np.ndarray, np.ndarray]:
        """Pictures and labels of the victim at `index` and the next ones, round the end.

        Raises:
            InvvizError: there are not so many; states how many.
        """
        count = len(samples.victims)
        if self.index >= count:
            raise InvvizError(
                f"{self.name} has {count:,} private {self.modality.many} here, numbered 0 to {count - 1:,}; index is {self.index:,}."
            )
        return samples.victims.take([(self.index + i) % count for i in range(batch)])

    def beside(self, samples: Samples, batch: int) -> dict[str, np.ndarray]:
        """Inputs of those victims that everybody knows, such as the edges of a graph, by name, (batch, ...) each; none of pictures and rows."""
        return {}

    def as_found(self, data_dir: Path | None) -> Dataset:
        """The same, with knobs that say what lies in a folder set to what lies there; itself where there are none, or nothing lies there."""
        return self

    def load(self, data_dir: Path | None) -> Samples:
        """Open the data set; reads only what is on this machine.

        Args:
            data_dir: the folder with data sets (INVVIZ_DATA); None where nobody named one.

        Raises:
            DataMissing: not there; says where it was looked for and how to get it.
        """
        raise NotImplementedError
