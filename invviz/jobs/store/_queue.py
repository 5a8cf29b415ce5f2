"""Who computes what next: claims, fairness between watchers, and workers that died."""

from __future__ import annotations

import os
import socket
import sqlite3
from collections.abc import Container, Iterator, Sequence

STALE = 10.0  # seconds without a heartbeat after which a worker counts as dead
MAX_ATTEMPTS = 3
HOST = socket.gethostname()
TAB = "tab"  # how the name of a tab begins: tab|HOST|PID|NAME

# Time is what is shared, not numbers of jobs: a job's turn is what its owner has had lately and has running, and the prices of its waiting jobs up to this one.
ORDER = """
WITH spent AS (
    SELECT owner, SUM(CASE state WHEN 'running' THEN MAX(price, :now - started) ELSE MAX(0, finished - MAX(started, :now - :memory)) END) AS seconds
    FROM jobs WHERE started IS NOT NULL AND (state = 'running' OR finished > :now - :memory) GROUP BY owner
),
turns AS (
    SELECT key, kind, owner, priority, ticket, price,
        SUM(price) OVER (PARTITION BY owner ORDER BY priority DESC, ticket) + COALESCE(spent.seconds, 0) AS turn
    FROM jobs LEFT JOIN spent USING (owner) WHERE state = 'queued'
)
SELECT key, kind, owner, price, ROW_NUMBER() OVER (ORDER BY priority DESC, turn, ticket) AS position FROM turns ORDER BY position
"""
MEMORY = 600.0  # seconds for which it counts what somebody has had


def positions(con: sqlite3.Connection, now: float) -> dict[str, int]:
    """Place of every waiting job by key; 1 is next."""
    return {row["key"]: row["position"] for row in _ordered(con, now)}


def pick(
    con: sqlite3.Connection, now: float, kinds: Sequence[str] | None, keys: Container[str] | None = None, most: float | None = None
) -> str | None:
    """Key of the waiting job whose turn it is, among these kinds and keys; with `most`, of at most this price and of one for whom nothing is computed yet."""
    return next((key for key in fitting(con, now, kinds, most) if keys is None or key in keys), None)


def fitting(con: sqlite3.Connection, now: float, kinds: Sequence[str] | None, most: float | None = None) -> Iterator[str]:
    """Keys of the waiting jobs that a worker may take, as of `pick`, in the order of their turns."""
    served = set() if most is None else {row["owner"] for row in con.execute("SELECT owner FROM jobs WHERE state = 'running'")}
    for row in _ordered(con, now):
        quick = most is None or (row["price"] <= most and row["owner"] not in served)
        if quick and (kinds is None or row["kind"] in kinds):
            yield row["key"]


def _ordered(con: sqlite3.Connection, now: float) -> sqlite3.Cursor:
    return con.execute(ORDER, {"now": now, "memory": MEMORY})


def waiting(con: sqlite3.Connection, watcher: str) -> float:
    """Seconds, by their prices, of what a watcher has waiting and running; of a sweep, what all sweeps have."""
    mine, name = ("owner LIKE ?", "sweep-%") if watcher.startswith("sweep-") else ("owner = ?", watcher)
    return con.execute(f"SELECT COALESCE(SUM(price), 0) FROM jobs WHERE state IN ('queued', 'running') AND {mine}", (name,)).fetchone()[0]


def dead(watcher: str) -> bool:
    """Whether it is a tab of a server that is no more, on this machine; asked by a server that starts, which has no tabs yet: in a container the last one had the same number."""
    parts = watcher.split("|")
    if len(parts) != 4 or parts[:2] != [TAB, HOST] or not parts[2].isdecimal():
        return False
    return int(parts[2]) == os.getpid() or not _alive(int(parts[2]))


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
