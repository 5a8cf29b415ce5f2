"""What lives longer than one run of a page: the store and its workers (one per server), a visitor's own things (one per tab)."""

from __future__ import annotations

import gc
import os
import subprocess
import threading
import uuid
from typing import Any

import numpy as np
import streamlit as st

from ..pipe import start_worker
from ..run import Site
from ..store import Store
from .private import PrivateDesk


class Station:
    """The store of this server and the worker processes that serve it."""

    def __init__(self) -> None:
        self.site = Site.from_env()
        self.store = Store(self.site.cache_dir)
        self._lock = threading.Lock()
        self._workers: dict[int, subprocess.Popen[bytes]] = {}
        self._hands = 0

    @property
    def hands(self) -> int:
        """How many workers there are for what takes long, at least one."""
        return max(1, self._hands)

    def keep_workers(self) -> None:
        """Start the workers, and again those that died.

        INVVIZ_WORKERS says how many (0 in tests). Where there are several, the first serves attacks only, so that nobody who presses Run waits for somebody's
        spectrum, and one more makes first sketches, so that a new picture never waits for anything.
        """
        wanted = int(os.environ.get("INVVIZ_WORKERS", max(2, (os.cpu_count() or 2) - 1)))
        kinds: list[tuple[str, ...]] = [()] * wanted
        if wanted > 1:
            kinds = [("--kinds", "run"), *kinds[1:], ("--kinds", "sketch")]
        with self._lock:
            for place, only in enumerate(kinds):
                if place not in self._workers or self._workers[place].poll() is not None:
                    self._workers[place] = start_worker(self.site, "--parent", str(os.getpid()), *only, stdin=subprocess.DEVNULL)
            self._hands = wanted


class Visitor:
    """One open tab: its name in the store, and the pictures that it uploaded (memory only)."""

    def __init__(self, station: Station) -> None:
        self.gone = False
        self.name = f"tab-{uuid.uuid4().hex[:12]}"
        self.pictures: dict[str, np.ndarray] = {}  # cut to the shape of a data set, by digest
        self.own = b""  # the file that was uploaded last
        self.joined: set[str] = set()  # keys of running jobs that this tab is counted as a watcher of
        self.left: set[str] = set()  # keys of running jobs that this tab has stopped watching
        self.attack = ""  # key of the attack that this tab asked for last
        self.compared: set[str] = set()  # keys of the spectra that a comparison of this tab waits for
        self.sketches: set[str] = set()  # keys of the first sketches that this tab waits for
        self.spectrum = ""  # key of the spectrum that this tab waits for
        self.grid: set[str] = set()  # keys of the attacks that a comparison of defenses of this tab asked for
        self.private = PrivateDesk(station.site)
        self.opened: dict[str, Any] = {}  # the spectrum of an uploaded picture, ready to be drawn
        self._station = station

    def leave(self) -> None:
        """The tab was closed: cancel what nobody else watches and forget the pictures."""
        self.gone = True
        self.private.close()
        self.pictures.clear()
        self.own = b""
        self.opened.clear()
        self._station.store.unwatch(self.name)


@st.cache_resource(show_spinner=False)
def station() -> Station:
    """The one station of this server.

    Streamlit collects garbage after every run of a page; what is imported by now is moved out of its sight once, which takes a rerun
    from tens of milliseconds of collection to almost none.
    """
    made = Station()
    gc.collect()
    gc.freeze()
    return made


@st.cache_resource(scope="session", show_spinner=False, on_release=lambda visitor: visitor.leave())
def _visitor() -> Visitor:
    return Visitor(station())


def arrive() -> None:
    """Start of a whole run of a page: somebody is there, perhaps again after a broken connection."""
    visitor = st.session_state.get("visitor")
    if visitor is None or visitor.gone:
        st.session_state["visitor"] = _visitor()


def session() -> Visitor:
    """The visitor of this tab. A run that is still going when the tab is closed keeps the one that has left, not a new one."""
    if "visitor" not in st.session_state:
        arrive()
    return st.session_state["visitor"]
