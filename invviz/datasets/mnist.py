"""MNIST: handwritten digits."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, ClassVar

from ..core.torchvision import load_torchvision
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
    labels: ClassVar[tuple[str, ...]] = tuple("0123456789")
    published: ClassVar[tuple[int, int]] = (10_000, 60_000)

    @classmethod
    def read(cls, folder: Path) -> tuple[Part, Part, str]:
        """The victims, the public pictures, and what differs from the published files, if anything."""
        theirs = load_torchvision().datasets.MNIST
        test, train = _part(theirs(folder, train=False)), _part(theirs(folder, train=True))
        # Checksums are published for the packed files only, so the number of pictures must do.
        return test, train, cls.note_on(test, train, same=True)


def _part(data: Any) -> Part:
    return data.data.numpy()[:, None], data.targets.numpy()
