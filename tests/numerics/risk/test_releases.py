"""Parts of a message, several rounds, several clients, and noise that a later defense reshapes: against dense Jacobians put together by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from risk_cases import covariance, make_case, message_of

from invviz.core.types import Batch, Net, Size, World
from invviz.defenses import Clipping, GaussianNoise, LaplaceNoise, Pruning
from invviz.engine.summary import noise_variance, risk_summary
from invviz.models import MLP, LeNet
from invviz.protocols.hfl import HFL
from invviz.risk import Jacobian, aggregate, decompose, only, over_rounds
from invviz.scenario import Scenario

CLOSE = {"rtol": 1e-9, "atol": 1e-11}


def dense_of(release, net, batch):
    return Jacobian.of(release, net, batch).dense().numpy()


@pytest.fixture(scope="module")
def mlp():
    return make_case(MLP(width=5, act="tanh"), (1, 4, 4), 1)


def test_only_keeps_rows(lenet):
    names = list(lenet.jacobian.message)[1:4]
    sizes = [leaf.numel() for leaf in lenet.jacobian.message.values()]
    start, stop = sizes[0], sum(sizes[:4])
    found = Jacobian.of(only(lenet.release, names), lenet.net, lenet.batch)
    assert list(found.message) == names
    np.testing.assert_allclose(found.dense().numpy(), lenet.dense[start:stop], **CLOSE)


def test_precisions_of_rounds_add(mlp):
    """T8, with nets that are moved here by hand."""
    rng = np.random.default_rng(0)
    shifts = [{}] + [{k: torch.from_numpy(0.3 * rng.standard_normal(p.shape)) for k, p in mlp.net.params.items()} for _ in range(2)]
    partly = next(iter(mlp.net.params))
    shifts[1] = {partly: shifts[1][partly]}  # the others stay
    scales, total, messages = (1.0, 0.5, 3.0), 0, []
    for shift, scale in zip(shifts, scales, strict=True):
        module = MLP(width=5, act="tanh").build((1, 4, 4), 4, 3).double()
        with torch.no_grad():
            for name, p in module.named_parameters():
                p += shift.get(name, 0)
        j = Jacobian.of(HFL().release, Net.of(module), mlp.batch)
        total = total + scale**2 * j.dense().numpy().T @ j.dense().numpy()
        messages.append(scale * message_of(j))
    joint = Jacobian.of(over_rounds(mlp.release, shifts, scales), mlp.net, mlp.batch)
    np.testing.assert_allclose(joint.gram().numpy(), total, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(message_of(joint), np.concatenate(messages), **CLOSE)
    assert joint.shape == (3 * mlp.dense.shape[0], 16)


def test_rounds_of_a_net_that_stays_are_one_round_with_less_noise(mlp):
    joint = Jacobian.of(over_rounds(mlp.release, [{}] * 4, [1.0] * 4), mlp.net, mlp.batch)
    np.testing.assert_allclose(joint.gram().numpy(), 4 * mlp.dense.T @ mlp.dense, rtol=1e-9, atol=1e-11)


def test_rounds_want_a_scale_each(mlp):
    with pytest.raises(ValueError, match=r"shorter|longer"):
        over_rounds(mlp.release, [{}, {}], [1.0])(mlp.net, mlp.batch, None)


@pytest.mark.parametrize("clients", [2, 4])
@pytest.mark.parametrize("steps", [1, 3])
def test_aggregate_is_the_clients_jacobians_side_by_side(clients, steps):
    """T7: the mean over clients of what each sends, each client's pictures being columns of their own."""
    release = HFL(local_steps=steps, lr=0.5).release
    case = make_case(MLP(width=4, act="sigmoid"), (1, 3, 3), 4, release)
    own = 4 // clients
    alone = [dense_of(release, case.net, Batch.of(case.batch.image[i : i + own], case.batch.label[i : i + own])) for i in range(0, 4, own)]
    found = dense_of(aggregate(release, clients), case.net, case.batch)
    np.testing.assert_allclose(found, np.hstack(alone) / clients, **CLOSE)
    if steps == 1:
        np.testing.assert_allclose(found, case.dense, **CLOSE)  # a mean of means over equal parts
    else:
        assert np.abs(found - case.dense).max() > 1e-6 * np.abs(found).max()


def test_a_batch_that_cannot_be_split_is_refused(mlp):
    with pytest.raises(ValueError, match="1 samples cannot be split evenly among 2"):
        aggregate(mlp.release, 2)(mlp.net, mlp.batch, None)


