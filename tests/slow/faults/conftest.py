"""Accidents: kills and full disks. What is short runs with every suite; the whole by `python -m pytest tests/slow/faults -m slow`, some twenty minutes."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import pytest

for place in ("tests", "tests/numerics", "benchmarks", "tests/slow/faults"):  # served, test_store's actors, _tab, accidents
    sys.path.insert(0, str(Path(__file__).parents[3] / place))


@pytest.fixture
def place():
    """A folder in memory where there is such a thing: a kill loses nothing there that it would not lose on a disk, and nobody waits for one."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as folder:
        yield Path(folder)
