"""The processes that compute with uploaded pictures: two for all uploaders together, with a queue in memory."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol

import numpy as np

from ..engine.client import Site
from ..jobs.private import PATIENCE, Message, PrivateWorker
from ..jobs.store import Kind
from ..scenario import Scenario

LOOK = 0.1  # seconds between two looks whether the present task is still wanted
LARGEST = 1 << 30  # bytes of spectra that all uploaders together hold beyond the newest one of each; one takes about 40 MB


class Holder(Protocol):
    """An uploader's desk, as far as the pool knows it."""

    def held(self) -> list[int]:
        """Bytes of its finished spectra, oldest first."""
        ...

    def drop_oldest(self) -> None:
        """Forget its oldest finished spectrum."""
        ...


@dataclasses.dataclass(eq=False)
class Task:
    """One thing to compute for one uploader; only who submitted it hears of it.

    Attributes:
        kind: of work; "audit" is no kind of the store.
        scenario: what is computed; None where `order` says it.
        picture: of the uploader; likewise.
        tell: takes every message, from a thread of the pool.
        state: "queued", "running" or "over".
        stop: asked to stop and to hand in what there is.
        unwanted: nobody will hear of it any more; it may be ended by force.
        order: header and arrays of what is no scenario.
    """

    kind: Kind | Literal["audit"]
    scenario: Scenario | None
    picture: np.ndarray | None
    tell: Callable[[Message], None]
    state: str = "queued"
    stop: bool = False
    unwanted: bool = False
    order: tuple[Mapping[str, Any], Mapping[str, np.ndarray]] | None = None


class PrivatePool:
    """Two processes behind pipes, started when they are needed, ended when the last uploader has gone.

    The first makes attacks and the second spectra, so that who presses Run never waits for somebody's spectrum; both make first sketches, which take seconds, before
    anything else. Within a kind whoever asked first is served first, and nobody has more than one task of a kind (a desk withdraws what it asked for before), so that
    uploaders take turns.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._changed = threading.Condition()
        self._waiting: list[Task] = []
        self._desks: set[Holder] = set()
        self._lanes: list[threading.Thread] = []

    def submit(self, desk: Holder, task: Task) -> None:
        """Put a task at the end of the queue."""
        with self._changed:
            self._desks.add(desk)
            self._waiting.append(task)
            if not self._lanes:
                self._lanes = [threading.Thread(target=self._serve, args=(lane,), name=f"private {lane}", daemon=True) for lane in (0, 1)]
                for thread in self._lanes:
                    thread.start()
            self._changed.notify_all()

    def position(self, task: Task) -> int:
        """Place in the queue of those that wait for the same process; 1 is next, 0 is not waiting."""
        with self._changed:
            if task not in self._waiting:
                return 0
            lanes = [lane for lane in (0, 1) if _takes(lane, task.kind)]
            return min(self._order(lane).index(task) + 1 for lane in lanes)

    def stop(self, task: Task) -> bool:
        """Stop a task; a running one hands in what it has. Answers whether it waited, so that nothing will come of it."""
        with self._changed:
            task.stop = True
            return self._take_out(task)

    def withdraw(self, task: Task) -> None:
        """Nobody wants to hear of a task any more: it makes room at once, or is ended soon."""
        with self._changed:
            task.unwanted = True
            self._take_out(task)

    def leave(self, desk: Holder) -> None:
        """An uploader has gone; returns at once. With the last one the processes end, and what they have in memory."""
        with self._changed:
            self._desks.discard(desk)
            self._changed.notify_all()

    def make_room(self) -> None:
        """Have desks forget spectra until all fit, those that hold most first; everybody keeps the newest one."""
        with self._changed:
            desks = list(self._desks)
        held = {desk: desk.held() for desk in desks}
        while sum(map(sum, held.values())) > LARGEST and any(len(sizes) > 1 for sizes in held.values()):
            fullest = max((desk for desk in desks if len(held[desk]) > 1), key=lambda desk: sum(held[desk]))
            fullest.drop_oldest()
            held[fullest].pop(0)

    def _take_out(self, task: Task) -> bool:
        if task not in self._waiting:
            return False
        self._waiting.remove(task)
        task.state = "over"
        return True

    def _order(self, lane: int) -> list[Task]:
        fits = [task for task in self._waiting if _takes(lane, task.kind)]
        return sorted(fits, key=lambda task: task.kind != "sketch")  # stable: first come, first served

    def _serve(self, lane: int) -> None:
        """The life of one process after the other."""
        worker: PrivateWorker | None = None
        while True:
            task = self._next(lane, idle=worker is not None)
            if worker is not None and (task is None or not worker.alive):
                worker.close()
                worker = None
            if task is None:
                continue
            try:
                worker = worker or PrivateWorker(self._site)
                if not _compute(worker, task):
                    worker.close()
            except OSError as err:  # no process can be started
                task.tell(Message({"type": "error", "error": f"No private worker could be started: {err.strerror}. Try again."}, {}))
            task.state = "over"
            if task.kind == "risk":
                self.make_room()

    def _next(self, lane: int, idle: bool) -> Task | None:
        """Wait for the next task of a lane; None where it has an idle process and the last uploader has gone."""
        with self._changed:
            self._changed.wait_for(lambda: self._order(lane) or (idle and not self._desks))
            if not (order := self._order(lane)):
                return None
            self._waiting.remove(order[0])
            order[0].state = "running"
            return order[0]


def _takes(lane: int, kind: str) -> bool:
    return kind == "sketch" or (kind == "risk") == (lane == 1)


def _compute(worker: PrivateWorker, task: Task) -> bool:
    """Have one task computed; False where the process is to be ended, because it did not stop though nobody wants the answer."""
    if task.order is not None:
        worker.ask(*task.order)
    elif task.scenario is not None:
        worker.submit(task.kind, task.scenario, task.picture)
    told = None
    while True:
        for message in worker.poll(LOOK):
            task.tell(message)
            if message.header["type"] != "progress":
                return True
        if told is None and (task.stop or task.unwanted):
            worker.stop()
            told = time.monotonic()
        if told is not None and task.unwanted and time.monotonic() - told > PATIENCE:
            return False
