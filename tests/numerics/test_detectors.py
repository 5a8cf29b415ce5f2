"""Every detector against plain loops, on both sides of its verdict, and what honest nets have that looks planted."""

import dataclasses
import hashlib
import math

import numpy as np
import pytest
import torch
from torch import nn

from invviz.core.received import Received
from invviz.core.types import Batch, Net
from invviz.defenses.detectors import DETECTORS
from invviz.defenses.detectors._signals import OF_BIASES, OF_WEIGHTS, signals
from invviz.protocols import HFL

CLASSES, PIXELS = 5, 36


def mlp(seed=0, width=24, start=None):
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Flatten(), nn.Linear(PIXELS, width), nn.ReLU(), nn.Linear(width, CLASSES)).double()
    if start:
        with torch.no_grad():
            start(net)
    return Net.of(net)


def batch(count=6, seed=1):
    rng = torch.Generator().manual_seed(seed)
    return Batch.of(torch.rand(count, 1, 6, 6, generator=rng, dtype=torch.float64), torch.randint(CLASSES, (count,), generator=rng))


def received(net=None, previous=None, own=None, peers=()):
    return Received(net or mlp(), previous, batch() if own is None else own, HFL().release, peers)


def found(name, r, **knobs):
    return DETECTORS[name](**knobs).inspect(r)


def by_hand(net, own):
    """Loss and gradient of each sample alone, by autograd on the module itself."""
    out = []
    for image, label in zip(own.image, own.label, strict=True):
        params = {k: p.clone().requires_grad_(True) for k, p in net.params.items()}
        loss = nn.functional.cross_entropy(torch.func.functional_call(net.module, params, (image[None],)), label[None])
        out.append((loss.item(), dict(zip(params, torch.autograd.grad(loss, list(params.values())), strict=True))))
    return out


# signals of weights


def loops(w):
    """The signals of a weight matrix by plain loops over its rows."""
    rows = [row for row in w if any(row)]
    cosine = lambda a, b: abs(np.dot(a, b)) / np.linalg.norm(a) / np.linalg.norm(b)  # noqa: E731
    twins = [any(cosine(a, b) > 0.999 for j, b in enumerate(rows) if j != i) for i, a in enumerate(rows)]
    flat = [x for row in w for x in row]
    ratio = [sum(x for x in row if x > 0) / -sum(x for x in row if x < 0) for row in rows if min(row) < 0 < max(row)]
    s = np.linalg.svd(np.array(w), compute_uv=False)
    return {
        "duplicate_rows": np.mean(twins),
        "constant_rows": np.mean([np.std(row, ddof=1) <= 1e-3 * abs(np.mean(row)) for row in rows]),
        "zeros": flat.count(0.0) / len(flat),
        "few_values": 1 / len({x for x in flat if x}),
        "peak": max(map(abs, flat)) / math.sqrt(math.fsum(x * x for x in flat) / len(flat)),
        "low_rank": s[0] ** 2 / (s**2).sum(),
        "balance": 1 / (1 + np.std(ratio, ddof=1) / np.mean(ratio) * math.sqrt(len(w[0]))) if len(ratio) > 3 else 0.0,
    }


def planted_cases():
    rng = np.random.default_rng(0)
    free = rng.normal(size=(12, 30))
    twins = free.copy()
    twins[3:6] = [[2.0], [-1.0], [0.5]] * free[:1]
    sparse = np.where(rng.random((12, 30)) < 0.8, 0.0, free)
    return {
        "free": free,
        "twins": twins,
        "constant": np.full((6, 20), 1 / 20),
        "sparse": sparse,
        "grid": np.round(free),
        "dead": sparse * (np.arange(12) > 4)[:, None],
    }


@pytest.mark.parametrize("case", planted_cases())
def test_signals_of_weights_are_those_of_plain_loops(case):
    w = planted_cases()[case]
    expected = loops(w.tolist())
    assert set(expected) == set(OF_WEIGHTS)
    for name, signal in OF_WEIGHTS.items():
        assert signal(torch.tensor(w)) == pytest.approx(expected[name], rel=1e-9, abs=1e-12), name


