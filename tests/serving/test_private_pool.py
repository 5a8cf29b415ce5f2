"""Pictures of many uploaders: two processes for all, in turn, out of reach of each other, and nobody waits for a tab to close."""

from __future__ import annotations

import dataclasses
import io
import threading
import time
from collections import deque

import numpy as np
import pytest

from invviz.datasets import digest
from invviz.engine.client import Site
from invviz.jobs.limits import PROFILES
from invviz.jobs.private import Message, PrivateWorker, read
from invviz.jobs.worker._pipe import Server
from invviz.scenario import Scenario
from invviz.ui import pool as pools
from invviz.ui.pool import PrivatePool
from invviz.ui.private import PrivateDesk
from invviz.ui.waits import waiting

TEXT = Scenario.parse("data=digits&model=mlp&attack=linear_layer&dtype=float64")
SPECTRUM = {"result": {}, "stopped": False}


class Process:
    """In place of a worker process: it answers when the test says so."""

    def __init__(self, made):
        self.messages, self.stops, self.taken, self.alive = deque(), 0, [], True
        self.came = threading.Condition()
        made.append(self)

    def submit(self, kind, scenario, picture):
        self.taken.append((kind, float(picture.flat[0])))

    def poll(self, wait):
        with self.came:
            self.came.wait_for(lambda: self.messages, wait)
            found = list(self.messages)
            self.messages.clear()
            return found

    def say(self, kind, arrays=None, **header):
        with self.came:
            self.messages.append(Message({"type": kind, "number": 0, **header}, arrays or {}))
            self.came.notify_all()

    def stop(self):
        self.stops += 1

    def close(self):
        self.alive = False


def eventually(check, seconds=20.0):
    until = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.fixture
def pool(monkeypatch):
    monkeypatch.setattr(pools, "PrivateWorker", Process)  # it gets what the pool takes for a site
    monkeypatch.setattr(pools, "LOOK", 0.01)
    pool = PrivatePool([])
    yield pool
    for desk in list(pool._desks):  # else its threads start processes in another test
        desk.close()


@pytest.fixture
def made(pool):
    """The processes of this pool, in the order in which they were started."""
    return pool._site


def ask(desk, kind, who, **changed):
    """A desk asks for something of a picture whose value says who it is; answers its key."""
    scenario = TEXT.replace(upload=f"{who:016d}", **changed)
    desk.submit(kind, scenario, np.full((1, 8, 8), who, np.float32))
    return scenario.key(kind)


def state(desk, key):
    job = desk.job(key)
    return job and (job.state, job.position)


def test_thirty_uploaders_have_two_processes_and_take_turns(pool, made):
    desks = [PrivateDesk(pool) for _ in range(30)]
    spectra = [ask(desk, "risk", who) for who, desk in enumerate(desks)]
    attacks = [ask(desk, "run", who) for who, desk in enumerate(desks)]
    eventually(lambda: len(made) == 2 and all(one.taken for one in made))
    assert state(desks[0], spectra[0]) == state(desks[0], attacks[0]) == ("running", 0)
    assert [state(desk, key) for desk, key in zip(desks[1:], spectra[1:], strict=True)] == [("queued", n) for n in range(1, 30)]
    assert waiting(desks[7].job(attacks[7]), "attack") == "Waiting: number 7 in line."
    new = ask(desks[29], "sketch", 29)
    assert state(desks[29], new) == ("queued", 1), "what takes seconds goes first"
    for one in made:
        one.say("result", **SPECTRUM)
    eventually(lambda: sorted(len(one.taken) for one in made) == [2, 2])
    assert {one.taken[1] for one in made} in ({("sketch", 29.0), ("run", 1.0)}, {("sketch", 29.0), ("risk", 1.0)})
    again = ask(desks[1], "run", 1, seed=5)  # in place of what it asked for before, and behind everybody who waits
    assert state(desks[1], again) == ("queued", 29) or state(desks[1], again) == ("queued", 30)
    assert state(desks[1], attacks[1])[0] == "stopped"
    assert len(made) == 2


def test_a_stop_in_the_queue_makes_room_at_once_and_a_running_one_hands_in(pool, made):
    one, two = PrivateDesk(pool), PrivateDesk(pool)
    first, second = ask(one, "run", 1), ask(two, "run", 2)
    eventually(lambda: state(one, first) == ("running", 0) and made and made[0].taken)
    two.stop(second)
    assert state(two, second) == ("stopped", 0)
    one.stop(first)
    eventually(lambda: made[0].stops == 1)
    assert one.job(first).stopping
    made[0].say("result", {"guess": np.ones(3)}, result={"kept": 1}, stopped=True)
    eventually(lambda: state(one, first) == ("stopped", 0))
    assert one.result(first) == {"kept": 1} and one.arrays(first)["guess"].sum() == 3


