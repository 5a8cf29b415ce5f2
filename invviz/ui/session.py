"""What lives longer than one run of a page: the store and its workers (one per server), a visitor's own things (one per tab).

They are module globals and not in Streamlit's caches, which any browser can empty for all by a message (`clear_cache`).
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
import uuid
from typing import Any

import numpy as np
import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from ..core.errors import StoreError
from ..engine.client import Site
from ..jobs.limits import VARIABLE as PROFILE
from ..jobs.limits import gate, limits
from ..jobs.private import start_worker
from ..jobs.store import HOST, TAB, Store
from . import garbage
from .memory import Memory, forget
from .pool import PrivatePool
from .private import PrivateDesk

IMAGES = 200  # that a tab remembers; most take a few kilobytes
LOOK = 0.25  # seconds between two looks for tabs that were closed
KEPT = 110.0  # seconds that a broken connection can come back; Streamlit lets it for 120, and drops what the tab held when another one is closed after that, if ever


class Station:
    """The store of this server and the worker processes that serve it."""

    def __init__(self) -> None:
        if not _alone(st.get_option("server.address")):
            os.environ.setdefault(PROFILE, "classroom")  # workers inherit it
        self.site = Site.from_env()
        self.store = Store(self.site.cache_dir, gate=gate())
        self.store.leave_for_the_dead()
        self.private = PrivatePool(self.site)
        self._lock = threading.Lock()
        self._workers: dict[int, subprocess.Popen[bytes]] = {}
        self._num_workers = 0

    @property
    def num_workers(self) -> int:
        """How many workers there are for what takes long, at least one."""
        return max(1, self._num_workers)

    def keep_workers(self) -> None:
        """Start the workers, and again those that died.

        INVVIZ_WORKERS says how many (0 in tests). Where there are several, the first serves attacks only, so that nobody who presses Run waits for somebody's
        spectrum, and one more makes first sketches, so that a new picture never waits for anything. Where the profile promises that nobody waits long behind
        somebody's many jobs, two more stand by, one of them for quick ones alone: they take nothing of a visitor for whom something is computed already.
        """
        wanted = int(os.environ.get("INVVIZ_WORKERS", max(2, (os.cpu_count() or 2) - 1)))
        kinds: list[tuple[str, ...]] = [()] * wanted
        if wanted > 1:
            kinds = [("--kinds", "run"), *kinds[1:], ("--kinds", "sketch")]
        if wanted and (quick := limits().quick):
            kinds += [("--most", str(quick)), ("--most", str(limits().job))]
        with self._lock:
            for place, only in enumerate(kinds):
                if place not in self._workers or self._workers[place].poll() is not None:
                    self._workers[place] = start_worker(
                        self.site, "--parent", str(os.getpid()), *only, stdin=subprocess.DEVNULL, background=True
                    )
            self._num_workers = wanted


def _alone(address: str | None) -> bool:
    """Whether nobody asked for this server to be reached from other machines. Streamlit listens to all of them where no address is named; who names one means it."""
    return address in (None, "", "localhost", "127.0.0.1", "::1")


class Visitor:
    """One open tab: its name in the store, and the pictures that it uploaded (memory only)."""

    def __init__(self, station: Station) -> None:
        self.gone = False
        self.name = "|".join((TAB, HOST, str(os.getpid()), uuid.uuid4().hex[:12]))
        self.pictures: dict[str, np.ndarray] = {}  # cut to the shape of a data set, by digest
        self.own = b""  # the file that was uploaded last
        self.handed: Any = None  # net, weights and records of one's own, on the page Audit
        self.joined: set[str] = set()  # keys of running jobs that this tab is counted as a watcher of
        self.left: set[str] = set()  # keys of running jobs that this tab has stopped watching
        self.attack = ""  # key of the attack that this tab asked for last
        self.compared: set[str] = set()  # keys of the spectra that a comparison of this tab waits for
        self.sketches: set[str] = set()  # keys of the first sketches that this tab waits for
        self.spectrum = ""  # key of the spectrum that this tab waits for
        self.grid: set[str] = set()  # keys of the attacks that a comparison of defenses of this tab asked for
        self.private = PrivateDesk(station.private)
        self.images: Memory[Any] = Memory(IMAGES)  # what was drawn, ready for the screen
        self.opened: dict[str, Any] = {}  # the spectrum of an uploaded picture, ready to be drawn
        self._station = station

    def leave(self) -> None:
        """The tab was closed: cancel what nobody else watches and forget the pictures."""
        self.gone = True
        self.private.close()
        self.pictures.clear()
        self.own = b""
        self.handed = None
        self.opened.clear()
        self.images.forget()
        self._station.store.unwatch(self.name)


_lock = threading.RLock()
_station: Station | None = None
_visitors: dict[str, Visitor] = {}  # by Streamlit's name of the session
_looking = False


def station() -> Station:
    """The one station of this server."""
    global _station
    if _station is None:
        with _lock:
            _station = _station or Station()
    return _station


def arrive() -> None:
    """Start of a whole run of a page: somebody is there, perhaps again after a broken connection."""
    name = _session_name()
    with _lock:
        visitor = _visitors.get(name)
        if visitor is None or visitor.gone:
            visitor = _visitors[name] = Visitor(station())
            _look_for_the_gone()
    st.session_state["visitor"] = visitor


def session() -> Visitor:
    """The visitor of this tab. A run that is still going when the tab is closed keeps the one that has left, not a new one."""
    if "visitor" not in st.session_state:
        arrive()
    return st.session_state["visitor"]


def close() -> None:
    """The end of the server, as tests have many: everybody leaves, and the next visitor finds a new station."""
    global _station
    with _lock:
        left, _station = list(_visitors.values()), None
        _visitors.clear()
    forget()
    for visitor in left:
        visitor.leave()


def _session_name() -> str:
    context = get_script_run_ctx()
    return context.session_id if context else ""


def _look_for_the_gone() -> None:
    """Threads for the life of the server: one collects garbage, one lets those leave whose tab was closed: the event loop, which answers everybody, never waits for that."""
    global _looking
    server = runtime.get_instance() if runtime.exists() else None
    if _looking or not isinstance(server, runtime.Runtime):  # a page in a test has no connection that could break
        return
    _looking = True
    garbage.keep_collecting()
    threading.Thread(target=_look, args=(server,), name="doorkeeper", daemon=True).start()


def _look(server: runtime.Runtime) -> None:
    leaving: list[Visitor] = []
    since: dict[str, float] = {}
    while True:
        time.sleep(LOOK)
        with _lock:
            gone = [name for name in _visitors if not server.is_active_session(name)]
            leaving += [_visitors.pop(name) for name in gone]
        leaving = [visitor for visitor in leaving if not _left(visitor)]
        since |= dict.fromkeys(gone, time.monotonic())
        for name in [name for name, at in since.items() if time.monotonic() - at >= KEPT]:
            del since[name]
            _let_go(server, name)


def _let_go(server: runtime.Runtime, name: str) -> None:
    """What Streamlit keeps of a tab that was closed goes, the files in its boxes above all; one that came back meanwhile stays."""
    if server.is_active_session(name):
        return
    if name in getattr(server.uploaded_file_mgr, "file_storage", {}):
        garbage.look_at_everything()  # files are large, and what holds them may have been frozen

    def close() -> None:
        if not server.is_active_session(name):
            if kept := server._session_mgr.get_session_info(name):
                kept.session.session_state.clear()  # what boxes gave; the last session that was closed is still referred to by Streamlit
            server.close_session(name)

    with contextlib.suppress(RuntimeError):  # the server has ended
        server._get_async_objs().eventloop.call_soon_threadsafe(close)  # the only thread that may


def _left(visitor: Visitor) -> bool:
    """Whether a visitor could leave; where the disk is full or the store locked for long, the next look tries again."""
    try:
        visitor.leave()
    except StoreError:
        return False
    return True
