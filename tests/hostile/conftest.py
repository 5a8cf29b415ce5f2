"""What hostile visitors meet: the same pages as in tests/pages, opened in the same way.

Fixed-seed samples; the whole (10,000 texts of scenarios, 500 addresses a page, 500 uploads) is `python -m pytest tests/hostile -m "slow or not slow"`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import streamlit as st

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode does not; the tests share handed
sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "pages"))

from served import serving
from visits import opened


@pytest.fixture
def visit(store_dir):
    """Opens a page at an address: visit("risk", SCENARIO, compare="layers")."""
    yield lambda page, text="", **views: opened(page, text, views)
    st.cache_resource.clear()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The app as a server of its own, without workers."""
    folder = tmp_path_factory.mktemp("served")
    with serving(folder, folder / "store", 0) as url:
        yield url
