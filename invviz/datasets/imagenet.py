"""ImageNet: a thousand kinds of things in photographs, decoded when they are asked for."""

from __future__ import annotations

import dataclasses
import functools
import re
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..core.component import knob
from ..core.errors import InvvizError
from ..core.torchvision import load_torchvision
from ._base import Samples
from ._pictures import FilePictures
from ._torchvision import Stamp, TorchvisionSet, stamp

FOLDER = "val"
FULL = 50_000


@dataclasses.dataclass(frozen=True)
class Imagenet(TorchvisionSet):
    """The validation part of ImageNet-1k, one folder a class; every second picture is a victim, the others are public.

    Short side resized to `size`, centre cut.
    """

    name: ClassVar[str] = "imagenet"
    title: ClassVar[str] = "ImageNet"
    paper: ClassVar[str] = "deng2009imagenet"
    channels: ClassVar[int] = 3
    num_classes: ClassVar[int] = 1000
    side: ClassVar[int] = 224
    similar: ClassVar[str] = "photos"
    citation: ClassVar[str] = "Deng et al. 2009; for non-commercial research and education, each picture belongs to its owner."
    needed: ClassVar[tuple[str, ...]] = (FOLDER,)
    how_to_get: ClassVar[str] = (
        "ImageNet cannot be downloaded by a command: its terms must be accepted at image-net.org. Unpack the validation part as "
        "DIR/imagenet/val/CLASS/PICTURE.JPEG, one folder a class, whose sorted order is the class number."
    )

    size: int = knob(224, "height and width of a picture", low=32, high=256, unit="pixels")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height, width."""
        return (self.channels, self.size, self.size)

    def load(self, data_dir: Path | None) -> Samples:
        """List the files; pictures are decoded by `take`.

        Raises:
            DataMissing: no such folder; says where it looked and how to lay it out.
            InvvizError: the folder holds no class folders, or too many.
        """
        folder = self.find(data_dir) / FOLDER
        return _load(folder, self.size, stamp(folder, (".",)))


@functools.lru_cache(maxsize=4)
def _load(folder: Path, size: int, version: Stamp) -> Samples:
    try:
        found = load_torchvision().datasets.ImageFolder(folder)
    except (OSError, RuntimeError) as err:
        raise InvvizError(f"{folder} is not laid out as expected ({err}). {Imagenet.how_to_get}") from None
    if len(found.classes) > Imagenet.num_classes or len(found.samples) < 2:
        raise InvvizError(
            f"{folder} holds {len(found.samples):,} pictures in {len(found.classes):,} classes; "
            f"at least 2 pictures and at most {Imagenet.num_classes:,} classes are needed."
        )
    victims, public = found.samples[::2], found.samples[1::2]
    names = tuple(re.sub(r"^n\d{8}_", "", name).replace("_", " ") for name in found.classes)
    return Samples(_part(victims, size), _part(public, size), names, _note(victims, public))


def _part(samples: list[Any], size: int) -> FilePictures:
    paths, labels = zip(*samples, strict=True)
    return FilePictures(paths, np.array(labels, dtype=np.int64), size)


def _note(victims: list[Any], public: list[Any]) -> str:
    count = len(victims) + len(public)
    if count == FULL:
        return ""
    note = f"cut-down copy: {count:,} of {FULL:,} pictures" if count < FULL else f"another copy: {count:,} pictures instead of {FULL:,}"
    shared = {label for _, label in victims} & {label for _, label in public}
    return note if shared else f"{note}; no class has both victims and public pictures"
