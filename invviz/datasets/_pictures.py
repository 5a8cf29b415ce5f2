"""Pictures in memory and pictures in files, both cut to the same square."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ..core.errors import InvvizError
from ._base import ArrayPictures


def in_memory(images: np.ndarray, labels: np.ndarray) -> ArrayPictures:
    """Byte pictures (n, c, h, w) with labels; locked, because caches hand the same arrays to everyone."""
    images, labels = np.ascontiguousarray(images, dtype=np.uint8), np.ascontiguousarray(labels, dtype=np.int64)
    images.setflags(write=False)
    labels.setflags(write=False)
    return ArrayPictures(images, labels)


def centre_cut(picture: Image.Image, height: int, width: int) -> Image.Image:
    """The largest centred cut of that shape, resized with a filter that averages away what the grid cannot hold."""
    scale = min(picture.width / width, picture.height / height)
    w, h = max(1, round(width * scale)), max(1, round(height * scale))
    left, top = (picture.width - w) // 2, (picture.height - h) // 2
    # Cut, then resize: ImageOps.fit lets the filter look at pixels outside the cut.
    return picture.crop((left, top, left + w, top + h)).resize((width, height), Image.Resampling.BICUBIC)


def floats(picture: Image.Image) -> np.ndarray:
    """A grey or RGB picture as (c, h, w) float32 in [0, 1]."""
    array = np.asarray(picture, dtype=np.float32) / 255
    return array[None] if array.ndim == 2 else np.ascontiguousarray(array.transpose(2, 0, 1))


@dataclasses.dataclass(frozen=True, eq=False)
class FilePictures:
    """Colour pictures in files, decoded when they are asked for."""

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
            with Image.open(path) as picture:
                return floats(centre_cut(picture.convert("RGB"), self.side, self.side))
        except Exception as err:  # Pillow raises a dozen kinds on broken files
            raise InvvizError(f"the picture {path} cannot be read ({err}); delete it or put a good copy in its place.") from err
