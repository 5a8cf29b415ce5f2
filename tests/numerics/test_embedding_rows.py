"""The rows of the embedding's gradient tell which words occur, whatever the batch, and of one sentence their order."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from invviz.attacks.embedding_rows import _above_noise
from invviz.core.rng import stream
from invviz.core.tree import map_tree
from invviz.engine.client import Site, meet_client
from invviz.engine.observe import observe
from invviz.scenario import Scenario

TEXT = "data=notes(index={})&model=tiny_lm(width=32)&attack=embedding_rows&dtype=float64"


def read(text, folder, tokens=None):
    s = Scenario.parse(text)
    client = meet_client(s, Site(None, folder, "cpu"))
    if tokens is not None:
        client = dataclasses.replace(client, batch=client.batch.at(torch.tensor(tokens)))
    found = s.attack.reconstruct(observe(s, client), stream(s.seed, "attack"), lambda step: True)
    return client.batch.private, found


@pytest.mark.parametrize("index", range(8))
def test_one_sentence_is_exact(index, tmp_path):
    truth, found = read(TEXT.format(index), tmp_path)
    assert torch.equal(found.batch.private, truth) and found.note.startswith("Exact:") and not found.failed


def test_a_word_that_stands_at_several_places(tmp_path):
    tokens = [[7, 7, 3, 7, 90, 3, 7, 1, 0, 0, 0, 0]]
    truth, found = read(TEXT.format(0), tmp_path, tokens)
    assert torch.equal(found.batch.private, truth) and found.note.startswith("Exact:")


@pytest.mark.parametrize("batch", [2, 5, 8])
def test_of_a_batch_the_set_is_certain_and_the_order_is_called_a_guess(batch, tmp_path):
    s = Scenario.parse(TEXT.format(0) + f"&batch={batch}")
    client = meet_client(s, Site(None, tmp_path, "cpu"))
    rows = client.release(client.net, client.batch, None)["embedding.words"]
    occurs = {int(k) for k in client.batch.private.unique() if k}
    assert {k for k, row in enumerate(rows.tolist()) if k and any(row)} == occurs, "autograd says the same"
    truth, found = read(s.text(), tmp_path)
    assert f"{len(occurs)} different words occur" in found.note and not found.note.startswith("Exact") and found.failed
    assert {int(k) for k in found.batch.private.unique() if k} <= occurs and not torch.equal(found.batch.private, truth)


@pytest.mark.parametrize(
    ("part", "exact"), [("clipping", True), ("gaussian_noise(sigma=0.1)", True), ("gaussian_noise(sigma=100.0)", False)]
)
def test_behind_defenses(part, exact, tmp_path):
    same = []
    for index in range(4):
        truth, found = read(TEXT.format(index) + f"&defense={part}", tmp_path)
        same.append(torch.equal(found.batch.private, truth))
        assert found.note.startswith("Exact") == (part == "clipping")
    assert all(same) if exact else not any(same)


def test_a_hidden_or_a_broken_embedding_is_said(tmp_path):
    _, found = read(TEXT.format(0) + "&defense=selective_encryption(fraction=0.3,which='first')", tmp_path)
    assert found.failed and "are zero: they were held back" in found.note and not found.batch.private.any()
    s = Scenario.parse(TEXT.format(0))
    obs = observe(s, meet_client(s, Site(None, tmp_path, "cpu")))
    for change, words in ((lambda leaf: torch.full_like(leaf, float("inf")), "not finite"), (None, "this message has none")):
        message = map_tree(change, obs.message) if change else {k: v for k, v in obs.message.items() if "embedding" not in k}
        found = s.attack.reconstruct(dataclasses.replace(obs, message=message), stream(1, "attack"), lambda step: True)
        assert found.failed and words in found.note


def test_rows_above_noise():
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((100, 40))
    rows[[3, 50]] += 3.0
    assert _above_noise(torch.tensor(rows)).nonzero().flatten().tolist() == [3, 50]
    clean = np.zeros((10, 4))
    clean[6] = 1e-9
    assert _above_noise(torch.tensor(clean)).nonzero().flatten().tolist() == [6]
