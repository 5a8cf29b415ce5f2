"""The store, used by several real processes, threads and sessions at once."""

from __future__ import annotations

import dataclasses
import errno
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from invviz.core.errors import StoreError
from invviz.jobs.store import Job, Store, _frames, _queue

ROOT = Path(__file__).parents[2]


@dataclasses.dataclass(frozen=True)
class Named:
    """As much of a scenario as the store uses."""

    name: str
    upload: str = ""

    def key(self, kind):
        return f"{kind}-{self.name}"

    def text(self, full=False):
        return f"data={self.name}"

    def form(self, kind):
        return self.text()


ACTOR = f"""
import sys, time
sys.path[:0] = [{str(ROOT)!r}, {str(Path(__file__).parent)!r}]
from test_store import Named, event
from invviz.jobs.store import Store
store = Store(sys.argv[1])
"""


def event(done=1, total=100, **more):
    facts = {"phase": "attack", "seconds": 0.1 * done, "loss": 1 / (done + 1), "psnr": None, "frame": None, "restart": 0, "left": None}
    return SimpleNamespace(done=done, total=total, **{**facts, **more})


def actor(code: str, store: Store, *args: str) -> subprocess.Popen:
    command = [sys.executable, "-c", ACTOR + code, str(store.path), *args]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def submit(store: Store, *names: str, watcher: str = "me", **more) -> list[str]:
    return [store.submit("run", Named(name), watcher, **more) for name in names]


def claim(store: Store, worker: str = "w") -> Job:
    job = store.claim(worker)
    assert job is not None
    return job


def test_a_job_from_submission_to_result(store):
    (key,) = submit(store, "a")
    assert store.job("nothing") is None
    waiting = store.job(key)
    assert (waiting.state, waiting.position, waiting.scenario, waiting.kind, waiting.active) == ("queued", 1, "data=a", "run", True)
    assert store.result(key) is None

    job = claim(store)
    assert (job.key, job.attempts, job.worker) == (key, 1, "w")
    assert store.claim("other") is None
    frame = np.linspace(0, 1, 2 * 3 * 4 * 4).reshape(2, 3, 4, 4)
    assert store.progress(job, event(25, seconds=5.0, left=15.0, loss=0.5, psnr=12.0, frame=frame))
    running = store.job(key)
    assert (running.state, running.phase, running.done, running.total) == ("running", "attack", 25, 100)
    assert (running.loss, running.psnr) == (0.5, 12.0)
    assert running.eta == pytest.approx(15, abs=1)
    seen = store.latest_frame(key)
    assert (seen.number, seen.step, seen.psnr) == (0, 25, 12.0)
    assert np.array_equal(seen.picture, (frame * 255).round())
    assert store.latest_frame(key, after=0) is None
    assert store.progress(job, event(26))  # a report without PSNR does not erase the last one
    assert store.job(key).psnr == 12.0

    assert store.finish(job, {"psnr": [float("inf")]}, {"truth": np.arange(6.0).reshape(2, 3)})
    done = store.job(key)
    assert (done.state, done.position, done.active, done.eta) == ("done", 0, False, None)
    assert store.result(key) == {"psnr": [float("inf")]}
    truth = store.arrays(key)["truth"]
    assert isinstance(truth, np.memmap)
    assert np.array_equal(truth, [[0, 1, 2], [3, 4, 5]])
    assert len(store.frames(key)[0]) == 1, "frames are kept for the scrubber"
    submit(store, "a")
    assert store.job(key).state == "done"
    assert store.claim("w") is None


def test_many_jobs_are_looked_up_with_one_question(store):
    keys = submit(store, "a", "b", "c")
    job = claim(store)
    before = time.time()
    store.finish(job, {})
    found = store.jobs([*keys, "nothing"])
    assert found == {key: store.job(key) for key in keys}
    assert [found[key].position for key in keys] == [0, 1, 2]
    assert before - 1 < found[keys[0]].finished < time.time() + 1 and found[keys[1]].finished is None
    assert store.jobs([]) == {}