def test_signals_of_biases():
    rng = np.random.default_rng(1)
    w, b = rng.normal(size=(8, 20)), rng.normal(size=8)
    constant, large = (OF_BIASES[name] for name in ("constant_bias", "large_bias"))
    tensors = torch.tensor(w), torch.tensor(b)
    assert constant(*tensors) == pytest.approx(abs(b.mean()) / (abs(b.mean()) + b.std(ddof=1)))
    assert large(*tensors) == pytest.approx(max(abs(x) / np.linalg.norm(row) for row, x in zip(w, b, strict=True)))
    assert constant(tensors[0], torch.full((8,), -3.0)) == 1 and constant(tensors[0], torch.zeros(8)) == 0


def plant(net, name, value):
    """The same net with one parameter set."""
    return Net(net.module, {**net.params, name: value})


def structure(net):
    return found("weight_structure", received(net))


def test_structure_flags_what_is_planted():
    net = mlp()
    assert not structure(net).flagged
    w = net.params["1.weight"]
    half = torch.arange(PIXELS) < PIXELS // 2
    trap = torch.where(half, -w.abs(), torch.zeros_like(w))
    trap[:, ~half] = -0.95 * trap[:, half].flip(1)  # Boenisch's rows: the positive half repeats the negative one
    delta = torch.zeros_like(w)
    delta[torch.arange(24), torch.arange(24)] = 1.0
    cases = {
        "repeat": ("1.weight", w[:1].expand_as(w).clone()),
        "constant": ("1.weight", torch.full_like(w, 1 / PIXELS)),
        "ratio": ("1.weight", trap),
        "same number": ("1.bias", torch.full((24,), -0.3, dtype=torch.float64)),
        "norm of its row": ("1.bias", torch.linspace(-99, 99, 24, dtype=torch.float64)),
        "1 different value(s)": ("1.weight", (w > 0) * 0.1),
    }
    for said, (name, value) in cases.items():
        told = structure(plant(net, name, value))
        assert told.flagged and told.score > 1, said
        assert "layer 1" in told.reason, (said, told.reason)
    assert structure(plant(net, "1.weight", delta)).flagged


def test_structure_passes_what_honest_nets_have():
    """Layers of zeros, biases of zeros, dead neurons, pruning by half, 8 bits: constant rows and zeros everywhere, planted by nobody."""
    net = mlp()
    zero = lambda name: plant(net, name, torch.zeros_like(net.params[name]))  # noqa: E731
    w = net.params["1.weight"]
    step = w.abs().max() / 127
    honest = {
        "zero head": zero("3.weight"),
        "zero layer": zero("1.weight"),
        "zero biases": zero("1.bias"),
        "dead neurons": plant(net, "1.weight", w * (torch.arange(24) > 11)[:, None]),
        "pruned": plant(net, "1.weight", w * (w.abs() > w.abs().median())),
        "8 bits": plant(net, "1.weight", (w / step).round() * step),
        "orthogonal": plant(net, "1.weight", nn.init.orthogonal_(torch.empty(24, PIXELS, dtype=torch.float64))),
    }
    for name, one in honest.items():
        assert not structure(one).flagged, (name, structure(one))
    assert signals(zero("1.bias").params)["constant_bias"][1] != "1"
    none = {name: torch.zeros_like(p) for name, p in net.params.items()}
    assert structure(Net(net.module, none)).score == 0


# what the net does with the client's batch


def test_dsnr_is_the_ratio_of_each_samples_gradient():
    net, own = mlp(), batch()
    singles = by_hand(net, own)
    expected = 0.0
    for name in ("1.weight", "3.weight"):
        norms = [float(gradients[name].norm()) for _, gradients in singles]
        expected = max(expected, max(norms) / (sum(norms) - max(norms)))
    told = found("dsnr", received(net, own=own))
    assert told.score == pytest.approx(expected, rel=1e-9) and not told.flagged
    fishing = plant(net, "3.bias", torch.tensor([1e3, 0, 0, 0, 0], dtype=torch.float64))  # all are sure of class 0, and one is not of it
    own = Batch.of(own.image, torch.tensor([0, 0, 0, 2, 0, 0]))
    told = found("dsnr", received(fishing, own=own))
    assert told.flagged and told.score == math.inf and "no other sample" in told.reason


