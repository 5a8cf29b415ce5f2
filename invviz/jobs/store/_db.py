"""The store's one SQLite file: connections, schema, and errors in words."""

from __future__ import annotations

import errno
import functools
import sqlite3
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ...core.errors import DISK_FULL, StoreError
from . import _rekey

SCHEMA = 2  # kept in the file as user_version
TIMEOUT = 5.0  # seconds to wait for another process's write
MAX_IDLE = 4  # open connections kept for reuse
TABLES = """
CREATE TABLE IF NOT EXISTS jobs (
    key TEXT PRIMARY KEY, kind TEXT NOT NULL, scenario TEXT NOT NULL, state TEXT NOT NULL,
    priority INTEGER NOT NULL, ticket INTEGER NOT NULL, owner TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, stop INTEGER NOT NULL DEFAULT 0,
    worker TEXT NOT NULL DEFAULT '', host TEXT NOT NULL DEFAULT '', pid INTEGER NOT NULL DEFAULT 0,
    started REAL, finished REAL, beat REAL NOT NULL DEFAULT 0, used REAL NOT NULL DEFAULT 0,
    phase TEXT NOT NULL DEFAULT '', done INTEGER NOT NULL DEFAULT 0, total INTEGER NOT NULL DEFAULT 0,
    phase_seconds REAL NOT NULL DEFAULT 0, told REAL NOT NULL DEFAULT 0, ends REAL, loss REAL, psnr REAL, restart INTEGER NOT NULL DEFAULT 0,
    frames_stride INTEGER NOT NULL DEFAULT 1, points_stride INTEGER NOT NULL DEFAULT 1,
    error TEXT NOT NULL DEFAULT '', traceback TEXT NOT NULL DEFAULT '', result TEXT, bytes INTEGER NOT NULL DEFAULT 0,
    price REAL NOT NULL DEFAULT 1,
    data TEXT NOT NULL DEFAULT '', model TEXT NOT NULL DEFAULT '', defense TEXT NOT NULL DEFAULT '', attack TEXT NOT NULL DEFAULT '',
    score REAL, filed REAL
);
CREATE INDEX IF NOT EXISTS jobs_state ON jobs (state);
CREATE INDEX IF NOT EXISTS jobs_finished ON jobs (finished);
CREATE INDEX IF NOT EXISTS jobs_listed ON jobs (kind, data, model, defense, attack, finished, score, started, bytes, state, owner, key)
    WHERE result IS NOT NULL AND filed IS finished;
CREATE INDEX IF NOT EXISTS jobs_unfiled ON jobs (finished) WHERE result IS NOT NULL AND filed IS NOT finished;
CREATE TABLE IF NOT EXISTS watchers (key TEXT NOT NULL, watcher TEXT NOT NULL, PRIMARY KEY (key, watcher)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS watchers_watcher ON watchers (watcher);
CREATE TABLE IF NOT EXISTS frames (
    key TEXT NOT NULL, number INTEGER NOT NULL, step INTEGER NOT NULL, shape TEXT NOT NULL, pixels BLOB NOT NULL, psnr REAL,
    PRIMARY KEY (key, number)
);
CREATE TABLE IF NOT EXISTS points (
    key TEXT NOT NULL, number INTEGER NOT NULL, phase TEXT NOT NULL, step INTEGER NOT NULL, restart INTEGER NOT NULL,
    loss REAL, psnr REAL, seconds REAL NOT NULL,
    PRIMARY KEY (key, number)
);
CREATE TABLE IF NOT EXISTS sweeps (key TEXT PRIMARY KEY, text TEXT NOT NULL, asked REAL NOT NULL);
CREATE TABLE IF NOT EXISTS pins (key TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS guesses (
    class TEXT NOT NULL, question TEXT NOT NULL, who TEXT NOT NULL, value REAL NOT NULL, at REAL NOT NULL, PRIMARY KEY (class, question, who)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS reveals (class TEXT NOT NULL, question TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (class, question)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS moves (old TEXT PRIMARY KEY, new TEXT NOT NULL, scenario TEXT NOT NULL) WITHOUT ROWID;
"""
EMPTY_FOR = 1.0  # seconds that a file may have no bytes while another process makes its tables
WASTE, WASTE_SHARE = 16 << 20, 0.25  # bytes and share of the file that may lie unused before it is written anew