def defended(case, *defenses):
    """(Jacobian, sizes of the noise-free message before and after each defense without noise)."""
    release, sizes = case.release, [Size.of(case.jacobian.message)]
    for defense in defenses:
        release = defense.wrap(release, World(case.net, case.batch.image[:0]))
        if not defense.adds_noise:
            sizes.append(Size.of(release(case.net, case.batch, None)))
    return Jacobian.of(release, case.net, case.batch), tuple(sizes)


def sending(case, defense):
    """A with J -> A J and eta -> A eta, on the noise-free message."""
    g = message_of(case.jacobian)
    if isinstance(defense, Pruning):
        kept = np.zeros(len(g))
        kept[np.argsort(-np.abs(g))[: len(g) - int(defense.fraction * len(g))]] = 1
        return np.diag(kept)
    if defense.relative:
        return min(1.0, defense.clip_norm) * np.eye(len(g))
    length = np.linalg.norm(g)
    if defense.clip_norm >= length:
        return np.eye(len(g))
    return defense.clip_norm / length * (np.eye(len(g)) - np.outer(g, g) / length**2)


RESHAPES = [Clipping(clip_norm=0.05), Clipping(clip_norm=1e3), Clipping(clip_norm=0.375, relative=True), Pruning(fraction=0.6)]


@pytest.mark.parametrize("reshape", RESHAPES, ids=lambda d: d.text())
def test_every_reshaping_defense_is_a_matrix(lenet, reshape):
    np.testing.assert_allclose(defended(lenet, reshape)[0].dense().numpy(), sending(lenet, reshape) @ lenet.dense, **CLOSE)


@pytest.mark.parametrize("prior", ["white", "natural"])
@pytest.mark.parametrize("reshape", RESHAPES, ids=lambda d: d.text())
@pytest.mark.parametrize("noise", [GaussianNoise(sigma=0.3), LaplaceNoise(scale=2e-3, relative=False)], ids=lambda d: d.name)
def test_noise_that_is_reshaped_afterwards(mlp, noise, reshape, prior):
    """T6: Sigma = A (s^2 I) A^T + floor^2 I, written down as a matrix."""
    jacobian, stages = defended(mlp, noise, reshape)
    dec = decompose(jacobian, mlp.batch.image, mlp.prior(prior))
    scenario = dataclasses.replace(Scenario(), defense=(noise, reshape), floor=0.02, prior=prior)
    found = risk_summary(scenario, dec, stages[-1], stages)

    a, bare = sending(mlp, reshape), np.linalg.norm(message_of(mlp.jacobian)) / np.sqrt(len(mlp.dense))
    variance = (0.3 * bare) ** 2 if noise.name == "gaussian_noise" else 2 * 2e-3**2
    floor = 0.02 * np.linalg.norm(message_of(jacobian)) / np.sqrt(len(mlp.dense))
    sigma = variance * a @ a.T + floor**2 * np.eye(len(a))
    j = a @ mlp.dense
    cov = covariance(prior, mlp.shape)
    exact = np.trace(np.linalg.inv(np.linalg.inv(cov) + j.T @ np.linalg.solve(sigma, j)))
    assert found["invloss"] == pytest.approx(exact, rel=1e-6)
    assert any("Noise is followed by" in words for words in found["caveats"])


def test_noise_between_two_clippings(mlp):
    """Clip, then relative noise, then clip again: each step is measured on what reaches it."""
    first, noise, second = Clipping(clip_norm=0.05), GaussianNoise(sigma=0.5), Clipping(clip_norm=0.01)
    _, stages = defended(mlp, first, noise, second)
    scenario = dataclasses.replace(Scenario(), defense=(first, noise, second))
    assert [s.norm for s in stages] == pytest.approx([np.linalg.norm(message_of(mlp.jacobian)), 0.05, 0.01])
    expected = (0.5 * 0.05 / np.sqrt(len(mlp.dense)) * 0.01 / 0.05) ** 2
    assert noise_variance(scenario, stages[-1], stages) == pytest.approx(expected)


def test_lenet_layers_together_are_the_whole():
    case = make_case(LeNet(width=2), (1, 8, 8), 1)
    parts = [Jacobian.of(only(case.release, [name]), case.net, case.batch).gram().numpy() for name in case.jacobian.message]
    np.testing.assert_allclose(sum(parts), case.dense.T @ case.dense, rtol=1e-8, atol=1e-11)