def test_what_failed_or_was_stopped_is_queued_again(store):
    (key,) = submit(store, "a")
    job = claim(store)
    store.progress(job, event(1, frame=np.zeros((1, 1, 2, 2))))
    assert store.fail(job, "no memory", "Traceback ...")
    failed = store.job(key)
    assert (failed.state, failed.error, failed.traceback) == ("failed", "no memory", "Traceback ...")
    submit(store, "a")
    again = store.job(key)
    assert (again.state, again.error, again.done) == ("queued", "", 0)
    assert claim(store).attempts == 1
    assert len(store.frames(key)[0]) == 0, "frames of the earlier attempt are gone"


def test_identical_scenarios_from_several_processes_are_computed_once(store):
    code = "sys.stdin.readline()\nfor n in range(30): store.submit('run', Named(str(n)), sys.argv[2])"
    actors = [actor(code, store, f"session {n}") for n in range(2)]
    for one in actors:
        one.communicate("go\n", timeout=20)
        assert one.returncode == 0
    claimed = []
    while job := store.claim("w"):
        claimed.append(job.key)
        store.finish(job, {})
    assert sorted(claimed) == sorted(f"run-{n}" for n in range(30))


def test_a_claim_is_atomic_between_processes(store):
    names = [str(n) for n in range(60)]
    keys = submit(store, *names)
    code = """
print("ready", flush=True); sys.stdin.readline()
while job := store.claim("w" + sys.argv[2]):
    print(job.key, flush=True)
    assert store.finish(job, {"by": sys.argv[2]})
"""
    actors = [actor(code, store, str(n)) for n in range(3)]
    for one in actors:
        assert one.stdout.readline() == "ready\n"
    for one in actors:  # all are waiting: they start together
        one.stdin.write("go\n")
        one.stdin.flush()
    taken = [one.communicate(timeout=30)[0].split() for one in actors]
    assert all(one.returncode == 0 for one in actors)
    assert sorted(key for some in taken for key in some) == sorted(keys)
    assert all(store.job(key).state == "done" for key in keys)


def test_processes_that_open_a_new_store_at_once_agree(tmp_path):
    code = "import sys; sys.path.insert(0, sys.argv[2])\nfrom invviz.jobs.store import Store\nsys.stdin.readline()\nStore(sys.argv[1]).results()"
    command = [sys.executable, "-c", code, str(tmp_path / "new"), str(ROOT)]
    openers = [subprocess.Popen(command, stdin=subprocess.PIPE, text=True) for _ in range(3)]
    for one in openers:
        one.stdin.write("go\n")
        one.stdin.flush()
    assert [one.wait(20) for one in openers] == [0] * 3


def test_a_killed_workers_job_goes_to_another(store):
    (key,) = submit(store, "a")
    code = "job = store.claim('doomed'); store.progress(job, event(7)); print('busy', flush=True); time.sleep(60)"
    doomed = actor(code, store)
    assert doomed.stdout.readline() == "busy\n"
    assert store.claim("heir") is None, "its worker lives"
    doomed.send_signal(signal.SIGKILL)
    doomed.wait(10)
    job = claim(store, "heir")
    assert (job.key, job.attempts, job.worker) == (key, 2, "heir")
    assert store.finish(job, {"ok": 1})
    assert store.result(key) == {"ok": 1}


def test_a_job_that_ends_three_workers_fails_with_the_reason(store, monkeypatch):
    (key,) = submit(store, "a")
    monkeypatch.setattr(_queue, "_alive", lambda pid: False)
    for attempt in (1, 2, 3):
        job = claim(store)
        assert job.attempts == attempt
        store.progress(job, event(34))
    assert store.claim("w") is None
    failed = store.job(key)
    assert failed.state == "failed"
    assert "3 times" in failed.error
    assert "attack 34 of 100" in failed.error


