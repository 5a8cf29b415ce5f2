"""Times left, held against the true end of simulated work: phases of different pace, slow starts, long last steps, searches that end early."""

from __future__ import annotations

import random
import sqlite3
import time

import pytest

from invviz.core.remaining import Remaining
from invviz.engine.results import Event
from invviz.jobs.store import Job, Store
from invviz.jobs.worker import reporter
from invviz.studies.sweep import progress
from invviz.ui.waits import waiting, waits


def work(*phases, jitter=0.0, seed=0):
    """Reports (phase, done, total, now) of phases given as (name, total, seconds of each step, seconds after the last), and when each phase truly ended."""
    now, told, ends, rng = 0.0, [], {}, random.Random(seed)
    for name, total, each, after in phases:
        for step in range(1, total + 1):
            now += each(step) * (1 + jitter * rng.uniform(-1, 1))
            told.append((name, step, total, now))
        ends[name] = now
        now += after
    return told, ends


def foretold(told):
    remaining = Remaining()
    return [(phase, now, remaining.told(phase, done, total, now)) for phase, done, total, now in told]


def constant(seconds, first=None):
    return lambda step: seconds if step > 1 or first is None else first


CASES = {
    "a slow first step": [("spectrum", 3072, constant(0.01, first=8.0), 25.0)],
    "training, then an attack a hundred times quicker a step": [("weights", 20, constant(1.5), 2.0), ("attack", 2000, constant(0.015, first=1.0), 0.5)],
    "the spectrum took long, the curvature does not": [("spectrum", 400, constant(0.2), 24.0), ("curvature", 60, constant(0.1), 0.0)],
    "few long rungs": [("ladder", 25, constant(6.0), 0.0)],
    "steps that grow to twice their length": [("sketch", 300, lambda step: 0.1 + step / 3000, 5.0)],
    "an hour": [("train", 7_200, constant(0.5, first=3.0), 10.0)],
    "a neighbour comes when half is done": [("attack", 2000, lambda step: 0.05 if step < 1000 else 0.15, 0.0)],
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("jitter", [0.0, 0.3])
def test_what_is_foretold_comes_true(name, jitter):
    told, ends = work(*CASES[name], jitter=jitter)
    for phase, total, _, _ in CASES[name]:
        mine = [(now, left) for which, now, left in foretold(told) if which == phase]
        known = [(now, left) for now, left in mine if left is not None]
        assert len(mine) == total and known, "it is not silent for ever"
        changes = name.startswith("a neighbour")  # what nobody can foresee: half of the steps take three times as long
        for now, left in known:
            true = ends[phase] - now
            wrong = left > 1.7 * true + 2 or (left < true / 1.7 - 2 and not (changes and now < 60))
            assert not wrong, f"{phase} at {now:.1f} s: {left:.1f} s left, in truth {true:.1f}"
        spoken = sum(later - now for (now, left), (later, _) in zip(mine[:-1], mine[1:], strict=True) if left is not None)
        assert spoken > 0.4 * (mine[-1][0] - mine[0][0]), "it speaks for most of the time"
        assert mine[-1][1] is None, "whatever comes after the last step is not foretold"


def test_nothing_is_said_that_is_not_known_yet():
    told, _ = work(("spectrum", 3072, constant(0.01, first=1.2), 0.0))  # one step in 1.2 s: an hour, says who multiplies
    early = [left for _, now, left in foretold(told) if now < 2.0]
    assert early and all(left is None for left in early)
    told, _ = work(("attack", 100_000, constant(1.0), 0.0))
    assert all(left is None or left <= 10 * now for _, now, left in foretold(told[:200])), "no further ahead than it has seen"
    assert foretold(told[:200])[-1][2] is None


def test_no_time_left_is_never_shown_as_nothing(tmp_path):
    """The last step takes long: what was foretold runs out, and then nothing is said, neither by the store nor on the page."""
    store = Store(tmp_path / "store")
    with sqlite3.connect(tmp_path / "store" / "store.db") as con:
        con.execute(
            "INSERT INTO jobs (key, kind, scenario, state, priority, ticket, owner, started, phase, done, total, told, ends) "
            "VALUES ('k', 'run', 'data=a', 'running', 0, 1, 'me', ?, 'attack', 90, 100, ?, ?)",
            (time.time() - 60, time.time(), time.time() + 12.4),
        )
    job = store.job("k")
    assert job.eta == pytest.approx(12.4, abs=0.5) and waits(job) == "step 90 of 100, at most 12 s left"
    for ends in (0.4, 0.0, -24.0):
        with sqlite3.connect(tmp_path / "store" / "store.db") as con:
            con.execute("UPDATE jobs SET ends = ?", (time.time() + ends,))
        assert store.job("k").eta is None and "left" not in waits(store.job("k")) + waiting(store.job("k"), "attack")
    with sqlite3.connect(tmp_path / "store" / "store.db") as con:
        con.execute("UPDATE jobs SET done = 100, ends = NULL")
    assert waits(store.job("k")) == "step 100 of 100, finishing ..."


def test_a_search_may_end_early_and_a_spectrum_is_not_all():
    job = Job("k", "risk", "data=a", "running", phase="sketch", done=10, total=40, eta=157.0)
    assert waiting(job, "spectrum") == "sketching the Jacobian, 10 of 40 · at most 3 min left of this part"
    assert "about 12 s left" in waiting(Job("k", "train", "data=a", "running", phase="train", done=10, total=40, eta=12.0), "training")
    assert waits(Job("k", "run", "data=a", "running", phase="weights", done=1, total=10)) == "training, epoch 1 of 10"


def test_workers_say_how_long_it_takes(monkeypatch):
    from invviz.jobs import worker

    clock = [0.0]
    monkeypatch.setattr(worker.time, "monotonic", lambda: clock[0])
    seen: list[Event] = []
    report = reporter(lambda event: seen.append(event) is None, lambda: False)
    for step in range(1, 101):
        clock[0] += 0.25
        report(Event("attack", step, 400, clock[0]))
    assert seen[0].left is None and seen[-1].left == pytest.approx(75, rel=0.05)


def test_a_store_of_before_is_read(tmp_path):
    Store(tmp_path / "store").close()
    with sqlite3.connect(tmp_path / "store" / "store.db") as con:
        con.execute("ALTER TABLE jobs DROP COLUMN ends")
        con.execute(
            "INSERT INTO jobs (key, kind, scenario, state, priority, ticket, owner) VALUES ('k', 'run', 'data=a', 'queued', 0, 1, 'me')"
        )
    store = Store(tmp_path / "store")
    assert store.job("k").eta is None and store.claim("w").key == "k"


def test_a_sweep_is_silent_until_it_knows_every_kind():
    def job(kind, state, model="mlp", seconds=0.0, **more):
        return Job(f"{kind}{state}{seconds}", kind, f"data=digits&model={model}&seed=1", state, seconds=seconds, **more)

    done = [job("run", "done", seconds=2.0)] * 3
    assert progress([*done, job("run", "queued")], 4, 1).left == pytest.approx(2.0)
    assert progress([*done, job("train", "queued")], 4, 1).left is None, "no training has been done yet"
    assert progress([*done, job("run", "queued", model="resnet18")], 4, 1).left is None, "nor an attack on this model"
    assert progress([*done, job("train", "running", seconds=10.0, phase="train", eta=40.0)], 4, 1).left == pytest.approx(40.0)
    assert progress([*done, job("train", "running", seconds=10.0, phase="weights", eta=40.0)], 4, 1).left is None, "that is not all of it"
    long = [job("train", "done", seconds=100.0), job("train", "running", seconds=20.0), *[job("train", "queued")] * 3]
    assert progress(long, 5, 2).left == pytest.approx((80 + 300) / 2), "two at once"
    assert progress([job("train", "done", seconds=100.0), job("train", "running", seconds=20.0)], 2, 8).left == pytest.approx(80)
    assert progress([*done, job("run", "running", seconds=26.0)], 4, 1).left is None, "overdue: not 0 s for ever"
