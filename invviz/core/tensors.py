"""Files of tensors that a store keeps beside its results: read without unpickling anything else; what is damaged is named and set aside."""

from __future__ import annotations

import contextlib
import io
import os
import warnings
from pathlib import Path
from typing import Any

from .errors import DISK_FULL, StoreError
from .lazy import torch

ARCHIVE = b"PK\x03\x04"  # what `torch.save` begins with


def load(path: Path) -> Any:
    """What `torch.save` wrote of tensors, numbers, words and lists of them, on the CPU.

    Raises:
        ValueError: empty, cut short, pickled, or another kind of file; says which.
        FileNotFoundError: not there.
    """
    with path.open("rb") as file:
        start = file.read(4)
    try:
        if start != ARCHIVE:
            raise ValueError
        return torch.load(path, weights_only=True, map_location="cpu")
    except Exception as err:  # torch has no one error for a file that it cannot read
        raise ValueError(_why(start)) from err


def keep(content: Any, path: Path) -> bool:
    """Write what `load` reads, whole or not at all, also where the machine loses power; what is kept so only saves time, so that a full disk ends nothing.

    Returns:
        Whether it was written; where the disk is full, a warning says so.

    Raises:
        OSError: it cannot be written for another reason.
    """
    part = path.with_suffix(f".{os.getpid()}.part")
    whole = io.BytesIO()  # torch says of a full disk only that writing failed
    torch.save(content, whole)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(whole.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
        return True
    except OSError as err:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        if err.errno not in DISK_FULL:
            raise
        warnings.warn(f"{path} was not kept: {err}", stacklevel=2)
        return False


def damaged(path: Path, store: Path, what: str, why: str) -> StoreError:
    """Moves a damaged file into the store's folder `damaged`, and says so.

    Args:
        path: of the file.
        store: the store's folder.
        what: it is, for the first words: "The trained weights".
        why: it is of no use, lower case, without a full stop.
    """
    place = store / "damaged" / path.name
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        number = 1
        while place.exists():
            number += 1
            place = place.with_name(f"{path.stem}.{number}{path.suffix}")
        os.replace(path, place)
    except OSError as err:
        return StoreError(f"{what} {path} are damaged: {why}, and cannot be set aside ({err}). Remove that file, and ask again.")
    return StoreError(
        f"{what} {path} are damaged: {why}. They were moved to {place}, nothing is deleted. Ask for the same again, and they are made anew."
    )


def _why(start: bytes) -> str:
    if not start:
        return "the file is empty"
    if start[:1] == b"\x80":
        return "the file holds pickled objects, which are never read"
    return "the file is cut short or broken inside" if start == ARCHIVE[: len(start)] else "the file is no file of tensors"
