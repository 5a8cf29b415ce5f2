"""The workers' side of the store: claim a job, report, hand in."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import time
from collections.abc import Container, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...scenario.kinds import Kind
from . import _arrays, _filing, _frames, _queue
from ._arrays import Arrays
from ._db import Database, explained
from ._job import FRESH, Job

if TYPE_CHECKING:
    from ...engine.results import Event


class WorkerSide:
    """What workers call.

    A job belongs to the worker that claimed it until it is taken away from a worker that seems dead; from then on every call for it
    answers False and changes nothing, so that nobody's result is overwritten by a revenant.
    """

    path: Path
    _db: Database

    def folder(self, key: str) -> Path:
        """Where the arrays of a job are, once it has any."""
        return self.path / "arrays" / key

    def claim(
        self, worker: str, kinds: Sequence[Kind] | None = None, keys: Container[str] | None = None, most: float | None = None
    ) -> Job | None:
        """Take the next job, alone; jobs of dead workers are put back into the queue first.

        Args:
            worker: its name; it must live in this process, whose end is taken for its death.
            kinds: what it computes; None for everything.
            keys: jobs that it computes; None for all.
            most: seconds, by its price, that the job may take, whose owner has nothing running; None for any.

        Returns:
            The job, or None where nothing waits.
        """
        with self._db.read() as con:
            if _queue.idle(con, time.time()):
                return None
        with self._db.write() as con:
            now = time.time()
            _queue.reap(con, now)
            key = _queue.pick(con, now, kinds, keys, most)
            if key is None:
                return None
            _frames.clear(con, key)
            con.execute(
                f"UPDATE jobs SET {FRESH}, state = 'running', attempts = attempts + 1, "
                "worker = ?, host = ?, pid = ?, started = ?, beat = ?, told = ? WHERE key = ?",
                (worker, _queue.HOST, os.getpid(), now, now, now, key),
            )
            return Job.of(con.execute("SELECT * FROM jobs WHERE key = ?", (key,)).fetchone(), now)

    def fitting(self, kinds: Sequence[Kind] | None = None, most: float | None = None) -> list[str]:
        """Keys of the waiting jobs that a worker may take, in the order of their turns; arguments as of `claim`."""
        with self._db.read() as con:
            return list(_queue.fitting(con, time.time(), kinds, most))

    def beat(self, job: Job) -> bool:
        """Say that the worker lives; False where the job shall stop."""
        with self._db.write() as con:
            return self._update(con, job, "beat = ?", time.time()) and self._wanted(con, job)

    def progress(self, job: Job, event: Event) -> bool:
        """Write one report, with its frame if it has one; False where the job shall stop. Call it at most a few times a second."""
        now = time.time()
        with self._db.write() as con:
            ends = None if event.left is None else now + event.left
            told = (now, now, event.phase, event.done, event.total, event.seconds, ends, event.loss, event.psnr, event.restart)
            sets = "beat = ?, told = ?, phase = ?, done = ?, total = ?, phase_seconds = ?, ends = ?"
            if not self._update(con, job, sets + ", loss = COALESCE(?, loss), psnr = COALESCE(?, psnr), restart = ?", *told):
                return False
            if event.frame is not None:
                _frames.add_frame(con, job.key, event.done, event.psnr, event.frame)
            if event.loss is not None:
                point = {"phase": event.phase, "step": event.done, "restart": event.restart, "loss": event.loss, "psnr": event.psnr}
                _frames.add_point(con, job.key, {**point, "seconds": event.seconds})
            return self._wanted(con, job)

    def finish(self, job: Job, result: dict[str, Any], arrays: Arrays | None = None) -> bool:
        """Hand in a complete result; False where the job had been taken away."""
        return self._hand_in(job, "done", result, arrays)

    def mark_stopped(self, job: Job, result: dict[str, Any] | None = None, arrays: Arrays | None = None) -> bool:
        """Hand in what there is of a job that was asked to stop.

        Where nobody wants it stopped, as the worker stops because it leaves or somebody asked for the job anew, it is queued again.
        """
        with self._db.read() as con:
            again = self._wanted(con, job)
        return self.give_back(job) if again else self._hand_in(job, "stopped", result, arrays)

    def cut_short(self, job: Job, result: dict[str, Any], arrays: Arrays | None = None) -> bool:
        """Hand in what there is of a job that has taken as long as one may, as one that was stopped; it is not queued again by itself."""
        return self._hand_in(job, "stopped", result, arrays)

    def fail(self, job: Job, error: str, traceback: str = "") -> bool:
        """Say why a job cannot be computed: a short reason for people, and where it happened."""
        with self._db.write() as con:
            sets = "state = 'failed', stop = 0, error = ?, traceback = ?, finished = ?"
            return self._update(con, job, sets, error, traceback, time.time())

    def give_back(self, job: Job) -> bool:
        """Put a job back into its place in the queue: the worker leaves, through no fault of the job."""
        with self._db.write() as con:
            sets = "state = CASE stop WHEN 1 THEN 'stopped' ELSE 'queued' END"
            return self._update(con, job, f"{sets}, stop = 0, worker = '', attempts = attempts - 1, started = NULL")

    def _hand_in(self, job: Job, state: str, result: dict[str, Any] | None, arrays: Arrays | None) -> bool:
        with self._db.read() as con:
            if not self._owned(con, job):
                return False
        text = None if result is None else json.dumps(result)
        with explained(self.path):
            part, size = _arrays.write_part(self.folder(job.key), arrays if arrays is not None else {})
        filed = None if result is None else _filing.filed(job.kind, job.scenario, result, part)
        try:
            with self._db.write() as con:
                now = time.time()
                sets = "state = ?, stop = 0, result = ?, bytes = ?, finished = ?, used = ?"
                if not self._update(con, job, sets, state, text, size, now, now):
                    return False
                if filed is not None:
                    con.execute(_filing.FILE, (*filed, now, job.key))
                _arrays.put(part, self.folder(job.key))
                return True
        finally:
            shutil.rmtree(part, ignore_errors=True)  # there only where it was not handed in

    @staticmethod
    def _update(con: sqlite3.Connection, job: Job, sets: str, *values: object) -> bool:
        where = " WHERE key = ? AND worker = ? AND attempts = ? AND state = 'running'"
        return con.execute(f"UPDATE jobs SET {sets}{where}", (*values, job.key, job.worker, job.attempts)).rowcount == 1

    @staticmethod
    def _owned(con: sqlite3.Connection, job: Job) -> sqlite3.Row | None:
        where = "WHERE key = ? AND worker = ? AND attempts = ? AND state = 'running'"
        return con.execute(f"SELECT stop FROM jobs {where}", (job.key, job.worker, job.attempts)).fetchone()

    def _wanted(self, con: sqlite3.Connection, job: Job) -> bool:
        row = self._owned(con, job)
        return row is not None and not row["stop"]
