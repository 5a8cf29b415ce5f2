"""SVHN: house numbers seen from the street."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..core.torchvision import load_torchvision
from ._fetch import same_md5
from ._torchvision import Part, TorchvisionSet, unchecked


@dataclasses.dataclass(frozen=True)
class Svhn(TorchvisionSet):
    """99,289 colour pictures of 32 x 32 pixels, one house-number digit each; victims are the test part."""

    name: ClassVar[str] = "svhn"
    title: ClassVar[str] = "SVHN"
    paper: ClassVar[str] = "netzer2011svhn"
    channels: ClassVar[int] = 3
    num_classes: ClassVar[int] = 10
    side: ClassVar[int] = 32
    similar: ClassVar[str] = "mnist"
    citation: ClassVar[str] = "Netzer et al. 2011; for non-commercial use only."
    needed: ClassVar[tuple[str, ...]] = ("test_32x32.mat", "train_32x32.mat")
    labels: ClassVar[tuple[str, ...]] = tuple("0123456789")
    published: ClassVar[tuple[int, int]] = (26_032, 73_257)

    @classmethod
    def read(cls, folder: Path) -> tuple[Part, Part, str]:
        """The victims, the public pictures, and what differs from the published files, if anything."""
        theirs = load_torchvision().datasets.SVHN
        reader = unchecked(theirs)
        same = all(same_md5(folder / theirs.split_list[split][1], theirs.split_list[split][2]) for split in ("test", "train"))
        test, train = _part(reader(folder, split="test")), _part(reader(folder, split="train"))
        return test, train, cls.note_on(test, train, same)


def _part(data: Any) -> Part:
    return data.data, np.atleast_1d(data.labels)  # torchvision squeezes a single label to no dimension at all
