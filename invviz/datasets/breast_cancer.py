"""scikit-learn's breast cancer table: what was measured on cell nuclei, always there."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import ClassVar

from ..core.table import Column, laid
from ._base import Samples
from ._table import Table, from_sklearn, scaled

VICTIMS = 150


@dataclasses.dataclass(frozen=True)
class BreastCancer(Table):
    """30 numbers measured on the cell nuclei of 569 biopsies, benign or malignant, bundled with scikit-learn; 419 public, 150 victims.

    Numbers are scaled by the least and the largest of the public rows; victims beyond them are moved to the end.
    """

    name: ClassVar[str] = "breast_cancer"
    title: ClassVar[str] = "Breast cancer (table)"
    paper: ClassVar[str] = "street1993nuclear"
    num_classes: ClassVar[int] = 2
    citation: ClassVar[str] = "Breast Cancer Wisconsin (Diagnostic), Wolberg et al., UCI, CC BY 4.0, as bundled with scikit-learn."
    columns: ClassVar[tuple[Column, ...]] = laid(
        scaled(
            ("mean radius", 6.981, 28.11, ""),
            ("mean texture", 10.38, 33.81, ""),
            ("mean perimeter", 43.79, 188.5, ""),
            ("mean area", 143.5, 2501.0, ""),
            ("mean smoothness", 0.05263, 0.1634, ""),
            ("mean compactness", 0.01938, 0.3454, ""),
            ("mean concavity", 0.0, 0.4268, ""),
            ("mean concave points", 0.0, 0.2012, ""),
            ("mean symmetry", 0.106, 0.304, ""),
            ("mean fractal dimension", 0.04996, 0.09744, ""),
            ("radius error", 0.1115, 2.873, ""),
            ("texture error", 0.3602, 4.885, ""),
            ("perimeter error", 0.757, 21.98, ""),
            ("area error", 7.228, 542.2, ""),
            ("smoothness error", 0.001713, 0.03113, ""),
            ("compactness error", 0.002252, 0.1354, ""),
            ("concavity error", 0.0, 0.396, ""),
            ("concave points error", 0.0, 0.05279, ""),
            ("symmetry error", 0.007882, 0.07895, ""),
            ("fractal dimension error", 0.0008948, 0.02984, ""),
            ("worst radius", 7.93, 36.04, ""),
            ("worst texture", 12.49, 49.54, ""),
            ("worst perimeter", 50.41, 251.2, ""),
            ("worst area", 185.2, 4254.0, ""),
            ("worst smoothness", 0.07117, 0.2226, ""),
            ("worst compactness", 0.02729, 1.058, ""),
            ("worst concavity", 0.0, 1.17, ""),
            ("worst concave points", 0.0, 0.291, ""),
            ("worst symmetry", 0.1565, 0.6638, ""),
            ("worst fractal dimension", 0.05504, 0.2075, ""),
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
    return from_sklearn(BreastCancer, "breast_cancer.csv", VICTIMS, ("malignant", "benign"))
