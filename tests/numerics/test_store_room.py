"""The store's room on the disk: one limit, what goes first, what stays; and files that past versions wrote."""

from __future__ import annotations

import os
import re
import sqlite3
import time
from pathlib import Path

import numpy as np
import pytest
from test_store import Named, claim, event, submit

from invviz.cli import main
from invviz.core.errors import StoreError
from invviz.jobs.store import Store, _db, parsed

MB = 1 << 20


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def filled(store: Store, name: str, megabytes: float = 0.5, frames: int = 0, kind: str = "run") -> str:
    """A finished job with arrays and frames of this size."""
    key = store.submit(kind, Named(name), "me")
    job = claim(store)
    for k in range(frames):
        store.progress(job, event(done=k, frame=np.random.default_rng(k).random((1, 1, 200, 200))))
    store.finish(job, {"name": name}, {"x": np.zeros(int(megabytes * MB), np.uint8)})
    return key


def on_disk(store: Store) -> int:
    return sum(file.stat().st_size for file in store.path.rglob("*") if file.is_file())


def test_use_is_what_lies_on_the_disk(store):
    filled(store, "a", frames=3)
    for name in ("weights", "training"):
        (store.path / name).mkdir()
        (store.path / name / "x.pt").write_bytes(bytes(1000))
    use = store.use()
    assert use.total == on_disk(store) and use.results == 1 and use.weights == use.training == 1000


def test_a_run_that_writes_twice_the_limit_stays_under_it(store):
    most = 8 * MB
    for k in range(20):
        filled(store, str(k), 0.5, frames=8)
        store.make_room(most)
        assert on_disk(store) <= most, k
    states = [store.job(f"run-{k}").state for k in range(20)]
    assert states == sorted(states, reverse=True) and states[0] == "pruned" and states[-1] == "done"  # the oldest went first
    assert all(store.result(f"run-{k}") == {"name": str(k)} for k in range(20))  # numbers stay
    assert len(store.frames("run-0")[0]) == 0 and len(store.frames("run-19")[0]) == 8


def test_what_was_looked_at_last_stays_longest(store, monkeypatch):
    monkeypatch.setattr("invviz.jobs.store._reading.TOUCH_EVERY", 0)
    keys = [filled(store, name, kind="risk") for name in "abc"]
    store.result(keys[0])
    assert store.make_room(store.use().total - 1) >= 1
    assert [store.job(key).state for key in keys] == ["done", "pruned", "done"]
    assert store.arrays(keys[1]) == {} and store.arrays(keys[0])
    store.submit("risk", Named("b"), "me")
    assert claim(store).key == keys[1], "what went is computed again when it is asked for"


def test_pinned_results_and_what_waits_or_runs_stay(store):
    kept, other = filled(store, "a"), filled(store, "b")
    store.pin([kept])
    submit(store, "c", "d")
    running = claim(store)
    store.make_room(1)
    assert store.job(kept).state == "done" and store.arrays(kept)
    assert store.job(other) is None  # numbers went, too: the limit cannot be kept otherwise
    assert store.job(running.key).state == "running" and store.job("run-d").state == "queued"
    store.pin([kept], keep=False)
    store.make_room(1)
    assert store.job(kept) is None


def test_files_of_nets_go_by_age_and_not_while_they_may_be_in_use(store):
    for name, age in (("old", 3600), ("young", 60)):
        file = store.path / "weights" / f"{name}.pt"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(bytes(MB))
        os.utime(file, (time.time() - age,) * 2)
    store.make_room(1)
    assert [file.name for file in (store.path / "weights").iterdir()] == ["young.pt"]


def test_what_was_set_aside_is_never_removed_by_itself(store):
    place = store.path / "damaged" / "k"
    place.mkdir(parents=True)
    (place / "result.json").write_text("x" * 1000)
    store.make_room(1)
    assert store.use().damaged == 1000 and place.is_dir()