def test_dsnr_leaves_out_layers_with_hardly_any_gradient():
    """One neuron fires for all and moves no score, the others fire for the brightest sample alone: what that does to the first layer counts as long as it is not faint."""
    net, own = mlp(), batch()
    bright = own.image.flatten(1).mean(1).sort().values
    bias = torch.full((24,), -float(bright[-2:].mean()), dtype=torch.float64)
    bias[0], out = 5.0, net.params["3.weight"].clone()
    out[:, 0] = 0
    net = plant(plant(net, "1.weight", torch.full_like(net.params["1.weight"], 1 / PIXELS)), "1.bias", bias)
    alone = found("dsnr", received(plant(net, "3.weight", out), own=own))
    assert alone.score == math.inf and alone.reason.startswith("1.weight")
    faint = found("dsnr", received(plant(net, "3.weight", out * 1e-5), own=own))
    assert faint.score < 1 and faint.reason.startswith("3.weight")


def test_transmit_snr_is_the_share_of_one_place():
    torch.manual_seed(3)
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(64, CLASSES)).double()
    kernels = module[0].weight.detach().abs().flatten(1).tolist()
    expected = max(max(k) / (sum(k) - max(k)) for k in kernels)
    told = found("transmit_snr", received(Net.of(module)))
    assert told.score / (1 - told.score) == pytest.approx(expected, rel=1e-9) and not told.flagged
    with torch.no_grad():
        module[0].weight[2] = 0
        module[0].weight[2, 0, 1, 1] = 500.0
    told = found("transmit_snr", received(Net.of(module)), most=0.5)
    assert told.flagged and told.score > 0.99
    assert not found("transmit_snr", received(mlp())).judged


def test_single_activation_counts_neurons_that_one_sample_fires():
    net, own = mlp(), batch()
    bias = torch.linspace(-1.0, 0.3, 24, dtype=torch.float64)
    net = plant(net, "1.bias", bias)
    active = (own.image.flatten(1) @ net.params["1.weight"].T + bias) > 0
    expected = float((active.sum(0) == 1).double().mean())
    told = found("single_activation", received(net, own=own))
    assert 0 < expected < 1 and told.score == pytest.approx(expected)
    imprint = plant(
        plant(net, "1.weight", torch.full_like(net.params["1.weight"], 1 / PIXELS)),
        "1.bias",
        torch.linspace(-0.6, -0.4, 24, dtype=torch.float64),
    )
    alone = found("single_activation", received(imprint, own=own), most=0.1)
    fires = (own.image.flatten(1).mean(1)[:, None] + imprint.params["1.bias"]) > 0
    assert alone.score == pytest.approx(float((fires.sum(0) == 1).double().mean())) and alone.flagged


def test_losses_and_their_shares():
    now, before, own = mlp(seed=3), mlp(seed=4), batch()
    now = plant(now, "3.weight", now.params["3.weight"] * 20)
    losses, last = (np.array([loss for loss, _ in by_hand(net, own)]) for net in (now, before))
    r = received(now, before, own)
    assert found("loss_share", r).score == pytest.approx(losses.max() / losses.sum(), rel=1e-9)
    assert found("loss_jump", r).score == pytest.approx(losses.max() / losses.sum() - last.max() / last.sum(), rel=1e-9)
    assert found("loss_ratio", r).score == pytest.approx(losses.mean() / last.mean(), rel=1e-9)
    for name in ("loss_share", "loss_jump", "loss_ratio"):
        score = found(name, r).score
        assert found(name, r, most=score * 0.99).flagged and not found(name, r, most=score * 1.01).flagged


def test_gradients_of_two_rounds():
    now, before, own = mlp(seed=3), mlp(seed=4), batch()

    def mean(net):
        singles = [gradients for _, gradients in by_hand(net, own)]
        return np.concatenate([np.mean([g[name].numpy() for g in singles], 0).ravel() for name in net.params])

    a, b = mean(now), mean(before)
    ratio, cosine = np.linalg.norm(a) / np.linalg.norm(b), a @ b / np.linalg.norm(a) / np.linalg.norm(b)
    r = received(now, before, own)
    assert found("gradient_ratio", r).score == pytest.approx(max(ratio, 1 / ratio), rel=1e-9)
    assert found("update_cosine", r).score == pytest.approx(1 - cosine, rel=1e-8)
    r = received(before, before, own)
    assert found("gradient_ratio", r).score == 1 and found("update_cosine", r).score == pytest.approx(0, abs=1e-12)
    assert found("gradient_ratio", received(plant(now, "3.weight", now.params["3.weight"] * 1e3), before, own)).flagged
    against = Net(before.module, {name: -p for name, p in before.params.items()})
    assert found("update_cosine", received(against, before, own), most=0.5).flagged


