"""Samples that are no pictures go the whole way; what they are stands in tests/contracts/toy_graphs.py, and nothing else was touched for them."""

import dataclasses
import json
import math

import numpy as np
import pytest
import torch
import toy_graphs
from toy_graphs import FEATURES, GRAPH, NODES, ToyGraphNet, ToyGraphs
from visits import opened

from invviz.attacks import ATTACKS
from invviz.core.modality import MODALITIES
from invviz.core.tree import flatten, map_tree
from invviz.core.types import Batch, Net
from invviz.datasets import DATASETS
from invviz.engine.assess import assess
from invviz.engine.attack import run
from invviz.engine.client import Site, meet_client
from invviz.jobs.store import Store
from invviz.jobs.worker import work
from invviz.models import MODELS
from invviz.report import collect, to_html
from invviz.risk import Jacobian, invre, total_sigma
from invviz.scenario import Scenario, problems, risk_problems

TEXT = "data=toy_graphs&model=toy_graph_net&dtype=float64"


@pytest.fixture(autouse=True)
def graphs(monkeypatch):
    monkeypatch.setitem(MODALITIES, "graph", GRAPH)
    monkeypatch.setitem(DATASETS, "toy_graphs", ToyGraphs)
    monkeypatch.setitem(MODELS, "toy_graph_net", ToyGraphNet)


@pytest.fixture
def site(tmp_path):
    return Site(None, tmp_path)


def dense(client):
    """dG/dx by automatic differentiation of the whole, features alone."""

    def send(x):
        return flatten(client.release(client.net, Batch({**client.batch.inputs, "x": x}, client.batch.targets, GRAPH), None))

    return torch.autograd.functional.jacobian(send, client.batch.inputs["x"]).flatten(1)


@pytest.mark.parametrize("defense", ["", "&defense=clipping(clip_norm=0.1)", "&defense=pruning"])
def test_the_jacobian_is_taken_by_what_is_private(defense, site):
    client = meet_client(Scenario.parse(f"{TEXT}&batch=2{defense}"), site)
    found = Jacobian.of(client.release, client.net, client.batch)
    assert found.shape[1] == 2 * NODES * FEATURES and not client.batch.inputs["adjacency"].requires_grad
    assert torch.allclose(found.dense(), dense(client), atol=1e-12)


def test_spectrum_and_invre_are_those_of_a_dense_jacobian(site):
    s = Scenario.parse(f"{TEXT}&defense=gaussian_noise(sigma=0.1)")
    client = meet_client(s, site)
    found = assess(s, site)
    values = np.linalg.svd(dense(client).numpy(), compute_uv=False)
    assert np.allclose(found.decomposition.singular_values, values, rtol=1e-8)
    sigma = total_sigma(found.decomposition, 0.01, 0.0)
    by_hand = np.mean(0.25**2 * values**2 / (0.25**2 * values**2 + sigma**2))  # white prior
    assert invre(found.decomposition, sigma) == pytest.approx(by_hand, rel=1e-8)


@pytest.mark.parametrize("attack", ["linear_layer", "dlg(steps=60)", "idlg(steps=60)"])
def test_attacks_that_need_no_pictures_read_it(attack, site):
    s = Scenario.parse(f"{TEXT}&attack={attack}")
    assert not problems(s)
    found = run(s, site)
    assert found.guess.shape == found.truth.shape == (1, NODES, FEATURES) and "ssim" not in found.scores and "cells" not in found.scores
    assert found.scores["psnr"][0] == pytest.approx(-10 * math.log10(np.mean((found.guess - found.truth) ** 2)), abs=1e-6)
    assert found.scores["psnr"][0] > 60, found.note


def test_what_is_made_for_pictures_says_so(site):
    for part, words in (
        ("attack=deep_image_prior", "toy_graphs is a set of graphs"),
        ("attack=inverting_gradients", "tv=0"),
        ("defense=ats", "pixels with neighbours"),
        ("model=lenet", "model=toy_graph_net"),
    ):
        name = part.split("=")[0]
        text = "&".join(p for p in TEXT.split("&") if not p.startswith(f"{name}=")) + f"&{part}"
        assert any(words in said for said in problems(Scenario.parse(text))), part
    assert any("prior=white" in said for said in risk_problems(Scenario.parse(f"{TEXT}&prior=natural")))
    assert problems(Scenario.parse("data=digits&model=toy_graph_net&attack=dlg"))


def test_the_same_client_with_another_net(site):
    s = Scenario.parse(f"{TEXT}&attack=linear_layer")
    client = meet_client(s, site)
    torch.manual_seed(5)
    other = client.with_net(Net.of(toy_graphs.GraphNet(20).double()), s)
    found = run(s, site, client=other)
    assert found.scores["psnr"][0] > 60 and np.array_equal(found.truth, client.batch.private.numpy())
    assert assess(s, site, client=other).decomposition.num_message == sum(p.numel() for p in other.net.params.values())


