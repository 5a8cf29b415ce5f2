"""What many tests need: a store of their own, and no workers unless they ask."""

from __future__ import annotations

import os

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("INVVIZ_NICE", "0")  # tests keep all cores busy and wait for workers, which would never have their turn


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Each process has its tests in their order, so that what a file sets up is set up once; who is done takes over from the others."""
    from xdist.scheduler import WorkStealingScheduling

    return WorkStealingScheduling(config, log) if config.getoption("dist") == "load" else None


@pytest.fixture(autouse=True)
def nothing_damaged(monkeypatch):
    """What one test damages, no other hears of."""
    monkeypatch.setattr("invviz.core.shipped._damaged", {})


@pytest.fixture
def store_dir(tmp_path, monkeypatch):
    """A fresh store for this test."""
    monkeypatch.setenv("INVVIZ_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("INVVIZ_WORKERS", "0")
    return tmp_path / "store"