def test_a_silent_worker_loses_its_job_and_cannot_spoil_it(store, monkeypatch):
    (key,) = submit(store, "a")
    old = claim(store, "silent")
    monkeypatch.setattr(_queue, "STALE", 0.2)
    store.beat(old)
    assert store.claim("new") is None
    time.sleep(0.3)
    new = claim(store, "new")
    for refused in (
        store.beat(old),
        store.progress(old, event(99)),
        store.finish(old, {"from": "the dead"}, {"x": np.ones(2)}),
        store.fail(old, "x"),
        store.mark_stopped(old, {}),
        store.give_back(old),
    ):
        assert refused is False
    assert store.job(key).done == 0
    assert store.beat(new)
    assert store.finish(new, {"from": "the living"})
    assert store.result(key) == {"from": "the living"}
    assert store.arrays(key) == {}


def test_stop(store):
    waiting, running = submit(store, "b", "a")[::-1], None
    running = claim(store)
    assert running.key == "run-b"
    assert store.stop(waiting[0])
    assert store.job(waiting[0]).state == "stopped"
    assert store.progress(running, event(1))
    assert store.stop(running.key)
    assert store.job(running.key).stopping
    assert store.progress(running, event(2)) is False
    assert store.beat(running) is False
    assert store.mark_stopped(running, {"partial": True}, {"guess": np.ones(3)})
    job = store.job(running.key)
    assert (job.state, job.stopping) == ("stopped", False)
    assert store.result(running.key) == {"partial": True}
    assert store.arrays(running.key)["guess"].sum() == 3
    assert store.stop(running.key) is False, "nothing is left to stop"


def test_stop_of_one_watcher_leaves_the_others(store):
    (key,) = submit(store, "a", watcher="ann")
    submit(store, "a", watcher="bob")
    job = claim(store)
    assert store.stop(key, "ann") is False
    assert store.progress(job, event(1))
    assert store.stop(key, "bob") is True
    assert store.progress(job, event(2)) is False


def test_asked_for_again_while_it_stops_it_is_queued_again(store):
    (key,) = submit(store, "a")
    job = claim(store)
    store.stop(key)
    assert store.progress(job, event(1)) is False
    submit(store, "a")
    assert store.mark_stopped(job, {"partial": True})
    assert store.job(key).state == "queued"
    assert store.result(key) is None


def test_stop_reaches_a_job_whose_worker_is_dead(store, monkeypatch):
    (key,) = submit(store, "a")
    claim(store)
    monkeypatch.setattr(_queue, "_alive", lambda pid: False)
    store.stop(key)
    assert store.job(key).state == "stopped"


def test_unwatch_stops_only_what_nobody_else_watches(store):
    shared, lone, waiting = submit(store, "shared", "lone", "waiting", watcher="tab 1")
    store.watch(shared, "tab 2")
    first, second = claim(store), claim(store)
    assert (first.key, second.key) == (shared, lone)
    store.unwatch("tab 1")
    assert store.progress(first, event(1)) is True
    assert store.progress(second, event(1)) is False
    assert store.job(waiting).state == "stopped"
    store.finish(first, {"kept": 1})
    store.unwatch("tab 2")
    assert store.job(shared).state == "done"
    assert store.result(shared) == {"kept": 1}


def test_whoever_watches_a_job_that_nobody_wanted_saves_it(store):
    (key,) = submit(store, "a", watcher="tab 1")
    job = claim(store)
    store.unwatch("tab 1")
    assert store.beat(job) is False
    store.watch(key, "tab 2")
    assert store.beat(job) is True


def test_sessions_take_turns(store):
    greedy = submit(store, *(f"g{n}" for n in range(5)), watcher="greedy")
    modest = submit(store, "m0", "m1", watcher="modest")
    assert [store.job(key).position for key in (greedy[0], modest[0], greedy[1], modest[1], greedy[2])] == [1, 2, 3, 4, 5]
    order = [claim(store).key for _ in range(7)]
    assert order == [greedy[0], modest[0], greedy[1], modest[1], *greedy[2:]]


def test_a_newcomer_goes_before_a_session_that_has_work_running(store):
    submit(store, "g0", "g1", watcher="greedy")
    claim(store)
    submit(store, "m0", watcher="modest")
    assert claim(store).key == "run-m0"