def test_several_private_inputs_are_one_vector():
    kind = type(GRAPH)("pair", "pair", "pairs", ("a", "b"))
    batch = Batch({"a": torch.rand(2, 3), "known": torch.rand(2), "b": torch.rand(2, 2, 2)}, {"label": torch.tensor([0, 1])}, kind)
    assert batch.private.shape == (2, 7) and batch.flat().shape == (14,)
    again = batch.with_flat(batch.flat() + 1)
    assert torch.equal(again.inputs["a"], batch.inputs["a"] + 1) and torch.equal(again.inputs["b"], batch.inputs["b"] + 1)
    assert again.inputs["known"] is batch.inputs["known"] and again.modality is kind


@pytest.mark.parametrize("name", [name for name, attack in ATTACKS.items() if not attack.modalities])
def test_an_attack_that_names_no_modality_takes_any(name, site):
    quick = {"steps": 5, "restarts": 1, "tv": 0.0, "starts": 1, "epochs": 1}
    attack = ATTACKS[name]()
    attack = attack.replace(**{k: v for k, v in quick.items() if k in attack.values()})
    s = Scenario.parse(TEXT).replace(attack=attack, dtype="float32")
    if problems(s):
        assert not any("set of graphs" in said for said in problems(s))
        return
    found = run(s, site)
    assert found.guess.shape == (1, NODES, FEATURES) and np.isfinite(found.guess).all()


def test_a_message_of_zeros_tells_nothing_of_it(site):
    s = Scenario.parse(f"{TEXT}&attack=dlg(steps=3)")
    client = meet_client(s, site)
    silent = dataclasses.replace(client, release=lambda net, batch, rng: map_tree(torch.zeros_like, client.bare(net, batch, None)))
    found = run(s, site, client=silent)
    assert found.failed and np.all(found.guess == 0.5) and found.guess.shape == (1, NODES, FEATURES)


def test_answers_lie_in_the_bounds_of_their_modality_and_scores_count_its_range(monkeypatch, site):
    signed = dataclasses.replace(GRAPH, bounds=(-1.0, 1.0))
    taken = toy_graphs.Graphs.take
    monkeypatch.setitem(MODALITIES, "graph", signed)
    monkeypatch.setattr(ToyGraphs, "modality", signed)
    monkeypatch.setattr(toy_graphs.Graphs, "take", lambda self, indices: (2 * taken(self, indices)[0] - 1, taken(self, indices)[1]))
    found = run(Scenario.parse(f"{TEXT}&attack=linear_layer"), site)
    assert found.truth.min() < -0.5 and np.abs(found.guess - found.truth).max() < 1e-3  # clipped to 0 before
    wrong = run(Scenario.parse(f"{TEXT}&attack=dlg(steps=3)&defense=gaussian_noise(sigma=3.0)"), site)
    assert wrong.guess.min() >= -1 and wrong.scores["psnr"][0] == pytest.approx(
        10 * math.log10(4 / np.mean((wrong.guess - wrong.truth) ** 2))
    )
    assert np.array_equal(signed.settled(np.array([np.nan, np.inf, -np.inf, 0.5])), [0, 1, -1, 0.5])


def test_results_are_plain(site):
    found = run(Scenario.parse(f"{TEXT}&attack=linear_layer"), site)
    assert json.loads(json.dumps(found.to_json()))["scores"]["psnr"]
    assert ATTACKS["linear_layer"].modalities == ()


def test_a_worker_keeps_it_and_a_report_shows_it(site, store_dir):
    store = Store(store_dir)
    s = Scenario.parse(f"{TEXT}&attack=linear_layer&defense=gaussian_noise(sigma=0.001)")
    keys = [store.submit(kind, s, "test") for kind in ("run", "risk")]
    work(store, Site(None, store_dir), once=True)
    assert [store.job(key).state for key in keys] == ["done", "done"], [store.job(key).error for key in keys]
    assert store.arrays(keys[0])["guess"].shape == (1, NODES, FEATURES)
    page = to_html(collect(store, keys))
    assert "toy_graphs" in page and page.count("data:image/png") >= 2 and "nan" not in page.lower()


def test_the_lab_and_risk_show_it(store_dir):
    store, s = Store(store_dir), Scenario.parse(f"{TEXT}&attack=linear_layer&defense=gaussian_noise(sigma=0.001)")
    for kind in ("run", "risk"):
        store.submit(kind, s, "test")
    work(store, Site(None, store_dir), once=True)
    for page in ("lab", "risk"):
        at = opened(page, s.text()).run()
        assert not at.exception, at.exception
        words = " ".join(e.value for e in [*at.markdown, *at.caption, *at.info, *at.warning])
        assert "graph" in words and "nan" not in words.lower(), words
