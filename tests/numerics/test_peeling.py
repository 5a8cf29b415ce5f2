"""Layer peeling: each layer's equations against numpy, the whole against its promises, and where it stops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from seen import SITE, psnr

from invviz.attacks import _peel
from invviz.attacks._peel import Equations, _negatives
from invviz.attacks._undo import affine, undone
from invviz.engine.attack import run
from invviz.models._layers import ACTIVATIONS, activation, standardise
from invviz.scenario import Scenario, problems

SLOW = pytest.mark.slow
EXACT = "xact: the equations of every layer determine its input"
RNG = np.random.default_rng(0)


def peel(rest):
    return run(Scenario.parse(f"attack=peeling&{rest}"), SITE)


def by_hand(weight, k, shape, stride, pad):
    """Both kinds of equations of a convolution as dense rows over its input, written out by its definition."""
    outputs, channels, size, _ = weight.shape
    _, height, width = shape
    n, (high, wide) = channels * height * width, k.shape[1:]
    forward, backward = np.zeros((outputs * high * wide, n)), np.zeros((weight.size, n))
    for o, i, j, c, p, q in np.ndindex(outputs, high, wide, channels, size, size):
        y, x = stride * i + p - pad, stride * j + q - pad
        if 0 <= y < height and 0 <= x < width:
            column = (c * height + y) * width + x
            forward[(o * high + i) * wide + j, column] += weight[o, c, p, q]
            backward[np.ravel_multi_index((o, c, p, q), weight.shape), column] += k[o, i, j]
    return forward, backward


def system(outputs=4, channels=2, side=6, size=3, stride=2, missing=0.0, slope=1.0):
    """A convolution with an input, its equations, and the same as one dense matrix with its right-hand side."""
    rng = np.random.default_rng(3)
    shape, high = (channels, side, side), (side + 2 * (size // 2) - size) // stride + 1
    weight, k = rng.normal(size=(outputs, channels, size, size)), slope * rng.normal(size=(outputs, high, high))
    forward, backward = by_hand(weight, k, shape, stride, size // 2)
    truth = rng.random(channels * side * side)
    sure = rng.uniform(0.5, 2, len(forward)) * (rng.random(len(forward)) >= missing)
    sent = rng.uniform(0.5, 2, len(backward)) * (rng.random(len(backward)) >= missing)
    right = np.concatenate([forward @ truth, backward @ truth])
    right += 0.01 * rng.normal(size=len(right))  # so that least squares has something to weigh
    layer = torch.nn.Conv2d(channels, outputs, size, stride=stride, padding=size // 2).double().requires_grad_(False)
    layer.weight.copy_(torch.tensor(weight))
    t = lambda a, *s: torch.tensor(a).reshape(s)  # noqa: E731
    first, out = len(forward), (1, outputs, high, high)
    found = Equations(
        layer, (1, *shape), t(right[:first], *out), t(sure, *out), t(k, *out), t(right[first:], *weight.shape), t(sent, *weight.shape)
    )
    scale = np.concatenate([sure, sent])
    return found, np.vstack([forward, backward]) * scale[:, None], right * scale


@pytest.mark.parametrize("dense", [4096, 0])
@pytest.mark.parametrize(
    ("outputs", "stride", "size", "missing"),
    [(6, 1, 3, 0.0), (3, 1, 3, 0.0), (6, 2, 5, 0.0), (4, 1, 5, 0.3)],  # the second: neither kind of equations alone would do
)
def test_a_convolution_is_solved_as_numpy_solves_it(monkeypatch, dense, outputs, stride, size, missing):
    monkeypatch.setattr(_peel, "DENSE", dense)
    equations, matrix, right = system(stride=stride, size=size, missing=missing, outputs=outputs)
    found = equations.solve(0.5, 1e-16)
    expected, *_ = np.linalg.lstsq(matrix, right, rcond=None)
    assert np.allclose(found.value.flatten().numpy(), expected, atol=1e-9)
    assert found.unknowns == matrix.shape[1] == found.rank
    assert found.equations == int((np.abs(matrix).sum(1) > 0).sum())
    left = np.linalg.norm(matrix @ expected - right) / np.linalg.norm(right)
    assert found.residual == pytest.approx(left, rel=1e-6)


@pytest.mark.parametrize("slope", [1.0, 0.0])
def test_rank_is_numpys_and_what_stays_open_stays_at_the_middle(slope):
    equations, matrix, right = system(outputs=1, channels=3, stride=2, slope=slope)
    found = equations.solve(0.5, 1e-16)
    assert found.rank == np.linalg.matrix_rank(matrix) < found.unknowns
    least = 0.5 + np.linalg.pinv(matrix, rcond=1e-10) @ (right - matrix @ np.full(matrix.shape[1], 0.5))
    assert np.allclose(found.value.flatten().numpy(), least, atol=1e-5)


def test_counting_never_says_less_than_the_rank(monkeypatch):
    """Of c_o outputs c_o^2 equations follow from the others."""
    monkeypatch.setattr(_peel, "DENSE", 0)
    for outputs in (1, 2, 3):
        equations, matrix, _ = system(outputs=outputs, channels=3, stride=2)
        found = equations.solve(0.5, 1e-16)
        rank = int(np.linalg.matrix_rank(matrix))
        assert found.counted
        assert rank <= found.rank <= found.equations - outputs**2
        assert found.rank == rank


def test_inertia_counts_negative_eigenvalues():
    for n in (1, 2, 7, 40):
        a = RNG.normal(size=(n, n))
        assert _negatives(torch.tensor(a + a.T)) == int((np.linalg.eigvalsh(a + a.T) < 0).sum())


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_areundone(name):
    layer, u = activation(name), torch.linspace(-6, 6, 101, dtype=torch.float64)
    back = undone(layer, layer(u))
    if name == "gelu":
        assert back is None
    else:
        on = u > 0 if name == "relu" else u > -10
        assert back is not None and torch.allclose(back[on], u[on], atol=1e-8)


def test_affine_layers_are_found_by_trying():
    like = torch.zeros(1, dtype=torch.float64)
    assert affine(standardise(), (1, 2, 3, 3), like) == (-2.0, 4.0)
    assert affine(torch.nn.Identity(), (1, 2, 3, 3), like) == (0.0, 1.0)
    for other in (torch.nn.AvgPool2d(2), torch.nn.GELU(), torch.nn.MaxPool2d(3, 1, 1), torch.nn.BatchNorm2d(2)):
        assert affine(other, (1, 2, 4, 4), like) is None or isinstance(other, torch.nn.MaxPool2d)


LEAST = {"float64": 120, "float32": 50}  # dB
NETS = [
    ("float64", 0, 32),  # the largest once: its equations take seconds
    *((dtype, seed, 16) for dtype in LEAST for seed in (1, 2)),
    *(pytest.param(dtype, seed, 32, marks=SLOW) for dtype in LEAST for seed in range(10) if (dtype, seed) != ("float64", 0)),
]


@pytest.mark.parametrize(("dtype", "seed", "size"), NETS)
def test_peeling_is_exact_on_lenet(dtype, seed, size):
    found = peel(f"data=photos(index={seed},size={size})&model=lenet&seed={seed}&dtype={dtype}")
    assert psnr(found) > LEAST[dtype]
    assert found.guessed_labels.tolist() == found.labels.tolist()
    assert found.note.startswith("Exact")
    assert found.given == "message, net, batch size"


@pytest.mark.parametrize("act", ACTIVATIONS)
@pytest.mark.parametrize("model", ["lenet", "convnet", "mlp"])
def test_border_of_activations(model, act):
    found = peel(f"data=photos(index=1,size=16)&model={model}(act='{act}')&seed=1")
    if act == "gelu" and model != "mlp":
        assert found.failed and "stops at GELU" in found.note and "different inputs give the same output" in found.note
        return
    assert psnr(found) > 90
    assert ("ReLU are 0" in found.note) == (act == "relu" and model != "mlp")
    assert EXACT in found.note


@pytest.mark.parametrize(
    ("model", "why"),
    [
        ("resnet18(width=4)", "in which order a ResNet calls its layers cannot be read off this module"),
        ("alexnet(width=4)", "stops at MaxPool2d 3"),
        ("alexnet(width=4,pool='average',act='elu')", "stops at AvgPool2d 3"),
        ("vgg6(width=4)", "stops at MaxPool2d 3"),
    ],
)
def test_border_of_nets(model, why):
    found = peel(f"data=photos(size=16)&model={model}")
    assert found.failed and why in found.note
    assert np.ptp(found.guess) == 0
    assert found.guessed_labels.tolist() == found.labels.tolist() or "cannot be read off" in why


def test_too_few_channels_leave_the_picture_open():
    found = peel("data=photos(size=16)&model=lenet(width=1)&dtype=float64")
    assert "leaves its input open: rank" in found.note
    assert EXACT not in found.note
    assert psnr(found) < 40


def test_batches_and_local_steps_are_refused():
    assert any("at most 1 sample" in p for p in problems(Scenario.parse("data=photos&model=lenet&attack=peeling&batch=2")))
    assert any("local steps" in p for p in problems(Scenario.parse("data=photos&model=lenet&attack=peeling&protocol=hfl(local_steps=2)")))


def test_a_message_of_zeros_ends_in_words():
    found = peel("data=digits&model=convnet(width=4)&defense=pruning(fraction=0.999)")
    assert found.failed and EXACT not in found.note


@pytest.mark.parametrize(
    "defense", ["gaussian_noise(sigma=0.01)", "pruning(fraction=0.5)", "quantisation(bits=8)", "sign", "dropout", "laplace_noise"]
)
def test_an_altered_message_is_told(defense):
    found = peel(f"data=photos(size=16)&model=lenet&defense={defense}")
    assert "contradict each other" in found.note
    assert EXACT not in found.note
    assert psnr(found) < 40


def test_clipping_hides_nothing():
    found = peel("data=photos(size=16)&model=lenet&defense=clipping(clip_norm=0.1)")
    assert psnr(found) > 100
    assert "times a gradient, which was undone" in found.note


def test_who_knows_that_entries_were_held_back_leaves_them_out():
    rest = "data=photos(size=16)&model=lenet&defense=pruning(fraction=0.1)"
    assert psnr(peel(rest)) < 60
    assert psnr(peel(rest + "&attacker=aware")) > 100


def test_a_wider_net_than_the_one_known_is_refused():
    found = peel("data=photos(size=16)&model=lenet&defense=precode")
    assert found.failed and "other parts than the net" in found.note
