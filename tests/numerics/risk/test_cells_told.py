"""Bits learned of the cells of rows: against a posterior by brute force on messages made by hand, per column, and what does not go."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
import torch

from invviz.engine.attack import run
from invviz.engine.bits import Counted, choices_of, count
from invviz.engine.client import Site, meet_client
from invviz.scenario import Scenario, bits_problems

there = pytest.mark.skipif(importlib.util.find_spec("statsmodels") is None, reason="needs statsmodels, whose table it reads")


def by_hand(client, rows):
    """The gradient of the mean cross-entropy by every parameter, by PyTorch's own backward pass: no release, no vmap."""
    module = client.net.module.requires_grad_(True)
    with torch.no_grad():
        for name, value in module.named_parameters():
            value.copy_(client.net.params[name])
    loss = torch.nn.functional.cross_entropy(module(rows), client.batch.label)
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(module.parameters()))]).numpy()


@there
@pytest.mark.parametrize("sigma", [0.03, 0.3, 3.0])
def test_the_posterior_of_a_cell_is_that_of_brute_force(sigma, tmp_path):
    s, site = Scenario.parse("data=fair(index=3)&model=mlp(width=16)&dtype=float64&batch=2"), Site(None, tmp_path, "cpu")
    client = meet_client(s, site)
    found, rows = count(s, site, client=client), client.batch.private
    assert [c.name for c in choices_of(s)] == ["religious", "education", "work", "husband's work", "affairs"]
    for row, place in ((0, 1), (1, 4)):
        column, messages = choices_of(s)[place], []
        for word in range(column.width):
            changed = rows.clone()
            changed[row, 0, 0, column.start : column.start + column.width] = 0.0
            changed[row, 0, 0, column.start + word] = 1.0
            messages.append(by_hand(client, changed))
        messages, true = np.array(messages), int(rows[row, 0, 0, column.part].argmax())
        size = sigma * found.size.rms
        noise = np.random.default_rng(1).standard_normal((40, messages.shape[1]))
        logs = -((messages[true] + size * noise[:, None] - messages) ** 2).sum(-1) / (2 * size**2)
        shares = np.exp(logs - logs.max(1, keepdims=True))
        shares /= shares.sum(1, keepdims=True)
        alternatives = found._at(row, place)
        assert np.abs(alternatives.posterior(noise @ (messages - messages[true]).T, size) - shares).max() < 1e-9
        entropy = -(shares * np.log2(np.maximum(shares, 1e-300))).sum(1)
        learned = alternatives.learned(size, noise @ (messages - messages[true]).T)
        assert learned.bits == pytest.approx(np.log2(column.width) - entropy.mean(), abs=1e-9)


@there
def test_what_is_told_per_column_and_kept(tmp_path):
    s = Scenario.parse("data=fair&model=mlp&batch=2&defense=gaussian_noise(sigma=0.01)")
    found = count(s, Site(None, tmp_path, "cpu"))
    facts = found.summary()
    widths = [c.width for c in choices_of(s)]
    assert facts["entropies"] == [[pytest.approx(np.log2(w)) for w in widths]] * 2 and facts["entropy"] == pytest.approx(
        np.log2(widths).mean()
    )
    assert all(said.startswith(f"{c.name}: ") for row in facts["cells"] for said, c in zip(row, choices_of(s), strict=True))
    assert [[f"{c.name}: {word}" for c, word in zip(choices_of(s), row, strict=True)] for row in facts["likely"]] == facts["cells"]
    assert np.allclose(facts["bits"], facts["entropies"]) and facts["mean_right"] == 1  # hardly any noise
    assert facts["curve"][0] == pytest.approx(facts["entropy"]) and facts["curve"][-1] < 0.2
    again = Counted.kept(s, found.facts(), {"truth": found.truth, "gram": found.gram})
    assert again.summary() == facts
    loud = Counted.kept(
        s.replace(defense=Scenario.parse("defense=gaussian_noise(sigma=100)").defense),
        found.facts(),
        {"truth": found.truth, "gram": found.gram},
    )
    assert loud.summary()["mean_bits"] < 0.5 < facts["mean_bits"]


@there
@pytest.mark.slow
def test_the_attack_is_right_no_more_often_than_whoever_knows_the_other_cells(tmp_path):
    """At two noises, over 8 batches of 2 rows: the share of cells with words that tableak has, against the share that the ideal attacker of single cells has, plus two standard errors."""
    for sigma in (1.0, 4.0):
        ours, theirs = [], []
        for index in range(8):
            s = Scenario.parse(
                f"data=fair(index={20 * index})&model=mlp(width=32)&batch=2&defense=gaussian_noise(sigma={sigma})&attacker=aware"
                f"&attack=tableak(steps=120,restarts=3,exchanges=2)&seed={index}"
            )
            site = Site(None, tmp_path, "cpu")
            found = run(s, site)
            for c in choices_of(s):
                t, g = (rows.reshape(2, -1)[:, c.part].argmax(1) for rows in (found.truth, found.guess))
                ours += (t == g).tolist()
            theirs += [right for row in count(s, site).summary()["right"] for right in row]
        assert np.mean(ours) <= np.mean(theirs) + 2 * (0.25 / len(ours)) ** 0.5
        assert np.mean(theirs) > 0.25  # there is something to be learned


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("data=wine&model=mlp", "wine is a table of numbers alone"),
        ("data=digits&model=mlp", "digits is a set of pictures"),
        ("data=fair&model=mlp&batch=32", "at most 120 cells of words; this batch has 160. Set batch=24 or less"),
        ("data=fair&model=mlp&rounds=3", "rounds is 3"),
    ],
)
def test_what_does_not_go_is_said(text, words):
    assert words in " ".join(bits_problems(Scenario.parse(text)))


def test_rows_with_words_go():
    assert not bits_problems(Scenario.parse("data=fair&model=mlp&batch=24"))
