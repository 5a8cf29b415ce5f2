"""A visitor's own desk for uploaded pictures: it answers the store's questions, out of memory and of nothing else."""

from __future__ import annotations

import dataclasses
import math
import threading
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..jobs.private import Message, decomposition
from ..jobs.store import SOON, Curve, Frame, Job, Kind, State, thinned
from ..risk import Decomposition
from ..scenario import Scenario
from .pool import PrivatePool, Task

KEEP = 4  # finished jobs of each kind; a spectrum takes about 40 MB


@dataclasses.dataclass
class _Entry:
    job: Job
    task: Task
    answer: Message | None = None
    ends: float | None = None  # by time.monotonic(), where that is known
    frames: list[Frame] = dataclasses.field(default_factory=list)
    points: list[tuple[int, float, float, float, int]] = dataclasses.field(default_factory=list)


class PrivateDesk:
    """What one tab has asked for of its own pictures. Whose desk it is not has no way to it: keys of others are unknown here."""

    def __init__(self, pool: PrivatePool) -> None:
        self._pool = pool
        self._lock = threading.RLock()
        self._entries: dict[str, _Entry] = {}
        self._closed = False

    def submit(self, kind: Kind, scenario: Scenario, picture: np.ndarray) -> None:
        """Have something computed, in place of what is waiting or being computed for the same kind."""
        task = Task(kind, scenario, picture, lambda message: self._hear(task, message))
        self._put(scenario.key(kind), kind, scenario.text(full=True), task)

    def audit(self, key: str, header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """The same of a net and records of one's own; `key` names them and what is asked, for this tab."""
        task = Task("audit", None, None, lambda message: self._hear(task, message), order=({**header, "type": "audit"}, arrays))
        self._put(key, "audit", "", task)

    def _put(self, key: str, kind: Any, text: str, task: Task) -> None:
        with self._lock:
            if self._closed:
                return
            for entry in self._entries.values():
                if entry.job.kind == kind and entry.job.active:
                    entry.job = dataclasses.replace(entry.job, state="stopped")
                    self._pool.withdraw(entry.task)
            self._entries.pop(key, None)
            self._entries[key] = _Entry(Job(key, kind, text, "queued"), task)
            for old in [k for k, e in self._entries.items() if e.job.kind == kind][:-KEEP]:
                del self._entries[old]
            self._pool.submit(self, task)

    def job(self, key: str) -> Job | None:
        """State and progress, or the place in the queue."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            if entry.job.state == "queued":
                place = self._pool.position(entry.task)
                entry.job = dataclasses.replace(entry.job, position=place, state="queued" if place else "running")
            if entry.ends is None:
                return entry.job
            left = entry.ends - time.monotonic()
            return dataclasses.replace(entry.job, eta=left if left >= SOON and entry.job.active else None)

    def result(self, key: str) -> dict[str, Any] | None:
        """Numbers and words of a finished job."""
        entry = self._entry(key)
        return entry.answer.header.get("result") if entry and entry.answer else None

    def whole(self, key: str) -> bool:
        """Memory is not damaged."""
        return True

    def arrays(self, key: str) -> dict[str, np.ndarray]:
        """Arrays of a finished job."""
        entry = self._entry(key)
        return entry.answer.arrays if entry and entry.answer else {}

    def spectrum(self, key: str) -> Decomposition:
        """The spectrum of a finished job of kind "risk"."""
        entry = self._entry(key)
        assert entry is not None and entry.answer is not None
        return decomposition(entry.answer)

    def latest_frame(self, key: str, after: int = -1) -> Frame | None:
        """The newest picture."""
        entry = self._entry(key)
        return entry.frames[-1] if entry and entry.frames and entry.frames[-1].number > after else None

    def frames(self, key: str) -> tuple[np.ndarray, np.ndarray]:
        """Steps and pictures."""
        entry = self._entry(key)
        if entry is None or not entry.frames:
            return np.zeros(0), np.zeros((0, 0, 0, 0, 0), np.uint8)
        return np.array([f.step for f in entry.frames]), np.stack([f.picture for f in entry.frames])

    def curve(self, key: str) -> Curve:
        """Loss and PSNR over the steps."""
        entry = self._entry(key)
        table = np.array(entry.points if entry else [], np.float64).reshape(-1, 5)
        return Curve(*(table[:, i] for i in range(5)))

    def stop(self, key: str) -> None:
        """Stop a job; it keeps what it has."""
        with self._lock:
            entry = self._entries.get(key)
            if entry and entry.job.active:
                waited = self._pool.stop(entry.task)
                changed: dict[str, Any] = {"state": "stopped", "position": 0} if waited else {"stopping": True}
                entry.job = dataclasses.replace(entry.job, **changed)

    def held(self) -> list[int]:
        """Bytes of the finished spectra, oldest first."""
        with self._lock:
            return [sum(array.nbytes for array in answer.arrays.values()) for _, answer in self._finished()]

    def drop_oldest(self) -> None:
        """Forget the oldest finished spectrum; it is computed again when it is asked for."""
        with self._lock:
            for key, _ in self._finished()[:1]:
                del self._entries[key]

    def close(self) -> None:
        """Forget everything, at once; what is being computed is ended by a thread of the pool."""
        with self._lock:
            self._closed = True
            for entry in self._entries.values():
                self._pool.withdraw(entry.task)
            self._entries.clear()
            self._pool.leave(self)

    def _finished(self) -> list[tuple[str, Message]]:
        return [(key, entry.answer) for key, entry in self._entries.items() if entry.job.kind == "risk" and entry.answer]

    def _entry(self, key: str) -> _Entry | None:
        with self._lock:
            return self._entries.get(key)

    def _hear(self, task: Task, message: Message) -> None:
        with self._lock:
            for entry in self._entries.values():
                if entry.task is task and not task.unwanted:
                    _take(entry, message)


def _take(entry: _Entry, message: Message) -> None:
    header, kind = message.header, message.header["type"]
    if kind == "progress":
        told: dict[str, Any] = {"state": "running", "position": 0} | {
            name: header[name] for name in ("phase", "done", "total", "seconds", "loss", "psnr", "restart")
        }
        entry.ends = None if header["left"] is None else time.monotonic() + header["left"]
        entry.job = dataclasses.replace(entry.job, **told)
        if header["phase"] == "attack":
            numbers = (math.nan if header[name] is None else header[name] for name in ("loss", "psnr"))
            entry.points.append((header["done"], *numbers, header["seconds"], header["restart"]))  # type: ignore[arg-type]
        if "frame" in message.arrays:
            number = entry.frames[-1].number + 1 if entry.frames else 0
            entry.frames = thinned([*entry.frames, Frame(number, header["done"], header["psnr"], message.arrays["frame"])])
        return
    state: State = "failed" if kind == "error" else "stopped" if header["stopped"] else "done"
    entry.job = dataclasses.replace(entry.job, state=state, position=0, stopping=False, error=header.get("error", ""))
    entry.answer = message
