"""Whether what is stored of a finished job is its result, and putting aside what is not."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core.command import command
from ...core.errors import StoreError
from ...core.types import Size
from ...scenario.kinds import MAYBE, WORK, found
from ._job import DAMAGED

if TYPE_CHECKING:
    import numpy as np

    from ._job import Kind

SIZE = {field.name for field in dataclasses.fields(Size) if field.default is dataclasses.MISSING}


def facts(text: str | bytes) -> dict[str, Any]:
    """Numbers and words of a result.

    Raises:
        ValueError: not such a text.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as err:
        raise ValueError("its numbers are no JSON") from err
    if not isinstance(found, dict):
        raise ValueError(f"its numbers are a JSON {type(found).__name__}, not an object")
    return found


def lacking(kind: Kind, result: Mapping[str, Any], core: bool = False) -> str:
    """What keeps numbers and words from being a result of a kind, or at least one that a table can hold, in words; empty where nothing does."""
    work = WORK[kind]
    for name, types in (work.core if core else {**work.core, **work.more}).items():
        if name not in result:
            return f"its numbers lack {name!r}"
        if not isinstance(result[name], types):
            return f"its number {name!r} is a {type(result[name]).__name__}"
    return found(work.check)(result) if work.check else ""


def unscored(result: Mapping[str, Any]) -> str:
    """The same of an attack's scores."""
    psnr = result["scores"].get("token_accuracy") or result["scores"].get("psnr")
    if isinstance(psnr, list) and psnr and all(isinstance(v, MAYBE) or v in ("inf", "-inf") for v in psnr):
        return ""
    return "its scores lack 'psnr'"


def unsized(result: Mapping[str, Any]) -> str:
    """The same of a spectrum's messages."""
    whole = all(isinstance(size, dict) and set(size) - {"others"} == SIZE for size in (result["size"], *result["stages"]))
    return "" if whole else "its sizes of messages cannot be read"


def missing(kind: Kind, arrays: Mapping[str, np.ndarray]) -> str:
    """The same of its arrays."""
    names, others = WORK[kind].arrays, WORK[kind].others
    for name in (*names, *others):
        if name not in arrays:
            return f"{name}.npy is missing"
        if arrays[name].ndim < 2 or arrays[name].dtype.kind not in "fui":
            return (
                f"{name}.npy holds no {'numbers' if name in others else 'pictures'} but {arrays[name].dtype} of shape {arrays[name].shape}"
            )
        if name in names and arrays[name].shape != arrays[names[0]].shape:
            return f"{name}.npy has the shape {arrays[name].shape}, {names[0]}.npy {arrays[names[0]].shape}"
    return ""


def no_spectrum(folder: Path) -> str:
    """Why a folder holds no spectrum; empty where it does, or is not there."""
    from ...risk import Decomposition

    try:
        Decomposition.load(folder)
    except StoreError as err:
        return f"its spectrum cannot be read ({err.__cause__ or err})" if folder.is_dir() else ""
    return ""


def set_aside(con: sqlite3.Connection, store: Path, key: str, why: str) -> None:
    """Move a damaged result away, and leave its job as one that failed with the reason; call it in a transaction.

    Args:
        con: the store's file.
        store: the store's folder.
        key: of the job.
        why: in words, lower case, without a full stop.
    """
    row = con.execute("SELECT result FROM jobs WHERE key = ? AND state IN ('done', 'stopped', 'pruned')", (key,)).fetchone()
    if row is None:
        return
    place, arrays = _new_folder(store / "damaged", key), store / "arrays" / key
    try:
        if row["result"] is not None:
            raw = row["result"] if isinstance(row["result"], bytes) else str(row["result"]).encode(errors="replace")
            (place / "result.json").write_bytes(raw)
        if arrays.exists():
            os.rename(arrays, place / "arrays")
    except OSError:  # everybody who looks tries again, and must not leave a folder each time
        shutil.rmtree(place, ignore_errors=True)
        raise
    words = (
        f"{DAMAGED} {key} is damaged: {why}. It was moved to {place}, nothing is deleted. "
        f"Compute it again: with the page's button, or with `{command('work', '--once', '--again', key)}`."
    )
    con.execute("UPDATE jobs SET state = 'failed', error = ?, traceback = '', result = NULL, bytes = 0 WHERE key = ?", (words, key))


def _new_folder(parent: Path, key: str) -> Path:
    for number in range(1, 10_000):
        place = parent / (key if number == 1 else f"{key}.{number}")
        if not place.exists():
            place.mkdir(parents=True)
            return place
    raise OSError(f"{parent} holds 10,000 damaged results of {key}; remove some")