def test_priority_goes_first_and_kinds_are_kept_apart(store):
    submit(store, "a", "b", watcher="x")
    submit(store, "c", watcher="y", priority=1)
    submit(store, "b", watcher="z", priority=2)
    risk = store.submit("risk", Named("a"), "x", priority=9)
    assert [store.claim("w", kinds=["run"]).key for _ in range(3)] == ["run-b", "run-c", "run-a"]
    assert store.claim("w", kinds=["run"]) is None
    assert store.claim("w", kinds=["risk"]).key == risk


def test_a_job_that_was_given_back_keeps_its_place(store):
    submit(store, "a", "b")
    job = claim(store)
    assert store.give_back(job)
    assert store.job("run-a").position == 1
    assert claim(store).attempts == 1


def test_frames_are_thinned_evenly(store):
    (key,) = submit(store, "a")
    job = claim(store)
    for n in range(500):
        store.progress(job, event(n, frame=np.full((1, 1, 2, 2), n / 500)))
        assert store.latest_frame(key).step == n, "the newest is always there"
    steps, pixels = store.frames(key)
    assert 40 <= len(steps) <= 80
    assert steps[0] == 0
    assert steps[-1] == 499
    assert len(set(np.diff(steps)[:-1])) == 1
    assert np.array_equal(pixels[:, 0, 0, 0, 0], np.round(steps / 500 * 255))
    curve = store.curve(key)
    assert len(curve.steps) == 500
    assert np.allclose(curve.loss, 1 / (curve.steps + 1))
    assert np.isnan(curve.psnr).all()


def test_frames_lie_evenly_over_the_steps_however_they_come(store):
    """A quick search reports in bursts: many frames of its first steps, fewer later; what is kept has no gap wider than two of its spans."""
    (key,) = submit(store, "a")
    job = claim(store)
    for n in [*range(1, 80), *range(80, 442, 8), 442]:
        store.progress(job, event(n, frame=np.full((1, 1, 2, 2), 0.2)))
    store.progress(job, event(442, frame=np.full((1, 1, 2, 2), 0.6)))
    steps, pixels = store.frames(key)
    assert steps[0] == 1 and steps[-1] == 442 and len(set(steps.tolist())) == len(steps)
    assert len(steps) >= 40 and np.diff(steps).max() <= 2 * np.median(np.diff(steps))
    assert (pixels[-1] == 153).all(), "of two at the same step the second, the answer, is kept"
    kept = _frames.thinned([_frames.Frame(i, s, None, pixels[0]) for i, s in enumerate([*range(1, 80), *range(80, 442, 8), 442])])
    assert [f.step for f in kept] == steps.tolist(), "the same in memory"


def test_frames_stay_within_their_bytes(store, monkeypatch):
    monkeypatch.setattr(_frames, "MAX_FRAME_BYTES", 20 * 300)
    (key,) = submit(store, "a")
    job = claim(store)
    for n in range(100):
        store.progress(job, event(n, frame=np.zeros((1, 3, 10, 10))))
    assert 10 <= len(store.frames(key)[0]) <= 21


def test_the_curve_is_bounded_and_kept_by_phase(store, monkeypatch):
    monkeypatch.setattr(_frames, "MAX_POINTS", 20)
    (key,) = submit(store, "a")
    job = claim(store)
    store.progress(job, event(3, phase="weights"))
    for n in range(200):
        store.progress(job, event(n))
    assert 10 <= len(store.curve(key).steps) <= 21
    assert store.curve(key, "weights").steps.tolist() == [3]


def test_results_newest_first(store):
    for name in "abc":
        submit(store, name)
        store.finish(claim(store), {"name": name})
        time.sleep(0.01)
    assert [row["result"]["name"] for row in store.results()] == ["c", "b", "a"]
    assert [row["key"] for row in store.results(limit=1, offset=1)] == ["run-b"]
    assert store.results(kind="risk") == []
    assert store.results()[0]["scenario"] == "data=c"


