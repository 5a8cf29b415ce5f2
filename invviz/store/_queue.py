"""Who computes what next: claims, fairness between watchers, and workers that died."""

from __future__ import annotations

import os
import socket
import sqlite3
from collections.abc import Container, Sequence

STALE = 10.0  # seconds without a heartbeat after which a worker counts as dead
MAX_ATTEMPTS = 3
HOST = socket.gethostname()

# A watcher's n-th waiting job stands behind the first n-1 of everyone else; jobs that it has running count as well.
ORDER = """
WITH busy AS (SELECT owner, COUNT(*) AS running FROM jobs WHERE state = 'running' GROUP BY owner),
turns AS (
    SELECT key, kind, priority, ticket,
        ROW_NUMBER() OVER (PARTITION BY owner ORDER BY priority DESC, ticket) + COALESCE(busy.running, 0) AS turn
    FROM jobs LEFT JOIN busy USING (owner) WHERE state = 'queued'
)
SELECT key, kind, ROW_NUMBER() OVER (ORDER BY priority DESC, turn, ticket) AS position FROM turns ORDER BY position
"""


def positions(con: sqlite3.Connection) -> dict[str, int]:
    """Place of every waiting job by key; 1 is next."""
    return {row["key"]: row["position"] for row in con.execute(ORDER)}


def pick(con: sqlite3.Connection, kinds: Sequence[str] | None, keys: Container[str] | None = None) -> str | None:
    """Key of the waiting job whose turn it is, among these kinds and keys."""
    rows = con.execute(ORDER)
    return next((row["key"] for row in rows if (kinds is None or row["kind"] in kinds) and (keys is None or row["key"] in keys)), None)


def idle(con: sqlite3.Connection, now: float) -> bool:
    """Whether a claim would find nothing; a cheap look that takes no lock."""
    if con.execute("SELECT 1 FROM jobs WHERE state = 'queued' LIMIT 1").fetchone():
        return False
    return not any(_lost(row, now) for row in con.execute("SELECT host, pid, beat FROM jobs WHERE state = 'running'"))


def reap(con: sqlite3.Connection, now: float) -> None:
    """Put jobs of dead workers back into the queue, in their old place; give up on a job that has ended several workers."""
    for row in con.execute("SELECT * FROM jobs WHERE state = 'running'").fetchall():
        if not _lost(row, now):
            continue
        state, error = "queued", ""
        if row["stop"]:
            state = "stopped"
        elif row["attempts"] >= MAX_ATTEMPTS:
            state = "failed"
            at = f" The last one was at {row['phase']} {row['done']:,} of {row['total']:,}." if row["phase"] else ""
            error = (
                f"The worker ended unexpectedly {row['attempts']} times while computing this, perhaps for lack of memory.{at} "
                "Choose a smaller batch, model or picture, or start it once more."
            )
        finished = now if state != "queued" else None
        con.execute(
            "UPDATE jobs SET state = ?, error = ?, finished = ?, worker = '', stop = 0 WHERE key = ?", (state, error, finished, row["key"])
        )


def _lost(row: sqlite3.Row, now: float) -> bool:
    return now - row["beat"] > STALE or (row["host"] == HOST and not _alive(row["pid"]))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it lives, as somebody else's
        return True
    return True


def leave(con: sqlite3.Connection, key: str, watcher: str, now: float) -> bool:
    """Take a watcher off a job; stops the job where nobody else watches it. Answers whether it stops."""
    con.execute("DELETE FROM watchers WHERE key = ? AND watcher = ?", (key, watcher))
    other = con.execute("SELECT watcher FROM watchers WHERE key = ? LIMIT 1", (key,)).fetchone()
    if other:
        con.execute("UPDATE jobs SET owner = ? WHERE key = ? AND owner = ?", (other["watcher"], key, watcher))
        return False
    return halt(con, key, now)


def halt(con: sqlite3.Connection, key: str, now: float) -> bool:
    """Stop a waiting job at once; ask a running one to stop. Answers whether there was anything to stop."""
    waiting = con.execute("UPDATE jobs SET state = 'stopped', finished = ? WHERE key = ? AND state = 'queued'", (now, key)).rowcount
    running = con.execute("UPDATE jobs SET stop = 1 WHERE key = ? AND state = 'running'", (key,)).rowcount
    return waiting + running > 0
