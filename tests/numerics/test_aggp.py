"""AGGP against plain loops, and what is left for an attacker who knows it."""

import numpy as np
import pytest
import torch
from torch import nn

from invviz.core.activations import fired, row_norms
from invviz.core.tree import flatten
from invviz.core.types import Batch, Net, World
from invviz.defenses import AGGP
from invviz.engine.attack import run
from invviz.engine.client import Site
from invviz.protocols import HFL
from invviz.scenario import Scenario

PIXELS, WIDTH, COUNT = 40, 60, 12


@pytest.fixture
def case():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(PIXELS, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 5)).double()
    with torch.no_grad():
        net[1].bias.copy_(torch.linspace(-1.2, 0.2, WIDTH))
    batch = Batch.of(torch.rand(COUNT, 1, 1, PIXELS, dtype=torch.float64), torch.randint(5, (COUNT,)))
    active = (batch.image.flatten(1) @ net[1].weight.detach().T + net[1].bias.detach()) > 0
    return Net.of(net), batch, active


def sent(defense, net, batch):
    return defense.wrap(HFL().release, World(net, batch.image[:0]))(net, batch, None)


def test_neurons_that_fire_are_those_of_the_forward_pass(case):
    net, batch, active = case
    assert torch.equal(fired(row_norms(net, batch)["1.weight"]), active)
    assert {1, 2, 3} <= set(active.sum(0).tolist()) and active.sum(0).max() > 4


def test_row_norms_are_those_of_each_sample_alone(case):
    net, batch, _ = case
    for k in (0, 5):
        alone = HFL().release(net, batch.single(k), None)
        for name, norms in row_norms(net, batch).items():
            assert torch.allclose(norms[k], alone[name].flatten(1).norm(dim=1), rtol=1e-12)


def test_rows_keep_their_largest_entries_by_how_many_samples_fire_them(case):
    net, batch, active = case
    plain = HFL().release(net, batch, None)
    defense = AGGP(most=4, low=0.1, high=0.9, full=8, drop=0.0)
    message = sent(defense, net, batch)
    seen = set()
    for row, count in enumerate(active.sum(0).tolist()):
        whole, left = plain["1.weight"][row].tolist(), message["1.weight"][row].tolist()
        number = PIXELS if count == 0 or count > 4 else int((0.1 + 0.8 * (count - 1) ** 2 / 36) * PIXELS)
        largest = sorted(range(PIXELS), key=lambda k: -abs(whole[k]))[:number]
        assert left == [value if k in largest else 0.0 for k, value in enumerate(whole)], (row, count)
        seen.add(min(count, 5))
    assert seen == {0, 1, 2, 3, 4, 5}
    for name in ("1.bias", "3.weight", "3.bias"):  # biases and class scores are left alone
        assert torch.equal(message[name], plain[name])


def test_a_share_of_what_is_left_goes_by_chance(case):
    net, batch, active = case
    few = (active.sum(0) > 0) & (active.sum(0) <= 10)
    all_left, some = (sent(AGGP(low=0.9, drop=drop), net, batch)["1.weight"] for drop in (0.0, 0.75))
    assert torch.all((some == all_left) | (some == 0))
    left = (some[few] != 0).sum() / (all_left[few] != 0).sum()
    assert float(left) == pytest.approx(0.25, abs=0.05)
    assert torch.equal(some[~few], all_left[~few])
    other = sent(AGGP(low=0.9, mask_seed=1), net, batch)["1.weight"]
    assert not torch.equal(other, some) and torch.equal(some, sent(AGGP(low=0.9), net, batch)["1.weight"])
    assert flatten(sent(AGGP(most=0), net, batch)).equal(flatten(HFL().release(net, batch, None)))


def test_what_is_left_of_a_neuron_that_one_sample_fires_is_that_sample(case):
    """The public form prunes no bias: dW / db is the sample, in the entries that were left, which are its brightest."""
    net, batch, active = case
    message = sent(AGGP(low=0.3, drop=0.5), net, batch)
    rows = [row for row in range(WIDTH) if active[:, row].sum() == 1]
    assert rows
    for row in rows:
        picture = batch.image[int(active[:, row].nonzero()[0, 0])].flatten()
        read, kept = message["1.weight"][row] / message["1.bias"][row], message["1.weight"][row] != 0
        assert kept.any() and torch.allclose(read[kept], picture[kept], rtol=1e-9)
        assert picture[kept].min() >= picture.sort(descending=True).values[: int(0.3 * PIXELS)].min()


@pytest.mark.parametrize(("low", "drop", "exact"), [(0.3, 0.0, 19), (0.3, 0.75, 19), (0.01, 0.75, 0)])
def test_the_read_out_that_knows_it_gets_what_any_row_left(tmp_path, low, drop, exact):
    """One picture fires its neurons alone: rows differ in what went by chance, so together they show the whole share `low` of its brightest pixels, exactly; of 64 pixels the published 1 % is none."""
    text = f"data=digits&model=mlp(width=256)&attack=linear_layer&dtype=float64&defense=aggp(low={low},drop={drop})&attacker=aware"
    found = run(Scenario.parse(text), Site(None, tmp_path))
    guess, truth = found.guess.ravel(), found.truth.ravel()
    read = (np.abs(guess - truth) < 1e-9) & (truth > 0)
    assert read.sum() == exact == int(low * 64)
    assert not exact or truth[read].min() >= np.sort(truth)[-exact]