def test_results_whose_folder_was_deleted_are_computed_again(store):
    (key,) = submit(store, "a")
    store.finish(claim(store), {})
    store.folder(key).rmdir()
    submit(store, "a")
    assert store.job(key).state == "queued"


def test_a_save_that_breaks_leaves_nothing_behind(store):
    (key,) = submit(store, "a")
    job = claim(store)

    def save(folder):
        (folder / "half.npy").write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StoreError, match=r"full\. Free some space"):
        store.finish(job, {}, save)
    assert os.listdir(store.path / "arrays") == []
    assert store.job(key).state == "running"
    assert store.fail(job, "the disk is full")


def test_a_database_that_cannot_grow_says_that_the_disk_is_full(store):
    (key,) = submit(store, "a")
    job = claim(store)
    with store._db.read() as con:
        con.execute(f"PRAGMA max_page_count={con.execute('PRAGMA page_count').fetchone()[0] + 20}")
    with pytest.raises(StoreError, match=r"disk .* is full"):
        for n in range(100):
            store.progress(job, event(n, frame=np.zeros((1, 3, 32, 32))))
    assert store.job(key).state == "running", "it can still be read"
    assert store.stop(key)


def test_files_that_cannot_grow_say_that_the_disk_is_full(store):
    submit(store, "a")
    code = f"""
import resource, numpy
job = store.claim("w")
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, {resource.RLIM_INFINITY}))
for attempt in ("arrays", "frames"):
    try:
        if attempt == "arrays":
            store.finish(job, {{}}, {{"x": numpy.zeros(100_000)}})
        for n in range(300):
            store.progress(job, event(n, frame=numpy.zeros((1, 3, 64, 64))))
    except Exception as err:
        print(type(err).__name__, err)
"""
    lines = actor(code, store).communicate(timeout=20)[0].splitlines()
    assert len(lines) == 2
    assert all(line.startswith("StoreError The disk that holds") for line in lines), lines


def test_a_locked_store_says_so_and_can_still_be_read(store):
    (key,) = submit(store, "a")
    hasty = Store(store.path, timeout=0.1)
    other = sqlite3.connect(store.path / "store.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="is locked: another process"):
        hasty.submit("run", Named("b"), "me")
    assert hasty.job(key).state == "queued"
    other.execute("ROLLBACK")
    assert hasty.submit("run", Named("b"), "me") == "run-b"


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    def refuse(*args, **more):
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as patched:
        patched.setattr(os, "mkdir", refuse)
        with pytest.raises(StoreError, match=r"cannot be written .*INVVIZ_STORE"):
            Store(tmp_path / "new")
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be used"):
        Store(tmp_path / "file" / "below")
    if os.geteuid() != 0:  # root may write anywhere
        (tmp_path / "mine").mkdir(mode=0o500)
        with pytest.raises(StoreError, match="cannot be written"):
            Store(tmp_path / "mine" / "store")


def test_a_newer_or_damaged_file_is_refused(store, tmp_path):
    store.close()
    with sqlite3.connect(store.path / "store.db") as con:
        con.execute("PRAGMA user_version=99")
    with pytest.raises(StoreError, match=r"another version of invviz .format 99"):
        Store(store.path)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "store.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreError, match="is damaged"):
        Store(tmp_path / "bad")


def test_uploaded_pictures_are_refused(store):
    with pytest.raises(StoreError, match="private"):
        store.submit("run", Named("a", upload="0123"), "me")
    assert store.job("run-a") is None


def test_threads_share_a_store(store):
    failures = []

    def session(number):
        try:
            for n in range(10):
                key = store.submit("run", Named(str(n)), f"session {number}")
                assert store.job(key) is not None
        except Exception as err:
            failures.append(err)

    threads = [threading.Thread(target=session, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sum(1 for _ in iter(lambda: store.claim("w"), None)) == 10


def test_the_store_does_not_import_torch():
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import invviz.jobs.store; print(sorted({{'torch', 'streamlit'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
