"""Data sets in the files that torchvision reads: where they lie, whether they are the published ones, how to get them."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..core.command import command
from ..core.errors import DataMissing, InvvizError
from ._base import Dataset, Samples
from ._packed import unpacked
from ._pictures import in_memory

Stamp = tuple[tuple[int, int] | None, ...]
Part = tuple[np.ndarray, np.ndarray]  # byte pictures (n, c, h, w), labels (n,)


@dataclasses.dataclass(frozen=True)
class TorchvisionSet(Dataset):
    """A data set read by torchvision's own class; cut-down copies are taken, and say so in their note."""

    needs_folder: ClassVar[bool] = True
    needed: ClassVar[tuple[str, ...]]  # files below the data set's folder without which it is missing
    optional: ClassVar[tuple[str, ...]] = ()  # files that are read where they are there
    packed: ClassVar[bool] = True  # whether a file may also lie there as NAME.gz
    largest: ClassVar[int] = 1 << 30  # bytes of one file, unpacked
    archive: ClassVar[str] = ""  # the published file that holds all of them, which is unpacked and not read
    how_to_get: ClassVar[str] = ""  # for sets that cannot be downloaded by the command
    labels: ClassVar[tuple[str, ...]]
    published: ClassVar[tuple[int, int]]  # how many pictures the test and the training part have

    @classmethod
    def find(cls, data_dir: Path | None) -> Path:
        """The folder with this data set: DIR/name, or DIR itself where torchvision put the files there.

        Raises:
            DataMissing: says what was looked for, where, and how to get it.
        """
        if data_dir is None:
            raise DataMissing(f"{cls.title} needs a folder with data sets, and none was named.\n{cls._advice()}")
        looked = []
        place = Path(data_dir).expanduser().absolute()
        for folder in (place / cls.name, place):
            lacking = [file for file in cls.needed if cls.place(folder, file) is None]
            if not lacking:
                return folder
            more = "" if len(lacking) == 1 else f" (and {len(lacking) - 1} more of {len(cls.needed)} files)"
            looked.append(f"- {folder}: no {lacking[0]}{' or .gz of it' if cls.packed else ''}{more}{cls._unpacking(folder, place)}")
        raise DataMissing(f"{cls.title} was not found. Looked in:\n" + "\n".join(looked) + f"\n{cls._advice()}")

    @classmethod
    def place(cls, folder: Path, file: str) -> Path | None:
        """Where a file lies, as it is or packed; None where it does not."""
        names = (file, f"{file}.gz") if cls.packed else (file,)
        return next((folder / name for name in names if _state(folder / name) is not None), None)

    @classmethod
    def _unpacking(cls, folder: Path, data_dir: Path) -> str:
        """What to do about the published archive, where it lies there as it was published."""
        if not cls.archive or _state(folder / cls.archive) is None:
            return ""
        move = "" if folder == data_dir / cls.name else f"move it to {data_dir / cls.name}, then "
        return f". There is {cls.archive}: {move}`{command('data', 'download', cls.name)}` unpacks it there and fetches nothing"

    @classmethod
    def _advice(cls) -> str:
        get = cls.how_to_get or f"Get it with `{command('data', 'download', cls.name)}`."
        return f"{get} Or name the folder that holds it: `--set data_dir=DIR` or the environment variable INVVIZ_DATA."

    def load(self, data_dir: Path | None) -> Samples:
        """Read the files; a second call in the same process is instant.

        Raises:
            DataMissing: no such files; says where it looked and how to get them.
            InvvizError: the files are there but broken.
        """
        folder = self.find(data_dir)
        return _load(type(self), folder, self.stamp(folder))

    @classmethod
    def stamp(cls, folder: Path) -> Stamp:
        """Changes when a file of this data set does, packed or not."""
        files = (*cls.needed, *cls.optional)
        return stamp(folder, (*files, *(f"{file}.gz" for file in files if cls.packed)))

    @classmethod
    def read(cls, folder: Path) -> tuple[Part, Part, str]:
        """The victims, the public pictures, and what differs from the published files, if anything."""
        raise NotImplementedError

    @classmethod
    def note_on(cls, test: Part, train: Part, same: bool) -> str:
        """What differs from the published data set, or nothing; `same` says that the checksums agree."""
        found, full = (len(test[1]), len(train[1])), cls.published
        if found != full:
            return f"cut-down copy: {found[0]:,} of {full[0]:,} test and {found[1]:,} of {full[1]:,} training {cls.modality.many}"
        return "" if same else f"changed copy: as many {cls.modality.many} as the published data set, but other checksums"


@functools.lru_cache(maxsize=4)  # the largest, complete SVHN, takes about 300 MB
def _load(cls: type[TorchvisionSet], folder: Path, version: Stamp) -> Samples:
    try:
        with unpacked(folder, (*cls.needed, *cls.optional), cls.largest) as place:
            victims, public, note = cls.read(place)
        _check(cls, victims)
        _check(cls, public)
    except InvvizError:
        raise
    except Exception as err:  # torchvision, pickle and scipy raise a dozen kinds on broken files
        raise InvvizError(
            f"the copy of {cls.title} in {folder} is broken ({type(err).__name__}: {err}). "
            f"Move it away and get a new one: `{command('data', 'download', cls.name)}`."
        ) from err
    return Samples(in_memory(*victims), in_memory(*public), cls.labels, note)


def _check(cls: type[TorchvisionSet], part: Part) -> None:
    images, labels = part
    if images.shape[1:] != (cls.channels, cls.side, cls.side) or labels.ndim != 1 or len(images) != len(labels) or not len(labels):
        raise ValueError(f"pictures of shape {images.shape} with labels of shape {labels.shape}")
    if labels.min() < 0 or labels.max() >= cls.num_classes:
        raise ValueError(f"labels from {labels.min()} to {labels.max()}")


def unchecked(torchvision_class: type) -> Any:
    """Torchvision's class without its test of checksums, which a cut-down copy would not pass; ours is in `read`."""
    return type(torchvision_class.__name__, (torchvision_class,), {"_check_integrity": lambda self: True})


def stamp(folder: Path, files: tuple[str, ...]) -> Stamp:
    """Changes when a file does, so that the cache does not outlive a download."""
    return tuple(_state(folder / file) for file in files)


def _state(path: Path) -> tuple[int, int] | None:
    """When a file was changed last, and its size; None where there is none, or none that may be read."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size)
