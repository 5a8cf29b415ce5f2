"""The store: one SQLite file and a folder of arrays that queue jobs, carry their progress and keep their results."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.errors import LimitError, StoreError
from ...scenario.kinds import Kind
from . import _arrays, _frames, _queue
from ._arrays import Arrays, Save
from ._classes import Classes, class_name, class_problem
from ._db import TIMEOUT, Database, explained
from ._frames import Curve, Frame, thinned
from ._gate import Gate
from ._job import FRESH, SOON, Job, State
from ._listing import ORDERS, Listing, Row, Wanted
from ._queue import HOST, TAB
from ._reading import MANY, Reading
from ._room import Room, Use, limit, parsed
from ._workers import WorkerSide

if TYPE_CHECKING:
    from sqlite3 import Connection

    from ...scenario import Scenario

__all__ = [
    "HOST",
    "ORDERS",
    "SOON",
    "TAB",
    "Arrays",
    "Curve",
    "Frame",
    "Gate",
    "Job",
    "Kind",
    "Row",
    "Save",
    "State",
    "Store",
    "Use",
    "Wanted",
    "class_name",
    "class_problem",
    "limit",
    "parsed",
    "thinned",
]


class Store(WorkerSide, Reading, Listing, Room, Classes):
    """A folder that pages, workers and the command line share; every method may be called from any thread or process.

    Args:
        path: the folder; made if it is not there.
        timeout: seconds to wait for a lock that another process holds.
        gate: asked before something is queued; None lets everything in, at the same price.

    Raises:
        StoreError: from every method: full disk, no right to write, locked for too long, written by another version.
    """

    def __init__(self, path: Path | str, timeout: float = TIMEOUT, gate: Gate | None = None) -> None:
        self.path = Path(path).expanduser()
        self._db = Database(self.path, timeout)
        self._seen_whole = set()
        self._gate = gate or Gate()
        with explained(self.path):
            (self.path / "arrays").mkdir(exist_ok=True)

    def close(self) -> None:
        """Close the file; using the store again opens it again."""
        self._db.close()

    def submit(self, kind: Kind, scenario: Scenario, watcher: str, priority: int = 0) -> str:
        """Have something computed, once however many ask; call it when a person asks, not on every redraw.

        Nothing happens where it is done, waiting or running; what failed, was stopped or was pruned is queued again.

        Args:
            kind: of work, such as "run" or "risk".
            scenario: settings that play no part in this kind are left out of the stored text.
            watcher: who asks: a session's id, "cli". It is computed as long as somebody watches.
            priority: higher goes first, whoever asked; equal ones take turns between watchers.

        Returns:
            The job's key.

        Raises:
            LimitError: it is too dear, or too much of this watcher's is waiting.
        """
        return self.submit_many([(kind, scenario)], watcher, priority)[0]

    def submit_many(self, asked: Sequence[tuple[Kind, Scenario]], watcher: str, priority: int = 0, failed: bool = True) -> list[str]:
        """The same for many at once, all of them or none; with failed=False, what failed by an error of its own or was pruned is not queued again.

        What failed only because its workers ended is queued again either way.
        """
        if any(scenario.upload for _, scenario in asked):
            raise StoreError("Uploaded pictures are private and are never written to the store; compute this one in a private worker.")
        texts: list[tuple[str, Kind, str]] = [(s.key(kind), kind, s.form(kind)) for kind, s in asked]
        settled = self._settled([key for key, _, _ in texts])
        prices = {key: self._gate.price(kind, s) for (key, kind, _), (_, s) in zip(texts, asked, strict=True) if key not in settled}
        with self._db.write() as con:
            _queue.reap(con, time.time())
            if prices and (why := self._gate.refused(_queue.waiting(con, watcher) + sum(prices.values()))):
                raise LimitError(why)
            ticket = con.execute("SELECT COALESCE(MAX(ticket), 0) FROM jobs").fetchone()[0]
            for place, (key, kind, text) in enumerate(texts, 1):
                self._submit(con, key, kind, text, watcher, (priority, ticket + place), failed, prices.get(key, 1.0))
        return [key for key, _, _ in texts]

    def _settled(self, keys: Sequence[str]) -> set[str]:
        """Those that are done, wait or run: asking for them again costs nothing."""
        with self._db.read() as con:
            rows = con.execute(f"SELECT key FROM jobs WHERE state IN ('done', 'queued', 'running') AND key IN {MANY}", (json.dumps(keys),))
            return {row["key"] for row in rows}

    def _submit(
        self, con: Connection, key: str, kind: Kind, text: str, watcher: str, rank: tuple[int, int], failed: bool, price: float
    ) -> None:
        priority, ticket = rank
        row = con.execute("SELECT state, traceback FROM jobs WHERE key = ?", (key,)).fetchone()
        if row is not None and not failed and (row["state"] == "pruned" or (row["state"] == "failed" and row["traceback"])):
            return
        con.execute("INSERT OR IGNORE INTO watchers VALUES (?, ?)", (key, watcher))
        if row is None:
            con.execute(
                "INSERT INTO jobs (key, kind, scenario, state, priority, ticket, owner, price) VALUES (?, ?, ?, 'queued', ?, ?, ?, ?)",
                (key, kind, text, priority, ticket, watcher, price),
            )
        elif row["state"] in ("queued", "running"):
            con.execute("UPDATE jobs SET stop = 0, priority = MAX(priority, ?) WHERE key = ?", (priority, key))
        elif row["state"] != "done" or not self.folder(key).is_dir():
            con.execute(
                f"UPDATE jobs SET {FRESH}, state = 'queued', priority = ?, ticket = ?, owner = ?, price = ?, attempts = 0 WHERE key = ?",
                (priority, ticket, watcher, price, key),
            )

    def watch(self, key: str, watcher: str) -> None:
        """Keep a job going that others asked for."""
        with self._db.write() as con:
            # it may have been asked to stop because nobody watched
            con.execute("UPDATE jobs SET stop = 0 WHERE key = ? AND NOT EXISTS (SELECT 1 FROM watchers WHERE key = ?)", (key, key))
            con.execute("INSERT OR IGNORE INTO watchers SELECT key, ? FROM jobs WHERE key = ?", (watcher, key))

    def unwatch(self, watcher: str) -> None:
        """A tab was closed: stop what it waited for and nobody else watches. Results stay."""
        with self._db.write() as con:
            for row in con.execute("SELECT key FROM watchers WHERE watcher = ?", (watcher,)).fetchall():
                _queue.leave(con, row["key"], watcher, time.time())

    def leave_for_the_dead(self) -> None:
        """A server starts: what the tabs of servers waited for that are no more, on this machine, is not waited for any more."""
        with self._db.read() as con:
            watchers = [row["watcher"] for row in con.execute("SELECT DISTINCT watcher FROM watchers")]
        for watcher in filter(_queue.dead, watchers):
            self.unwatch(watcher)

    def stop(self, key: str, watcher: str | None = None) -> bool:
        """Stop a job; a running one stops at its next step and keeps what it has.

        Args:
            key: the job.
            watcher: who no longer wants it: it goes on where others watch it. None stops it for everyone.

        Returns:
            Whether it stops.
        """
        with self._db.write() as con:
            now = time.time()
            halted = _queue.halt(con, key, now) if watcher is None else _queue.leave(con, key, watcher, now)
            _queue.reap(con, now)  # its worker may be dead, and no other may be there to notice
        return halted

    def job(self, key: str) -> Job | None:
        """State and progress of a job; cheap enough to be asked several times a second by every session."""
        return self.jobs([key]).get(key)

    def jobs(self, keys: Sequence[str]) -> dict[str, Job]:
        """The same of many at once, by key, with one question to the file; those that nobody ever asked for are left out."""
        with self._db.read() as con:
            rows = con.execute(f"SELECT * FROM jobs WHERE key IN {MANY}", (json.dumps(list(keys)),)).fetchall()
            now = time.time()
            places = _queue.positions(con, now) if any(row["state"] == "queued" for row in rows) else {}
        return {row["key"]: Job.of(row, now, places.get(row["key"], 0)) for row in rows}

    def typical_seconds(self, kind: Kind, model: str) -> float | None:
        """Mean time that the last twenty jobs of a kind with a model (its name) took; None where there were none."""
        with self._db.read() as con:
            row = con.execute(
                "SELECT AVG(seconds) AS mean FROM (SELECT finished - started AS seconds FROM jobs WHERE state = 'done' AND kind = ? "
                "AND started IS NOT NULL AND scenario LIKE ? ORDER BY finished DESC LIMIT 20)",
                (kind, f"%&model={model}%"),
            ).fetchone()
        return row["mean"]

    def keep_sweep(self, key: str, text: str) -> None:
        """Remember a sweep by its text, so that it can be found again."""
        with self._db.write() as con:
            con.execute("INSERT OR REPLACE INTO sweeps VALUES (?, ?, ?)", (key, text, time.time()))

    def sweeps(self) -> list[str]:
        """Texts of the sweeps that were asked for here, newest first."""
        with self._db.read() as con:
            return [row["text"] for row in con.execute("SELECT text FROM sweeps ORDER BY asked DESC LIMIT 200")]

    def forget_sweep(self, text: str) -> None:
        """Take a sweep off the list; its results stay."""
        with self._db.write() as con:
            con.execute("DELETE FROM sweeps WHERE text = ?", (text,))

    def forget(self, key: str) -> None:
        """Drop the result of a finished job, so that it is computed anew when it is asked for again."""
        with self._db.write() as con:
            con.execute("UPDATE jobs SET state = 'pruned', bytes = 0, result = NULL WHERE key = ? AND state IN ('done', 'stopped')", (key,))
            _frames.clear(con, key)
            _arrays.drop(self.folder(key))
