"""Garbage is collected now and then in a thread, not after every run of a page.

Streamlit's script runner ends every run of every visitor with `gc.collect(2)`, which walks through all objects of the process: with PyTorch, pandas and
thirty visitors loaded a third of all time in script threads, while everybody else waits for the interpreter. `.streamlit/config.toml` switches that off
(`runner.postScriptGC`). Python's own collector goes on; what it leaves, because it looks at old objects seldom, is collected here. What modules are made
of is frozen, out of the collector's sight, and everything that was alive with it, once in a long while or when a tab with files was let go, looked at again.
"""

from __future__ import annotations

import gc
import sys
import threading
import time

from ..core.unused import give_back, keep_little

LOOK = 5.0  # seconds between two looks for new modules: pages import theirs when they are first opened
EVERY = 60.0  # seconds between two collections of what is not frozen
THAW = 1800.0  # seconds between two looks at everything: what was frozen by chance, as part of a visit that is over, goes then

_started = False
_asked = threading.Event()
_alone = threading.Lock()  # while one collects, another collection does nothing, and freezes what the first has not looked at


def keep_collecting() -> None:
    """Start the thread, once for the life of the server."""
    global _started
    if not _started:
        _started = True
        keep_little()
        threading.Thread(target=_collect_for_ever, name="garbage", daemon=True).start()


def look_at_everything() -> None:
    """Somebody has left who held much: what was frozen of it goes with the next collection."""
    _asked.set()


def _collect_for_ever() -> None:
    collector = Collector()
    while True:
        time.sleep(LOOK)
        collector.look(time.monotonic())


class Collector:
    """When what is collected."""

    def __init__(self, asked: threading.Event = _asked) -> None:
        self._asked = asked
        self._modules = 0
        self._collected = self._thawed = float("-inf")

    def look(self, now: float) -> str:
        """Collect what is due at a time in seconds. Answers "everything", "young" or "" (nothing)."""
        with _alone:
            return self._look(now)

    def _look(self, now: float) -> str:
        asked = self._asked.is_set() and now - self._collected >= EVERY
        if asked or len(sys.modules) != self._modules or now - self._thawed >= THAW:
            self._asked.clear()
            self._modules, self._thawed, self._collected = len(sys.modules), now, now
            gc.unfreeze()
            gc.collect()
            gc.freeze()
            give_back()
            return "everything"
        if now - self._collected >= EVERY:
            self._collected = now
            gc.collect()
            give_back()
            return "young"
        return ""
