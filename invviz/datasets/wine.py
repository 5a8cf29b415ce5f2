"""scikit-learn's wine table: the smallest table, always there."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import ClassVar

from ..core.table import Column, laid
from ._base import Samples
from ._table import Table, from_sklearn, scaled

VICTIMS = 50


@dataclasses.dataclass(frozen=True)
class Wine(Table):
    """13 numbers from chemical analyses of 178 wines of three growers, bundled with scikit-learn; 128 public, 50 victims.

    Numbers are scaled by the least and the largest of the public rows; victims beyond them are moved to the end.
    """

    name: ClassVar[str] = "wine"
    title: ClassVar[str] = "Wine (table)"
    paper: ClassVar[str] = "aeberhard1994wine"
    num_classes: ClassVar[int] = 3
    citation: ClassVar[str] = "Wine (Aeberhard and Forina, UCI, CC BY 4.0), as bundled with scikit-learn."
    columns: ClassVar[tuple[Column, ...]] = laid(
        scaled(
            ("alcohol", 11.03, 14.83, "%"),
            ("malic acid", 0.74, 5.8, ""),
            ("ash", 1.36, 3.23, ""),
            ("alcalinity of ash", 10.6, 30.0, ""),
            ("magnesium", 70.0, 162.0, ""),
            ("total phenols", 0.98, 3.88, ""),
            ("flavanoids", 0.34, 5.08, ""),
            ("nonflavanoid phenols", 0.13, 0.66, ""),
            ("proanthocyanins", 0.41, 3.28, ""),
            ("color intensity", 1.74, 13.0, ""),
            ("hue", 0.48, 1.71, ""),
            ("OD280/OD315 of diluted wine", 1.29, 4.0, ""),
            ("proline", 290.0, 1680.0, ""),
        )
    )

    def load(self, data_dir: Path | None) -> Samples:
        """Open the table; needs no folder.

        Raises:
            MissingExtra: scikit-learn is not installed.
        """
        return _load()


@functools.lru_cache(maxsize=1)
def _load() -> Samples:
    return from_sklearn(Wine, "wine_data.csv", VICTIMS, ("grower 0", "grower 1", "grower 2"))
