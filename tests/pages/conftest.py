"""Workers of these tests compute the same thing once: what the pages make of it is looked at here, not the numbers."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode does not; the tests share visits
sys.path.insert(0, str(Path(__file__).parents[1]))  # and noise_cases

from visits import new_server, opened

from invviz.jobs import worker


@pytest.fixture(scope="session", autouse=True)
def computed_once():
    """The queue, the store and the pages are real; only what was computed before by this very scenario and place is taken from memory."""
    known, real = {}, worker.execute

    def execute(kind, scenario, site, report, picture=None):
        name = (kind, scenario.key(kind), site.data_dir)
        if name not in known:
            known[name] = real(kind, scenario, site, report, picture)
        return known[name]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker, "execute", execute)
        yield


@pytest.fixture
def visit(store_dir):
    """Opens a page at an address: visit("risk", SCENARIO, compare="layers")."""
    yield lambda page, text="", **views: opened(page, text, views)
    new_server()