def test_update_cosine_is_taken_over_what_both_nets_have():
    before, own = mlp(), batch()
    module = nn.Sequential(nn.Flatten(), nn.Linear(PIXELS, 30), nn.ReLU(), nn.Linear(30, CLASSES)).double()
    now = Net.of(module)
    told = found("update_cosine", received(now, before, own))
    g, h = (np.mean([x["3.bias"].numpy() for _, x in by_hand(net, own)], 0) for net in (now, before))
    assert told.score == pytest.approx(1 - g @ h / np.linalg.norm(g) / np.linalg.norm(h), rel=1e-8)
    other = Net.of(nn.Sequential(nn.Flatten(), nn.Sequential(nn.Linear(PIXELS, CLASSES))).double())
    assert not found("update_cosine", received(other, before, own)).judged


def test_risk_jump_is_that_of_dense_jacobians():
    now, before, own = mlp(seed=3), mlp(seed=4), batch(3)
    sigma = 0.1

    def invre(net):
        def message(image):
            params = {k: p.clone().requires_grad_(True) for k, p in net.params.items()}
            loss = nn.functional.cross_entropy(torch.func.functional_call(net.module, params, (image,)), own.label)
            return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(params.values()), create_graph=True)])

        values = np.linalg.svd(torch.autograd.functional.jacobian(message, own.image).flatten(1).numpy(), compute_uv=False)
        noise = sigma * message(own.image).square().mean().sqrt().item()
        return np.mean(values**2 / 16 / (values**2 / 16 + noise**2))  # the white prior's standard deviation is 1/4

    told = found("risk_jump", received(now, before, own), sigma=sigma)
    assert told.score == pytest.approx(invre(now) - invre(before), abs=1e-7) and "3 sample(s)" in told.reason
    assert not found("risk_jump", received(now, now, own)).flagged
    assert found("risk_jump", received(now, before, own), most=told.score - 1e-3).flagged


# what other clients say, and how the net is built


def test_model_hash_compares_with_other_clients():
    net, other = mlp(), mlp(seed=9)
    told = hashlib.sha256()
    for name in sorted(net.params):
        p = net.params[name].numpy()
        told.update(f"{name} torch.float64 {p.shape} ".encode() + p.tobytes())
    assert net.digest == told.hexdigest() and Net(net.module, dict(reversed(net.params.items()))).digest == net.digest
    assert not found("model_hash", received(net, peers=(net.digest,) * 3)).flagged
    told = found("model_hash", received(net, peers=(net.digest, other.digest, other.digest)))
    assert told.flagged and told.score == pytest.approx(2 / 3)
    moved = plant(net, "3.bias", net.params["3.bias"] + 1e-15)
    assert found("model_hash", received(moved, peers=(net.digest,))).flagged


def test_new_layers():
    net = mlp()
    assert not found("new_layers", received(mlp(seed=5), net)).flagged
    front = Net.of(nn.Sequential(nn.Flatten(), nn.Linear(PIXELS, PIXELS), nn.ReLU(), nn.Linear(PIXELS, CLASSES)).double())
    told = found("new_layers", received(front, net))
    assert told.flagged and told.score == 3 and "1.weight" in told.reason  # two weights and a bias have other shapes
    fewer = Net(net.module, {k: p for k, p in net.params.items() if k != "3.bias"})
    assert found("new_layers", received(fewer, net)).flagged


# what is not there


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize(
    ("field", "said"), [("previous", "round before"), ("batch", "batch"), ("release", "message"), ("peers", "other client")]
)
def test_what_it_lacks_it_says_and_flags_nothing(name, field, said):
    net = mlp()
    whole = received(net, mlp(seed=1), peers=(net.digest,))
    lacking = dataclasses.replace(whole, **{field: () if field == "peers" else None})
    needs = field in DETECTORS[name].needs
    assert DETECTORS[name]().inspect(whole).judged or name == "transmit_snr"
    told = DETECTORS[name]().inspect(lacking)
    assert told.judged == (not needs) or name == "transmit_snr"
    if needs:
        assert not told.flagged and told.score == 0 and said in told.reason and told.reason.startswith("cannot judge")


@pytest.mark.parametrize("name", ["dsnr", "single_activation", "loss_share", "loss_jump"])
def test_a_batch_of_one_has_no_others(name):
    told = found(name, received(mlp(), mlp(seed=1), batch(1)))
    assert not told.judged and not told.flagged and "one sample" in told.reason
