"""Fixtures of the numeric tests; what they call themselves is in seen.py."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode does not; the tests share seen
sys.path.insert(0, str(Path(__file__).parents[1]))  # and noise_cases


@pytest.fixture(autouse=True)
def one_thread():
    """Other processes have the other cores, and sums in another order end in other digits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
