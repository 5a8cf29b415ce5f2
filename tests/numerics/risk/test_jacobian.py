"""The Jacobian against PyTorch's own, and its products and Gram matrix against the dense one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from risk_cases import linear_case, make_case, picture
from scipy.sparse.linalg import svds

from invviz.core import tangents
from invviz.core.errors import RiskError
from invviz.core.types import Batch, Net, World
from invviz.defenses import Clipping, GaussianNoise, Pruning
from invviz.models import MLP, AlexNet, LeNet
from invviz.protocols.hfl import HFL
from invviz.risk import Cancelled, Jacobian, Prior, decompose, sketch
from invviz.risk._memory import check_memory

CLOSE = {"rtol": 1e-9, "atol": 1e-11}


def reference(case, steps=1, lr=0.01):
    """The Jacobian of the gradient or update by double backward, with no part of the package but the module's layers."""
    layers = case.net.module
    image, label = case.batch.image, case.batch.label

    def message(x):
        start = {k: p.detach().clone().requires_grad_() for k, p in layers.named_parameters()}
        params = dict(start)
        for _ in range(steps):
            scores = torch.func.functional_call(layers, params, (x,))
            loss = -(scores - scores.logsumexp(1, keepdim=True))[torch.arange(len(label)), label].mean()
            grads = torch.autograd.grad(loss, list(params.values()), create_graph=True)
            if steps == 1:
                return torch.cat([g.flatten() for g in grads])
            params = {k: p - lr * g for (k, p), g in zip(params.items(), grads, strict=True)}
        return torch.cat([(start[k] - params[k]).flatten() for k in start])

    return torch.autograd.functional.jacobian(message, image, vectorize=True).flatten(1).numpy()


def test_dense_is_the_double_backward_jacobian(case):
    np.testing.assert_allclose(case.dense, reference(case), **CLOSE)
    assert case.jacobian.shape == case.dense.shape
    assert not any(leaf.requires_grad for leaf in case.jacobian.message.values())


def test_local_steps_are_differentiated_through():
    case = make_case(MLP(width=4, act="sigmoid"), (1, 8, 8), 2, HFL(local_steps=3, lr=0.5).release)
    np.testing.assert_allclose(case.dense, reference(case, steps=3, lr=0.5), **CLOSE)


@pytest.mark.parametrize("model", [AlexNet(width=2, hidden=6), LeNet(width=2, act="relu")])
def test_kinks_and_max_pooling(model):
    case = make_case(model, (1, 16, 16), 1)
    np.testing.assert_allclose(case.dense, reference(case), **CLOSE)


def test_products_match_dense_and_are_adjoint(case):
    rng = np.random.default_rng(0)
    p, n = case.jacobian.shape
    v, u = rng.standard_normal(n), rng.standard_normal(p)
    push, pull = case.jacobian.matvec(torch.from_numpy(v)).numpy(), case.jacobian.rmatvec(torch.from_numpy(u)).numpy()
    np.testing.assert_allclose(push, case.dense @ v, **CLOSE)
    np.testing.assert_allclose(pull, case.dense.T @ u, **CLOSE)
    assert u @ push == pytest.approx(pull @ v, rel=1e-10)


def test_short_messages_go_by_rows(linear):
    np.testing.assert_allclose(linear.jacobian.dense().numpy(), linear.dense, rtol=1e-12)


def test_gram_is_exact(case, monkeypatch):
    monkeypatch.setattr(tangents, "MOST_AT_ONCE", 7)  # does not divide n
    gram = case.jacobian.gram().numpy()
    np.testing.assert_allclose(gram, case.dense.T @ case.dense, rtol=1e-8, atol=1e-11)
    np.testing.assert_array_equal(gram, gram.T)


def single(model, shape, release=None):
    """Singular values from a single-precision net, the level that it claims to resolve, and the truth."""
    image = picture(shape, 1)
    truth = np.linalg.svd(make_case(model, shape, 1).dense, compute_uv=False)
    net = Net.of(model.build(shape, 4, 3))
    jacobian = Jacobian.of(release or HFL().release, net, Batch.of(image.float(), torch.tensor([0])))
    gram = jacobian.gram()
    assert gram.dtype == torch.float64
    values = np.sqrt(np.linalg.eigvalsh(gram.numpy())[::-1].clip(min=0))[: len(truth)]
    return jacobian, values, jacobian.resolved(values[0]), truth


