"""What DP-SGD spends is counted one at a time, once for everybody."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import streamlit as st

from invviz.engine.training import spent
from invviz.scenario import Scenario
from invviz.ui import budget, session

TEXT = "data=digits&model=mlp&defense=dp_sgd(noise_multiplier={})&train=federated(clients=20,rounds=30)"


@pytest.fixture
def asked(store_dir, monkeypatch):
    """What the accountant is asked, and how many ask at once."""
    now, most, seen = threading.Semaphore(1), [], []

    def one(scenario, counts, done=None):
        most.append(now.acquire(blocking=False))
        time.sleep(0.02)
        seen.append(scenario.text())
        now.release()
        return spent(scenario, counts, done)

    monkeypatch.setattr(budget, "spent", one)
    monkeypatch.setattr(budget, "_counted", {})
    yield seen, most
    session.close()


def test_fifteen_pages_ask_one_after_the_other_and_the_same_only_once(asked):
    seen, alone = asked
    scenarios = [Scenario.parse(TEXT.format(1 + number % 5)) for number in range(15)]
    with ThreadPoolExecutor(15) as pages:
        found = list(pages.map(lambda s: budget._spent(s.text(), s, None), scenarios))
    assert len(seen) == 5 and all(alone), "five different ones, each alone"
    assert [f.epsilon for f in found[:5]] == [f.epsilon for f in found[5:10]] and len({f.epsilon for f in found}) == 5
    st.cache_data.clear()  # what any browser can have done
    budget._spent(scenarios[0].text(), scenarios[0], None)
    assert len(seen) == 5


def test_answers_are_kept_within_bounds(asked, monkeypatch):
    monkeypatch.setattr(budget, "KEEP", 2)
    scenarios = [Scenario.parse(TEXT.format(z)) for z in (1, 2, 3, 1)]
    for one in scenarios:
        budget._spent(one.text(), one, None)
    assert len(asked[0]) == 4 and len(budget._counted) == 2
