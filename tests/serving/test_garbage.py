"""No full collection of garbage after a run of a page, and none missed for it; workers stand back behind the server."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
import tomllib
import types
import weakref
from pathlib import Path
from types import SimpleNamespace

import pytest
from streamlit import config
from streamlit.runtime.scriptrunner.script_runner import ScriptRunner

from invviz.engine.client import Site
from invviz.jobs.private import start_worker
from invviz.ui import garbage

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("wanted", [True, False])
def test_streamlit_collects_after_every_run_unless_told_not_to(monkeypatch, wanted):
    """Fails where Streamlit has changed its option, or what it does without it: then invviz/ui/garbage.py is to be looked at again."""
    full = []
    before = config.get_option("runner.postScriptGC")
    runner = SimpleNamespace(_join_wake_lock=threading.Lock(), on_event=SimpleNamespace(send=lambda *_, **__: None))
    monkeypatch.setattr(gc, "collect", full.append)
    config.set_option("runner.postScriptGC", wanted)
    try:
        ScriptRunner._on_script_finished(runner, SimpleNamespace(has_script_started=False), None, True, None)
    finally:
        config.set_option("runner.postScriptGC", before)
    assert full == ([2] if wanted else [])


def test_the_app_tells_it_not_to():
    assert tomllib.loads((ROOT / ".streamlit/config.toml").read_text())["runner"]["postScriptGC"] is False


class Ring:
    """Garbage that only the collector finds."""

    def __init__(self):
        self.itself = self


def test_what_is_due_when(monkeypatch):
    """Everything at first, when a module is new and once in a long while, also what was frozen by chance; between that only what came since, now and then."""
    gc.disable()
    try:
        asked = threading.Event()  # its own: a server of another test may run beside it
        one, chance = garbage.Collector(asked), Ring()
        gone = weakref.ref(chance)
        assert one.look(0.0) == "everything" and gc.get_freeze_count() > 1000
        young = weakref.ref(Ring())
        del chance
        assert one.look(garbage.LOOK) == "" and young() is not None
        assert one.look(garbage.EVERY) == "young" and young() is None and gone() is not None, "it was frozen with the modules"
        monkeypatch.setitem(sys.modules, "a_module_that_is_new", types.ModuleType("a_module_that_is_new"))
        assert one.look(garbage.EVERY + garbage.LOOK) == "everything" and gone() is None
        assert [one.look(garbage.EVERY + garbage.LOOK + garbage.THAW * part) for part in (0.0, 0.5, 1.0)] == ["", "young", "everything"]
        held, start = Ring(), garbage.EVERY + garbage.LOOK + garbage.THAW
        gone = weakref.ref(held)
        gc.freeze()
        del held
        assert one.look(start + garbage.EVERY) == "young" and gone() is not None, "frozen while somebody had it"
        asked.set()
        assert one.look(start + 1.5 * garbage.EVERY) == "" and gone() is not None, "no more often than once a minute"
        assert one.look(start + 2 * garbage.EVERY) == "everything" and gone() is None
        assert one.look(start + 3 * garbage.EVERY) == "young", "asked once, done once"
    finally:
        gc.unfreeze()
        gc.enable()


@pytest.mark.skipif(not hasattr(os, "getpriority"), reason="no priorities to ask for on this system")
def test_workers_of_a_server_stand_back(tmp_path, monkeypatch):
    monkeypatch.delenv("INVVIZ_NICE")
    process = start_worker(Site(None, tmp_path / "store"), "--once", "--kinds", "sketch", background=True)
    try:
        until = time.monotonic() + 20
        while os.getpriority(os.PRIO_PROCESS, process.pid) < 19:
            assert time.monotonic() < until and process.poll() is None
            time.sleep(0.02)
    finally:
        process.wait(60)


HOLES = """
import ctypes, os, sys
from invviz.core.unused import keep_little
if sys.argv[1:]:
    keep_little()
large = bytearray(30_000_000)
del large  # from now on glibc keeps what is up to as large, unless it was told
held = [bytearray(200_000) for _ in range(400)]
full = int(open("/proc/self/statm").read().split()[1])
del held[::2]
print((full - int(open("/proc/self/statm").read().split()[1])) * os.sysconf("SC_PAGE_SIZE") / 40e6)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's own settings; Linux only")
def test_memory_between_what_is_held_goes_back_at_once():
    """Every other one of 400 pieces of 200 kB is let go: 40 MB go back to the system, and none without the settings."""

    def went(*told: str) -> float:
        return float(subprocess.run([sys.executable, "-c", HOLES, *told], cwd=ROOT, capture_output=True, text=True, check=True).stdout)

    assert went("told") > 0.9 and went() < 0.1
