"""Tests of what many visitors do to one server share the tab without a browser (benchmarks/_tab.py) and the server (tests/served.py)."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))  # pytest's importlib mode does not; the tests share served
sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))  # and _tab

from served import serving


@pytest.fixture
def fresh_server(tmp_path):
    """A server that nobody has visited; nobody computes for it."""
    with serving(tmp_path, tmp_path / "store", 0) as url:
        yield url
