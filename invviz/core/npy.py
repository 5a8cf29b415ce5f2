"""Arrays of .npy files, mapped from the disk; what is damaged is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np

MAGIC = b"\x93NUMPY"


def load(path: Path) -> np.ndarray:
    """An array, read from the disk as it is used; nothing is unpickled.

    Raises:
        ValueError: empty, cut short, pickled, or another kind of file; says which.
        OSError: not there, or not to be read.
    """
    with path.open("rb") as file:
        start = file.read(len(MAGIC))
    try:
        return np.lib.format.open_memmap(path, mode="r")
    except (ValueError, EOFError, SyntaxError, OverflowError) as err:
        raise ValueError(f"{path.name} {_why(start, str(err))}") from err


def _why(start: bytes, said: str) -> str:
    if not start:
        return "is empty"
    if start[:1] == b"\x80" or "Python objects" in said:
        return "holds pickled objects, which are never read"
    if start != MAGIC[: len(start)]:
        return "is no file of an array"
    return "is cut short" if "EOF" in said or "mmap length" in said or len(start) < len(MAGIC) else f"cannot be read ({said})"