@pytest.mark.parametrize("model", [LeNet(width=2), LeNet(width=2, act="relu"), MLP(width=8)])
@pytest.mark.parametrize("double", [True, False])
def test_single_precision_keeps_its_word_on_resolution(model, double):
    def stubborn(net, batch, rng):
        if batch.image.dtype == torch.float64 and not double:
            raise RuntimeError("expected Float but found Double")
        return HFL().release(net, batch, rng)

    jacobian, values, level, truth = single(model, (1, 16, 16), stubborn)
    assert (jacobian.sharp is not None) is double
    assert np.abs(values[truth > 2 * level] - truth[truth > 2 * level]).max() < level
    assert (values[truth < level / 2] < level).all()
    assert level < (1e-5 if double else 1e-3) * values[0]


def test_a_kink_between_the_precisions_is_noticed():
    net = Net.of(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 4)))

    def release(net, batch, rng):
        mixed = batch.image * (3.0 if batch.image.dtype == torch.float64 else 1.0)
        return HFL().release(net, Batch.of(mixed, batch.label), rng)

    assert Jacobian.of(release, net, Batch.of(torch.rand(1, 1, 4, 4), torch.tensor([0]))).sharp is None
    assert Jacobian.of(HFL().release, net, Batch.of(torch.rand(1, 1, 4, 4), torch.tensor([0]))).sharp is not None
    assert Jacobian.of(HFL().release, net, Batch.of(torch.rand(1, 1, 4, 4), torch.tensor([0])), precise=False).sharp is None


def test_memory_meter_sees_every_operator():
    point = torch.zeros(5, dtype=torch.float64)
    assert tangents.bytes_written(lambda v: torch.cat([v + 1, v.sin()]), point) == 8 * (5 + 5 + 10)


def test_as_many_tangents_as_fit_and_never_none():
    wide = 5_000_000
    written = tangents.bytes_written(lambda v: v + 1, torch.zeros(wide, dtype=torch.float64))
    assert tangents.tangents_that_fit(written) == tangents.WORK // (16 * wide)
    assert tangents.tangents_that_fit(10**12) == 1
    assert tangents.tangents_that_fit(8) == tangents.MOST_AT_ONCE


def test_work_and_the_number_at_once_are_measured_on_the_release(linear, monkeypatch):
    jacobian = Jacobian.of(linear.release, None, linear.batch)
    assert jacobian.work >= 8 * 10
    monkeypatch.setattr(tangents, "WORK", 6 * jacobian.work)
    assert jacobian.at_once == 3


def test_progress_counts_up_and_cancels(lenet):
    for work in (lenet.jacobian.gram, lenet.jacobian.dense):
        seen = []
        work(lambda done, total, seen=seen: not seen.append((done, total)))
        assert seen == sorted(seen) and seen[-1] == (192, 192) and len(seen) > 1
        with pytest.raises(Cancelled):
            work(lambda done, total: done < 100)


def defended(case, defense):
    """Dense Jacobian of the case's release behind a defense."""
    world = World(case.net, torch.zeros(0, *case.shape))
    return Jacobian.of(defense.wrap(case.release, world), case.net, case.batch).dense().numpy()


def test_active_clipping_scales_and_drops_the_radial_direction(case):
    message = torch.cat([leaf.flatten() for leaf in case.jacobian.message.values()]).numpy()
    length = np.linalg.norm(message)
    radial = np.outer(message, message) / length**2
    expected = (0.3 * length / length) * (np.eye(len(message)) - radial) @ case.dense
    np.testing.assert_allclose(defended(case, Clipping(clip_norm=0.3 * length)), expected, **CLOSE)
    np.testing.assert_allclose(defended(case, Clipping(clip_norm=2 * length)), case.dense, **CLOSE)


def test_pruning_drops_rows(case):
    message = torch.cat([leaf.flatten() for leaf in case.jacobian.message.values()]).numpy()
    kept = np.argsort(-np.abs(message))[: len(message) - int(0.7 * len(message))]
    expected = np.zeros_like(case.dense)
    expected[kept] = case.dense[kept]
    np.testing.assert_allclose(defended(case, Pruning(fraction=0.7)), expected, **CLOSE)


def test_noise_leaves_the_jacobian_alone(lenet):
    defense = GaussianNoise(sigma=1.0)
    np.testing.assert_array_equal(defended(lenet, defense), lenet.dense)
    noisy = Jacobian.of(defense.wrap(lenet.release, World(lenet.net, torch.zeros(0, *lenet.shape))), lenet.net, lenet.batch)
    for name, leaf in lenet.jacobian.message.items():
        np.testing.assert_array_equal(noisy.message[name], leaf)


