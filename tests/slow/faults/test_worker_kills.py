"""Workers killed at random moments: nothing lost, nothing computed twice, nothing damaged, and the same numbers as without.

The thousand kills: `python -m pytest tests/slow/faults/test_worker_kills.py -m slow -s`, a few minutes; it prints what was done.
"""

from __future__ import annotations

import collections
import itertools
import os
import signal
import sqlite3
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from invviz.engine import training
from invviz.engine.client import Site
from invviz.jobs import worker
from invviz.jobs.store import Store
from invviz.scenario import Scenario

QUICK = "data=digits&model=mlp(width=8)&attack=linear_layer"
KINDS = [
    ("run", QUICK + "&seed={}"),
    ("train", "data=digits&model=mlp(width=8)&train=federated(clients=4,rounds=3)&seed={}"),
    ("run", "data=digits&model=mlp(width=8,init='trained')&attack=linear_layer&seed={}"),
    ("risk", "data=digits&model=mlp(width=8)&seed={}"),
    ("run", "data=digits&model=mlp(width=8)&attack=dlg(steps=12)&seed={}"),
]
TIMES = {"seconds", "cpu_seconds", "release_ms"}
AUDIT = """
CREATE TABLE audit (key TEXT, was TEXT, is_now TEXT);
CREATE TRIGGER audited AFTER UPDATE OF state ON jobs WHEN OLD.state != NEW.state
BEGIN INSERT INTO audit VALUES (NEW.key, OLD.state, NEW.state); END;
"""


def a_worker(path: Path) -> int:
    """A real worker, forked, so that it need not import torch; nobody has the store's file open meanwhile."""
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        worker.work(Store(path), Site(None, path))
    finally:
        os._exit(3)


class Rehearsal:
    """Workers that are killed and replaced, and a queue that never runs dry."""

    def __init__(self, path: Path, seed: int, kinds: list[tuple[str, str]], most: int, pause: float) -> None:
        self.path, self._random, self._kinds = path, np.random.default_rng(seed), kinds
        self._names, self.asked, self.given_up = itertools.count(), {}, 0
        self._most, self._pause = most, pause  # jobs that wait or run, and mean seconds between two kills
        self._ask(self._most)
        self.pids = [a_worker(path) for _ in range(2)]

    def _ask(self, most: int) -> int:
        """Ask for what was given up, and for so many things in all; how many wait or run."""
        store = Store(self.path)
        jobs = store.jobs(list(self.asked))
        for key, job in jobs.items():
            if job.state == "failed":
                assert "The worker ended unexpectedly 3 times" in job.error, job.error
                self.given_up += 1
                store.submit(*self.asked[key], "me")
        active = sum(job.active or job.state == "failed" for job in jobs.values())
        for _ in range(most - active):
            number = next(self._names)
            kind, text = self._kinds[number % len(self._kinds)]
            scenario = Scenario.parse(text.format(number))
            self.asked[store.submit(kind, scenario, "me")] = (kind, scenario)
        store.close()
        return active

    def kill_one(self) -> None:
        time.sleep(self._random.exponential(self._pause))
        place = int(self._random.integers(len(self.pids)))
        os.kill(self.pids[place], signal.SIGKILL)
        assert os.waitstatus_to_exitcode(os.waitpid(self.pids[place], 0)[1]) == -signal.SIGKILL, "it ended before it was killed"
        self._ask(self._most)
        self.pids[place] = a_worker(self.path)

    def end(self) -> None:
        """Let the workers do what is left, then end them."""
        until = time.monotonic() + 300
        while self._ask(0):
            assert time.monotonic() < until
            time.sleep(0.2)
        for pid in self.pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def same(kept, fresh) -> bool:
    """Equal but for times."""
    if isinstance(kept, dict):
        return kept.keys() == fresh.keys() and all(name in TIMES or same(value, fresh[name]) for name, value in kept.items())
    if isinstance(kept, list):
        return len(kept) == len(fresh) and all(map(same, kept, fresh))
    return kept == fresh or (kept != kept and fresh != fresh)


@pytest.fixture
def eager(monkeypatch):
    """Workers that are ready at once, and trainings that keep every round."""
    monkeypatch.setattr(worker, "POLL", 0.005)
    monkeypatch.setattr(worker, "warm_up", lambda site: None)
    monkeypatch.setattr(training, "KEEP_EVERY", 0.0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("kills", [12, pytest.param(1000, marks=pytest.mark.slow)])
def test_killed_workers_lose_nothing_and_double_nothing(place, eager, kills):
    long = kills > 100
    kinds = KINDS if long else KINDS[:2]
    for kind, text in kinds:  # what torch imports late, workers find ready
        worker.execute(kind, Scenario.parse(text.format(0)), Site(None, place / "warm"), lambda event: True)
    path = place / "store"
    Store(path).close()
    with sqlite3.connect(path / "store.db") as con:
        con.executescript(AUDIT)
    con.close()
    start = time.monotonic()
    rehearsal = Rehearsal(path, seed=kills, kinds=kinds, most=10 if long else 3, pause=0.15 if long else 0.03)
    for _ in range(kills):
        rehearsal.kill_one()
    took = time.monotonic() - start
    rehearsal.end()

    store = Store(path)
    jobs = store.jobs(list(rehearsal.asked))
    lost = [key for key in rehearsal.asked if key not in jobs or jobs[key].state != "done"]
    with store._db.read() as con:
        changes = [tuple(row) for row in con.execute("SELECT * FROM audit")]
        assert con.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    done = collections.Counter(key for key, _, now in changes if now == "done")
    twice = [key for key, number in done.items() if number > 1] + [key for key, was, _ in changes if was == "done"]
    damaged = [key for key in jobs if not store.whole(key)]
    again = sum(was == "running" and now == "queued" for _, was, now in changes)

    fresh, different = Store(place / "fresh"), []
    for kind, scenario in rehearsal.asked.values():
        fresh.submit(kind, scenario, "me")
    worker.work(fresh, Site(None, fresh.path), once=True)
    unlike = {key: (job.state, job.error) for key, job in fresh.jobs(list(jobs)).items() if job.state != "done"}
    assert not unlike, "the store that nobody was killed on did not compute these"
    for key in jobs:
        kept, other = store.arrays(key), fresh.arrays(key)
        arrays = kept.keys() == other.keys() and all(np.array_equal(kept[name], other[name], equal_nan=True) for name in kept)
        if not (arrays and same(store.result(key), fresh.result(key))):
            different.append(key)
    print(
        f"\n{kills} kills in {took:.0f} s: {len(jobs)} jobs, {again} put back, {rehearsal.given_up} given up and asked for again; "
        f"{len(lost)} lost, {len(twice)} computed twice, {len(damaged)} damaged, {len(different)} other than fresh"
    )
    assert not (lost or twice or damaged or different), (lost, twice, damaged, different)
