"""What many tests need: a store of their own, and no workers unless they ask."""

from __future__ import annotations

import os

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture
def store_dir(tmp_path, monkeypatch):
    """A fresh store for this test."""
    monkeypatch.setenv("INVVIZ_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("INVVIZ_WORKERS", "0")
    return tmp_path / "store"
