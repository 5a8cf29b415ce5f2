"""Tables of numbers as .csv."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from ._limits import Limits, amount, refused, shown, sized

MARKS = (",", ";", "\t")
NUMBER = 8  # bytes


def read_csv(file: BinaryIO, name: str, limits: Limits) -> dict[str, np.ndarray]:
    """Columns by name, (rows,) float64; without a first row of names they are called column 1, column 2 ...

    Args:
        file: UTF-8; cells between commas, semicolons or tabs; numbers written as -1.5e3.
        name: as the user knows it.
        limits: of what is read.

    Raises:
        UploadError: a cell that is no finite number, or empty; rows of different lengths; too large; says where, and what to do.
    """
    sized(file, name, limits.size)
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        return _table(text, name, limits)
    except UnicodeDecodeError as err:
        raise refused(name, "it is no text in UTF-8", "Save the table as CSV in UTF-8.") from err
    except csv.Error as err:
        raise refused(name, f"it is no table ({shown(str(err))})", "Save the table as CSV, one record a line.") from err
    finally:
        text.detach()


def _table(text: io.TextIOWrapper, name: str, limits: Limits) -> dict[str, np.ndarray]:
    start = text.readline(1_000_000)
    text.seek(0)
    rows = enumerate(csv.reader(text, delimiter=max(MARKS, key=start.count)), 1)
    rows = ((line, row) for line, row in rows if any(cell.strip() for cell in row))
    _, first = next(rows, (0, []))
    if not first:
        raise refused(name, "there is no row in it", "Write one record a line, numbers between commas.")
    if len(first) > limits.columns:
        raise refused(name, f"it has {len(first):,} columns, and at most {limits.columns:,} are read", "Take fewer columns.")
    numbers = sum(_number(cell) is not None for cell in first)
    named = numbers == 0
    if 0 < numbers < len(first):
        bad = next(cell for cell in first if _number(cell) is None).strip()
        what = f"its first row holds numbers and, in one cell or more, {shown(bad) or 'nothing'}"
        raise refused(name, what, "Write the names of all columns there, or numbers alone.")
    names = (
        [cell.strip() or f"column {k}" for k, cell in enumerate(first, 1)] if named else [f"column {k}" for k in range(1, len(first) + 1)]
    )
    if twice := next((one for one in names if names.count(one) > 1), "") if len(set(names)) < len(names) else "":
        raise refused(name, f"two columns are called {shown(twice)}", "Give each its own name.")
    read = list(_rows(rows, names, name, limits))
    if not named:
        read.insert(0, [float(cell) for cell in first])
    if not read:
        raise refused(name, "there are names of columns and no row in it", "Write one record a line below them.")
    return dict(zip(names, np.array(read).T.copy(), strict=True))


def _rows(rows: Iterator[tuple[int, list[str]]], names: list[str], name: str, limits: Limits) -> Iterator[list[float]]:
    most = limits.unpacked // NUMBER // len(names)
    for count, (line, row) in enumerate(rows, 1):
        if count > most:
            raise refused(name, f"its numbers would take more than {amount(limits.unpacked)}", "Take fewer records.")
        if len(row) != len(names):
            raise refused(
                name, f"row {line} has {len(row):,} cells, the first one {len(names):,}", "Give every row the same number of cells."
            )
        found = [_number(cell) for cell in row]
        if None in found:
            column = found.index(None)
            what = f"row {line}, column {shown(names[column])}: {shown(row[column].strip()) or 'an empty cell'} is no finite number"
            raise refused(name, what, "Write numbers as 1.5; words as class numbers or one-hot columns; fill or leave out what is missing.")
        yield found  # type: ignore[misc]


def _number(cell: str) -> float | None:
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if np.isfinite(value) and "_" not in cell else None