def test_linear_release_is_its_own_jacobian():
    case = linear_case(rows=40)  # taller than wide: by columns
    np.testing.assert_allclose(case.jacobian.dense().numpy(), case.dense, rtol=1e-12)


@pytest.mark.parametrize("at_once", [1, 3, 64])
def test_normal_is_the_gram_matrix_on_many_vectors(case, monkeypatch, at_once):
    monkeypatch.setattr(tangents, "MOST_AT_ONCE", at_once)
    jacobian = Jacobian.of(case.release, case.net, case.batch)
    vectors = np.random.default_rng(2).standard_normal((7, case.dense.shape[1]))
    found = jacobian.normal(torch.from_numpy(vectors)).numpy()
    np.testing.assert_allclose(found, vectors @ case.dense.T @ case.dense, rtol=1e-8, atol=1e-11)


def test_linear_operator_serves_scipy(lenet):
    operator = lenet.jacobian.linear_operator()
    assert operator.shape == lenet.dense.shape and operator.dtype == np.float64
    found = svds(operator, k=5, return_singular_vectors=False, random_state=0)
    np.testing.assert_allclose(np.sort(found), np.linalg.svd(lenet.dense, compute_uv=False)[4::-1], rtol=1e-8)
    u = np.random.default_rng(0).standard_normal(len(lenet.dense))
    np.testing.assert_allclose(operator.T @ u, lenet.dense.T @ u, **CLOSE)
    single = Jacobian.of(HFL().release, Net.of(MLP(width=3).build((1, 4, 4), 4, 0)), Batch.of(torch.rand(1, 1, 4, 4), torch.tensor([0])))
    assert single.linear_operator().dtype == np.float32


FLAT = Batch.of(torch.full((1, 1, 2, 2), 0.5, dtype=torch.float64), torch.tensor([0]))


def flat(function):
    """A release of four pixels."""
    return lambda net, batch, rng: {"z": function(batch.image.flatten())}


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_message_that_is_not_finite_is_refused_with_a_way_out(bad):
    with pytest.raises(RiskError, match="dtype=float64"):
        Jacobian.of(flat(lambda x: x * bad), None, FLAT)


def test_a_jacobian_that_is_not_finite_is_refused_with_a_way_out():
    jacobian = Jacobian.of(flat(lambda x: (x - 0.5).abs().sqrt()), None, FLAT)  # the message is 0, its slope is not
    prior = Prior("white", (1, 2, 2))
    short = Jacobian.of(flat(lambda x: (x[:1] - 0.5).abs().sqrt()), None, FLAT)
    for work in (
        jacobian.gram,
        lambda: jacobian.normal(torch.ones(2, 4, dtype=torch.float64)),
        lambda: decompose(jacobian, FLAT.image, prior),
        lambda: decompose(short, FLAT.image, prior),  # by rows
        lambda: sketch(jacobian, FLAT.image, prior),
    ):
        with pytest.raises(RiskError, match="lower lr or local_steps"):
            work()


def out_of_memory(error, after):
    """A release that finds no room from some call on."""
    calls = []

    def release(net, batch, rng):
        calls.append(0)
        if len(calls) > after:
            raise error
        return {"z": batch.image.flatten() ** 2}

    return release


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried 9 GB")])
def test_too_little_memory_is_said_with_a_way_out(error):
    with pytest.raises(RiskError, match="method=sketch"):
        Jacobian.of(out_of_memory(error, 0), None, FLAT)
    for work in (lambda j: j.gram(), lambda j: j.dense(), lambda j: j.normal(torch.ones(1, 4, dtype=torch.float64))):
        jacobian = Jacobian.of(out_of_memory(error, 2), None, FLAT)
        assert jacobian.at_once > 1  # the second call
        with pytest.raises(RiskError, match=r"There is not enough memory for .*method=sketch"):
            work(jacobian)
    with pytest.raises(RuntimeError, match="shapes differ"):
        Jacobian.of(out_of_memory(RuntimeError("shapes differ"), 0), None, FLAT)


def test_absurd_sizes_are_refused_before_any_work():
    check_memory(3_072)
    with pytest.raises(RiskError, match=r"1,000,000 inputs .*method=sketch"):
        check_memory(1_000_000)
    huge = Batch.of(torch.zeros(1, 1, 1000, 1000, dtype=torch.float64), torch.tensor([0]))
    with pytest.raises(RiskError, match="method=sketch"):
        Jacobian.of(flat(lambda x: x[:3]), None, huge).gram()
