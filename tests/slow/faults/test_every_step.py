"""A process killed before each single thing that it does to the disk: between write and rename, in the middle of making room, of a migration, of putting aside."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from accidents import killed_at_every_step
from test_rekey import STORED, is_whole, make_old
from test_store import Named, claim, event, submit
from test_store_room import FIRST, LATE

from invviz.core import tensors
from invviz.jobs.store import Store, _db, _room


@pytest.fixture(params=[3, pytest.param(1, marks=pytest.mark.slow)])
def every(request):
    """Steps between two kills: all of them are the long test."""
    return request.param


GUESS = np.arange(30_000, dtype=np.int64)


def leftovers(store: Store) -> list[str]:
    """What lies in the folder of arrays and belongs to no result."""
    return [name for name in os.listdir(store.path / "arrays") if name.startswith(".") or store.job(name) is None]


def whole(store: Store, key: str) -> bool:
    return store.result(key) == {"name": key} and np.array_equal(store.arrays(key).get("x"), GUESS)


def filled(store: Store, *names: str) -> list[str]:
    keys = submit(store, *names)
    for _ in keys:
        job = claim(store)
        store.progress(job, event(1, frame=np.zeros((1, 1, 50, 50))))
        store.finish(job, {"name": job.key}, {"x": GUESS})
    return keys


def aged(store: Store) -> None:
    """As if what lies there under temporary names had been left long ago."""
    for place in store.path.rglob("*"):
        if place.name.startswith(".") or place.suffix == ".part":
            os.utime(place, (time.time() - 2 * _room.YOUNG,) * 2)


def stores(place, ready=lambda store: None):
    def make(number: int) -> Path:
        store = Store(place / str(number))
        ready(store)
        store.close()
        return store.path

    return make


def test_a_worker_killed_while_it_works_and_hands_in(place, every):
    def work(store: Store) -> None:
        job = claim(store)
        for step in range(3):
            store.progress(job, event(step, frame=np.zeros((1, 1, 8, 8))))
        store.finish(job, {"name": job.key}, {"x": GUESS})
        store.make_room()

    def check(store: Store, ended: bool) -> None:
        job = store.claim("heir")
        assert (job is None) == (store.job("run-a").state == "done")
        if job:
            assert store.result("run-a") is None, "nothing is announced that was not handed in"
            assert store.finish(job, {"name": job.key}, {"x": GUESS})
        assert whole(store, "run-a") and not leftovers(store)

    assert killed_at_every_step(stores(place, lambda store: submit(store, "a")), work, check, every) > 20 // every


@pytest.mark.parametrize("most", [1 << 20, 1])
def test_room_is_made_in_spite_of_a_kill_in_the_middle_of_it(place, every, most):
    def ready(store: Store) -> None:
        filled(store, *"abcd")
        store.pin(["run-b"])

    def check(store: Store, ended: bool) -> None:
        assert whole(store, "run-b"), "it is pinned"
        for key in ("run-a", "run-c", "run-d"):
            job = store.job(key)
            assert job is None or job.state == "pruned" or whole(store, key) or (job.state == "done" and store.arrays(key) == {}), job
        aged(store)
        store.make_room(most)
        assert not leftovers(store), "what the dead left is gone"
        for job in store.jobs([f"run-{name}" for name in "abcd"]).values():
            assert job.state == ("done" if store.folder(job.key).is_dir() else "pruned")
        arrays = sum(file.stat().st_size for file in (store.path / "arrays").rglob("*.npy"))
        assert store.use().arrays == arrays, "what is counted is what lies there"
        submit(store, *"ac")
        for _ in range(2):
            if job := store.claim("heir"):
                store.finish(job, {"name": job.key}, {"x": GUESS})
        assert whole(store, "run-a") and whole(store, "run-c")

    assert killed_at_every_step(stores(place, ready), lambda store: store.make_room(most), check, every) > 20 // every


def test_what_is_forgotten_is_whole_or_computed_anew(place, every):
    def check(store: Store, ended: bool) -> None:
        aged(store)
        store.make_room(1 << 30)
        assert not leftovers(store)
        assert whole(store, "run-a") or not store.folder("run-a").exists()
        submit(store, "a")
        if job := store.claim("heir"):
            store.finish(job, {"name": job.key}, {"x": GUESS})
        assert whole(store, "run-a")

    killed_at_every_step(stores(place, lambda store: filled(store, "a")), lambda store: store.forget("run-a"), check, every)


def test_what_is_damaged_is_never_lost_while_it_is_put_aside(place, every):
    def ready(store: Store) -> None:
        filled(store, "a")
        file = store.folder("run-a") / "x.npy"
        file.write_bytes(file.read_bytes()[:1000])

    def check(store: Store, ended: bool) -> None:
        assert store.arrays("run-a") == {}
        assert [file.stat().st_size for file in store.path.rglob("x.npy")] == [1000], "the damaged file lies in one place"
        submit(store, "a")
        job = claim(store)
        store.finish(job, {"name": job.key}, {"x": GUESS})
        assert whole(store, "run-a")

    killed_at_every_step(stores(place, ready), lambda store: store.arrays("run-a"), check, every)


def test_many_are_asked_for_whole_or_not_at_all(place, every):
    def check(store: Store, ended: bool) -> None:
        found = store.jobs([f"run-{k}" for k in range(5)])
        assert len(found) in (0, 5) and sorted(job.position for job in found.values()) == list(range(1, len(found) + 1))

    asked = [("run", Named(str(k))) for k in range(5)]
    killed_at_every_step(stores(place), lambda store: store.submit_many(asked, "me"), check, every)


def test_a_migration_killed_anywhere_goes_on_with_the_next_start(place, every):
    def make(number: int) -> Path:
        folder = place / str(number)
        (folder / "arrays" / "run-old").mkdir(parents=True)
        np.save(folder / "arrays" / "run-old" / "x.npy", GUESS)
        con = sqlite3.connect(folder / "store.db")
        con.executescript(FIRST + LATE)
        con.execute(
            "INSERT INTO jobs (key, kind, scenario, state, priority, ticket, owner, result, bytes, finished) "
            "VALUES ('run-old', 'run', 'data=old', 'done', 0, 1, 'me', '{\"name\": \"run-old\"}', 152, 5.0)"
        )
        con.commit()
        con.close()
        return folder

    def check(store: Store, ended: bool) -> None:
        assert whole(store, "run-old") and filled(store, "new") == ["run-new"] and whole(store, "run-new")
        con = sqlite3.connect(store.path / "store.db")
        assert _db.lacking(con) == [] and con.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        con.close()

    assert killed_at_every_step(make, lambda store: None, check, every) >= 8 // every


def test_new_keys_killed_anywhere_are_given_at_the_next_opening(place, every):
    few = STORED[:3]
    make = lambda number: make_old(place / str(number) / "store", few)  # noqa: E731
    assert killed_at_every_step(make, lambda store: None, lambda store, ended: is_whole(store.path, few), every) >= 40 // every


def test_a_new_store_killed_anywhere_is_a_store(place, every):
    killed_at_every_step(lambda number: place / str(number), lambda store: None, lambda store, ended: filled(store, "a"), every)


def test_trained_weights_and_checkpoints_are_the_old_or_the_new_ones(place):
    def keep(store: Store) -> None:
        tensors.keep({"x": torch.ones(3000)}, store.path / "training" / "net.pt")

    def make(number: int) -> Path:
        store = Store(place / str(number))
        assert tensors.keep({"x": torch.zeros(3000)}, store.path / "training" / "net.pt")
        store.close()
        return store.path

    def check(store: Store, ended: bool) -> None:
        kept = tensors.load(store.path / "training" / "net.pt")["x"]
        assert torch.equal(kept, torch.full((3000,), float(kept[0]))) and (kept[0] == 1 or not ended)
        files = list((store.path / "training").iterdir())
        assert store.use().training == sum(file.stat().st_size for file in files), "what a dead process left counts"
        for file in files:
            os.utime(file, (time.time() - 2 * _room.YOUNG,) * 2)
        store.make_room(1)
        assert not list((store.path / "training").iterdir()), "and can be removed"

    killed_at_every_step(make, keep, check)


@pytest.mark.slow
def test_a_kill_in_the_middle_of_writing_the_file_anew_loses_nothing(place):
    """VACUUM is one step for the test above; here it is killed at random moments, a hundred times."""
    store, random = Store(place / "store"), np.random.default_rng(3)
    filled(store, "a", "b")
    store.pin(["run-a", "run-b"])
    killed = 0
    for number in range(100):
        (key,) = submit(store, f"big{number}")
        job = claim(store)
        for step in range(20):
            store.progress(job, event(step, frame=random.random((1, 1, 300, 300))))
        store.finish(job, {"name": key}, {"x": GUESS})
        store.close()
        pid = os.fork()
        if not pid:
            child = Store(store.path)
            child.make_room(1)
            os._exit(0)
        time.sleep(random.uniform(0, 0.04))
        os.kill(pid, signal.SIGKILL)
        killed += os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 0
        con = sqlite3.connect(store.path / "store.db")
        assert con.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        con.close()
        assert whole(store, "run-a") and whole(store, "run-b")
        store.make_room(1)
        assert store.job(key) is None
    assert killed > 20, killed
