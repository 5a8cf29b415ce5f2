"""Tests of what many visitors do to one server share the tab without a browser (benchmarks/_tab.py) and the server (tests/served.py)."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # pytest's importlib mode does not; the tests share served
sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))  # and _tab
