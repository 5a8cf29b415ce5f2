"""The Server page: what a server that lies reads of a batch, and what it says of that."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from visits import address, asked_for, computed, html, press, said

from invviz.engine.client import Site, meet_client
from invviz.jobs.store import Store
from invviz.scenario import Scenario, problems
from invviz.scenario.families import servers
from invviz.ui import shipped

QUICK = "data=digits&model=mlp(width=8)&server=imprint(bins=32)&batch=16&dtype=float64"


@pytest.fixture
def server(visit):
    return functools.partial(visit, "server")


def tiles(at) -> list[str]:
    """What each tile of the batch is: lit, dim or open."""
    return [figure.split('"')[1] for figure in html(at, "server tiles").split("<figure ")[1:]]


def test_tiles_light_up_that_were_read_exactly_and_the_sentence_counts_them(server, store_dir):
    at = server(QUICK)
    assert not at.exception and tiles(at) == ["open"] * 16 and "nothing has been read yet" in said(at)
    computed(press(at, "Let it read"), store_dir)
    key, store = Scenario.parse(QUICK).key("run"), Store(store_dir)
    arrays, truth = store.arrays(key), meet_client(Scenario.parse(QUICK), Site(None, store_dir)).batch.image.numpy()
    exact = [float(((g - t) ** 2).mean()) <= 1e-6 for g, t in zip(arrays["guess"], truth, strict=True)]  # 60 dB of a range of 1
    assert 0 < sum(exact) < 16, "the case must show both"
    assert tiles(at) == ["lit" if one else "dim" for one in exact]
    assert f"{sum(exact)} of 16 pictures are read exactly" in said(at)
    assert html(at, "server tiles").count("✓") == sum(exact) and next(b for b in at.button if b.label == "It has read").disabled


def test_what_was_read_before_stays_and_says_so(server, store_dir):
    at = computed(press(server(QUICK), "Let it read"), store_dir)
    before = tiles(at)
    next(n for n in at.number_input if n.label == "bins").set_value(64).run()
    assert not at.exception and "bins=64" in address(at, "server") and tiles(at) == before
    assert "server tiles stale" in html(at, "server tiles") and "From before" in said(at) and "bins 32 (now 64)" in said(at)
    assert "nothing has been read yet" in said(at)


@pytest.mark.skipif(not shipped.results(Scenario.parse(servers.OPENING), "run"), reason="made by python -m invviz.gallery servers")
def test_a_first_visit_shows_a_prepared_case(server, store_dir):
    at = server()
    scores = shipped.results(Scenario.parse(servers.OPENING), "run")[1]["scores"]["psnr"]
    count = sum(float(value) >= 60 for value in scores if value is not None)
    assert not at.exception and 16 < count < 64 and tiles(at).count("lit") == count
    assert f"{count} of 64 pictures are read exactly" in said(at) and "prepared earlier" in said(at)
    assert "run" not in {job.kind for job in asked_for(store_dir).values()}


def test_an_honest_server_is_turned_into_one_that_lies(server, store_dir):
    at = server("data=digits&model=mlp&defense=clipping&attack=linear_layer")
    assert not at.exception and "What was open has an honest server" in said(at)
    assert "imprint" in address(at, "server") and "clipping" in address(at, "defense") and address(at, "batch") == "16"


@pytest.mark.parametrize(
    "text",
    ["data=digits&model=mlp", "data=wine&model=mlp&protocol=vfl&attack=rmle", "data=digits&model=lenet&rounds=5&defense=dp_sgd&attack=dlg"],
)
def test_turning_gives_a_scenario_that_fits_or_says_why(text):
    found = servers.planted(Scenario.parse(text))
    assert found.server.malicious and not problems(found)
    assert bool(servers.empty(found)) == bool(found.columns)


def test_what_does_not_fit_says_why_and_can_be_undone(server, store_dir):
    at = server(QUICK.replace("bins=32", "bins=2"))
    assert not at.exception and any("is expected to be alone" in w.value for w in at.warning)
    next(n for n in at.number_input if n.label == "bins").set_value(32).run()
    assert not at.exception and not at.warning and len(tiles(at)) == 16


def test_the_batch_is_chosen_in_sight(server, store_dir):
    at = server(QUICK)
    next(c for c in at.button_group if c.label == "Pictures in the batch").set_value("32").run()
    assert not at.exception and address(at, "batch") == "32" and len(tiles(at)) == 32


def test_sixty_decibels_are_the_line():
    assert servers.read([59.99, 60.0, float("nan"), np.inf]) == [False, True, False, True]
