"""What is filed of a result beside it, so that a hundred thousand of them are listed without being read: names of the parts, and the score."""

from __future__ import annotations

import math
import re
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ...core.errors import InvvizError
from ...scenario.kinds import WORK, found
from . import _sound

PARTS = ("data", "model", "defense", "attack")
LISTED = "result IS NOT NULL AND filed IS finished"
UNFILED = "result IS NOT NULL AND filed IS NOT finished"
"""A result that was handed in by an invviz that filed nothing, or filed before it was computed anew: it is told by the time of its end."""
FILE = "UPDATE jobs SET data = ?, model = ?, defense = ?, attack = ?, score = ?, filed = ? WHERE key = ?"
NAMED = re.compile(r"(?:^|&)(data|model|defense|attack)=([A-Za-z0-9_.-]+)")
ODD = (InvvizError, ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError)
"""What a result of another version, or a damaged one, may make a score raise."""


class Filed(NamedTuple):
    """Names of the parts, of the defenses each between commas, and the score; empty and None where there is none."""

    data: str
    model: str
    defense: str
    attack: str
    score: float | None


def filed(kind: str, text: str, result: Mapping[str, Any], folder: Path) -> Filed:
    """What is filed of a result; of one that cannot be scored all but the score.

    Args:
        kind: of work.
        text: the scenario, as the store has it.
        result: numbers and words.
        folder: of its arrays.
    """
    names: dict[str, list[str]] = {part: [] for part in PARTS}
    for part, name in NAMED.findall(text):
        names[part].append(name)
    first = {part: next(iter(found), "") for part, found in names.items()}
    stack = [name for name in names["defense"] if name != "none"]
    return Filed(**first | {"defense": f",{','.join(stack)}," if stack else ""}, score=_score(kind, text, result, folder))


def _score(kind: str, text: str, result: Mapping[str, Any], folder: Path) -> float | None:
    work = WORK.get(kind)
    if work is None or work.score is None:
        return None
    try:
        value = found(work.score.of)(text, result, folder)
    except ODD:
        return None
    return None if value is None or math.isnan(value) else float(value)


def some(con: sqlite3.Connection, most: int) -> list[sqlite3.Row]:
    """Results that are not filed yet, newest first."""
    return con.execute(
        f"SELECT key, kind, scenario, result, finished FROM jobs WHERE {UNFILED} ORDER BY finished DESC LIMIT ?", (most,)
    ).fetchall()


def of_row(row: sqlite3.Row, folder: Path) -> tuple[Any, ...]:
    """What FILE takes for a row; a damaged one is filed without a score, and is noticed when it is opened."""
    try:
        result = _sound.facts(row["result"])
    except ValueError:
        result = {}
    return (*filed(row["kind"], row["scenario"], result, folder), row["finished"], row["key"])
