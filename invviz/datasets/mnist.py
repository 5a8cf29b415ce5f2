"""MNIST: handwritten digits."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import ClassVar

import numpy as np

from ._torchvision import Part, TorchvisionSet


@dataclasses.dataclass(frozen=True)
class Mnist(TorchvisionSet):
    """70,000 grey pictures of 28 x 28 pixels, one handwritten digit each; victims are the test part."""

    name: ClassVar[str] = "mnist"
    title: ClassVar[str] = "MNIST"
    paper: ClassVar[str] = "lecun1998mnist"
    channels: ClassVar[int] = 1
    num_classes: ClassVar[int] = 10
    side: ClassVar[int] = 28
    similar: ClassVar[str] = "digits"
    citation: ClassVar[str] = "LeCun and Cortes 1998; CC BY-SA 3.0."
    needed: ClassVar[tuple[str, ...]] = tuple(
        f"MNIST/raw/{part}-{what}-ubyte" for part in ("t10k", "train") for what in ("images-idx3", "labels-idx1")
    )
    largest: ClassVar[int] = 16 + 70_000 * 28 * 28
    labels: ClassVar[tuple[str, ...]] = tuple("0123456789")
    published: ClassVar[tuple[int, int]] = (10_000, 60_000)

    @classmethod
    def read(cls, folder: Path) -> tuple[Part, Part, str]:
        """The victims, the public pictures, and what differs from the published files, if anything."""
        test, train = cls._part(folder, "t10k"), cls._part(folder, "train")
        # Checksums are published for the packed files only, and who packs them again gets others, so the number of pictures must do.
        return test, train, cls.note_on(test, train, same=True)

    @classmethod
    def _part(cls, folder: Path, name: str) -> Part:
        images, labels = (
            _idx(folder / file, cls.largest) for what in ("images", "labels") for file in cls.needed if f"{name}-{what}" in file
        )
        if images.ndim != 3:
            raise ValueError(f"pictures of {images.ndim} dimensions")
        return images[:, None], labels.astype(np.int64)


def _idx(path: Path, most: int) -> np.ndarray:
    """Bytes of a file in MNIST's format, in their shape.

    Raises:
        ValueError, OSError: too large, cut short, or another kind of file.
    """
    with path.open("rb") as file:
        raw = file.read(most + 1)
    if len(raw) > most:
        raise ValueError(f"{path.name} holds more than {most:,} bytes, which no file of MNIST does")
    start = 4 + 4 * raw[3] if raw[:3] == b"\0\0\x08" and len(raw) > 3 else 0
    shape = np.frombuffer(raw[4:start], ">u4").tolist() if start and len(raw) >= start else []
    if not shape or len(raw) - start != math.prod(shape):
        raise ValueError(f"{path.name} is cut short or no file of MNIST: {len(raw):,} bytes")
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape)
