"""Workers as real processes: killed, told to leave, orphaned, stopped; and the private one behind pipes."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from invviz.core.errors import InvvizError, StoreError
from invviz.core.types import Size
from invviz.datasets import digest
from invviz.engine.client import Site
from invviz.engine.results import Event
from invviz.jobs import worker
from invviz.jobs.private import Message, PrivateWorker, read, start_worker, write
from invviz.jobs.store import Store, _queue
from invviz.jobs.worker import Outcome, execute, reporter, work
from invviz.risk import Decomposition, ideal
from invviz.scenario import Scenario

ROOT = Path(__file__).parents[2]
QUICK = Scenario.parse("data=digits&model=mlp&attack=linear_layer")

# A worker whose jobs never end by themselves; it prints a line when it has begun one.
ENDLESS = f"""
import sys, time
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
import numpy as np
import invviz.jobs.worker as w
from invviz.engine.attack import Event, Site
from invviz.jobs.store import Store

def endless(kind, scenario, site, report, picture=None):
    print("noise of a library")
    print("begun", flush=True)
    step = 1
    while report(Event("attack", step, 10**6, 0.01 * step, 1 / step, 5.0, np.full((1, 1, 2, 2), 0.5))):
        step += 1
        time.sleep(0.02)
    return w.Outcome({{"steps": step}}, {{"guess": np.full((1, 1, 2, 2), 0.25)}}, stopped=True)

w.execute, w.warm_up = endless, lambda site: None
site = Site(None, Path(sys.argv[1]))
"""
WORK = "w.work(Store(sys.argv[1]), site, parent_pid=int(sys.argv[2]) if len(sys.argv) > 2 else None)"


@pytest.fixture(autouse=True)
def threads():
    """`execute` sets the number of threads of the whole process."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture
def site(store):
    return Site(None, store.path)


def endless_worker(store: Store) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", ENDLESS + WORK, str(store.path)], stdout=subprocess.PIPE, text=True)


def begun(process: subprocess.Popen) -> None:
    assert [process.stdout.readline() for _ in range(2)][1] == "begun\n"


def eventually(what, timeout: float = 15.0):
    """The first true answer."""
    until = time.monotonic() + timeout
    while not (found := what()):
        assert time.monotonic() < until, "it did not come to pass"
        time.sleep(0.02)
    return found


def test_a_job_of_a_killed_worker_is_done_by_another(store):
    key = store.submit("run", QUICK, "me")
    first, second = endless_worker(store), None
    try:
        begun(first)
        second = endless_worker(store)
        eventually(lambda: store.latest_frame(key))
        first.kill()
        first.wait()
        begun(second)
        job = store.job(key)
        assert (job.state, job.attempts) == ("running", 2)
        assert job.worker.endswith(f":{second.pid}")
        assert store.stop(key)
        job = eventually(lambda: (job := store.job(key)).state == "stopped" and job)
        assert store.result(key)["steps"] > 0
        assert np.all(store.arrays(key)["guess"] == 0.25)
    finally:
        for process in (first, second):
            if process:
                process.kill()
                process.wait()


def test_stop_comes_within_a_step_and_the_partial_result_is_not_called_done(store):
    key = store.submit("run", QUICK, "me")
    process = endless_worker(store)
    try:
        begun(process)
        seen = eventually(lambda: store.latest_frame(key)).step
        start = time.monotonic()
        at = store.job(key).done
        store.stop(key)
        eventually(lambda: store.job(key).state == "stopped")
        assert time.monotonic() - start < 2  # a step takes 0.02 s; the machine may be busy
        assert seen <= at <= store.result(key)["steps"] < at + 50
        assert store.results()[0]["state"] == "stopped"
    finally:
        process.kill()
        process.wait()


