"""STL-10: larger colour pictures of ten kinds of things."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..core.torchvision import load_torchvision
from ._fetch import same_md5
from ._torchvision import Part, TorchvisionSet, unchecked

FOLDER = "stl10_binary"


@dataclasses.dataclass(frozen=True)
class Stl10(TorchvisionSet):
    """13,000 labelled colour pictures of 96 x 96 pixels in ten classes; victims are the test part."""

    name: ClassVar[str] = "stl10"
    title: ClassVar[str] = "STL-10"
    paper: ClassVar[str] = "coates2011stl10"
    channels: ClassVar[int] = 3
    num_classes: ClassVar[int] = 10
    side: ClassVar[int] = 96
    similar: ClassVar[str] = "photos"
    citation: ClassVar[str] = "Coates, Ng and Lee 2011; pictures from ImageNet, for research; they show recognisable people."
    needed: ClassVar[tuple[str, ...]] = (f"{FOLDER}/train_X.bin", f"{FOLDER}/train_y.bin")
    optional: ClassVar[tuple[str, ...]] = (f"{FOLDER}/test_X.bin", f"{FOLDER}/test_y.bin")
    archive: ClassVar[str] = "stl10_binary.tar.gz"
    labels: ClassVar[tuple[str, ...]] = ("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck")
    published: ClassVar[tuple[int, int]] = (8_000, 5_000)

    @classmethod
    def read(cls, folder: Path) -> tuple[Part, Part, str]:
        """The victims, the public pictures, and what differs from the published files, if anything."""
        theirs = load_torchvision().datasets.STL10
        reader = unchecked(theirs)
        train = _part(reader(folder, split="train"))
        if not all((folder / file).exists() for file in cls.optional):
            return _without_test(train, cls.published[1])
        test = _part(reader(folder, split="test"))
        labelled = [*theirs.test_list, *theirs.train_list[:2]]  # not the 2.7 GB of pictures without labels: we never read them
        same = all(same_md5(folder / FOLDER / file, md5) for file, md5 in labelled)
        return test, train, cls.note_on(test, train, same)


def _without_test(train: Part, full: int) -> tuple[Part, Part, str]:
    """Every second training picture as a victim, the others public."""
    images, labels = train
    note = (
        f"cut-down copy: no test part, and {len(labels):,} of {full:,} training pictures; "
        "every second of these is a victim, the others are public"
    )
    return (images[::2], labels[::2]), (images[1::2], labels[1::2]), note


def _part(data: Any) -> Part:
    return data.data, data.labels.astype(np.int64)
