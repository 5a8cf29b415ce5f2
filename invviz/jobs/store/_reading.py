"""The readers' side of the store: results, whole or not at all."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ...core.errors import StoreError
from ...scenario.kinds import WORK, Kind
from . import _arrays, _frames, _sound
from ._db import Database, explained
from ._frames import Curve, Frame
from ._job import DAMAGED, Job

if TYPE_CHECKING:
    import sqlite3

    from ...risk import Decomposition

T = TypeVar("T")
MANY = "(SELECT value FROM json_each(?))"  # any number of keys as one parameter
TOUCH_EVERY = 60.0  # seconds; reading a result notes its use at most this often


class Reading:
    """What pages, reports and sweeps read.

    A result that is damaged is set aside by whoever comes upon it: nothing is answered then, and its job is one that failed, whose error says what was found.
    """

    path: Path
    _db: Database
    _seen_whole: set[tuple[str, float | None]]  # keys, and when what they name was made
    folder: Callable[[str], Path]
    if TYPE_CHECKING:

        def job(self, key: str) -> Job | None: ...

    def result(self, key: str) -> dict[str, Any] | None:
        """Numbers and words of a finished job, or the partial ones of a stopped one; None where there are none (yet), or none that can be read.

        What is damaged is set aside, here and in `arrays` and `spectrum`: the job then is one that failed, and its error says what was found.
        """
        with self._db.read() as con:
            row = con.execute("SELECT result, used FROM jobs WHERE key = ? AND state IN ('done', 'stopped', 'pruned')", (key,)).fetchone()
        if row is None or row["result"] is None:
            return None
        self._note_use(key, row["used"])
        return self._facts(key, row["result"])

    def results_of(self, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Numbers and words of those jobs that are done (their arrays may be pruned), by key; reading so many at a time counts as no use."""
        with self._db.read() as con:
            rows = con.execute(
                f"SELECT key, kind, result FROM jobs WHERE state IN ('done', 'pruned') AND result IS NOT NULL AND key IN {MANY}",
                (json.dumps(list(keys)),),
            ).fetchall()
        return {row["key"]: found for row in rows if (found := self._facts(row["key"], row["result"], row["kind"])) is not None}

    def arrays(self, key: str) -> dict[str, np.ndarray]:
        """Arrays of a result by name, mapped from the disk; empty where there are none, or none that can be read."""
        try:
            with explained(self.path):
                return _arrays.read(self.folder(key))
        except ValueError:
            self._set_aside(key, lambda: _arrays.damage(self.folder(key)))
            return {}

    def spectrum(self, key: str) -> Decomposition | None:
        """The spectrum of a finished job of kind "risk"; None where it was removed to make room, or cannot be read."""
        from ...risk import Decomposition

        try:
            return Decomposition.load(self.folder(key))
        except StoreError:
            if self.folder(key).is_dir():
                self._set_aside(key, lambda: _sound.no_spectrum(self.folder(key)))
            return None

    def frames(self, key: str) -> tuple[np.ndarray, np.ndarray]:
        """Steps (k,) and pictures (k, b, c, h, w) uint8 of an attack, evenly thinned, the newest included; none where one is damaged."""
        return self._way(key, lambda con: _frames.all_frames(con, key), _frames.NONE)

    def latest_frame(self, key: str, after: int = -1) -> Frame | None:
        """The newest picture, or None where there is none numbered above `after`, or a damaged one."""
        return self._way(key, lambda con: _frames.newest_frame(con, key, after), None)

    def curve(self, key: str, phase: str = "attack") -> Curve:
        """Loss and PSNR over the steps of one phase; of no length where it is damaged."""
        return self._way(
            key,
            lambda con: _frames.curve(con, key, phase),
            Curve(*(np.zeros(0, kind) for kind in (np.int64, float, float, float, np.int64))),
        )

    def _way(self, key: str, read: Callable[[sqlite3.Connection], T], nothing: T) -> T:
        """What is read of an attack's way; nothing where that is damaged, and the result is then set aside."""
        try:
            with self._db.read() as con:
                return read(con)
        except ValueError as err:
            why = str(err)
        self._set_aside(key, lambda: why)
        return nothing

    def whole(self, key: str) -> bool:
        """Whether what is stored of a finished job is a result of its kind; what is not is set aside. Seen once, it is not looked at again."""
        job = self.job(key)
        if job is None or (key, job.finished) in self._seen_whole:
            return job is not None
        result, arrays, kept = self.result(key), self.arrays(key), self.folder(key).is_dir()
        if result is None:
            return False
        # the arrays of a spectrum may have been removed to make room, which is no damage
        why = _sound.lacking(job.kind, result) or (_sound.missing(job.kind, arrays) if kept else "")
        if why:
            self._set_aside(key, lambda: why)
        if why or (kept and WORK[job.kind].spectrum and self.spectrum(key) is None):
            return False
        self._seen_whole.add((key, job.finished))
        return True

    def results(self, kind: Kind | None = None, limit: int = 50, offset: int = 0) -> list[dict[str, Any]]:
        """What was computed, newest first: key, kind, scenario, state, finished (time.time()), seconds, bytes, result; first sketches only where they are named."""
        unlisted = json.dumps([name for name, work in WORK.items() if not work.listed])
        with self._db.read() as con:
            rows = con.execute(
                "SELECT key, kind, scenario, state, finished, finished - started AS seconds, bytes, result FROM jobs "
                "WHERE state IN ('done', 'stopped', 'pruned') AND result IS NOT NULL AND kind = COALESCE(?, kind) "
                f"AND (kind = ? OR kind NOT IN {MANY}) ORDER BY finished DESC LIMIT ? OFFSET ?",
                (kind, kind, unlisted, limit, offset),
            ).fetchall()
        return [{**dict(row), "result": found} for row in rows if (found := self._facts(row["key"], row["result"])) is not None]

    def _facts(self, key: str, text: str, table: Kind | None = None) -> dict[str, Any] | None:
        """What a result's text says, for a table of that kind what it needs at least; None where it is damaged, and then set aside."""
        try:
            found = _sound.facts(text)
            why = _sound.lacking(table, found, core=True) if table else ""
        except ValueError as err:
            found, why = {}, str(err)
        if why:
            self._set_aside(key, lambda: why)
        return None if why else found

    def _set_aside(self, key: str, look: Callable[[], str]) -> None:
        """Put a damaged result aside, unless `look`, asked once nobody else can write, finds nothing: it was exchanged just now.

        Raises:
            StoreError: it cannot be moved; says both.
        """
        why = ""
        try:
            with self._db.write() as con:
                if why := look():
                    _sound.set_aside(con, self.path, key, why)
        except StoreError as err:
            raise StoreError(f"{DAMAGED} {key} is damaged{': ' * bool(why)}{why}, and cannot be set aside. {err}") from err

    def _note_use(self, key: str, used: float) -> None:
        if time.time() - used > TOUCH_EVERY:
            with contextlib.suppress(StoreError), self._db.write() as con:  # a full disk must not keep anyone from reading
                con.execute("UPDATE jobs SET used = ? WHERE key = ?", (time.time(), key))
