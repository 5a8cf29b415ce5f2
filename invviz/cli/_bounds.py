"""`--bounds`: one pair for all private numbers, or one a column of a table, or one an input."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import TextError, UploadError
from ..datasets.own import OWN_DISK, read_file

FORMS = "LOW,HIGH|NAME=LOW:HIGH,...|FILE.csv"
HELP = "of the private inputs: one pair, or one for every column (or input) by name; FILE.csv has the columns of --data, the least values in one row and the greatest in the next"
AS = "write two numbers, as in 0,1 (--bounds=-1,1 where the first is below 0); or a pair for every column, as in age=0:120,income=0:200000; or a file that ends with .csv"

Pair = tuple[float, float]


class Named(dict[str, Pair]):
    """Pairs by name, and the file that they are from."""

    file: str | None = None


def read(text: str) -> Pair | Named:
    """As argparse's type: one pair, or pairs by name."""
    try:
        if text.lower().endswith(".csv"):
            return _table(text)
        if "=" in text:
            named = [one.rpartition("=") for one in text.split(",")]
            return Named({name.strip(): _pair(ends.split(":")) for name, _, ends in named})
        return _pair(text.split(","))
    except ValueError as err:
        raise argparse.ArgumentTypeError(f"{text!r}: {AS}") from err


def _pair(ends: Sequence[str]) -> Pair:
    low, high = map(float, ends)
    return low, high


def _table(text: str) -> Named:
    try:
        with Path(text).open("rb") as file:
            columns = read_file(file, text, OWN_DISK)
    except UploadError as err:
        raise argparse.ArgumentTypeError(str(err)) from err
    except OSError as err:
        raise argparse.ArgumentTypeError(f"{text} cannot be read: {err.strerror or err}. Check its name.") from err
    if (rows := len(next(iter(columns.values())))) != 2:
        raise argparse.ArgumentTypeError(f"{text} has {rows} rows of numbers; allowed: two, the least values and the greatest")
    found = Named({name: (float(ends[0]), float(ends[1])) for name, ends in columns.items()})
    found.file = text
    return found


def laid(given: Pair | Named | None, columns: Sequence[str], inputs: Sequence[str]) -> Any:
    """The bounds as the audit takes them.

    Args:
        given: as it was read.
        columns: of the table, in their order, without the targets'; none where the records are no table.
        inputs: names of the arrays that go to the net.

    Raises:
        TextError: names that are none, or columns without a pair; says which.
    """
    if not isinstance(given, dict):
        return given
    known = list(columns or inputs)
    if strange := [name for name in given if name not in known]:
        raise TextError(
            f"--bounds names {', '.join(strange[:8])}; {'columns' if columns else 'inputs'} are {', '.join(known) or 'not known, as there is no --data'}."
        )
    if not columns:
        return dict(given) if len(inputs) > 1 else given[inputs[0]]
    if absent := [name for name in known if name not in given]:
        raise TextError(
            f"--bounds says nothing of {', '.join(absent)}. Give every column its least and its greatest value; nothing is guessed beside those that are given."
        )
    return tuple(np.array([given[name][end] for name in known]) for end in (0, 1))
