"""TabLeak: its pieces by hand, batches that it reads, what a plain search gets of the same messages, and what its certainty is worth."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
import torch

from invviz.attacks import ATTACKS
from invviz.attacks._cells import Layout, registered
from invviz.attacks._exchange import LAST, exchanges, fitted, improved, made
from invviz.attacks.tableak import TabLeak, by_direction
from invviz.core.gradient import gradient
from invviz.core.modality import ROW
from invviz.core.rng import stream
from invviz.core.table import Column, laid, right
from invviz.core.types import Batch, Knowledge, Net, Observation
from invviz.metrics import match
from invviz.models import MODELS

COLUMNS = laid(
    (
        Column("age", 20, 60, "years"),
        *(Column(f"choice {k}", choices=tuple("abcdefghij"[: 3 + k])) for k in range(5)),
        Column("pay", -5, 5, "$", 1),
    )
)
WIDTH = COLUMNS[-1].start + 1
LAYOUT = Layout.of(COLUMNS, WIDTH)


def table(count, seed=0):
    """Made-up rows, (count, 1, 1, d), and their labels."""
    rng = np.random.default_rng(seed)
    parts = [rng.uniform(0.05, 0.95, (count, 1)) if not c.choices else np.eye(c.width)[rng.integers(0, c.width, count)] for c in COLUMNS]
    return torch.as_tensor(np.concatenate(parts, 1), dtype=torch.float32)[:, None, None], torch.as_tensor(np.arange(count) % 2)


def seen(count, seed=0, noise=0.0, width=64):
    """What the attacker has of a batch, the true rows (count, d), and the released gradient."""
    rows, labels = table(count, seed)
    net = Net.of(MODELS["mlp"](width=width).build((1, 1, WIDTH), 2, seed))
    release = lambda net, batch, rng: gradient(net, net.params, batch)  # noqa: E731
    batch = Batch({"image": rows}, {"label": labels}, ROW)
    message = release(net, batch, None)
    rng = stream(seed, "noise")
    message = {k: v.detach() + noise * torch.randn(v.shape, generator=rng) * v.pow(2).mean().sqrt() for k, v in message.items()}
    template = batch.at(torch.zeros_like(rows))
    return Observation(message, net, release, template, Knowledge(labels=True), 2, columns=COLUMNS), rows.reshape(count, -1)


def cells_right(found, truth):
    rows = found.batch.private.reshape(truth.shape).numpy()
    order = match(rows, truth.numpy())
    return right(COLUMNS, truth.numpy(), rows[order]), order


def attack(obs, **knobs):
    return TabLeak(**knobs).reconstruct(obs, stream(0, "attack"), lambda step: True)


def test_relaxed_rows_are_rows_and_hard_ones_have_one_word():
    z = torch.randn(3, 4, WIDTH, generator=stream(1, "z"))
    soft = LAYOUT.relaxed(z)
    for column in COLUMNS:
        own = soft[..., column.part]
        if column.choices:
            raw = np.exp(z[..., column.part].double().numpy())
            assert np.allclose(own.numpy(), raw / raw.sum(-1, keepdims=True), atol=1e-6)
            assert (LAYOUT.hard(soft)[..., column.part].sum(-1) == 1).all()
        else:
            assert np.allclose(own.numpy(), 1 / (1 + np.exp(-z[..., column.part].numpy())), atol=1e-6)
            assert torch.equal(LAYOUT.hard(soft)[..., column.part], own)
    free = Layout.of(COLUMNS[1:2], 6)  # entries of no column are numbers
    assert free.numbers == (0, 4, 5) and free.named == 1


def test_pool_is_the_median_and_the_majority_and_agreement_is_their_share():
    rows = torch.stack([table(2, seed)[0].reshape(2, -1) for seed in (1, 2, 3)])
    pooled, said = LAYOUT.pooled(rows).numpy(), LAYOUT.agreement(rows, rows[0]).numpy()
    for k, column in enumerate(COLUMNS):
        for row in range(2):
            own = rows[:, row, column.part].numpy()
            if column.choices:
                words = own.argmax(1).tolist()
                most = max(words.count(w) for w in words)
                assert words.count(int(pooled[row, column.part].argmax())) == most
                assert said[row, k] == pytest.approx(np.mean([w == words[0] for w in words]))
            else:
                assert pooled[row, column.start] == pytest.approx(np.median(own))
                assert said[row, k] == pytest.approx(np.mean(np.abs(own[:, 0] - own[0, 0]) <= 0.05))


def test_rows_of_starts_are_matched_within_their_label():
    truth = table(4, 5)[0].reshape(4, -1)
    labels = torch.tensor([0, 1, 0, 1])
    mixed = truth[[2, 1, 0, 3]]  # rows 0 and 2 have the same label
    assert torch.equal(registered(mixed[None], truth, labels)[0], truth)
    crossed = truth[[1, 0, 2, 3]]  # of different labels: stays
    assert torch.equal(registered(crossed[None], truth, labels)[0], crossed)


def test_every_change_and_every_swap_is_tried_once():
    rows = table(3, 7)[0].reshape(3, -1)
    tried = [made(rows, one) for one in exchanges(rows, LAYOUT, rows[None])]
    changes, choices = sum(3 * (c.width - 1) for c in COLUMNS if c.choices), [c for c in COLUMNS if c.choices]
    swaps = sum(int(rows[i, c.part].argmax() != rows[j, c.part].argmax()) for c in choices for i, j in itertools.combinations(range(3), 2))
    assert len(tried) == changes + swaps > 0
    for other in tried:
        assert not torch.equal(other, rows) and torch.equal(LAYOUT.hard(other), other)


def test_exchanges_find_the_way_back():
    obs, truth = seen(3)
    at = lambda rows: obs.template.at(rows.view_as(obs.template.private))  # noqa: E731
    judge = by_direction(obs.message)
    wrong = truth.clone()
    wrong[0, COLUMNS[2].part] = wrong[0, COLUMNS[2].part].roll(1)
    wrong[1, 0] = 0.5
    loss = lambda rows: judge(obs.simulate(at(rows)))  # noqa: E731
    found, value = improved(loss, wrong, LAYOUT, wrong[None])
    numbers = list(LAYOUT.numbers)
    words = [k for k in range(WIDTH) if k not in numbers]
    assert torch.equal(found[:, words], truth[:, words]) and value < float(loss(wrong)) / 100
    found, value = fitted(loss, found, LAYOUT, LAST)
    assert torch.allclose(found, truth, atol=1e-3) and value < 1e-9


def test_the_loss_is_twice_the_cosine_distance_and_keeps_its_digits():
    obs, _ = seen(2)
    other = {k: v + 0.1 * v.roll(1) for k, v in obs.message.items()}
    flat = [torch.cat([leaf.double().flatten() for leaf in tree.values()]) for tree in (other, obs.message)]
    cosine = float(flat[0] @ flat[1] / flat[0].norm() / flat[1].norm())
    judge = by_direction(obs.message)
    assert float(judge(other)) == pytest.approx(2 * (1 - cosine), rel=1e-4)
    assert float(judge({k: 3 * v for k, v in other.items()})) == pytest.approx(float(judge(other)), rel=1e-5)  # blind to length
    near = {k: v * (1 + 1e-6 * torch.sign(v.roll(1))) for k, v in obs.message.items()}
    assert 0 < float(judge(near)) < 1e-10  # where 1 - cos is rounding in single precision


def plain(obs, steps=500):
    """What a person writes in an hour: cosine distance, Adam on signs, entries kept in [0, 1] (geiping2020inverting), one start."""
    knobs = {"steps": steps, "tv": 0.0}
    return ATTACKS["inverting_gradients"](**knobs).reconstruct(obs, stream(0, "attack"), lambda step: True)


def test_batches_are_read_at_least_as_well_as_by_a_plain_search():
    ours, theirs = [], []
    for seed in range(2):
        obs, truth = seen(6, seed)
        found = attack(obs, steps=300, restarts=4)
        ours.append(cells_right(found, truth)[0].mean())
        theirs.append(cells_right(plain(obs), truth)[0].mean())
    assert min(ours) >= 0.95 and np.mean(ours) >= np.mean(theirs)


def test_one_row_is_exact_and_says_so():
    obs, truth = seen(1)
    found = attack(obs, steps=300, restarts=2)
    assert cells_right(found, truth)[0].all() and found.loss < 1e-10
    assert "explained to its rounding" in found.note and found.certainty is not None and bool((found.certainty == 1).all())


def test_certain_cells_are_right_more_often():
    """Condition: a batch of 12 under noise of 3 % of each layer's typical entry, four starts; cells on which all starts agree against those on which fewer do."""
    sure, unsure = [], []
    for seed in range(2):
        obs, truth = seen(12, seed, noise=0.03)
        found = attack(obs, steps=250, restarts=4, exchanges=2)
        hit, order = cells_right(found, truth)
        certain = found.certainty.numpy()[order]
        sure += hit[certain == 1].tolist()
        unsure += hit[certain < 1].tolist()
        assert "stuck at" not in found.note and "cells are the same in all of them" in found.note
    assert min(len(sure), len(unsure)) >= 15 and np.mean(sure) > np.mean(unsure) + 0.1


def test_certainty_never_sees_the_truth():
    """The same message with another observation's template of zeros gives the same certainty: nothing else is there to look at."""
    obs, _ = seen(2)
    again = dataclasses.replace(obs, template=obs.template.at(torch.zeros_like(obs.template.private)))
    one, two = (attack(o, steps=40, restarts=3, exchanges=1).certainty for o in (obs, again))
    assert one is not None and two is not None and torch.equal(one, two)
    assert attack(obs, steps=20, restarts=1, exchanges=0).certainty is None  # one start agrees with nobody


def test_a_stopped_search_hands_over_its_best():
    obs, _ = seen(2)
    found = TabLeak(steps=50).reconstruct(obs, stream(0, "attack"), lambda step: step.number < 5)
    assert found.stopped and found.batch.private.shape == obs.template.private.shape and torch.isfinite(found.batch.private).all()
