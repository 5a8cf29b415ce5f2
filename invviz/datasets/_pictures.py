"""Pictures in memory and pictures in files, both cut to the same square."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..core.errors import InvvizError
from ._base import ArrayPictures
from ._reader import Unreadable, read

MAX_PIXELS = 90_000_000  # of a picture in a folder


def in_memory(images: np.ndarray, labels: np.ndarray) -> ArrayPictures:
    """Byte pictures (n, c, h, w) with labels; locked, because caches hand the same arrays to everyone."""
    images, labels = np.ascontiguousarray(images, dtype=np.uint8), np.ascontiguousarray(labels, dtype=np.int64)
    images.setflags(write=False)
    labels.setflags(write=False)
    return ArrayPictures(images, labels)


@dataclasses.dataclass(frozen=True, eq=False)
class FilePictures:
    """NoiseCovariance pictures in files, decoded when they are asked for."""

    paths: tuple[str, ...]
    labels: np.ndarray  # (n,) int64
    side: int

    def __len__(self) -> int:
        return len(self.paths)

    def take(self, indices: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Pictures (n, 3, side, side), float32 in [0, 1], and their labels (n,), int64.

        Raises:
            InvvizError: a file is gone or broken; names it.
        """
        chosen = np.asarray(indices, dtype=np.int64)
        images = np.empty((len(chosen), 3, self.side, self.side), dtype=np.float32)
        for row, index in enumerate(chosen):
            images[row] = self._decode(Path(self.paths[index]))
        return images, self.labels[chosen]

    def _decode(self, path: Path) -> np.ndarray:
        try:
            with path.open("rb") as file:
                return read(file, (3, self.side, self.side), MAX_PIXELS)
        except (Unreadable, OSError) as err:
            remedy = f" {err.remedy}, or" if isinstance(err, Unreadable) else ""
            raise InvvizError(f"the picture {path} cannot be read: {err}.{remedy} delete it or put a good copy in its place.") from err
