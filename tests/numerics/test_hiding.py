"""How much noise hides words and pictures: what is shipped is what is computed, and the verdict has a test on each side."""

from __future__ import annotations

import numpy as np
import pytest

from invviz.engine.client import Site
from invviz.studies import hiding


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return Site(None, tmp_path_factory.mktemp("site"), "cpu")


def test_what_is_shipped_is_what_is_computed(site):
    kept = hiding.load()
    assert set(kept["words"]) == set(hiding.WORDS) and set(kept["pictures"]) == set(hiding.PICTURES)
    assert all(len(levels) == len(hiding.VICTIMS) for part in kept.values() for levels in part.values())
    assert hiding.of_words(hiding.victim(hiding.WORDS["tiny_lm"], 20), site) == pytest.approx(kept["words"]["tiny_lm"][1], rel=0.02)
    assert hiding.of_picture(hiding.victim(hiding.PICTURES["MLP"], 20), site) == pytest.approx(kept["pictures"]["MLP"][1], rel=0.02)


def test_half_of_a_picture_by_a_dense_jacobian(site):
    """InvRE = mean of g^2 / (g^2 + sigma^2) with g = 0.25 s is 1/2 there."""
    import torch

    from invviz.core.tree import flatten
    from invviz.engine.client import meet_client
    from invviz.scenario import Scenario

    text = "data=digits(index=2)&model=mlp(width=12)&dtype=float64"
    client = meet_client(Scenario.parse(text), site)
    send = lambda x: flatten(client.release(client.net, client.batch.at(x), None))  # noqa: E731
    jacobian = torch.autograd.functional.jacobian(send, client.batch.private).flatten(1).numpy()
    gains = (0.25 * np.linalg.svd(jacobian, compute_uv=False)) ** 2
    message = send(client.batch.private).detach().numpy()
    sigma = hiding.of_picture(text, site) * np.sqrt(np.mean(message**2))
    assert np.mean(gains / (gains + sigma**2)) == pytest.approx(0.5, abs=5e-3)


def test_the_verdict_holds_where_every_interval_lies_above_ten_and_else_it_is_refused(monkeypatch):
    words = {"tiny_lm": list(np.linspace(90, 110, 12))}
    for pictures, says in (([1.0, 1.1] * 6, "An order of magnitude more in each case"), ([12.0, 13.0] * 6, "is not the rule")):
        monkeypatch.setattr(hiding, "load", lambda found=pictures: {"words": words, "pictures": {"LeNet": found, "MLP": [0.5] * 12}})
        assert says in hiding.finding() and "behind LeNet" in hiding.finding()
    monkeypatch.setattr(hiding, "load", dict)
    assert hiding.finding() == ""


def test_a_ratio_of_medians_and_its_interval():
    found = hiding.ratio([10.0] * 5, [2.0] * 5)
    assert (found.median, found.low, found.high) == (5, 5, 5)
    spread = hiding.ratio(list(np.linspace(8, 12, 9)), list(np.linspace(1, 3, 9)))
    assert spread.median == pytest.approx(5) and spread.low < 5 < spread.high
