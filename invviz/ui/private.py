"""A visitor's own desk for uploaded pictures: it answers the store's questions, out of memory and of nothing else."""

from __future__ import annotations

import dataclasses
import math
import threading
import time
from typing import Any

import numpy as np

from ..pipe import Message, PrivateWorker, decomposition
from ..risk import Decomposition
from ..run import Site
from ..scenario import Scenario
from ..store import SOON, Curve, Frame, Job, Kind, State, thinned

KEEP = 4  # finished jobs of each kind; a spectrum takes about 40 MB


@dataclasses.dataclass
class _Entry:
    job: Job
    number: int
    answer: Message | None = None
    ends: float | None = None  # by time.monotonic(), where that is known
    frames: list[Frame] = dataclasses.field(default_factory=list)
    points: list[tuple[int, float, float, float, int]] = dataclasses.field(default_factory=list)


class PrivateDesk:
    """One worker process for each kind of job, started at the first job of that kind."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._lock = threading.RLock()
        self._workers: dict[str, PrivateWorker] = {}
        self._entries: dict[str, _Entry] = {}

    def submit(self, kind: Kind, scenario: Scenario, picture: np.ndarray) -> None:
        """Have something computed, in place of what is being computed for the same kind."""
        key = scenario.key(kind)
        with self._lock:
            worker = self._workers.get(kind)
            if worker is None or not worker.alive:
                worker = self._workers[kind] = PrivateWorker(self._site)
            for entry in self._entries.values():
                if entry.job.kind == kind and entry.job.active:
                    entry.job = dataclasses.replace(entry.job, state="stopped")
            number = worker.submit(kind, scenario, picture)
            self._entries.pop(key, None)
            self._entries[key] = _Entry(Job(key, kind, scenario.text(full=True), "running"), number)
            for old in [k for k, e in self._entries.items() if e.job.kind == kind][:-KEEP]:
                del self._entries[old]

    def job(self, key: str) -> Job | None:
        """State and progress."""
        with self._lock:
            self._fetch()
            entry = self._entries.get(key)
            if entry is None or entry.ends is None:
                return entry.job if entry else None
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
                entry.job = dataclasses.replace(entry.job, stopping=True)
                self._workers[entry.job.kind].stop()

    def close(self) -> None:
        """End the workers and forget everything."""
        with self._lock:
            for worker in self._workers.values():
                worker.close()
            self._workers.clear()
            self._entries.clear()

    def _entry(self, key: str) -> _Entry | None:
        with self._lock:
            self._fetch()
            return self._entries.get(key)

    def _fetch(self) -> None:
        for kind, worker in self._workers.items():
            for message in worker.poll():
                for entry in self._entries.values():
                    if entry.job.kind == kind and entry.number == message.header["number"]:
                        _take(entry, message)


def _take(entry: _Entry, message: Message) -> None:
    header, kind = message.header, message.header["type"]
    if kind == "progress":
        told = {name: header[name] for name in ("phase", "done", "total", "seconds", "loss", "psnr", "restart")}
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
    entry.job = dataclasses.replace(entry.job, state=state, error=header.get("error", ""))
    entry.answer = message