def test_the_file_gives_back_what_was_forgotten(store, monkeypatch):
    monkeypatch.setattr(_db, "WASTE", MB)
    keys = [filled(store, str(k), 0.01, frames=30) for k in range(4)]
    before = store.use().database
    for key in keys:
        store.forget(key)
    store.make_room(1)
    assert before > 4 * MB and store.use().database < before / 4


def test_a_stopped_attack_without_its_pictures_is_nothing(store):
    submit(store, "a")
    job = claim(store)
    store.stop(job.key)
    store.mark_stopped(job, {"half": 1}, {"x": np.zeros(MB, np.uint8)})
    store.make_room(store.use().total - 1)
    assert store.job(job.key).state == "stopped" and store.result(job.key) is None and store.arrays(job.key) == {}


def test_sizes_are_read_or_refused():
    assert [parsed(text) for text in ("5GB", "1.5 GiB", "300m", "2097152", "none")] == [5 << 30, 3 << 29, 300 << 20, 2 << 20, None]
    for text in ("", "much", "-1GB", "0", "1000", "5 XB"):
        with pytest.raises(StoreError, match="is no size of a store"):
            parsed(text)


def test_the_limit_is_the_environment_s(store, monkeypatch):
    filled(store, "a", 2)
    monkeypatch.setenv("INVVIZ_STORE_LIMIT", "none")
    assert store.make_room() == 0
    monkeypatch.setenv("INVVIZ_STORE_LIMIT", "1MB")
    assert store.make_room() == 1


def test_the_command_shows_pins_and_prunes(store, capsys):
    key = filled(store, "a", 2)
    place = ["--set", f"store={store.path}"]
    assert main(["store", "--pin", key, "--prune", "1MB", *place]) == 0
    said = capsys.readouterr().out
    assert "removed: 0" in said and "1 results, 1 pinned" in said and re.search(r"results +2\.1 MB", said)
    assert main(["store", "--unpin", key, "--prune", "1MB", *place]) == 0
    assert "removed: 1" in capsys.readouterr().out
    assert main(["store", "--pin", "nosuch", *place]) == 1
    assert "knows no job with that key" in capsys.readouterr().err


# The first format, of fd6f41f; later ones added sweeps (dd7d188) and jobs.ends (2075ffd).
FIRST = """
CREATE TABLE jobs (
    key TEXT PRIMARY KEY, kind TEXT NOT NULL, scenario TEXT NOT NULL, state TEXT NOT NULL,
    priority INTEGER NOT NULL, ticket INTEGER NOT NULL, owner TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, stop INTEGER NOT NULL DEFAULT 0,
    worker TEXT NOT NULL DEFAULT '', host TEXT NOT NULL DEFAULT '', pid INTEGER NOT NULL DEFAULT 0,
    started REAL, finished REAL, beat REAL NOT NULL DEFAULT 0, used REAL NOT NULL DEFAULT 0,
    phase TEXT NOT NULL DEFAULT '', done INTEGER NOT NULL DEFAULT 0, total INTEGER NOT NULL DEFAULT 0,
    phase_seconds REAL NOT NULL DEFAULT 0, told REAL NOT NULL DEFAULT 0, loss REAL, psnr REAL, restart INTEGER NOT NULL DEFAULT 0,
    frames_stride INTEGER NOT NULL DEFAULT 1, points_stride INTEGER NOT NULL DEFAULT 1,
    error TEXT NOT NULL DEFAULT '', traceback TEXT NOT NULL DEFAULT '', result TEXT, bytes INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX jobs_state ON jobs (state);
CREATE INDEX jobs_finished ON jobs (finished);
CREATE TABLE watchers (key TEXT NOT NULL, watcher TEXT NOT NULL, PRIMARY KEY (key, watcher)) WITHOUT ROWID;
CREATE INDEX watchers_watcher ON watchers (watcher);
CREATE TABLE frames (
    key TEXT NOT NULL, number INTEGER NOT NULL, step INTEGER NOT NULL, shape TEXT NOT NULL, pixels BLOB NOT NULL, psnr REAL,
    PRIMARY KEY (key, number)
);
CREATE TABLE points (
    key TEXT NOT NULL, number INTEGER NOT NULL, phase TEXT NOT NULL, step INTEGER NOT NULL, restart INTEGER NOT NULL,
    loss REAL, psnr REAL, seconds REAL NOT NULL,
    PRIMARY KEY (key, number)
);
PRAGMA user_version=1;
"""
SWEEPS = "CREATE TABLE sweeps (key TEXT PRIMARY KEY, text TEXT NOT NULL, asked REAL NOT NULL);"
ENDS = "ALTER TABLE jobs ADD COLUMN ends REAL;"
LATE = "ALTER TABLE jobs DROP COLUMN phase_seconds; ALTER TABLE jobs DROP COLUMN restart;"  # as the very first trials had it
PAST = {"first": FIRST, "sweeps": FIRST + SWEEPS, "ends": FIRST + SWEEPS + ENDS, "fewer columns": FIRST + LATE}


