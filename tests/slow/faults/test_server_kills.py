"""Servers killed at random moments, some while they start: results, sweeps and the queue stand, and nobody waits for tabs of servers that are no more.

The fifty kills: `python -m pytest tests/slow/faults/test_server_kills.py -m slow -s`, some ten minutes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from _tab import Tab
from served import ROOT

from invviz.engine.client import Site
from invviz.jobs import worker
from invviz.jobs.store import HOST, TAB, Store
from invviz.scenario import Scenario

LONG = "data=digits&model=mlp&defense=gaussian_noise(sigma=0.02)&attack=dlg(steps=20000)&seed={}"
QUICK = "data=digits&model=mlp(width=8)&attack=linear_layer&seed={}"


class Server:
    """The app in a process that can be killed."""

    def __init__(self, store: Path, log: Path, workers: int) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url, self.log = f"http://127.0.0.1:{port}/", log
        environment = {**os.environ, "INVVIZ_STORE": str(store), "INVVIZ_WORKERS": str(workers)}
        command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port), "--server.headless", "true"]
        with log.open("wb") as out:
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out)

    def answers(self) -> bool:
        with contextlib.suppress(OSError):
            return urllib.request.urlopen(self.url + "_stcore/health", timeout=1).status == 200
        return False

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)
        assert "Traceback" not in self.log.read_text(), self.log.read_text()[-2000:]


def eventually(check, seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < until
        time.sleep(0.05)


def watchers(store: Store) -> set[str]:
    with store._db.read() as con:
        return {row[0] for row in con.execute("SELECT DISTINCT watcher FROM watchers WHERE watcher LIKE ?", (TAB + "%",))}


def test_tabs_of_a_server_with_the_same_number_are_left_too(place):
    """In a container every server has the same process number, under the same name of the machine."""
    store = Store(place)
    key = store.submit("run", Scenario.parse(QUICK.format(0)), f"{TAB}|{HOST}|{os.getpid()}|abc")
    other = store.submit("run", Scenario.parse(QUICK.format(1)), f"{TAB}|elsewhere|{os.getpid()}|abc")
    store.leave_for_the_dead()
    assert store.job(key).state == "stopped" and store.job(other).state == "queued"


@pytest.mark.slow
def test_fifty_killed_servers(tmp_path, kills=50):
    path, random = tmp_path / "store", np.random.default_rng(50)
    store, done, mine, early, start = Store(path), {}, "", 0, time.monotonic()
    sweep = store.submit("run", Scenario.parse(LONG.format(1_000_000)), "sweep-1")
    store.keep_sweep("1", "a sweep")

    def computed(number: int) -> None:
        scenario = Scenario.parse(QUICK.format(number))
        key = store.submit("run", scenario, "cli")
        job = store.claim("here", keys={key})
        found = worker.execute("run", scenario, Site(None, path), lambda event: True)
        assert store.finish(job, found.result, found.arrays)
        done[key] = found.arrays["guess"]

    async def visit(server: Server, number: int) -> str:
        nonlocal mine
        tab = Tab(server.url + "?" + LONG.format(number))
        await tab.open()
        # this is a new server: what the last one's tab asked for is not waited for any more
        assert not mine or store.job(mine).state == "stopped"
        assert all(name.split("|")[2] == str(server.process.pid) for name in watchers(store)), watchers(store)
        assert store.job(sweep).state == "queued", "what a sweep waits for stands"
        assert store.sweeps() == ["a sweep"]
        await tab.press("Run the attack")
        mine = Scenario.parse(LONG.format(number)).key("run")
        assert store.job(mine).state == "queued"
        redraw = asyncio.create_task(tab.run())  # it may be killed in the middle of a redraw
        await asyncio.sleep(random.uniform(0, 0.6))
        server.kill()
        redraw.cancel()
        with contextlib.suppress(BaseException):
            await redraw
        with contextlib.suppress(Exception):
            await tab.close()
        return mine

    for number in range(kills):
        computed(number)
        server = Server(path, tmp_path / f"log{number}.txt", 0)
        if number % 5 == 4:
            time.sleep(random.uniform(0, 3))
            early += 1
            server.kill()
        else:
            eventually(server.answers)
            asyncio.run(visit(server, number))
            assert store.job(mine).state == "queued", "nobody is there to say that the tab is gone"
        with store._db.read() as con:
            assert con.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    for key, guess in done.items():
        assert store.whole(key) and np.array_equal(store.arrays(key)["guess"], guess)
    print(f"\n{kills} servers killed in {time.monotonic() - start:.0f} s, {early} of them while they started; {len(done)} results, 0 lost")


@pytest.mark.slow
def test_workers_leave_with_their_killed_server_and_the_next_one_goes_on(tmp_path):
    """With workers: what a sweep waits for is computed by the next server's, equal to what this process computes."""
    path = tmp_path / "store"
    store = Store(path)
    long = store.submit("run", Scenario.parse(LONG.format(1)), "sweep-1")
    first = Server(path, tmp_path / "one.txt", 1)
    eventually(first.answers)

    async def visit(server: Server) -> None:
        tab = Tab(server.url + "?" + QUICK.format(2))
        await tab.open()
        await tab.close()

    asyncio.run(visit(first))
    eventually(lambda: store.job(long).state == "running")
    first.kill()
    quick = store.submit("run", Scenario.parse(QUICK.format(3)), "sweep-1", priority=1)
    second = Server(path, tmp_path / "two.txt", 1)
    eventually(second.answers)
    asyncio.run(visit(second))
    eventually(lambda: store.job(quick).state == "done")
    found = worker.execute("run", Scenario.parse(QUICK.format(3)), Site(None, path), lambda event: True)
    assert np.array_equal(store.arrays(quick)["guess"], found.arrays["guess"])
    assert store.job(long).attempts <= 2 and store.job(long).state in ("queued", "running")
    store.stop(long)
    second.kill()
    eventually(lambda: store.job(long).state == "stopped")
