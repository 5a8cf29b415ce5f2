"""ImageNet: a thousand kinds of things in photographs, decoded when they are asked for."""

from __future__ import annotations

import dataclasses
import functools
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..core.component import knob
from ..core.errors import InvvizError
from ._base import Samples
from ._pictures import FilePictures
from ._torchvision import Stamp, TorchvisionSet, stamp

FOLDER = "val"
FULL = 50_000
ENDINGS = (".jpg", ".jpeg", ".png", ".ppm", ".pgm", ".bmp", ".tif", ".tiff", ".webp", ".gif")
LITTER = ("__MACOSX", "@eaDir", "lost+found", "System Volume Information", "$RECYCLE.BIN")  # folders that no person made


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
    packed: ClassVar[bool] = False  # it is a folder
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
    classes, found = _listed(folder)
    if len(classes) > Imagenet.num_classes or len(found) < 2:
        raise InvvizError(
            f"{folder} holds {len(found):,} pictures in {len(classes):,} classes; "
            f"at least 2 pictures and at most {Imagenet.num_classes:,} classes are needed."
        )
    victims, public = found[::2], found[1::2]
    names = tuple(re.sub(r"^n\d{8}_", "", name).replace("_", " ") for name in classes)
    return Samples(_part(victims, size), _part(public, size), names, _note(victims, public))


def _listed(folder: Path) -> tuple[list[str], list[tuple[str, int]]]:
    """Class folders in order, and every picture below them with the number of its class; hidden files and folders are no pictures and no classes.

    Raises:
        InvvizError: no class folders, or one without pictures, which would shift the numbers of all later ones.
    """
    try:
        classes = [name for name in _visible(os.listdir(folder)) if (folder / name).is_dir()]
        found = [(path, label) for label, name in enumerate(classes) for path in _below(folder / name)]
    except OSError as err:
        raise InvvizError(f"{folder} cannot be read ({err}). {Imagenet.how_to_get}") from None
    lacking = sorted(set(range(len(classes))) - {label for _, label in found})
    if lacking or not classes:
        what = f"{folder / classes[lacking[0]]} holds no pictures" if lacking else f"{folder} holds no folders"
        raise InvvizError(f"{what} ({', '.join(ENDINGS)}). Move it away, or put some there. {Imagenet.how_to_get}")
    return classes, found


def _below(folder: Path) -> list[str]:
    """Pictures in a class folder and in folders of it, in torchvision's order."""

    def refuse(err: OSError) -> None:
        raise err

    walked = []
    for place, inner, names in os.walk(folder, onerror=refuse, followlinks=True):
        inner[:] = _visible(inner)
        walked.append((place, _visible(names)))
    return [str(Path(place) / name) for place, names in sorted(walked) for name in names if name.lower().endswith(ENDINGS)]


def _visible(names: Sequence[str]) -> list[str]:
    """What a person sees of a folder, in order: without hidden files and folders, and what systems put beside."""
    return sorted(name for name in names if not name.startswith(".") and name not in LITTER)


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
