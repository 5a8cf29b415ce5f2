"""Folders of arrays: written under a temporary name, then renamed, so that a reader never sees half of one."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from ...core import npy

TEMPORARY = re.compile(r"\..+\.\d+\.(part|gone)")

Save = Callable[[Path], None]
"""Writes its files into the folder that it is given."""

Arrays = Mapping[str, np.ndarray] | Save


def write_part(folder: Path, arrays: Arrays) -> tuple[Path, int]:
    """Write beside the final folder.

    Args:
        folder: where the arrays shall be in the end.
        arrays: by name, each becomes NAME.npy; or a function that writes its own files.

    Returns:
        The temporary folder, and its size in bytes.
    """
    drop_parts(folder)
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    part.mkdir(parents=True)
    try:
        if isinstance(arrays, Mapping):
            for name, array in arrays.items():
                np.save(part / f"{name}.npy", array, allow_pickle=False)
        else:
            arrays(part)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    for file in (*part.rglob("*"), part):  # a machine that loses power must not leave a result that is announced and empty
        _sync(file)
    return part, sum(file.stat().st_size for file in part.rglob("*") if file.is_file())


def put(part: Path, folder: Path) -> None:
    """Give the temporary folder its final name, in place of what had it."""
    drop(folder)
    os.rename(part, folder)
    _sync(folder.parent)


def _sync(place: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    if place.is_dir() and os.name == "nt":
        return  # there folders cannot be opened
    handle = os.open(place, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def drop(folder: Path) -> None:
    """Remove a folder; the name goes first, so that nobody reads half of it. Maps that are open stay good."""
    if folder.exists():
        gone = folder.with_name(f".{folder.name}.{os.getpid()}.gone")
        os.rename(folder, gone)
        shutil.rmtree(gone, ignore_errors=True)


def drop_parts(folder: Path) -> None:
    """Remove what dead workers left under temporary names."""
    for old in folder.parent.glob(f".{folder.name}.*"):
        shutil.rmtree(old, ignore_errors=True)


def left_behind(parent: Path, age: float) -> list[Path]:
    """Folders under temporary names that nobody has touched for so many seconds: of workers that died."""
    found = []
    for place in parent.glob(".*"):
        with contextlib.suppress(FileNotFoundError):
            if TEMPORARY.fullmatch(place.name) and time.time() - place.stat().st_mtime > age:
                found.append(place)
    return found


def read(folder: Path) -> dict[str, np.ndarray]:
    """Every NAME.npy by name, read from the disk as it is used.

    Raises:
        ValueError: one is damaged; says which and how.
    """
    return {file.stem: npy.load(file) for file in sorted(folder.glob("*.npy"))}


def damage(folder: Path) -> str:
    """Which array is damaged, and how; empty where none is, or none is there."""
    try:
        read(folder)
    except ValueError as err:
        return str(err)
    except OSError:
        return ""
    return ""
