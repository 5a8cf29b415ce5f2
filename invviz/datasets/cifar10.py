"""CIFAR-10: small colour pictures of ten kinds of things."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..core.torchvision import load_torchvision
from ._fetch import same_md5
from ._torchvision import Part, TorchvisionSet, unchecked

FOLDER = "cifar-10-batches-py"


@dataclasses.dataclass(frozen=True)
class Cifar10(TorchvisionSet):
    """60,000 colour pictures of 32 x 32 pixels in ten classes; victims are the test part."""

    name: ClassVar[str] = "cifar10"
    title: ClassVar[str] = "CIFAR-10"
    paper: ClassVar[str] = "krizhevsky2009cifar"
    channels: ClassVar[int] = 3
    num_classes: ClassVar[int] = 10
    side: ClassVar[int] = 32
    similar: ClassVar[str] = "photos"
    citation: ClassVar[str] = "Krizhevsky 2009; no licence is stated, commonly used for research."
    needed: ClassVar[tuple[str, ...]] = tuple(
        f"{FOLDER}/{f}" for f in ("test_batch", *(f"data_batch_{k}" for k in range(1, 6)), "batches.meta")
    )
    archive: ClassVar[str] = "cifar-10-python.tar.gz"
    labels: ClassVar[tuple[str, ...]] = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
    published: ClassVar[tuple[int, int]] = (10_000, 50_000)

    @classmethod
    def read(cls, folder: Path) -> tuple[Part, Part, str]:
        """The victims, the public pictures, and what differs from the published files, if anything."""
        theirs = load_torchvision().datasets.CIFAR10
        # The files are pickles, and unpickling runs what they say. We open nothing that torchvision's class would not
        # open, in a folder that the person running invviz named; nobody can upload or link such a file.
        reader = unchecked(theirs)
        same = all(same_md5(folder / FOLDER / file, md5) for file, md5 in [*theirs.test_list, *theirs.train_list])
        test, train = _part(reader(folder, train=False)), _part(reader(folder, train=True))
        return test, train, cls.note_on(test, train, same)


def _part(data: Any) -> Part:
    return data.data.transpose(0, 3, 1, 2), np.asarray(data.targets, dtype=np.int64)
