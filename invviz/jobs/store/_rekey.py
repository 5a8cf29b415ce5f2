"""Keys of stores of format 1, in which all kinds of work had one version, exchanged for today's: once, and what is killed in the middle goes on at the next opening."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import NamedTuple

from ...scenario import Scenario, former_key
from ...scenario.kinds import askable
from . import _arrays

FORMER = 1  # the format of such a store
FOLDERS = ("arrays", "damaged")
TABLES = ("watchers", "frames", "points", "pins")
WORDS = ("result", "error", "traceback")  # of a job, in which its key may be named


class Move(NamedTuple):
    """A job that has another key now, and another text: one that holds nothing but what its result depends on."""

    old: str
    new: str
    scenario: str


Known = dict[tuple[str, str, str], Move | None]
"""Rows that were looked at, by key, kind and text."""


def look(con: sqlite3.Connection, known: Known) -> list[Move]:
    """What has to move. Called once before the lock is taken, as reading a thousand texts takes a second, and once with it, for what came in between."""
    rows = con.execute("SELECT key, kind, scenario FROM jobs").fetchall()
    moves = [_move(row["key"], row["kind"], row["scenario"], known) for row in rows]
    return [move for move in moves if move]


def _move(key: str, kind: str, text: str, known: Known) -> Move | None:
    """Where a job goes; None of one that stays what it is: a result of an older version, or of a text that is not read any more."""
    place = (key, kind, text)
    if place not in known:
        known[place] = None
        with contextlib.suppress(Exception):  # whatever is wrong with one text must keep nobody from the others
            scenario = Scenario.parse(text)
            if kind in askable() and former_key(kind, scenario) == key:
                known[place] = Move(key, scenario.key(kind), scenario.form(kind))
    return known[place]


def note(con: sqlite3.Connection, moves: list[Move]) -> None:
    """Write down what is to be done, in the transaction that gives the file today's format."""
    con.executemany("INSERT OR IGNORE INTO moves VALUES (?, ?, ?)", moves)


def go_on(con: sqlite3.Connection, folder: Path) -> None:
    """Move one job with all that belongs to it, in a transaction; none where another process was quicker."""
    row = con.execute("SELECT old, new, scenario FROM moves LIMIT 1").fetchone()
    if row is None:
        return
    move = Move(*row)
    con.execute("DELETE FROM moves WHERE old = ?", (move.old,))
    if not con.execute("SELECT 1 FROM jobs WHERE key = ?", (move.new,)).fetchone():
        _folders(folder, move)  # first: where it ends here, they are where they belong, and the rest is done the next time
        _rows(con, move)


def _folders(folder: Path, move: Move) -> None:
    for name in FOLDERS:
        for place in sorted((folder / name).glob(f"{move.old}*")):
            target = place.with_name(move.new + place.name.removeprefix(move.old))
            _arrays.drop(target)  # nobody's: no job has this key
            os.rename(place, target)


def _rows(con: sqlite3.Connection, move: Move) -> None:
    for table in TABLES:
        con.execute(f"UPDATE {table} SET key = ? WHERE key = ?", (move.new, move.old))
    told = ", ".join(f"{name} = CASE typeof({name}) WHEN 'text' THEN REPLACE({name}, :old, :new) ELSE {name} END" for name in WORDS)
    con.execute(f"UPDATE jobs SET key = :new, scenario = :scenario, {told} WHERE key = :old", move._asdict())