class Database:
    """Connections to one file, opened when needed and reused; safe for threads, and for processes that open it themselves."""

    def __init__(self, folder: Path, timeout: float = TIMEOUT) -> None:
        self.folder = folder
        self.timeout = timeout
        self._idle: deque[sqlite3.Connection] = deque()
        with explained(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self._refuse_a_lost_file()
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
        if (version := _version(con)) not in (0, _rekey.FORMER, SCHEMA):
            raise StoreError(
                f"The store {self.folder} was written by another version of invviz (format {version}; this one reads {SCHEMA}). "
                "Update invviz, or name another folder with INVVIZ_STORE."
            )
        if lacking(con):
            con.execute("BEGIN IMMEDIATE")
            for statement in lacking(con):  # asked again: another process may have been quicker
                con.execute(statement)
            if not _version(con):
                con.execute(f"PRAGMA user_version={SCHEMA}")
            con.execute("COMMIT")
        self._rekey(con)

    def _rekey(self, con: sqlite3.Connection) -> None:
        """Give the jobs of an old file today's keys. Whoever opens it takes part, and nobody goes on before all is done."""
        if _version(con) == _rekey.FORMER:
            known: _rekey.Known = {}
            _rekey.look(con, known)
            con.execute("BEGIN IMMEDIATE")
            if _version(con) == _rekey.FORMER:
                _rekey.note(con, _rekey.look(con, known))
                con.execute(f"PRAGMA user_version={SCHEMA}")
            con.execute("COMMIT")
        while con.execute("SELECT 1 FROM moves LIMIT 1").fetchone():
            con.execute("BEGIN IMMEDIATE")
            _rekey.go_on(con, self.folder)
            con.execute("COMMIT")

    def _refuse_a_lost_file(self) -> None:
        """A file without a byte beside arrays is what is left of one that was cut off; SQLite would take it for a new one.

        Raises:
            StoreError: it is such a file.
        """
        file, until = self.folder / "store.db", time.monotonic() + EMPTY_FOR
        while file.is_file() and not file.stat().st_size and any((self.folder / "arrays").glob("[!.]*")):
            if time.monotonic() > until:
                raise StoreError(
                    f"The store's file {file} is empty, though there are results in {self.folder / 'arrays'}: it was cut off. "
                    "Put a copy of it back, or remove it; without it results are computed again when they are asked for."
                )
            time.sleep(0.02)

    def shrink(self, needed: bool = False) -> None:
        """Give back what removed rows left in the file, where that is much or needed; where others are at work, or the disk has no room for it, another time."""
        with self.read() as con:
            free, pages, size = (con.execute(f"PRAGMA {what}").fetchone()[0] for what in ("freelist_count", "page_count", "page_size"))
            if (needed and free) or (free * size > WASTE and free > WASTE_SHARE * pages):
                with suppress(sqlite3.OperationalError):
                    con.execute("VACUUM")
                    con.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def lacking(con: sqlite3.Connection) -> list[str]:
    """Statements that make a file of any past version one of today's: what it has stays, what it lacks is added.

    Raises:
        StoreError: something is missing that cannot be added.
    """
    model = sqlite3.connect(":memory:")
    model.executescript(TABLES)
    named = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND type = ?"
    there = {row[0] for of in ("table", "index") for row in con.execute(named, (of,))}
    found, indexes = ([sql for name, sql in model.execute(named, (of,)) if name not in there] for of in ("table", "index"))
    for (table,) in model.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        has = {row[1] for row in con.execute(f"PRAGMA table_info({table})")}
        for _, column, kind, needed, default, _ in model.execute(f"PRAGMA table_info({table})").fetchall() if has else []:
            if column not in has:
                if needed and default is None:
                    raise StoreError(
                        f"The store's file has a table {table} without {column}: no version of invviz wrote that. Move it away."
                    )
                found.append(f"ALTER TABLE {table} ADD COLUMN {column} {kind}" + (f" NOT NULL DEFAULT {default}" if needed else ""))
    model.close()
    return found + indexes  # last: they may be of columns that were added just now


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
    if cut or code in DISK_FULL or name in ("SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_SHMSIZE"):
        return f"The disk that holds the store {folder} is full. Free some space, or name another folder with INVVIZ_STORE."
    if "locked" in said or "busy" in said:
        return f"The store {folder} is locked: another process has held it for too long. Try again; if it stays so, end that process."
    if code in (errno.EACCES, errno.EPERM, errno.EROFS) or "readonly" in said or "unable to open" in said:
        return f"The store {folder} cannot be written ({err}). Get the right to write there, or name another folder with INVVIZ_STORE."
    if "not a database" in said or "malformed" in said:
        return f"The store's file {folder / 'store.db'} is damaged ({err}). Move it away; its results are computed again when asked for."
    return f"The store {folder} cannot be used: {err}. Check the folder, or name another one with INVVIZ_STORE."
