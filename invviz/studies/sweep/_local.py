"""Computing a sweep with worker processes of this machine."""

from __future__ import annotations

import collections
import os
import re
import subprocess
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ...core.remaining import FOLLOWED
from ...jobs.private import start_worker
from ...jobs.store import SOON

if TYPE_CHECKING:
    from ...engine.client import Site
    from ...jobs.store import Job, Kind, Store
    from ...scenario import Scenario
    from . import Sweep

LOOK = 0.3  # seconds between two looks at the store
PATIENCE = 10.0  # seconds that workers have to put their job back when they are told to leave
MODEL = re.compile(r"&model=(\w+)")
GUESS = {"run": 10.0, "risk": 20.0, "train": 20.0, "bits": 10.0}  # seconds; where nothing of the kind was computed here before


class Progress(NamedTuple):
    """How far a sweep is."""

    done: int
    total: int
    failed: int
    left: float | None  # seconds; None where nothing can be said
    doing: str = ""


Tell = Callable[[Progress], object]


def asked(sweep: Sweep) -> list[tuple[Kind, Scenario]]:
    """Every job of a sweep once; trainings first, as they take longest."""
    return sorted(sweep.jobs.values(), key=lambda job: ("train", "risk", "bits", "run").index(job[0]))


def queue(sweep: Sweep, store: Store, retry: bool = False) -> list[str]:
    """Put what is not known of a sweep into the queue, behind everything that a person waits for at a page.

    Args:
        sweep: whose jobs.
        store: of the queue.
        retry: try again what failed by an error of its own.

    Returns:
        Keys of all its jobs.
    """
    store.keep_sweep(sweep.key, sweep.text())
    return store.submit_many(asked(sweep), watcher(sweep), priority=-1, failed=retry)


def watcher(sweep: Sweep) -> str:
    """Under which name the queue knows who waits for a sweep; `store.unwatch` of it stops the sweep."""
    return f"sweep-{sweep.key}"


def progress(jobs: Sequence[Job], total: int, num_workers: int) -> Progress:
    """How far, and how long it will take judging by the jobs that are done; nothing is said of that before one of each kind, and of each model, is done.

    Args:
        jobs: those that the store knows.
        total: of all.
        num_workers: workers.
    """
    took: dict[tuple[str, str], list[float]] = collections.defaultdict(list)
    for job in jobs:
        if job.state == "done" and job.seconds > 0:
            took[_like(job)].append(job.seconds)
    active = [job for job in jobs if job.active]
    means = {like: sum(values) / len(values) for like, values in took.items()}
    each = [_left(job, means.get(_like(job))) for job in active]
    known = [seconds for seconds in each if seconds is not None]
    left = max(max(known), sum(known) / num_workers) if active and len(known) == len(active) else None
    left = left if left is not None and left >= SOON else None  # all that are left are overdue
    running = [f"{job.kind} {job.done:,}/{job.total:,}" for job in active if job.state == "running" and job.total]
    ended = total - len(active)
    return Progress(ended, total, sum(job.state == "failed" for job in jobs), left, ", ".join(running[:4]))


def _like(job: Job) -> tuple[str, str]:
    """What takes about as long as others: kind and model."""
    return job.kind, found.group(1) if (found := MODEL.search(job.scenario)) else ""


def _left(job: Job, mean: float | None) -> float | None:
    """Seconds that a job still takes: by those like it, or by its own pace where that says more; None where neither is known."""
    if mean is None:
        return None if job.phase in FOLLOWED else job.eta
    return max(0.0, mean - job.seconds, job.eta or 0.0)


def estimate(sweep: Sweep, store: Store, num_workers: int) -> tuple[int, float, bool]:
    """Jobs of a sweep that are not done, about how many seconds they take, and whether that is more than a guess."""
    known = store.jobs(list(sweep.jobs))
    missing = [job for key, job in sweep.jobs.items() if key not in known or known[key].state != "done"]
    kinds: collections.Counter[tuple[Kind, str]] = collections.Counter((kind, scenario.model.name) for kind, scenario in missing)
    typical = {(kind, model): store.typical_seconds(kind, model) for kind, model in kinds}
    seconds = sum(count * (typical[which] or GUESS[which[0]]) for which, count in kinds.items())
    return len(missing), seconds / num_workers, all(t is not None for t in typical.values())


def compute(sweep: Sweep, store: Store, site: Site, workers: int, tell: Tell, retry: bool = False) -> None:
    """Compute what is not known of a sweep; killed at any point, it goes on from there when it is asked for again.

    Args:
        sweep: what.
        store: keeps every result as soon as there is one.
        site: where; its store is that of `store`.
        workers: processes.
        tell: called with the progress several times a second.
        retry: try again what failed by an error of its own.
    """
    keys = queue(sweep, store, retry)
    hands: list[subprocess.Popen[bytes]] = []
    threads = max(1, (os.cpu_count() or 1) // workers)
    try:
        while True:
            start = time.monotonic()
            jobs = list(store.jobs(keys).values())
            waiting = sum(job.active for job in jobs)
            tell(progress(jobs, len(keys), workers))
            if not waiting:
                return
            hands = [hand for hand in hands if hand.poll() is None]
            while len(hands) < min(workers, waiting):
                hands.append(start_worker(site, "--parent", str(os.getpid()), stdin=subprocess.DEVNULL, threads=threads))
            time.sleep(max(LOOK, 4 * (time.monotonic() - start)))  # many thousand jobs take a while to look through
    except KeyboardInterrupt:
        store.unwatch(watcher(sweep))  # what nobody else wants need not be computed
        raise
    finally:
        _dismiss(hands)


def _dismiss(hands: Sequence[subprocess.Popen[bytes]]) -> None:
    for hand in hands:
        hand.terminate()
    until = time.monotonic() + PATIENCE
    for hand in hands:
        try:
            hand.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            hand.kill()
