"""What a file or a folder holds, as the inputs of a net and its targets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ...core.errors import UploadError
from ._arrays import read_npy, read_npz
from ._csv import read_csv
from ._limits import Limits, refused
from ._pictures import read_pictures

FORMS: Mapping[str, Callable[[BinaryIO, str, Limits], Mapping[str, np.ndarray]]] = {
    ".npz": read_npz,
    ".npy": lambda file, name, limits: {"input": read_npy(file, name, limits)},
    ".csv": read_csv,
}
ENDINGS = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
ALLOWED = f"Allowed are files that end with {', '.join(FORMS)}, and folders of pictures."
WORDS = {".pt": "torch.save", ".pth": "torch.save", ".pkl": "pickle", ".pickle": "pickle", ".joblib": "joblib"}
PICTURE_AXES = 3  # whole numbers of one byte with so many dimensions or more are pictures: 0 is black, 255 is white
CHANNELS = (1, 3, 4)
TARGET = "label"


def read_file(file: BinaryIO, name: str, limits: Limits) -> dict[str, np.ndarray]:
    """Arrays by name; of a table its columns.

    Args:
        file: that can be read anywhere.
        name: whose ending says what it is.
        limits: of what is read.

    Raises:
        UploadError: another ending, or as of the form's own reader.
    """
    ending = Path(name).suffix.lower()
    if ending not in FORMS:
        pickled = f"Files of {WORDS[ending]} are never read, as reading them can run code. " if ending in WORDS else ""
        raise refused(name, f"its ending {ending or 'is none, and it'} does not say what is in it", f"{pickled}{ALLOWED}")
    return dict(FORMS[ending](file, name, limits))


def read_folder(folder: Path, limits: Limits) -> dict[str, np.ndarray]:
    """Pictures in the order of their names; where they lie in one folder a class, their class numbers as "label", in the order of those folders' names.

    Raises:
        UploadError: as of `read_pictures`.
    """
    classes = sorted(p for p in folder.iterdir() if p.is_dir() and _pictures(p))
    places = [(path, k) for k, part in enumerate(classes) for path in _pictures(part)] or [(path, -1) for path in _pictures(folder)]
    found = {"input": read_pictures(_opened([path for path, _ in places]), str(folder), limits)}
    return found | ({TARGET: np.array([k for _, k in places])} if classes else {})


def _opened(paths: Iterable[Path]) -> Iterator[tuple[str, BinaryIO]]:
    """One after the other; each is closed when the next is asked for."""
    for path in paths:
        with path.open("rb") as file:
            yield str(path), file


def _pictures(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_file() and p.suffix.lower() in ENDINGS)


def records_and_targets(found: Mapping[str, np.ndarray], label: str | None, table: bool) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
    """The inputs by name, and the targets where they are among the arrays.

    Bytes of three dimensions or more are pictures: divided by 255, with their channels before height and width, as (n, height, width) and (n, height, width, channels) come to be (n, channels, height, width). The columns of a table are one input, (rows, columns) float64, and targets that are whole are class numbers.

    Args:
        found: as it was read.
        label: name of the targets among the arrays; None: there are none.
        table: whether the arrays are columns.

    Raises:
        UploadError: no array of that name, or nothing is left beside it.
    """
    rest = dict(found)
    if label is not None and label not in rest:
        raise UploadError(f"There is no array {label!r}; there are {', '.join(list(rest)[:12])}.")
    target = rest.pop(label) if label is not None else None
    if not rest:
        raise UploadError(f"Beside the targets {label!r} there is nothing: records are missing.")
    if table:
        rest = {"input": np.stack(list(rest.values()), 1)}
        target = None if target is None else class_numbers(target)
    return {name: _shares(value) for name, value in rest.items()}, target


def class_numbers(column: np.ndarray) -> np.ndarray:
    """A column of a table as class numbers where all of it is whole, else as it is."""
    return column.astype(np.int64) if (column == np.round(column)).all() else column


def _shares(value: np.ndarray) -> np.ndarray:
    """Bytes that are pictures, as nets take them: between 0 and 1, channels before height and width."""
    if value.dtype != np.uint8 or value.ndim < PICTURE_AXES:
        return value
    if value.ndim == PICTURE_AXES:
        value = value[:, None]
    elif value.ndim == PICTURE_AXES + 1 and value.shape[3] in CHANNELS and value.shape[1] not in CHANNELS:
        value = np.moveaxis(value, 3, 1)
    return np.ascontiguousarray(value.astype(np.float32) / 255)
