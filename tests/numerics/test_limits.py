"""Prices, limits and turns: who may ask for how much, whose turn it is, and that no job holds up the others for long."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import subprocess
import sys
import time

import pytest
from test_store import claim, submit

from invviz.core.errors import LimitError, TextError
from invviz.engine.client import Site
from invviz.jobs import limits, price
from invviz.jobs.limits import PROFILES, Limits, check_price, gate
from invviz.jobs.store import HOST, TAB, Gate, Store
from invviz.jobs.worker import Clock, _serve
from invviz.scenario import Scenario
from invviz.scenario.kinds import askable

DAYS = "data=photos(size=64)&model=resnet18(width=128)&attack=dlg(steps=100000,restarts=50)"
QUICK = Scenario.parse("data=digits&model=mlp&attack=linear_layer")


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture
def classroom(monkeypatch):
    monkeypatch.setenv("INVVIZ_PROFILE", "classroom")
    monkeypatch.setattr(price, "slower", lambda: 1.0)


def test_a_job_of_months_is_refused_on_one_s_own_machine_and_one_of_minutes_is_not():
    with pytest.raises(LimitError, match=r"about [\d,]+ days on this machine; one job may take 24.0 h here"):
        check_price("run", Scenario.parse(DAYS))
    assert check_price("run", Scenario.parse("data=photos&model=resnet18&attack=inverting_gradients")) < 3600


def test_the_classroom_refuses_what_takes_longer_than_five_minutes(classroom):
    base = "data=photos&model=resnet18(width=16)&attack=inverting_gradients(steps={})"
    within, beyond = (Scenario.parse(base.format(steps)) for steps in (2_000, 20_000))
    assert check_price("run", within) < PROFILES["classroom"].job < price.seconds("run", beyond)
    with pytest.raises(LimitError, match="one job may take 5 min here"):
        check_price("run", beyond)


def test_an_unknown_profile_is_named(monkeypatch):
    monkeypatch.setenv("INVVIZ_PROFILE", "school")
    with pytest.raises(TextError, match="known: own, classroom"):
        limits.limits()


@pytest.mark.parametrize(
    ("more", "knob"),
    [
        ("attack=dlg(steps={})", (10, 1000)),
        ("batch={}&attack=dlg", (1, 8)),
        ("model=lenet(width={})&attack=dlg", (4, 64)),
        ("server=geminio(epochs={})&batch=4", (1, 1000)),
    ],
)
def test_more_work_has_a_higher_price(more, knob):
    low, high = (
        price.seconds("run", Scenario.parse(f"data=photos&model=lenet&{more.format(k)}".replace("model=lenet&model", "model")))
        for k in knob
    )
    assert low < high


def test_every_kind_of_work_and_of_attack_has_a_price():
    from invviz.attacks import ATTACKS

    for kind in askable():
        assert price.seconds(kind, Scenario.parse("data=digits&model=mlp&train=federated")) > 0
    for name in ATTACKS:
        assert price.seconds("run", Scenario.parse(f"data=digits&model=mlp&attack={name}")) > 0


def test_a_visitor_may_not_fill_the_queue_and_others_may_still_ask(tmp_path):
    dear = Gate(price=lambda kind, s: 400.0, crowded=lambda seconds: f"{seconds:.0f} s would wait", most=1000.0)
    store = Store(tmp_path, gate=dear)
    submit(store, "a", "b")
    with pytest.raises(LimitError, match="1200 s would wait"):
        submit(store, "c")
    assert store.job("run-c") is None
    submit(store, "c", watcher="you")
    submit(store, "a")  # what waits already costs nothing
    store.finish(claim(store), {})
    submit(store, "d")


def test_all_sweeps_together_are_one_visitor(tmp_path):
    store = Store(tmp_path, gate=Gate(price=lambda kind, s: 400.0, crowded=lambda seconds: "full", most=1000.0))
    submit(store, "a", "b", watcher="sweep-1")
    with pytest.raises(LimitError, match="full"):
        submit(store, "c", watcher="sweep-2")


def test_time_is_shared_and_not_the_number_of_jobs(tmp_path):
    prices = {"long": 100.0}
    store = Store(tmp_path, gate=Gate(price=lambda kind, s: prices.get(s.name, 10.0)))
    submit(store, "long", "after", watcher="one")
    submit(store, *"abc", watcher="two")
    assert [claim(store).key for _ in range(5)] == ["run-a", "run-b", "run-c", "run-long", "run-after"]


def test_who_has_had_much_lately_waits_longer(store):
    submit(store, "old", watcher="one")
    job = claim(store)
    with store._db.write() as con:
        con.execute("UPDATE jobs SET started = started - 60 WHERE key = ?", (job.key,))
    store.finish(job, {})
    submit(store, "mine", watcher="one")
    submit(store, "yours", watcher="two")
    assert store.job("run-yours").position == 1 and store.job("run-mine").position == 2
    with store._db.write() as con:  # an hour later that is forgotten
        con.execute("UPDATE jobs SET started = started - 3600, finished = finished - 3600 WHERE key = ?", (job.key,))
    assert store.job("run-mine").position == 1


def test_tabs_of_a_server_that_is_no_more_are_not_waited_for(store):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    ghost, alive, elsewhere = (f"{TAB}|{host}|{pid}|x" for host, pid in ((HOST, ended.pid), (HOST, os.getppid()), ("elsewhere", ended.pid)))
    submit(store, "a", watcher=ghost)
    submit(store, "b", watcher=ghost)
    submit(store, "b", watcher=alive)
    submit(store, "c", watcher=elsewhere)
    submit(store, "d", watcher="cli")
    store.leave_for_the_dead()
    assert [store.job(f"run-{name}").state for name in "abcd"] == ["stopped", "queued", "queued", "queued"]


def test_a_worker_for_quick_jobs_takes_those_of_whom_nothing_is_computed_for(tmp_path):
    prices = {"long": 100.0, "longer": 200.0}
    store = Store(tmp_path, gate=Gate(price=lambda kind, s: prices.get(s.name, 10.0)))
    submit(store, "long", "longer", "small", watcher="one")
    assert store.claim("w", most=5) is None and store.claim("w", most=10).key == "run-small"
    claim(store)
    submit(store, "mine", watcher="one")
    assert store.claim("w", most=30) is None, "one has two running: what is quick of the same waits for a turn"
    submit(store, "next", "after", watcher="two")
    assert store.claim("w", most=30).key == "run-next"
    assert store.claim("w", most=30) is None, "two is served now"
    assert claim(store).key == "run-after"


def test_one_who_stands_by_leaves_jobs_to_the_free_for_a_while(store, tmp_path, monkeypatch):
    """Else the first dear job of somebody who asks for many would take the place that is kept for others."""
    from invviz.jobs import worker

    monkeypatch.setattr(worker, "warm_up", lambda site: None)
    monkeypatch.setattr(worker, "PATIENT", 0.3)
    key, taken = store.submit("run", QUICK, "one"), []
    monkeypatch.setattr(worker, "_serve", lambda store, site, job, leaving: taken.append(time.monotonic()) or store.finish(job, {}))
    began = time.monotonic()

    @contextlib.contextmanager
    def leaving(parent):
        yield lambda: bool(taken) or time.monotonic() - began > 10

    monkeypatch.setattr(worker, "_leaving", leaving)
    worker.work(store, Site(None, tmp_path, "cpu"), most=30.0)
    assert taken and 0.3 <= taken[0] - began < 10 and store.job(key).state == "done"
    assert store.fitting(None, 30.0) == []


@pytest.mark.parametrize(("profile", "quick"), [("own", 0), ("classroom", 2)])
def test_a_worker_for_quick_jobs_stands_by_where_that_is_promised(store_dir, monkeypatch, profile, quick):
    from invviz.ui import session

    started = []

    class Hand:
        def poll(self):
            return None

    monkeypatch.setattr(session, "start_worker", lambda site, *more, **_: started.append(more) or Hand())
    monkeypatch.setenv("INVVIZ_PROFILE", profile)
    monkeypatch.setenv("INVVIZ_WORKERS", "2")
    station = session.Station()
    for _ in range(3):
        station.keep_workers()
    by = [more[more.index("--most") + 1] for more in started if "--most" in more]
    assert len(started) == 3 + quick and by == ["30.0", "300.0"][:quick]
    assert station.num_workers == 2
    monkeypatch.setenv("INVVIZ_WORKERS", "0")
    started.clear()
    session.Station().keep_workers()
    assert not started, "a server without workers has none for quick jobs either"


def test_a_job_that_takes_too_long_is_stopped_with_what_it_has_and_says_so(store, tmp_path, monkeypatch):
    monkeypatch.setattr("invviz.jobs.worker.limits", lambda: dataclasses.replace(PROFILES["own"], job=0.5))
    text = "data=digits&model=lenet&attack=inverting_gradients(steps=100000)"
    key = store.submit("run", Scenario.parse(text), "me")
    _serve(store, Site(None, tmp_path, "cpu"), claim(store), lambda: False)
    assert store.job(key).state == "stopped"
    assert "It was stopped after 1 s, which is what one job may take here" in store.result(key)["note"] and "guess" in store.arrays(key)


def test_one_that_has_nothing_yet_fails_in_words(store, tmp_path, monkeypatch):
    monkeypatch.setattr("invviz.jobs.worker.limits", lambda: dataclasses.replace(PROFILES["own"], job=0.0))
    key = store.submit("risk", Scenario.parse("data=digits&model=lenet"), "me")
    _serve(store, Site(None, tmp_path, "cpu"), claim(store), lambda: False)
    assert store.job(key).state == "failed" and "It was stopped after" in store.job(key).error


def test_a_clock_rings_once_and_for_good():
    assert not Clock(60).over() and not Clock(60).rang
    clock = Clock(0.0)
    time.sleep(0.01)
    assert clock.over() and clock.rang


@pytest.mark.skipif(sys.platform != "linux", reason="limits on memory are Linux's")
def test_memory_beyond_a_worker_s_share_is_refused_in_words():
    code = (
        "import dataclasses, numpy as np, torch\nfrom invviz.jobs import worker\nfrom invviz.jobs.limits import PROFILES\n"
        "from invviz.jobs.worker import _bounds\n_bounds.limits = lambda: dataclasses.replace(PROFILES['own'], memory=0.05)\nworker.bound_memory()\n"
        "for make in (lambda: np.ones(1 << 32), lambda: torch.ones(1 << 32)):\n"
        "    try: make()\n    except Exception as err: print(worker.reason(err))\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.count("There was not enough memory: a worker may take 5 % of the machine's.") == 2


def test_the_gate_of_a_profile_has_its_limits(classroom):
    found = gate()
    assert found.most == PROFILES["classroom"].visitor and found.price("run", QUICK) < 30
    assert "a visitor may have 20 min waiting here" in found.refused(2000.0) and not found.refused(1000.0)


def test_profiles_are_ordered():
    own, room = PROFILES["own"], PROFILES["classroom"]
    assert isinstance(own, Limits) and own.job > room.job and own.visitor > room.visitor and own.memory > room.memory and room.quick == 30


@pytest.mark.parametrize(
    ("address", "profile"),
    [(None, "own"), ("localhost", "own"), ("127.0.0.1", "own"), ("0.0.0.0", "classroom"), ("192.168.1.5", "classroom")],
)
def test_a_server_with_an_address_is_a_classroom(store_dir, monkeypatch, address, profile):
    from invviz.ui import session

    monkeypatch.setenv("INVVIZ_PROFILE", "x")  # so that what is set here is taken back
    monkeypatch.delenv("INVVIZ_PROFILE")
    monkeypatch.setattr(session.st, "get_option", lambda name: address)
    assert session.Station().store and limits.limits().name == profile
    monkeypatch.setenv("INVVIZ_PROFILE", "own")  # what a person says counts
    session.Station()
    assert limits.limits().name == "own"
