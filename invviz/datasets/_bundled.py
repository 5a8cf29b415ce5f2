"""Tables that come inside of scikit-learn, read from its folder: importing it takes a second of processor time, in every process anew."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

from ..core.errors import MissingExtra


def bundled(data_set: str, file: str, head: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows (count, values) and their classes (count,), whole numbers, of a table whose last column is the class.

    Args:
        data_set: whose it is, for what is said where it is absent.
        file: in scikit-learn's folder of data; NAME.gz is unpacked.
        head: lines before the first row.

    Raises:
        MissingExtra: scikit-learn is not installed, or comes without it.
    """
    found = importlib.util.find_spec("sklearn")  # finds it, imports nothing
    place = Path(found.origin or "").parent / "datasets" / "data" / file if found is not None else None
    if place is None or not place.is_file():
        raise MissingExtra(f"the data set {data_set} comes with scikit-learn, which is not installed; `pip install scikit-learn`.")
    table = np.loadtxt(place, delimiter=",", skiprows=head)
    return table[:, :-1], table[:, -1].astype(np.int64)
