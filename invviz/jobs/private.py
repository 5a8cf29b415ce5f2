"""A private worker behind pipes: uploaded pictures and what is made of them pass through memory only."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.messages import DTYPES, Message, python_path, read, write
from ..risk import Decomposition

if TYPE_CHECKING:
    from ..engine.client import Site
    from ..scenario import Scenario

MAX_WAITING = 100  # messages that a page has not fetched yet; older progress is dropped beyond that
PATIENCE = 3.0  # seconds between asking a worker to end and ending it


def start_worker(
    site: Site, *arguments: str, stdin: int | None = None, stdout: int | None = None, threads: int | None = None, background: bool = False
) -> subprocess.Popen[bytes]:
    """Start `python -m invviz work ARGUMENTS` in a process of its own; it uses this very package, wherever the page was started.

    Args:
        site: folders and device, handed on.
        arguments: of the verb, such as --parent and the caller's process id: the worker ends with the caller.
        stdin: as in subprocess.Popen.
        stdout: as in subprocess.Popen.
        threads: most that it may use, where it has several neighbours.
        background: whether everything else on this machine goes first, above all the server that draws pages.
    """
    settings = {"data_dir": site.data_dir, "store": site.cache_dir, "device": site.device}
    pairs = [text for name, value in settings.items() if value is not None for text in ("--set", f"{name}={value}")]
    environment = {**os.environ, "PYTHONPATH": python_path()}
    if threads is not None:
        environment["OMP_NUM_THREADS"] = str(threads)
    command = [sys.executable, "-m", "invviz", "work", *pairs, *arguments, *(["--background"] if background else [])]
    flags = getattr(subprocess, "IDLE_PRIORITY_CLASS", 0) if background else 0  # Windows has no other way
    return subprocess.Popen(command, env=environment, stdin=stdin, stdout=stdout, creationflags=flags)


def decomposition(message: Message) -> Decomposition:
    """The spectrum in a result of kind "risk"."""
    return Decomposition.of(message.arrays, message.header["result"]["decomposition"])


class PrivateWorker:
    """A process that computes one thing at a time and writes nothing of it to the disk. Start it early: it takes seconds to be warm.

    Messages have header["number"], the answer of `submit`, and one of these types:

    - "progress": phase, done, total, seconds, loss, psnr, restart; array `frame` (b, c, h, w) uint8 a few times a second.
    - "result": kind, stopped, result as in the store, or None where it was stopped before there was one; arrays as in the store,
      of a spectrum to be read with `decomposition`.
    - "error": error, the reason in words; traceback.
    """

    def __init__(self, site: Site) -> None:
        self._process = start_worker(site, "--pipe", stdin=subprocess.PIPE, stdout=subprocess.PIPE, background=True)
        self._lock = threading.Condition()
        self._waiting: deque[Message] = deque()
        self._number = 0
        self._open = False  # whether an answer is due
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def alive(self) -> bool:
        """Whether it can be given work."""
        return self._process.poll() is None

    @property
    def busy(self) -> bool:
        """Whether it owes an answer."""
        return self._open

    def submit(self, kind: str, scenario: Scenario, picture: np.ndarray | None = None) -> int:
        """Have something computed, in place of what it is computing now.

        Args:
            kind: "run" or "risk".
            scenario: names the picture by its digest.
            picture: (c, h, w) in [0, 1].

        Returns:
            The job's number; messages of earlier jobs are not handed out any more.
        """
        arrays = {} if picture is None else {"picture": picture.astype(np.float32)}
        return self.ask({"type": kind, "scenario": scenario.text(full=True)}, arrays)

    def ask(self, header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> int:
        """The same of anything that the worker knows how to compute: the header's "type" says what; the answer is as of `submit`."""
        self.stop()
        with self._lock:
            self._number += 1
            self._waiting.clear()
            self._open = True
            number = self._number
        if not self._send({**header, "number": number}, arrays):
            self._add(Message(self._farewell(number), {}))
        return number

    def stop(self) -> None:
        """Stop the job; its partial result, if there is one, arrives as a message."""
        if self._open:
            self._send({"type": "stop", "number": self._number})

    def poll(self, wait: float = 0.0) -> list[Message]:
        """What arrived since the last call; where that is nothing, what arrives within so many seconds."""
        with self._lock:
            self._lock.wait_for(lambda: self._waiting, wait)
            found = list(self._waiting)
            self._waiting.clear()
        return found

    def close(self) -> None:
        """End the process, at once if it does not end by itself."""
        with_stdin = self._process.stdin
        try:
            if with_stdin:
                with_stdin.close()  # what it waits for
            self._process.wait(PATIENCE)
        except (OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()

    def _send(self, header: dict[str, Any], arrays: Mapping[str, np.ndarray] | None = None) -> bool:
        assert self._process.stdin
        try:
            write(self._process.stdin, header, arrays)
        except (OSError, ValueError):  # it has ended, or was closed
            return False
        return True

    def _listen(self) -> None:
        assert self._process.stdout
        with self._process.stdout as stream:
            while message := read(stream):
                self._add(message)
        self._process.wait()
        if self._open:
            self._add(Message(self._farewell(self._number), {}))

    def _farewell(self, number: int) -> dict[str, Any]:
        why = "The private worker ended unexpectedly, perhaps for lack of memory. Choose a smaller batch, model or picture and start again."
        return {"type": "error", "number": number, "error": why, "traceback": ""}

    def _add(self, message: Message) -> None:
        kind = message.header["type"]
        with self._lock:
            if message.header.get("number") != self._number or not self._open:
                return
            self._open = kind == "progress"
            if len(self._waiting) >= MAX_WAITING:
                self._waiting.popleft()  # progress: only the last message of a job is anything else
            self._waiting.append(message)
            self._lock.notify_all()


__all__ = ["DTYPES", "PATIENCE", "Message", "PrivateWorker", "decomposition", "python_path", "read", "start_worker", "write"]
