"""What many tests need: a store of their own, and no workers unless they ask."""

from __future__ import annotations

import gc
import os
import sys

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else each of the processes that tests start compiles all of invviz again
sys.dont_write_bytecode = False
os.environ["INVVIZ_WORKERS"] = (
    "0"  # a page that is opened starts none: each imports torch and stays, with its memory, until this process ends
)
os.environ.setdefault("INVVIZ_NICE", "0")  # tests keep all cores busy and wait for workers, which would never have their turn


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Each process has its tests in their order, so that what a file sets up is set up once; who is done takes over from the others."""
    from xdist.scheduler import WorkStealingScheduling

    return WorkStealingScheduling(config, log) if config.getoption("dist") == "load" else None


def pytest_collection_modifyitems(items):
    """Those that fork come first: a thread that some other test has left may be inside SQLite at that very moment, and the child waits for its lock for ever."""
    items.sort(key=lambda item: not item.nodeid.startswith("tests/slow/faults/"))  # stable: all else as it was


def pytest_collection_finish():
    """What is imported and collected by now stays until the end: the garbage collector need not go through it a thousand times."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


@pytest.fixture(scope="session", autouse=True)
def nobodys_store(tmp_path_factory):
    """A test that names no store has one of its own; the one of the person who runs the tests is left alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INVVIZ_STORE", str(tmp_path_factory.mktemp("nobodys")))
        yield


@pytest.fixture(autouse=True)
def nothing_damaged(monkeypatch):
    """What one test damages, no other hears of."""
    monkeypatch.setattr("invviz.core.shipped._damaged", {})


@pytest.fixture
def store_dir(tmp_path, monkeypatch):
    """A fresh store for this test, and no server that still serves the store of another: what its pages ask for would be handed in there."""
    if "invviz.ui.session" in sys.modules:
        sys.modules["invviz.ui.session"].close()
    monkeypatch.setenv("INVVIZ_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("INVVIZ_WORKERS", "0")
    return tmp_path / "store"
