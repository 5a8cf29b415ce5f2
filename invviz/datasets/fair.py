"""Fair's survey of marriages: a small table with a column that nobody would hand over, inside the package statsmodels."""

from __future__ import annotations

import csv
import dataclasses
import functools
import importlib.util
from pathlib import Path
from typing import ClassVar

import numpy as np

from ..core.errors import InvvizError, MissingExtra
from ..core.table import Column, laid
from ._base import Samples
from ._table import SPLIT_SEED, Rows, Table

VICTIMS, COUNT = 1_366, 6_366
HEADS = ("rate_marriage", "age", "yrs_married", "children", "religious", "educ", "occupation", "occupation_husb", "affairs")

# Numbers of the file and how people read them, as statsmodels' own description of the data has it.
RATING = {1: "very poor", 2: "poor", 3: "fair", 4: "good", 5: "very good"}
RELIGIOUS = {1: "not", 2: "mildly", 3: "fairly", 4: "strongly"}
EDUCATION = {
    9: "grade school",
    12: "high school",
    14: "some college",
    16: "college graduate",
    17: "some graduate school",
    20: "advanced degree",
}
WORK = {1: "student", 2: "farm or unskilled work", 3: "white-collar", 4: "teacher, nurse, technician", 5: "managerial", 6: "professional"}
AFFAIRS = {"none": 0.0, "up to 1": 1.0, "1 to 4": 4.0, "more than 4": np.inf}  # the file's measure of time, and the end of each span


def _choice(name: str, words: dict[int, str]) -> Column:
    return Column(name, choices=tuple(words.values()))


@dataclasses.dataclass(frozen=True)
class Fair(Table):
    """6,366 married women of a magazine's survey of 1974, eight columns, one of them their affairs, and how they rate their marriage; 5,000 public, 1,366 victims.

    Comes inside the package statsmodels, of which that one file is read. `affairs` is the sensitive column; its measure of time is told in four spans, which are ours. Other answers are those of the survey: numbers
    are the middles of spans, scaled by the least and the largest of public rows.
    """

    name: ClassVar[str] = "fair"
    title: ClassVar[str] = "Marriages (table)"
    paper: ClassVar[str] = "fair1978affairs"
    num_classes: ClassVar[int] = 5
    citation: ClassVar[str] = (
        "Fair 1978, Redbook survey, included in statsmodels by permission of the author; answers of real people, without names."
    )
    columns: ClassVar[tuple[Column, ...]] = laid(
        (
            Column("age", 17.5, 42.0, "years", 1),
            Column("years married", 0.5, 23.0, "years", 1),
            Column("children", 0.0, 5.5, "", 1),
            _choice("religious", RELIGIOUS),
            _choice("education", EDUCATION),
            _choice("work", WORK),
            _choice("husband's work", WORK),
            Column("affairs", choices=tuple(AFFAIRS)),
        )
    )

    def load(self, data_dir: Path | None) -> Samples:
        """Open the table; needs no folder.

        Raises:
            MissingExtra: statsmodels is not installed; says how to get it.
            InvvizError: its file is another one.
        """
        return _load()


def is_here() -> bool:
    """Whether the package that brings it is installed; it is not imported."""
    return importlib.util.find_spec("statsmodels") is not None


def _file() -> Path:
    found = importlib.util.find_spec("statsmodels")
    if found is None or found.origin is None:
        raise MissingExtra(
            "The data set fair comes inside the package statsmodels, which is not installed; `pip install statsmodels` gets it, and needs a network once. Other tables are here without it: wine, breast_cancer."
        )
    return Path(found.origin).parent / "datasets" / "fair" / "fair.csv"


@functools.lru_cache(maxsize=1)
def _load() -> Samples:
    try:
        with _file().open(newline="", encoding="utf-8") as file:
            head, *lines = csv.reader(file)
        if tuple(head) != HEADS or len(lines) != COUNT:
            raise ValueError(f"{len(lines):,} rows of {', '.join(head)[:200]}")
        raw: dict[str, np.ndarray] = dict(zip(head, np.array(lines, np.float64).T, strict=True))
        values = [
            *(raw[name] for name in ("age", "yrs_married", "children")),
            *(
                [words[int(value)] for value in raw[name]]
                for name, words in (("religious", RELIGIOUS), ("educ", EDUCATION), ("occupation", WORK), ("occupation_husb", WORK))
            ),
            [tuple(AFFAIRS)[place] for place in np.searchsorted(list(AFFAIRS.values()), raw["affairs"])],
        ]
        order = np.random.default_rng(SPLIT_SEED).permutation(COUNT)
        whole = Fair.rows(values, raw["rate_marriage"] - 1)
    except (OSError, ValueError, KeyError) as err:
        raise InvvizError(
            f"The file fair.csv inside the installed statsmodels is not the one that is known here ({err}); {COUNT:,} rows of {', '.join(HEADS)} are. `pip install --force-reinstall statsmodels`."
        ) from err
    private, public = (Rows(whole.rows[part], whole.labels[part]) for part in (order[:VICTIMS], order[VICTIMS:]))
    for part in (private, public):
        part.rows.setflags(write=False)
        part.labels.setflags(write=False)
    return Samples(private, public, tuple(f"marriage {word}" for word in RATING.values()))
