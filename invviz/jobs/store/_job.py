"""One row of the store, as everyone else sees it."""

from __future__ import annotations

import dataclasses
import sqlite3
from typing import Literal

from ...scenario.kinds import Kind

State = Literal["queued", "running", "done", "failed", "stopped", "pruned"]
"""`stopped` may hold a partial result; `pruned` was done, and its arrays were removed to make room: submit it again to have them."""


SOON = 1.0  # seconds: what is so close, or overdue, is not foretold any more
FRESH = (
    "stop = 0, started = NULL, finished = NULL, phase = '', done = 0, total = 0, phase_seconds = 0, ends = NULL, loss = NULL, psnr = NULL, "
    "restart = 0, error = '', traceback = '', result = NULL"
)
"""SQL that forgets an earlier attempt."""

DAMAGED = "The stored result"
"""How the error of a job begins whose result was found damaged and set aside."""

_SAME = ("key", "kind", "scenario", "state", "phase", "done", "total", "restart", "loss", "psnr", "error", "traceback", "attempts")


@dataclasses.dataclass(frozen=True)
class Job:
    """Something to compute, being computed, or computed."""

    key: str
    kind: Kind
    scenario: str  # full text form
    state: State
    position: int = 0  # place in the queue; 1 is next, 0 is not waiting
    phase: str = ""
    done: int = 0  # steps of this phase
    total: int = 0
    restart: int = 0
    seconds: float = 0.0  # since a worker took it, or that it took
    eta: float | None = None  # seconds until this phase ends, where that is known; never less than one
    loss: float | None = None
    psnr: float | None = None
    error: str = ""
    traceback: str = ""
    attempts: int = 0
    worker: str = ""
    stopping: bool = False  # it was asked to stop and has not done so yet
    finished: float | None = None  # time.time() when it ended, whichever way

    @property
    def active(self) -> bool:
        """Whether it waits or runs: whoever shows it should look again."""
        return self.state in ("queued", "running")

    @property
    def damaged(self) -> bool:
        """Whether it was done, and its result can no longer be read: it was set aside, and can be computed again as what failed can."""
        return self.state == "failed" and self.error.startswith(DAMAGED)

    @classmethod
    def of(cls, row: sqlite3.Row, now: float, position: int = 0) -> Job:
        """Read a row; `now` as in time.time()."""
        running = row["state"] == "running"
        end = now if running else row["finished"]
        seconds = max(0.0, end - row["started"]) if row["started"] and end else 0.0
        eta = row["ends"] - now if running and row["ends"] is not None and row["ends"] >= now + SOON else None
        facts = {name: row[name] for name in _SAME}
        return cls(
            **facts, worker=row["worker"], position=position, seconds=seconds, eta=eta, stopping=bool(row["stop"]), finished=row["finished"]
        )
