"""Room on the disk: what the store takes there, and what goes first where that is too much."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.errors import StoreError
from . import _arrays
from ._db import Database, explained

if TYPE_CHECKING:
    import sqlite3

VARIABLE = "INVVIZ_STORE_LIMIT"
LIMIT = "5GB"
LEAST = 1 << 20  # bytes
UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
SIZE = re.compile(r"(\d+(?:\.\d*)?)\s*([kmgt]?)i?b?", re.IGNORECASE)
LEFT = 0.9  # of the limit that may be left after making room, so that it is not made again at once
YOUNG = 600.0  # seconds: a file that was used since then may be in use
AT_ONCE = 50  # results that go in one transaction
FILES = ("weights", "training")
KEPT = (".pt", ".part")  # the second of a process that died
OVER = "('done', 'stopped', 'pruned', 'failed')"
BYTES = f"SELECT key, bytes > 0 AS kept FROM jobs WHERE state IN {OVER} AND (bytes > 0 OR state IN ('failed', 'pruned'))"
"""Who should have a folder, and who should not."""
EMPTIED = "UPDATE jobs SET bytes = 0, state = CASE state WHEN 'done' THEN 'pruned' ELSE state END WHERE key = ?"
FRAMES = "COALESCE((SELECT SUM(LENGTH(pixels)) FROM frames WHERE frames.key = jobs.key), 0)"


@dataclasses.dataclass(frozen=True)
class Use:
    """What a store takes on the disk, in bytes.

    Attributes:
        arrays: pictures and spectra of results.
        database: numbers, queue and frames of attacks.
        weights: of trained nets.
        training: checkpoints of trainings.
        damaged: what was set aside; nothing of it is ever removed by itself.
        results: how many there are.
        pinned: how many of them are kept whatever happens.
    """

    arrays: int
    database: int
    weights: int
    training: int
    damaged: int
    results: int
    pinned: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.arrays + self.database + self.weights + self.training + self.damaged


def limit() -> int | None:
    """Bytes that a store may take: INVVIZ_STORE_LIMIT, 5 GB without it; None where it says "none".

    Raises:
        StoreError: it says something else.
    """
    return parsed(os.environ.get(VARIABLE, LIMIT))


def parsed(text: str) -> int | None:
    """A size in bytes; None of "none".

    Raises:
        StoreError: not a size, or below 1 MB.

    Example:
        >>> parsed("5GB"), parsed("300 MB"), parsed("none")
        (5368709120, 314572800, None)
    """
    if text.strip().lower() == "none":
        return None
    found = SIZE.fullmatch(text.strip())
    size = int(float(found[1]) * UNITS[found[2].lower()]) if found else 0
    if size < LEAST:
        raise StoreError(
            f"{text[:40]!r} is no size of a store ({VARIABLE}). Write one from 1MB on, as in 5GB or 300MB, or none for no limit."
        )
    return size


class Room:
    """What keeps the folder from growing for ever."""

    path: Path
    _db: Database
    folder: Callable[[str], Path]

    def use(self) -> Use:
        """What the store takes."""
        with self._db.read() as con:
            arrays, results = con.execute(f"SELECT COALESCE(SUM(bytes), 0), COUNT(*) FROM jobs WHERE state IN {OVER}").fetchone()
            pinned = con.execute("SELECT COUNT(*) FROM pins").fetchone()[0]
        parts = {name: sum(size for _, size, _ in self._files(name)) for name in FILES}
        whole = [self.path / f"store.db{end}" for end in ("", "-wal", "-shm")]
        damaged = sum(_size(file) for file in (self.path / "damaged").rglob("*"))
        return Use(arrays, sum(map(_size, whole)), **parts, damaged=damaged, results=results, pinned=pinned)

    def pin(self, keys: Sequence[str], keep: bool = True) -> None:
        """Keep results whatever happens; with keep=False no longer."""
        with self._db.write() as con:
            for key in keys:
                con.execute("INSERT OR IGNORE INTO pins VALUES (?)" if keep else "DELETE FROM pins WHERE key = ?", (key,))

    def make_room(self, most: int | None = None) -> int:
        """Remove what was not used for longest until the store fits; call it after every result.

        Pictures, spectra and frames go first, with trained weights and checkpoints; numbers stay, and what went is computed again when it is asked for. Where that
        does not suffice, numbers go, too. What is pinned, waits or runs stays.

        Args:
            most: bytes; None: those of `limit`, and nothing goes where there is none.

        Returns:
            How many things were removed.
        """
        self._tidy()
        most = limit() if most is None else most
        if most is None or (over := self.use().total - most) <= 0:
            return 0
        over += round((1 - LEFT) * most)
        gone = 0
        for step in (self._bulk, self._numbers):
            waiting = sorted(step(), key=lambda one: one[0])
            while waiting and over > 0:
                now, waiting = waiting[:AT_ONCE], waiting[AT_ONCE:]
                with explained(self.path), self._db.write() as con:
                    for _, size, drop in now:
                        if over > 0:
                            drop(con)
                            over, gone = over - size, gone + 1
        self._db.shrink(needed=self.use().total > most)
        return gone

    def _tidy(self) -> None:
        """Remove what workers left that died, or whose disk was full, while they handed in or made room; who lost pictures in that way says so."""
        with explained(self.path):
            for place in _arrays.left_behind(self.path / "arrays", YOUNG):
                shutil.rmtree(place, ignore_errors=True)
            there = set(os.listdir(self.path / "arrays"))
        with self._db.read() as con:
            torn = any((row["key"] in there) != row["kept"] for row in con.execute(BYTES))
        if not torn:
            return
        with explained(self.path), self._db.write() as con:
            for row in con.execute(BYTES).fetchall():
                there_now = self.folder(row["key"]).is_dir()  # looked at again: somebody may hand in just now
                if there_now and not row["kept"]:
                    _arrays.drop(self.folder(row["key"]))
                elif row["kept"] and not there_now:
                    con.execute(EMPTIED, (row["key"],))

    def _bulk(self) -> Iterator[Thing]:
        """Arrays and frames of results, and files."""
        with self._db.read() as con:
            rows = con.execute(
                f"SELECT key, state, MAX(used, COALESCE(finished, 0)) AS used, bytes + {FRAMES} AS size FROM jobs "
                f"WHERE state IN {OVER} AND key NOT IN (SELECT key FROM pins)"
            ).fetchall()
        for row in rows:
            if row["size"]:
                yield row["used"], row["size"], self._emptied(row["key"])
        for name in FILES:
            for used, size, file in self._files(name):
                if time.time() - used > YOUNG:
                    yield used, size, lambda con, file=file: file.unlink(missing_ok=True)

    def _numbers(self) -> Iterator[Thing]:
        """Whole results."""
        with self._db.read() as con:
            rows = con.execute(
                "SELECT key, MAX(used, COALESCE(finished, 0)) AS used, COALESCE(LENGTH(result), 0) + LENGTH(scenario) + "
                f"100 * (SELECT COUNT(*) FROM points WHERE points.key = jobs.key) AS size FROM jobs WHERE state IN {OVER} AND key NOT IN (SELECT key FROM pins)"
            ).fetchall()
        for row in rows:
            yield row["used"], row["size"], self._erased(row["key"])

    def _emptied(self, key: str) -> Drop:
        def drop(con: sqlite3.Connection) -> None:
            """Arrays and frames; one that was stopped halfway is nothing without them."""
            if con.execute(f"SELECT 1 FROM jobs WHERE key = ? AND state IN {OVER}", (key,)).fetchone():
                con.execute("DELETE FROM frames WHERE key = ?", (key,))
                con.execute("UPDATE jobs SET result = NULL WHERE key = ? AND state = 'stopped'", (key,))
                con.execute(EMPTIED, (key,))
                _arrays.drop(self.folder(key))

        return drop

    def _erased(self, key: str) -> Drop:
        def drop(con: sqlite3.Connection) -> None:
            """The job itself."""
            if con.execute(f"DELETE FROM jobs WHERE key = ? AND state IN {OVER}", (key,)).rowcount:
                for table in ("frames", "points", "watchers"):
                    con.execute(f"DELETE FROM {table} WHERE key = ?", (key,))
                _arrays.drop(self.folder(key))

        return drop

    def _files(self, name: str) -> list[tuple[float, int, Path]]:
        """Of a folder beside the arrays: when used last, size, place."""
        found = []
        for file in (self.path / name).glob("*"):
            with contextlib.suppress(FileNotFoundError):  # somebody else makes room, too
                if file.suffix in KEPT:
                    facts = file.stat()
                    found.append((facts.st_mtime, facts.st_size, file))
        return found


Drop = Callable[["sqlite3.Connection"], object]
Thing = tuple[float, int, Drop]
"""When it was used last, its size in bytes, and what removes it."""


def _size(file: Path) -> int:
    try:
        return file.stat().st_size if file.is_file() else 0
    except FileNotFoundError:
        return 0
