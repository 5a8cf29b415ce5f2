"""Processes that end, or whose disk is full, just before the n-th thing that they do to the disk."""

from __future__ import annotations

import errno
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from invviz.jobs.store import Store, _db

TOUCHES = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.truncate", "open"}
DONE, BROKE = 0, 9


def in_a_child(act: Callable[[], object]) -> int:
    """Do something in a forked process; its exit code, or minus the signal that ended it."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    code = BROKE
    try:
        act()
        code = DONE
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


class Steps:
    """Counts what this process does to files and to the database, and lets an accident happen before one of these steps."""

    def __init__(self, at: int, accident: Callable[[], object], sql: bool = True) -> None:
        self._at, self._accident, self._count = at, accident, 0
        sys.addaudithook(self._hear)
        if sql:
            connect = _db.Database._connect

            def traced(database):
                con = connect(database)
                con.set_trace_callback(lambda statement: self._step())
                return con

            _db.Database._connect = traced

    def _hear(self, event: str, args: tuple) -> None:
        if event in TOUCHES and not (event == "open" and not (isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR))):
            self._step()

    def _step(self) -> None:
        self._count += 1
        if self._count == self._at:
            self._accident()


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def full() -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def killed_at_every_step(
    make: Callable[[int], Path], act: Callable[[Store], object], check: Callable[[Store, bool], object], every: int = 1
) -> int:
    """Do something again and again in a store of its own, killed a step (or `every` so many) later each time, until it comes to its end.

    Args:
        make: the n-th store, ready.
        act: what is done, in a process of its own.
        check: what shall hold afterwards, given the store, opened anew, and whether it came to its end.
        every: steps between two kills.

    Returns:
        How many kills it took.
    """
    for kills, at in enumerate(range(1, 500, every)):
        path = make(at)

        def die(path: Path = path, at: int = at) -> None:
            Steps(at, kill)
            act(Store(path))

        code = in_a_child(die)
        assert code in (DONE, -signal.SIGKILL), code
        check(Store(path), code == DONE)
        if code == DONE:
            return kills
    raise AssertionError("it never came to its end")
