"""Workers: processes that claim jobs, compute them and hand them in."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ...core.errors import InvvizError, StoreError
from ...core.lazy import torch
from ...core.remaining import Remaining
from ...engine.assess import assess
from ...engine.attack import run
from ...engine.client import Site
from ...engine.pretraining import TrainingStopped
from ...engine.results import Event, Reporter
from ...risk import Cancelled
from ...scenario import Scenario
from ...scenario.kinds import WORK, Kind, found
from ..limits import limits
from ..store import Job, Store
from ._bounds import Clock, bound_memory, reason
from ._outcome import Outcome

POLL = 0.1  # seconds between two looks into an empty queue
PATIENT = 2.0  # seconds that a job is left to workers that are free before one who stands by takes it
BEAT = 2.0  # seconds between two signs of life
REPORT_EVERY = 0.2  # seconds between two reports that are written
WARM = "data=digits&model=mlp&attack=linear_layer"  # takes torch through import and first use, in a fraction of a second
WARM_SKETCH = "data=photos&model=lenet&prior=natural"  # the same of Jacobian products and of the pictures that come with the package


def execute(kind: Kind, scenario: Scenario, site: Site, report: Reporter, picture: np.ndarray | None = None) -> Outcome:
    """Compute one job in this process.

    Args:
        kind: one of the table `scenario.kinds.WORK` that can be asked for.
        scenario: what.
        site: where.
        report: progress; answering False stops.
        picture: an uploaded picture, if the scenario names one.

    Raises:
        InvvizError: it cannot be computed; says why.
    """
    set_threads(kind)
    try:
        return found(WORK[kind].compute)(scenario, site, report, picture)
    except (Cancelled, TrainingStopped):
        return Outcome(None, {}, stopped=True)


def set_threads(kind: Kind) -> None:
    """One thread for an attack or a training, whose thousands of tiny steps more threads only slow down; for a spectrum all cores but one, at most OMP_NUM_THREADS.

    A core too many is worse than one too few: beside a busy neighbour, two threads made eigh up to 30 times and NumPy's products up to 10 times
    slower than one (measured).
    """
    from threadpoolctl import threadpool_limits

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = max(1, cores - 1) if WORK[kind].parallel else 1
    most = os.environ.get("OMP_NUM_THREADS", "")
    threads = min(threads, int(most)) if most.isdigit() and int(most) else threads
    torch.set_num_threads(threads)
    threadpool_limits(threads, user_api="blas")


def warm_up(site: Site) -> None:
    """Import torch and take one tiny scenario through it, so that the first job starts at once."""
    with contextlib.suppress(InvvizError):  # what is missing here is said when somebody asks for it
        run(Scenario.parse(WARM), site)


def warm_up_sketches(site: Site) -> None:
    """The same for Jacobian products."""
    with contextlib.suppress(InvvizError):
        assess(Scenario.parse(WARM_SKETCH), site, first=True)


def work(
    store: Store,
    site: Site,
    once: bool = False,
    kinds: Sequence[Kind] | None = None,
    parent_pid: int | None = None,
    most: float | None = None,
) -> None:
    """Compute what waits in the store until told to leave; a signal to end puts the present job back into the queue.

    Args:
        store: whose jobs.
        site: where they are computed.
        once: end when nothing waits.
        kinds: what to compute; None for everything.
        parent_pid: end when this process, which started this one, is gone.
        most: only jobs of at most this price, in seconds, of those for whom nothing else is computed, and only those that nobody else has taken for a while: it stands by.
    """
    bound_memory()
    name = f"{socket.gethostname()}:{os.getpid()}"
    cold = kinds is not None and set(kinds) == {"sketch"}
    seen: dict[str, float] = {}  # what waits for one who stands by, and since when
    with _leaving(parent_pid) as leaving:
        if not cold:
            warm_up(site)
        while not leaving():
            try:
                keys = None
                if most is not None and not once:
                    now = time.monotonic()
                    seen = {key: seen.get(key, now) for key in store.fitting(kinds, most)}
                    keys = {key for key, since in seen.items() if now - since >= PATIENT}
                job = store.claim(name, kinds, keys=keys, most=most) if keys is None or keys else None
                if job is not None:
                    _serve(store, site, job, leaving)
                    continue
            except StoreError as err:  # a full disk or a long lock may pass
                print(err, file=sys.stderr)
                time.sleep(10 * POLL)
            if once:
                return
            if cold:  # only now: what waited at the start is warmed by its own products
                warm_up_sketches(site)
            cold = False
            time.sleep(POLL)


@contextlib.contextmanager
def _leaving(parent_pid: int | None) -> Iterator[Callable[[], bool]]:
    """Whether it is time to go: a signal came, or the parent is gone. A second signal ends at once."""
    told = threading.Event()

    def tell(number: int, frame: object) -> None:
        told.set()
        signal.signal(number, signal.SIG_DFL)

    before = {number: signal.signal(number, tell) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield lambda: told.is_set() or (parent_pid is not None and os.getppid() != parent_pid)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _serve(store: Store, site: Site, job: Job, leaving: Callable[[], bool]) -> None:
    """Compute one job; whatever happens, the store learns of it."""
    try:
        with _heartbeat(store, job):
            clock = Clock(limits().job)
            outcome = execute(
                job.kind,
                Scenario.parse(job.scenario),
                site,
                reporter(lambda event: store.progress(job, event), lambda: leaving() or clock.over()),
            )
            if outcome.stopped and clock.rang and not leaving():
                store.cut_short(job, clock.said(outcome), outcome.save or outcome.arrays)
            elif outcome.stopped:  # where nobody asked for that, because we leave, this puts it back into the queue
                store.mark_stopped(job, outcome.result, outcome.save or outcome.arrays)
            elif outcome.result is not None:
                store.finish(job, outcome.result, outcome.save or outcome.arrays)
                store.make_room()
    except Exception as err:  # the one place where everything is caught: a worker outlives its jobs
        _say(store, job, reason(err), traceback.format_exc(), leaving)


def _say(store: Store, job: Job, error: str, trace: str, leaving: Callable[[], bool]) -> None:
    """Tell the store why a job failed; where the disk is full, so that not even that can be written, as soon as it can be."""
    while True:
        try:
            store.fail(job, error, trace)
            return
        except StoreError:
            if leaving():  # then it counts as the job of a worker that died
                raise
            time.sleep(10 * POLL)


def reporter(tell: Callable[[Event], bool], leaving: Callable[[], bool]) -> Reporter:
    """Pass on a few reports a second, whole phases and frames among them, with how long it still takes; stop when told to, or when it is time to leave."""
    last, phase, remaining = 0.0, "", Remaining()

    def report(event: Event) -> bool:
        nonlocal last, phase
        now = time.monotonic()
        if leaving():
            return False
        left = remaining.told(event.phase, event.done, event.total, now)
        if event.frame is None and event.phase == phase and now - last < REPORT_EVERY:
            return True
        last, phase = now, event.phase
        try:
            return tell(dataclasses.replace(event, left=left))
        except StoreError:  # the store may be locked for a while; the computation need not suffer
            return True

    return report


@contextlib.contextmanager
def _heartbeat(store: Store, job: Job) -> Iterator[None]:
    """Say that we live while a step takes long."""
    done = threading.Event()

    def beat() -> None:
        while not done.wait(BEAT):
            with contextlib.suppress(StoreError):
                store.beat(job)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
