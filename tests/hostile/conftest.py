"""What hostile visitors meet: the same pages as in tests/pages, opened in the same way."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import streamlit as st

sys.path.insert(0, str(Path(__file__).parents[1] / "pages"))  # pytest's importlib mode does not

from visits import opened


@pytest.fixture
def visit(store_dir):
    """Opens a page at an address: visit("risk", SCENARIO, compare="layers")."""
    yield lambda page, text="", **views: opened(page, text, views)
    st.cache_resource.clear()