def test_closing_returns_before_the_processes_have_ended_and_they_do_end(pool, made, monkeypatch):
    """Whoever closes a tab waits for nothing: not for a step of the attack, not for a process that hangs."""
    monkeypatch.setattr(pools, "PATIENCE", 0.05)
    ends, asked = threading.Event(), []
    monkeypatch.setattr(Process, "close", lambda self: self in made and (asked.append(self), ends.wait(20), setattr(self, "alive", False)))
    desk, other = PrivateDesk(pool), PrivateDesk(pool)
    ask(desk, "run", 1)
    eventually(lambda: made and made[0].taken)
    desk.close()
    assert made[0].alive, "close has returned, the process still computes"
    eventually(lambda: asked == made[:1])  # it did not stop, so it is ended by force
    ends.set()
    mine = ask(other, "run", 2)
    eventually(lambda: len(made) == 2 and made[1].taken == [("run", 2.0)])
    made[1].say("result", **SPECTRUM)
    eventually(lambda: state(other, mine) == ("done", 0))
    other.close()
    eventually(lambda: not made[1].alive)  # with the last uploader goes what is idle
    desk.submit("run", TEXT.replace(upload="0" * 16), np.zeros((1, 8, 8)))
    assert len(made) == 2 and not pool._waiting, "a page that is still drawn for a closed tab starts nothing"


def test_spectra_of_all_together_are_bounded_and_everybody_keeps_the_newest(pool, made, monkeypatch):
    monkeypatch.setattr(pools, "LARGEST", 2500)
    desks = [PrivateDesk(pool) for _ in range(3)]
    keys = []
    for who, desk in [(0, desks[0]), (0, desks[0]), (1, desks[1]), (2, desks[2]), (2, desks[2])]:
        keys.append(ask(desk, "risk", who, seed=len(keys)))
        eventually(lambda: made and len(made[0].taken) == len(keys))
        made[0].say("result", {"basis": np.zeros(1000, np.uint8)}, **SPECTRUM)
        eventually(lambda desk=desk: state(desk, keys[-1]) == ("done", 0))
    eventually(lambda: sum(sum(desk.held()) for desk in desks) == 3000)
    assert [desk.held() for desk in desks] == [[1000]] * 3
    assert [state(desks[0], keys[0]), state(desks[2], keys[3])] == [None, None], "computed again when they are asked for"


def test_uploaders_are_out_of_reach_of_each_other_in_real_processes_which_end_when_the_last_has_gone(tmp_path, monkeypatch):
    """Both in the same two processes, one after the other: each gets its own picture, and knows nothing of the other's, not even by its key."""
    made = []

    class Watched(PrivateWorker):
        def __init__(self, site):
            super().__init__(site)
            made.append(self)

    monkeypatch.setattr(pools, "PrivateWorker", Watched)
    pool = PrivatePool(Site(None, tmp_path / "store"))
    desks = PrivateDesk(pool), PrivateDesk(pool)
    draw = np.random.default_rng(0)
    pictures = [draw.random((1, 8, 8)).astype(np.float32) for _ in desks]
    scenarios = [TEXT.replace(upload=digest(picture)) for picture in pictures]
    for desk, scenario, picture in zip(desks, scenarios, pictures, strict=True):
        desk.submit("run", scenario, picture)
    keys = [scenario.key("run") for scenario in scenarios]
    eventually(lambda: not any(desk.job(key).active for desk, key in zip(desks, keys, strict=True)), 120)
    assert [(desk.job(key).state, desk.job(key).error) for desk, key in zip(desks, keys, strict=True)] == [("done", "")] * 2
    for mine, (desk, key, picture) in enumerate(zip(desks, keys, pictures, strict=True)):
        assert np.abs(desk.arrays(key)["truth"][0] - picture).max() < 1e-6
        other = keys[1 - mine]
        assert desk.job(other) is None and desk.result(other) is None and desk.arrays(other) == {} and desk.latest_frame(other) is None
        assert len(desk.frames(other)[0]) == 0 and len(desk.curve(other).steps) == 0
    assert any(one.alive for one in made)
    desks[0].submit("run", scenarios[0].replace(seed=5), pictures[0])  # what is still going holds nobody
    for desk in desks:
        desk.close()
    eventually(lambda: not any(one.alive for one in made), 60)
    store = tmp_path / "store"
    assert not store.exists() or not any(file.is_file() for file in store.rglob("*")), "nothing was written"


@pytest.mark.parametrize(("most", "kind"), [(0.5, "result"), (0.0, "error")])
def test_what_takes_too_long_in_private_is_stopped_as_elsewhere(monkeypatch, most, kind):
    """One uploader may hold the process for no longer than a job may take (INVVIZ_PROFILE); what there is comes with the reason."""
    monkeypatch.setattr("invviz.jobs.worker._pipe.limits", lambda: dataclasses.replace(PROFILES["own"], job=most))
    out = io.BytesIO()
    text = "data=digits&model=lenet&attack=inverting_gradients(steps=100000)"
    task = Message({"type": "run" if most else "risk", "number": 1, "scenario": text}, {})
    Server(Site(None, None, "cpu"), io.BytesIO(), out)._serve(task)
    out.seek(0)
    messages = list(iter(lambda: read(out), None))
    last = messages[-1].header
    assert last["type"] == kind and "which is what one job may take here" in (last["error"] if kind == "error" else last["result"]["note"])
    assert kind == "error" or (last["stopped"] and "guess" in messages[-1].arrays)
