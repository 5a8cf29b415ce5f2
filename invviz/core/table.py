"""Rows of a table: what their numbers mean to people, and which cells of a guess are right."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence

import numpy as np

NEAR = 0.05  # a guessed number is right within this share of the column's public range
UNDECIDED = "undecided"


@dataclasses.dataclass(frozen=True)
class Column:
    """One column of a table: a number on a scale from 0 to 1, or a choice with one entry for each of its words (one of them 1, the others 0).

    Attributes:
        name: as people read it.
        low: of a number: what 0 stands for; the least value among public rows.
        high: of a number: what 1 stands for; the largest one.
        unit: of a number, such as "years"; "$" stands before it.
        decimals: of a number: digits after the point that are shown.
        choices: of a choice: its words; empty for a number.
        start: place of its first entry in a row.
    """

    name: str
    low: float = 0.0
    high: float = 1.0
    unit: str = ""
    decimals: int = 0
    choices: tuple[str, ...] = ()
    start: int = 0

    @property
    def width(self) -> int:
        """How many entries of a row it takes."""
        return len(self.choices) or 1

    @property
    def part(self) -> slice:
        """Its entries in a row."""
        return slice(self.start, self.start + self.width)

    def encode(self, values: Sequence[float] | Sequence[str] | np.ndarray) -> np.ndarray:
        """Raw values as entries, shape (n, width), float32 in [0, 1]; numbers beyond the public range are moved to its end.

        Raises:
            ValueError: a word that is none of the choices, or what is no finite number; names the column.
        """
        if not self.choices:
            share = (np.asarray(values, np.float64) - self.low) / (self.high - self.low)
            if not np.isfinite(share).all():
                raise ValueError(f"{self.name}: a value is not a finite number")
            return share.clip(0, 1).astype(np.float32)[:, None]
        places = {word: place for place, word in enumerate(self.choices)}
        if strange := sorted({str(value) for value in values} - places.keys()):
            raise ValueError(f"{self.name}: {strange[0]!r} is none of {', '.join(self.choices)}")
        return np.eye(self.width, dtype=np.float32)[[places[str(value)] for value in values]]

    def text(self, row: np.ndarray) -> str:
        """What a row (d,) says in this column, such as "39 years" or "never married"; a choice whose largest entry is not alone is undecided."""
        entries = np.asarray(row, np.float64)[self.part]
        if not np.isfinite(entries).all():
            return UNDECIDED
        if self.choices:
            best = np.flatnonzero(entries == entries.max())
            return self.choices[best[0]] if len(best) == 1 else UNDECIDED
        return self._number(self.low + entries[0] * (self.high - self.low))

    @property
    def tolerance(self) -> str:
        """How far a guessed number may be off and still count as right, in its unit; empty for a choice."""
        return "" if self.choices else self._number(NEAR * (self.high - self.low), more=1)

    def _number(self, value: float, more: int = 0) -> str:
        number = f"{value:,.{self.decimals + more}f}"
        number = number.removeprefix("-") if not number.strip("-0.,") else number  # no minus before nothing
        return f"${number}" if self.unit == "$" else f"{number} {self.unit}".rstrip()

    def right(self, truth: np.ndarray, guess: np.ndarray) -> np.ndarray:
        """Whether guessed rows (n, d) have this column right, shape (n,): the true word has the largest entry, alone; a number is within 5 % of the public range."""
        t, g = (np.asarray(rows, np.float64)[:, self.part] for rows in (truth, guess))
        if not self.choices:
            return np.abs(t - g)[:, 0] <= NEAR  # not a number is not near
        place = t.argmax(1)
        own = np.take_along_axis(g, place[:, None], 1)
        return ((g < own).sum(1) == self.width - 1) & np.isfinite(own[:, 0])


@dataclasses.dataclass(frozen=True)
class Cell:
    """One cell of a row, true and guessed.

    Attributes:
        name: of the column.
        true: what is in it.
        guess: what the guess says.
        right: whether that counts as the same.
        sure: share in [0, 1] of what was unknown about the cell that the message tells; NaN where nobody said.
        weight: of a choice: share of the guessed word in the positive part of the guess, in [0, 1]; NaN for numbers and where nothing is positive.
    """

    name: str
    true: str
    guess: str
    right: bool
    sure: float = math.nan
    weight: float = math.nan


def laid(columns: Iterable[Column]) -> tuple[Column, ...]:
    """The same columns one after the other in a row."""
    found, start = [], 0
    for column in columns:
        found.append(dataclasses.replace(column, start=start))
        start += column.width
    return tuple(found)


def edges(columns: Sequence[Column]) -> tuple[int, ...]:
    """Where a row may be cut: the start of every column, and the width of the row; none where there are no columns."""
    return (*(c.start for c in columns), columns[-1].start + columns[-1].width) if columns else ()


def between(columns: Iterable[Column], first: int, last: int) -> tuple[Column, ...]:
    """Columns that lie as a whole in the entries from `first` to before `last` of a row, counted from `first` on."""
    held = [c for c in columns if first <= c.start and c.start + c.width <= last]
    return tuple(dataclasses.replace(c, start=c.start - first) for c in held)


def decode(columns: Iterable[Column], row: np.ndarray) -> list[tuple[str, str]]:
    """A row, shape (d,) or (1, 1, d), as people read it: (name, text) of every column."""
    flat = np.asarray(row).reshape(-1)
    return [(column.name, column.text(flat)) for column in columns]


def right(columns: Sequence[Column], truth: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """Which cells of guessed rows are right, shape (n, number of columns); rows are (n, 1, 1, d) or (n, d)."""
    t, g = (np.asarray(rows).reshape(len(rows), -1) for rows in (truth, guess))
    return np.stack([column.right(t, g) for column in columns], 1)


def cells(
    columns: Sequence[Column], truth: np.ndarray, guess: np.ndarray, known: np.ndarray | None = None, variance: np.ndarray | None = None
) -> list[Cell]:
    """A true and a guessed row beside each other, cell by cell.

    Args:
        columns: of the row.
        truth: shape (d,) or (1, 1, d).
        guess: likewise; need not be in [0, 1].
        known: likewise; share of every entry's prior variance that the message takes away, as `risk.pixel_knowledge` gives it for one sample.
        variance: likewise; that prior variance, by which the entries of a choice are weighted; without it they count alike.
    """
    t, g = np.asarray(truth, np.float64).reshape(-1), np.asarray(guess, np.float64).reshape(-1)
    agree = right(columns, t[None], g[None])[0]
    k = np.full_like(t, np.nan) if known is None else np.asarray(known, np.float64).reshape(-1)
    w = np.ones_like(t) if variance is None else np.asarray(variance, np.float64).reshape(-1)
    return [
        Cell(c.name, c.text(t), c.text(g), bool(same), float(np.average(k[c.part], weights=w[c.part])), _weight(c, g))
        for c, same in zip(columns, agree, strict=True)
    ]


def _weight(column: Column, row: np.ndarray) -> float:
    positive = row[column.part].clip(0, None)
    return float(positive.max() / positive.sum()) if column.choices and positive.sum() > 0 else math.nan
