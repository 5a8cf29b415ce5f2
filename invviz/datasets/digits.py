"""scikit-learn's 8 x 8 digits: the smallest data set, always there."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import ClassVar

import numpy as np

from ._base import Dataset, Samples
from ._bundled import bundled
from ._pictures import in_memory

VICTIMS = 500
SPLIT_SEED = 0


@dataclasses.dataclass(frozen=True)
class Digits(Dataset):
    """Handwritten digits of 8 x 8 grey pixels, bundled with scikit-learn; 1,297 public, 500 victims."""

    name: ClassVar[str] = "digits"
    title: ClassVar[str] = "Digits 8 x 8"
    paper: ClassVar[str] = "pedregosa2011sklearn"
    channels: ClassVar[int] = 1
    num_classes: ClassVar[int] = 10
    side: ClassVar[int] = 8
    similar: ClassVar[str] = "mnist"
    citation: ClassVar[str] = (
        "Optical Recognition of Handwritten Digits (Alpaydin and Kaynak, UCI, CC BY 4.0), as bundled with scikit-learn."
    )

    def load(self, data_dir: Path | None) -> Samples:
        """Open the digits; needs no folder.

        Raises:
            MissingExtra: scikit-learn is not installed.
        """
        return _load()


@functools.lru_cache(maxsize=1)
def _load() -> Samples:
    levels, labels = bundled("digits", "digits.csv.gz")
    images = np.rint(levels.reshape(-1, 1, 8, 8) * (255 / 16)).astype(np.uint8)  # grey levels 0 to 16, as bytes
    order = np.random.default_rng(SPLIT_SEED).permutation(len(labels))
    victims, public = order[:VICTIMS], order[VICTIMS:]
    return Samples(in_memory(images[victims], labels[victims]), in_memory(images[public], labels[public]), tuple("0123456789"))
