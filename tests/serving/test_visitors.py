"""What belongs to a visitor or to the server is out of reach of other visitors: a message that empties Streamlit's caches, a tab that is closed."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
import streamlit as st
from _tab import Tab
from served import serving
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.runtime.app_session import AppSession

from invviz.jobs.store import Store
from invviz.scenario import Scenario
from invviz.ui import session

TEXT = "data=digits&model=mlp&defense=gaussian_noise(sigma=0.02)&attack=dlg"


@pytest.fixture
def station(store_dir, monkeypatch):
    """The station, whose workers are counted and not started."""
    monkeypatch.setattr(session, "start_worker", lambda *_, **__: SimpleNamespace(poll=lambda: None, started=started.append(1)))
    monkeypatch.setenv("INVVIZ_WORKERS", "2")
    started = []
    session.close()
    one = session.station()
    one.keep_workers()
    yield one, started
    session.close()


def test_clearing_streamlits_caches_leaves_workers_and_visitors(station):
    """Streamlit's own answer to the message of a browser."""
    one, started = station
    session.arrive()
    here = session.session()
    assert len(started) == 3
    AppSession._handle_clear_cache_request(SimpleNamespace(_session_state=st.session_state))
    session.station().keep_workers()
    session.arrive()
    assert session.station() is one and len(started) == 3, "the same station, no worker more"
    assert session.session() is here and not here.gone, "even the sender, whose session state is empty now, is the same visitor"


def test_who_reconnects_after_leaving_is_somebody_new(station):
    session.arrive()
    first = session.session()
    first.leave()
    assert session.session() is first, "a run that is still going keeps the one that has left"
    session.arrive()
    assert session.session() is not first


def test_files_of_a_tab_that_was_closed_go_with_it(monkeypatch):
    """Streamlit drops a tab that was closed when another one is closed two minutes later, if ever: until then its files stayed, up to 128 tabs of them."""
    closed, calls, active, cleared = [], [], {"back"}, []
    kept = lambda name: SimpleNamespace(session=SimpleNamespace(session_state=SimpleNamespace(clear=lambda: cleared.append(name))))  # noqa: E731
    server = SimpleNamespace(
        uploaded_file_mgr=SimpleNamespace(file_storage={"gone": {}, "back": {}}),
        is_active_session=active.__contains__,
        close_session=closed.append,
        _session_mgr=SimpleNamespace(get_session_info=kept),
        _get_async_objs=lambda: SimpleNamespace(eventloop=SimpleNamespace(call_soon_threadsafe=calls.append)),
    )
    monkeypatch.setattr(session.garbage, "_asked", asked := threading.Event())
    for name in ("back", "bare"):
        session._let_go(server, name)
    assert len(calls) == 1 and not asked.is_set(), "one that came back stays; one without files is let go, and nothing is thawed for it"
    session._let_go(server, "gone")
    assert asked.is_set()
    active.add("bare")  # it comes back before the event loop has got round to it
    for call in calls:
        call()
    assert closed == cleared == ["gone"]


@pytest.fixture(scope="module")
def hasty(tmp_path_factory):
    """A server that nobody has visited and that computes nothing, with the two minutes made two seconds; its address, and its folder."""
    folder = tmp_path_factory.mktemp("hasty")
    (folder / "sitecustomize.py").write_text(HOOK)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder))
        patch.setenv("HELD", str(folder / "held"))
        with serving(folder, folder / "store", 0) as url:
            yield url, folder


def visit(of):
    """Through the network, in a thread of its own: a browser of other tests keeps a loop running in this one."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, of).result()


def test_streamlit_lets_go_of_files_when_a_session_is_closed(hasty):
    url, folder = hasty
    held = lambda: (folder / "held").exists() and (folder / "held").read_text()  # noqa: E731

    async def one():
        tab = Tab(url)
        await tab.open()
        await tab.upload("", "own.png", b"no picture" * 1000)
        eventually(lambda: held() == "1")
        await tab.close()

    visit(one())
    eventually(lambda: held() == "0")


HOOK = """
import os, sys, threading, time
def look():
    while "invviz.ui.session" not in sys.modules or not hasattr(sys.modules["invviz.ui.session"], "_look"):
        time.sleep(0.05)
    sys.modules["invviz.ui.session"].KEPT = 2.0
    from streamlit import runtime
    while True:
        if runtime.exists():
            with open(os.environ["HELD"], "w") as file:
                file.write(str(len(runtime.get_instance().uploaded_file_mgr.file_storage)))
        time.sleep(0.2)
if any("streamlit" in word for word in sys.orig_argv):
    threading.Thread(target=look, daemon=True).start()
"""


def eventually(check, seconds=20.0):
    until = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_attacks_of_others_go_on_until_their_tab_is_closed(hasty):
    """A asks for an attack, B sends clear_cache, A's attack still waits; it stops when A's tab is closed."""
    url, folder = hasty
    key, store = Scenario.parse(TEXT).key("run"), Store(folder / "store")

    async def visits():
        a, b = Tab(url + "?" + TEXT), Tab(url + "?" + TEXT)
        await asyncio.gather(a.open(), b.open())
        await a.press("Run the attack")
        assert store.job(key).state == "queued"
        await b.send(BackMsg(clear_cache=True))
        await b.run()
        await b.close()
        await asyncio.sleep(4 * session.LOOK)  # whoever is taken for gone is gone by now
        assert store.job(key).state == "queued"
        await a.press("Stop")
        assert store.job(key).state == "stopped", "A's tab still knows what it asked for"
        await a.press("Run the attack")
        assert store.job(key).state == "queued"
        await a.close()
        await asyncio.to_thread(eventually, lambda: store.job(key).state == "stopped")

    visit(visits())