@pytest.mark.parametrize("past", PAST)
def test_stores_of_past_versions_are_read_and_go_on(tmp_path, past):
    (tmp_path / "arrays" / "run-old").mkdir(parents=True)
    np.save(tmp_path / "arrays" / "run-old" / "x.npy", np.ones(3))
    with sqlite3.connect(tmp_path / "store.db") as con:
        con.executescript(PAST[past])
        con.execute(
            "INSERT INTO jobs (key, kind, scenario, state, priority, ticket, owner, result, bytes, finished) "
            "VALUES ('run-old', 'run', 'data=old', 'done', 0, 1, 'me', '{\"name\": \"old\"}', 152, 5.0)"
        )
    con.close()
    store = Store(tmp_path)
    assert store.result("run-old") == {"name": "old"} and store.arrays("run-old")["x"].sum() == 3
    key = filled(store, "new", frames=2)
    assert store.job(key).state == "done" and len(store.frames(key)[0]) == 2 and store.job("run-old").eta is None
    store.keep_sweep("k", "text")
    store.pin(["run-old"])
    with sqlite3.connect(tmp_path / "store.db") as con:
        assert _db.lacking(con) == []
    con.close()


def test_a_file_that_no_version_wrote_is_refused_in_words(tmp_path):
    with sqlite3.connect(tmp_path / "store.db") as con:
        con.execute("CREATE TABLE jobs (key TEXT PRIMARY KEY)")
    con.close()
    with pytest.raises(StoreError, match="without kind: no version of invviz wrote that"):
        Store(tmp_path)


def test_a_file_that_was_cut_to_nothing_is_no_new_store(tmp_path, monkeypatch):
    monkeypatch.setattr(_db, "EMPTY_FOR", 0.05)
    filled(Store(tmp_path), "a")
    for name in ("store.db-wal", "store.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / "store.db").write_bytes(b"")
    with pytest.raises(StoreError, match="is empty, though there are results"):
        Store(tmp_path)
    assert (tmp_path / "store.db").stat().st_size == 0 and (tmp_path / "arrays" / "run-a").is_dir()  # nothing was touched
    (tmp_path / "store.db").unlink()
    assert Store(tmp_path).job("run-a") is None


def test_an_empty_file_without_results_is_a_new_store(tmp_path):
    (tmp_path / "store.db").write_bytes(b"")
    assert filled(Store(tmp_path), "a")


def test_arrays_are_on_the_disk_before_they_are_announced(store, monkeypatch):
    seen, sync = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (seen.append(str(Path(f"/proc/self/fd/{handle}").readlink())), sync(handle)))
    renamed = os.rename
    monkeypatch.setattr("invviz.jobs.store._arrays.os.rename", lambda a, b: (seen.append(f"rename {b}"), renamed(a, b)))
    key = filled(store, "a")
    place = next(i for i, one in enumerate(seen) if one == f"rename {store.folder(key)}")
    assert any(one.endswith("x.npy") for one in seen[:place]) and seen[place + 1] == str(store.path / "arrays")
