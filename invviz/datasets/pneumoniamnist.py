"""PneumoniaMNIST: chest X-rays of children, small enough for every model here."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ._fetch import same_md5
from ._torchvision import Part, TorchvisionSet

FILE = "pneumoniamnist.npz"
FOLDER = "medmnist"
URL = f"https://zenodo.org/records/10519652/files/{FILE}"
MD5 = "28209eda62fecd6e6a2d98b1501bb15f"  # [S] as the authors' package medmnist lists it


@dataclasses.dataclass(frozen=True)
class PneumoniaMnist(TorchvisionSet):
    """5,332 grey chest X-rays of 28 x 28 pixels, with or without pneumonia; victims are the test part, the 524 validation pictures stay unused."""

    name: ClassVar[str] = "pneumoniamnist"
    title: ClassVar[str] = "PneumoniaMNIST"
    paper: ClassVar[str] = "yang2023medmnist"
    channels: ClassVar[int] = 1
    num_classes: ClassVar[int] = 2
    side: ClassVar[int] = 28
    citation: ClassVar[str] = "MedMNIST v2 (Yang et al. 2023), from X-rays of Kermany et al. 2018; CC BY 4.0; not for clinical use."
    needed: ClassVar[tuple[str, ...]] = (FILE,)
    labels: ClassVar[tuple[str, ...]] = ("normal", "pneumonia")
    published: ClassVar[tuple[int, int]] = (624, 4_708)

    @classmethod
    def find(cls, data_dir: Path | None) -> Path:
        """The folder with the file: DIR/medmnist, DIR/pneumoniamnist or DIR.

        Raises:
            DataMissing: says what was looked for, where, and how to get it.
        """
        if data_dir is not None:
            shared = Path(data_dir).expanduser().absolute() / FOLDER
            if cls.place(shared, FILE) is not None:
                return shared
        return super().find(data_dir)

    @classmethod
    def read(cls, folder: Path) -> tuple[Part, Part, str]:
        """The victims, the public pictures, and what differs from the published file, if anything."""
        with np.load(folder / FILE, allow_pickle=False) as arrays:
            test, train = _part(arrays, "test"), _part(arrays, "train")
        return test, train, cls.note_on(test, train, same_md5(folder / FILE, MD5))


def _part(arrays: Any, split: str) -> Part:
    images, labels = arrays[f"{split}_images"], arrays[f"{split}_labels"]
    if images.dtype != np.uint8 or images.ndim != 3 or labels.dtype.kind not in "iu" or labels.shape != (len(images), 1):
        raise ValueError(f"{split}: {images.dtype} pictures of shape {images.shape}, {labels.dtype} labels of shape {labels.shape}")
    return images[:, None], labels[:, 0].astype(np.int64)
