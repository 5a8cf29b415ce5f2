"""The store's one SQLite file: connections, schema, and errors in words."""

from __future__ import annotations

import errno
import functools
import sqlite3
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..core.errors import StoreError

SCHEMA = 1  # kept in the file as user_version
TIMEOUT = 5.0  # seconds to wait for another process's write
MAX_IDLE = 4  # open connections kept for reuse
TABLES = """
CREATE TABLE jobs (
    key TEXT PRIMARY KEY, kind TEXT NOT NULL, scenario TEXT NOT NULL, state TEXT NOT NULL,
    priority INTEGER NOT NULL, ticket INTEGER NOT NULL, owner TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, stop INTEGER NOT NULL DEFAULT 0,
    worker TEXT NOT NULL DEFAULT '', host TEXT NOT NULL DEFAULT '', pid INTEGER NOT NULL DEFAULT 0,
    started REAL, finished REAL, beat REAL NOT NULL DEFAULT 0, used REAL NOT NULL DEFAULT 0,
    phase TEXT NOT NULL DEFAULT '', done INTEGER NOT NULL DEFAULT 0, total INTEGER NOT NULL DEFAULT 0,
    phase_seconds REAL NOT NULL DEFAULT 0, told REAL NOT NULL DEFAULT 0, loss REAL, psnr REAL, restart INTEGER NOT NULL DEFAULT 0,
    frames_stride INTEGER NOT NULL DEFAULT 1, points_stride INTEGER NOT NULL DEFAULT 1,
    error TEXT NOT NULL DEFAULT '', traceback TEXT NOT NULL DEFAULT '', result TEXT, bytes INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX jobs_state ON jobs (state);
CREATE INDEX jobs_finished ON jobs (finished);
CREATE TABLE watchers (key TEXT NOT NULL, watcher TEXT NOT NULL, PRIMARY KEY (key, watcher)) WITHOUT ROWID;
CREATE INDEX watchers_watcher ON watchers (watcher);
CREATE TABLE frames (
    key TEXT NOT NULL, number INTEGER NOT NULL, step INTEGER NOT NULL, shape TEXT NOT NULL, pixels BLOB NOT NULL, psnr REAL,
    PRIMARY KEY (key, number)
);
CREATE TABLE points (
    key TEXT NOT NULL, number INTEGER NOT NULL, phase TEXT NOT NULL, step INTEGER NOT NULL, restart INTEGER NOT NULL,
    loss REAL, psnr REAL, seconds REAL NOT NULL,
    PRIMARY KEY (key, number)
);
"""


class Database:
    """Connections to one file, opened when needed and reused; safe for threads, and for processes that open it themselves."""

    def __init__(self, folder: Path, timeout: float = TIMEOUT) -> None:
        self.folder = folder
        self.timeout = timeout
        self._idle: deque[sqlite3.Connection] = deque()
        with explained(folder):
            folder.mkdir(parents=True, exist_ok=True)
        with self.read() as con:
            self._prepare(con)

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A connection; every statement stands alone."""
        with explained(self.folder):
            con = self._take()
            try:
                yield con
            finally:
                if con.in_transaction:
                    con.rollback()
                self._idle.append(con)
                if len(self._idle) > MAX_IDLE:
                    self._idle.popleft().close()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction that holds the write lock from its beginning, so that what it reads stays true until it ends."""
        with self.read() as con:
            con.execute("BEGIN IMMEDIATE")
            yield con
            con.execute("COMMIT")

    def close(self) -> None:
        """Close idle connections."""
        while self._idle:
            self._idle.pop().close()

    def _take(self) -> sqlite3.Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return self._connect()

    def _connect(self) -> sqlite3.Connection:
        con = sqlite3.connect(self.folder / "store.db", timeout=self.timeout, isolation_level=None, check_same_thread=False)
        con.row_factory = sqlite3.Row
        con.text_factory = functools.partial(
            str, encoding="utf-8", errors="replace"
        )  # one damaged text must not hide what else is asked for
        try:
            _use_wal(con, self.timeout)
            con.execute("PRAGMA synchronous=NORMAL")  # a crash of the machine may lose the last moments, never the file
        except sqlite3.Error:
            con.close()
            raise
        return con

    def _prepare(self, con: sqlite3.Connection) -> None:
        self._make_tables(con)
        if not con.execute("SELECT 1 FROM sqlite_master WHERE name = 'sweeps'").fetchone():  # a file from before there were any
            con.execute("CREATE TABLE IF NOT EXISTS sweeps (key TEXT PRIMARY KEY, text TEXT NOT NULL, asked REAL NOT NULL)")
        if not _knows_ends(con):  # a file from before anybody foretold them
            con.execute("BEGIN IMMEDIATE")
            if not _knows_ends(con):  # another process may have been quicker
                con.execute("ALTER TABLE jobs ADD COLUMN ends REAL")
            con.execute("COMMIT")

    def _make_tables(self, con: sqlite3.Connection) -> None:
        if _version(con) == 0:
            con.execute("BEGIN IMMEDIATE")
            if _version(con) == 0:  # another process may have made the tables while this one waited
                for statement in TABLES.split(";"):
                    con.execute(statement)
                con.execute(f"PRAGMA user_version={SCHEMA}")
            con.execute("COMMIT")
        if (version := _version(con)) != SCHEMA:
            raise StoreError(
                f"The store {self.folder} was written by another version of invviz (format {version}; this one reads {SCHEMA}). "
                "Update invviz, or name another folder with INVVIZ_STORE."
            )


def _knows_ends(con: sqlite3.Connection) -> bool:
    return any(row["name"] == "ends" for row in con.execute("PRAGMA table_info(jobs)"))


def _version(con: sqlite3.Connection) -> int:
    return int(con.execute("PRAGMA user_version").fetchone()[0])


def _use_wal(con: sqlite3.Connection, timeout: float) -> None:
    """Readers and one writer side by side. The switch does not wait for a lock by itself, so it is tried again."""
    until = time.monotonic() + timeout
    while con.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            con.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as err:
            if "locked" not in str(err) or time.monotonic() > until:
                raise
            time.sleep(0.02)


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Turn what the system says into what happened and what to do.

    Raises:
        StoreError: in place of any sqlite3.Error or OSError.
    """
    try:
        yield
    except (sqlite3.Error, OSError) as err:
        raise StoreError(_words(err, folder)) from err


def _words(err: sqlite3.Error | OSError, folder: Path) -> str:
    said = str(err).lower()
    code = err.errno if isinstance(err, OSError) else None
    cut = "requested and" in said  # how numpy reports a write that was cut short
    name = getattr(err, "sqlite_errorname", "")
    if cut or code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or name in ("SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_SHMSIZE"):
        return f"The disk that holds the store {folder} is full. Free some space, or name another folder with INVVIZ_STORE."
    if "locked" in said or "busy" in said:
        return f"The store {folder} is locked: another process has held it for too long. Try again; if it stays so, end that process."
    if code in (errno.EACCES, errno.EPERM, errno.EROFS) or "readonly" in said or "unable to open" in said:
        return f"The store {folder} cannot be written ({err}). Get the right to write there, or name another folder with INVVIZ_STORE."
    if "not a database" in said or "malformed" in said:
        return f"The store's file {folder / 'store.db'} is damaged ({err}). Move it away; its results are computed again when asked for."
    return f"The store {folder} cannot be used: {err}. Check the folder, or name another one with INVVIZ_STORE."