def test_a_worker_that_is_told_to_leave_puts_its_job_back(store):
    key = store.submit("run", QUICK, "me")
    process = endless_worker(store)
    begun(process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    job = store.job(key)
    assert (job.state, job.attempts, job.position) == ("queued", 0, 1)


def test_a_worker_ends_with_its_parent(store):
    launcher = f"""
import subprocess, sys, os
p = subprocess.Popen([sys.executable, "-c", {ENDLESS + WORK!r}, {str(store.path)!r}, str(os.getpid())])
print(p.pid, flush=True)
p.wait()
"""
    parent = subprocess.Popen([sys.executable, "-c", launcher], stdout=subprocess.PIPE, text=True)
    pid = int(parent.stdout.readline())
    key = store.submit("run", QUICK, "me")
    eventually(lambda: store.job(key).state == "running")
    parent.kill()
    parent.wait()
    eventually(lambda: store.job(key).state == "queued")
    eventually(lambda: not Path(f"/proc/{pid}").exists() or " Z " in Path(f"/proc/{pid}/stat").read_text())


def test_failures_are_stored_in_words(store, site, monkeypatch):
    keys = [store.submit("run", QUICK.replace(seed=seed), "me") for seed in range(3)]

    def execute(kind, scenario, *_):
        if scenario.seed == 0:
            raise InvvizError("The data set is not here.")
        if scenario.seed == 1:
            raise RuntimeError("boom")
        return Outcome({"fine": True}, {})

    monkeypatch.setattr(worker, "execute", execute)
    monkeypatch.setattr(worker, "warm_up", lambda site: None)
    work(store, site, once=True)
    jobs = [store.job(key) for key in keys]
    assert [job.state for job in jobs] == ["failed", "failed", "done"]
    assert jobs[0].error == "The data set is not here."
    assert jobs[1].error == "RuntimeError: boom"
    assert 'raise RuntimeError("boom")' in jobs[1].traceback


def test_a_result_that_cannot_be_stored_is_a_failure(store, site, monkeypatch):
    key = store.submit("run", QUICK, "me")

    def save(folder):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(worker, "execute", lambda *_: Outcome({}, save))
    monkeypatch.setattr(worker, "warm_up", lambda site: None)
    work(store, site, once=True)
    assert store.job(key).state == "failed"
    assert "Free some space" in store.job(key).error


@pytest.mark.parametrize("kind", ["sketch", "run"])
def test_a_worker_for_first_sketches_begins_with_what_waits(store, site, monkeypatch, kind):
    """Somebody who clicks while the app starts waited for two warm-ups of several seconds."""
    store.submit(kind, QUICK, "me")
    done, real = [], Store.claim

    def claim(self, name, kinds, **more):
        if len(done) == 3:
            raise KeyboardInterrupt
        return real(self, name, kinds, **more)

    monkeypatch.setattr(Store, "claim", claim)
    monkeypatch.setattr(worker, "POLL", 0.0)
    monkeypatch.setattr(worker, "execute", lambda kind, *_: done.append(kind) or Outcome({}, {}))
    monkeypatch.setattr(worker, "warm_up", lambda site: done.append("warm run"))
    monkeypatch.setattr(worker, "warm_up_sketches", lambda site: done.extend(["warm sketch", ""]))
    with pytest.raises(KeyboardInterrupt):
        if kind == "run":
            monkeypatch.setattr(worker, "execute", lambda kind, *_: done.extend([kind, ""]) or Outcome({}, {}))
        work(store, site, kinds=[kind])
    assert done == (["sketch", "warm sketch", ""] if kind == "sketch" else ["warm run", "run", ""])


def test_a_long_step_is_not_taken_for_death(store, site, monkeypatch):
    key = store.submit("run", QUICK, "me")
    monkeypatch.setattr(worker, "BEAT", 0.05)
    monkeypatch.setattr(_queue, "STALE", 0.5)
    claims = []

    def execute(*_):
        time.sleep(1.0)
        claims.append(Store(store.path).claim("thief"))
        return Outcome({}, {})

    monkeypatch.setattr(worker, "execute", execute)
    monkeypatch.setattr(worker, "warm_up", lambda site: None)
    work(store, site, once=True)
    assert claims == [None]
    assert (store.job(key).state, store.job(key).attempts) == ("done", 1)


def test_reports_are_few_but_frames_and_phases_all_come():
    told = []
    report = reporter(lambda event: told.append(event) is None, lambda: False)
    for step in range(1_000):
        assert report(Event("attack", step, 1_000, 0.0))
    assert len(told) <= 3
    report(Event("attack", 0, 1, 0.0, frame=np.zeros(1)))
    report(Event("spectrum", 0, 1, 0.0))
    assert [event.phase for event in told[-2:]] == ["attack", "spectrum"]
    assert told[-2].frame is not None
    assert reporter(lambda event: True, lambda: True)(Event("attack", 0, 1, 0.0)) is False

    def locked(event):
        raise StoreError("locked")

    assert reporter(locked, lambda: False)(Event("attack", 0, 1, 0.0)) is True


def test_a_stop_before_there_is_anything(site):
    outcome = execute("risk", QUICK, site, lambda event: False)
    assert (outcome.result, outcome.stopped) == (None, True)


def test_a_real_worker_computes_both_kinds(store, site):
    run, risk = store.submit("run", QUICK, "me"), store.submit("risk", QUICK, "me")
    assert start_worker(site, "--once").wait(120) == 0
    result = store.result(run)
    assert result["scenario"] == QUICK.only("run").text(full=True)
    assert result["scores"]["psnr"][0] > 40
    arrays = store.arrays(run)
    assert np.abs(arrays["guess"] - arrays["truth"]).max() < 1e-2
    assert len(store.frames(run)[0]) == 1
    facts = store.result(risk)
    decomposition = Decomposition.load(store.folder(risk))
    assert (facts["n"], facts["p"]) == (64, Size(**facts["size"]).count)
    assert np.array_equal(store.arrays(risk)["truth"], arrays["truth"])
    assert np.abs(ideal(decomposition, 1e-9) - arrays["truth"]).max() < 1e-2
    json.dumps(facts, allow_nan=False)


# The pipe


def test_messages_pass_through_a_pipe_unchanged():
    stream = io.BytesIO()
    arrays = {"a": np.arange(6, dtype=np.float32).reshape(2, 3)[:, ::2], "b": np.zeros((0, 3), np.uint8), "c": np.array(7)}
    write(stream, {"type": "x", "psnr": float("inf"), "text": "ü"}, arrays)
    write(stream, {"type": "y"})
    stream.seek(0)
    header, found = read(stream)
    assert header == {"type": "x", "psnr": float("inf"), "text": "ü"}
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        assert np.array_equal(found[name], array)
    assert read(stream) == Message({"type": "y"}, {})
    assert read(stream) is None


def test_what_is_no_message_is_refused():
    with pytest.raises(ValueError, match="not a message"):
        read(io.BytesIO(b"\xff\xff\xff\xff hello"))
    with pytest.raises(ValueError, match="object"):
        write(io.BytesIO(), {}, {"x": np.array([None])})
    stream = io.BytesIO()
    write(stream, {"type": "x"}, {"a": np.zeros(100)})
    assert read(io.BytesIO(stream.getvalue()[:-1])) is None, "cut off"


def test_stdout_stays_intact_whatever_libraries_print(tmp_path):
    serve = """
import os
import invviz.jobs.worker._pipe as p
p.execute, p.warm_up = w.execute, lambda site: os.write(1, b"noise below Python")
p.serve(site)
"""
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    process = subprocess.Popen([sys.executable, "-c", ENDLESS + serve, str(tmp_path)], **streams)
    write(process.stdin, {"type": "run", "number": 1, "scenario": QUICK.text()})
    first = read(process.stdout)
    assert (first.header["type"], first.header["number"], first.header["done"]) == ("progress", 1, 1)
    assert np.all(first.arrays["frame"] == 128)
    write(process.stdin, {"type": "stop", "number": 1})
    later = (read(process.stdout) for _ in range(500))  # bounded: a worker that does not stop shall fail here, not hang
    message = next(message for message in later if message.header["type"] != "progress")
    assert message.header["stopped"] is True
    assert np.all(message.arrays["guess"] == 0.25)
    write(process.stdin, {"type": "run", "number": 2, "scenario": QUICK.text()})
    assert read(process.stdout).header["number"] == 2
    process.stdin.close()  # stops the job, ends the process
    assert process.wait(10) == 0
    errors = process.stderr.read()
    assert b"noise of a library" in errors
    assert b"noise below Python" in errors


@pytest.fixture(scope="module")
def private(tmp_path_factory):
    folder = tmp_path_factory.mktemp("private") / "store"
    one = PrivateWorker(Site(None, folder))
    yield one, folder
    one.close()
    assert not one.alive


def answer(one: PrivateWorker, timeout: float = 120) -> Message:
    """The message that ends a job."""
    messages: list[Message] = []

    def last():
        messages.extend(one.poll())
        return messages and messages[-1].header["type"] != "progress"

    eventually(last, timeout)
    assert not one.busy
    return messages[-1]


def test_an_uploaded_picture_is_attacked_in_memory(private):
    one, folder = private
    picture = np.random.default_rng(0).random((1, 8, 8)).astype(np.float32)
    mine = QUICK.replace(upload=digest(picture))
    number = one.submit("run", mine, picture)
    assert one.busy
    message = answer(one)
    assert (message.header["type"], message.header["number"], message.header["stopped"]) == ("result", number, False), message.header
    assert np.abs(message.arrays["truth"][0] - picture).max() < 1e-6
    assert np.abs(message.arrays["guess"][0] - picture).max() < 1e-2
    one.submit("risk", mine, picture)
    message = answer(one)
    assert message.header["result"]["n"] == 64
    assert np.abs(message.arrays["truth"][0] - picture).max() < 1e-6
    assert not folder.exists() or not any(file.is_file() for file in folder.rglob("*")), "nothing was written"


def test_the_private_worker_says_what_is_wrong_and_goes_on(private):
    one, _ = private
    one.submit("run", QUICK.replace(upload="0" * 16))
    message = answer(one)
    assert message.header["type"] == "error"
    assert "upload" in message.header["error"]
    one.submit("run", QUICK)
    assert answer(one).header["type"] == "result"


def test_only_the_latest_job_is_answered(private):
    one, _ = private
    one.submit("run", QUICK.replace(seed=1))
    number = one.submit("run", QUICK.replace(seed=2))
    message = answer(one)
    assert message.header["number"] == number
    assert "seed=2" in message.header["result"]["scenario"]


def test_a_private_worker_that_dies_says_so():
    one = PrivateWorker(Site(None, Path("unused")))
    one.submit("run", QUICK)
    os.kill(one._process.pid, signal.SIGKILL)
    assert "ended unexpectedly" in answer(one, 20).header["error"]
    eventually(lambda: not one.alive)
    one.submit("run", QUICK)
    assert "ended unexpectedly" in answer(one, 20).header["error"]
    one.close()
