"""Defenses that change the picture or the net before the gradient is taken, against plain autograd, NumPy, SciPy, Pillow and dense matrices."""

from __future__ import annotations

import copy
import dataclasses
import math

import numpy as np
import pytest
import scipy.ndimage
import torch
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from invviz.core.component import parse_component
from invviz.core.errors import InvvizError, KnobError
from invviz.core.rng import stream
from invviz.core.tree import flatten, map_tree
from invviz.core.types import Batch, Net, World
from invviz.defenses import ATS, DEFENSES, DPSGD, LearnablePerturbation, Precode, _perturbation
from invviz.defenses._augment import COUNT, OPERATIONS, augment, words
from invviz.defenses._bottleneck import bottleneck, code_in, widen
from invviz.defenses._perturbation import Public, perturbed, trained
from invviz.defenses._policy_search import accuracy_score, privacy_score, search
from invviz.models import MODELS
from invviz.protocols import HFL
from invviz.risk.jacobian import Jacobian

torch.set_num_threads(1)
F = torch.nn.functional
GRADIENT = HFL().release
MODULE = MODELS["lenet"](width=2).build((1, 8, 8), 4, 7).double()
NET = Net.of(MODULE)
IMAGE = torch.rand(3, 1, 8, 8, dtype=torch.float64, generator=stream(0, "image"))
LABEL = torch.tensor([1, 0, 3])
BATCH = Batch.of(IMAGE, LABEL)
WORLD = World.without_public(NET, BATCH)


def released(defense, batch=BATCH, rng=None, inner=GRADIENT, net=NET):
    return defense.wrap(inner, WORLD)(net, batch, rng)


def dense(release, batch=BATCH):
    return Jacobian.of(release, NET, batch).dense()


# ---------------------------------------------------------------- what all of them promise

WITHOUT_DATA = [Precode(), ATS()]


@pytest.mark.parametrize("defense", WITHOUT_DATA, ids=lambda d: d.name)
def test_off_it_leaves_the_release_untouched_and_on_it_does_not(defense):
    kind = type(defense)
    weakest = kind().replace(**{kind.strength: kind.identity})
    plain, off, on = GRADIENT(NET, BATCH, None), released(weakest, rng=stream(0, "d")), released(defense)
    assert list(off) == list(plain)
    assert torch.equal(flatten(off), flatten(plain))
    assert not torch.allclose(torch.cat([on[k].flatten() for k in plain]), flatten(plain))


@pytest.mark.parametrize("defense", WITHOUT_DATA, ids=lambda d: d.name)
def test_the_seed_decides_and_no_other_generator_moves(defense):
    state = torch.random.get_rng_state()
    first, second, free = (flatten(released(defense, rng=rng)) for rng in (stream(1, "d"), stream(1, "d"), None))
    assert torch.equal(first, second)
    assert torch.equal(first, free) == (defense.name != "precode")
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("defense", WITHOUT_DATA, ids=lambda d: d.name)
def test_the_jacobian_is_that_of_central_differences_forward_and_backward(defense):
    jacobian = Jacobian.of(defense.wrap(GRADIENT, WORLD), NET, BATCH)
    x, v = jacobian.point, torch.randn(192, generator=stream(0, "v"), dtype=torch.float64)
    numeric = (jacobian.map(x + 1e-6 * v) - jacobian.map(x - 1e-6 * v)) / 2e-6
    assert torch.allclose(jacobian.matvec(v), numeric, atol=1e-7)
    u = torch.randn(len(numeric), generator=stream(0, "u"), dtype=torch.float64)
    assert float(u @ numeric) == pytest.approx(float(jacobian.rmatvec(u) @ v), rel=1e-5)
    both = torch.stack([v, x])
    assert torch.allclose(torch.func.vmap(jacobian.matvec)(both), torch.stack([jacobian.matvec(b) for b in both]), atol=1e-12)


# ---------------------------------------------------------------- PRECODE


def by_hand(image, label, values, eps, beta, units):
    """The loss of LeNet with a bottleneck, every layer written out; KL summed term by term."""
    x = image
    for name, stride in (("0", 2), ("2", 2), ("4", 1)):
        x = torch.sigmoid(F.conv2d(x, values[f"{name}.weight"], values[f"{name}.bias"], stride=stride, padding=2))
    x = x.reshape(len(image), -1)
    w, b = values["7.bottleneck.encode.weight"], values["7.bottleneck.encode.bias"]
    mu, std = x @ w[:units].T + b[:units], torch.log1p(torch.exp(x @ w[units:].T + b[units:]))
    z = mu + std * eps
    x = z @ values["7.bottleneck.decode.weight"].T + values["7.bottleneck.decode.bias"]
    scores = x @ values["7.weight"].T + values["7.bias"]
    entropy = (scores.exp().sum(1).log() - scores[torch.arange(len(label)), label]).mean()
    kl = torch.distributions.kl_divergence(torch.distributions.Normal(mu, std), torch.distributions.Normal(0.0, 1.0))
    return entropy + beta * kl.sum(1).mean() / math.log(2)


def values_of(defense):
    made = widen(NET, defense.latent, defense.bottleneck_seed, defense.scale, defense.beta, None)
    return {k: p.clone().requires_grad_() for k, p in made.params.items()}


@pytest.mark.parametrize("with_noise", [False, True])
@pytest.mark.parametrize("defense", [Precode(latent=5), Precode(latent=3, scale=2.5, beta=0.7, bottleneck_seed=4)], ids=lambda d: d.text())
def test_precode_is_the_gradient_of_the_loss_written_out(defense, with_noise):
    values, eps = values_of(defense), torch.zeros(3, defense.latent, dtype=torch.float64)
    if with_noise:
        eps = defense.scale * torch.randn(3, defense.latent, generator=stream(3, "d"), dtype=torch.float64)
    loss = by_hand(IMAGE, LABEL, values, eps, defense.beta, defense.latent)
    expected = dict(zip(values, torch.autograd.grad(loss, list(values.values())), strict=True))
    message = released(defense, rng=stream(3, "d") if with_noise else None)
    assert list(message) == list(expected)
    for name, leaf in message.items():
        assert torch.allclose(leaf, expected[name], rtol=1e-9, atol=1e-13), name
    assert float(message["7.bottleneck.encode.weight"].norm()) > 0


def test_precode_jacobian_by_plain_reverse_mode():
    defense = Precode(latent=4, beta=0.3)
    values, image = values_of(defense), IMAGE.clone().requires_grad_()
    loss = by_hand(image, LABEL, values, torch.zeros(3, 4, dtype=torch.float64), 0.3, 4)
    message = torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(values.values()), create_graph=True)])
    rows = torch.stack([torch.autograd.grad(entry, image, retain_graph=True)[0].flatten() for entry in message])
    assert torch.allclose(dense(defense.wrap(GRADIENT, WORLD)), rows, rtol=1e-8, atol=1e-12)


def test_the_net_that_was_given_stays_as_it_is_and_the_last_layer_stays_last():
    module = copy.deepcopy(MODULE)
    net, before = Net.of(module), [name for name, _ in module.named_modules()]
    message = released(Precode(), net=net)
    assert [name for name, _ in module.named_modules()] == before
    assert list(net.params) == [name for name, _ in module.named_parameters()]
    assert list(message)[-2:] == ["7.weight", "7.bias"], "attackers read the labels there"
    assert torch.equal(flatten(GRADIENT(net, BATCH, None)), flatten(GRADIENT(NET, BATCH, None)))
    moved = Net(net.module, map_tree(lambda p: p * 0.5, net.params))
    assert torch.equal(widen(moved, 64, 0, 1, 0, None).params["0.weight"], moved.params["0.weight"]), (
        "weights of the net at hand, not of the copy"
    )


def test_the_bottleneck_is_decided_by_its_seed_and_starts_in_the_usual_range():
    first, same, other = (bottleneck(400, 100, seed) for seed in (1, 1, 2))
    assert torch.equal(first.encode.weight, same.encode.weight)
    assert not torch.equal(first.encode.weight, other.encode.weight)
    for layer, inputs in ((first.encode, 400), (first.decode, 100)):
        bound = inputs**-0.5
        assert float(layer.weight.detach().abs().max()) == pytest.approx(bound, rel=1e-3)
        assert float(layer.weight.detach().var()) == pytest.approx(bound**2 / 3, rel=0.03)


def test_local_steps_are_those_of_plain_descent_with_fresh_noise_each():
    defense, protocol = Precode(latent=4), HFL(local_steps=3, lr=0.1)
    values, rng = values_of(defense), stream(9, "d")
    start = {k: v.detach().clone() for k, v in values.items()}
    optimiser = torch.optim.SGD(values.values(), lr=0.1)
    for _ in range(3):
        optimiser.zero_grad()
        eps = torch.randn(3, 4, generator=rng, dtype=torch.float64)
        by_hand(IMAGE, LABEL, values, eps, defense.beta, 4).backward()
        optimiser.step()
    message = released(defense, inner=protocol.release, rng=stream(9, "d"))
    for name in values:
        assert torch.allclose(message[name], start[name] - values[name].detach(), rtol=1e-8, atol=1e-12), name


def test_under_dp_sgd_every_sample_draws_its_own_noise():
    """One sample at a time by hand: the same stream of noise, the mean of the gradients."""
    defense, rng = Precode(latent=4), stream(2, "d")
    values, rows = values_of(defense), []
    for place in range(3):
        eps = torch.randn(1, 4, generator=rng, dtype=torch.float64)
        loss = by_hand(IMAGE[place : place + 1], LABEL[place : place + 1], values, eps, defense.beta, 4)
        rows.append(torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(values.values()))]))
    clipped = DPSGD(noise_multiplier=1e-18, clip_norm=1e6).wrap(GRADIENT, WORLD)
    assert torch.allclose(flatten(released(defense, inner=clipped, rng=stream(2, "d"))), torch.stack(rows).mean(0), atol=1e-9)


def test_an_aware_attacker_leaves_out_what_chance_has_changed():
    defense = Precode()
    names = list(released(defense))
    free, first, second = (released(defense, rng=rng) for rng in (None, stream(1, "d"), stream(2, "d")))
    left = [name for name in names if name not in defense.distrusts(names)]
    assert left == ["0.weight", "0.bias", "2.weight", "2.bias", "4.weight", "4.bias"]
    assert all(not torch.equal(first[n], second[n]) for n in defense.distrusts(names) - {"7.bias"})
    assert defense.distrusts(list(NET.params)) == frozenset(), "switched off there is nothing to distrust"
    assert set(free) == set(names)
    with pytest.raises(InvvizError, match="nothing left"):
        defense.distrusts([n for n in names if n in defense.distrusts(names)])


def test_one_sample_shows_its_draw_and_several_do_not():
    """At the true picture the attacker's release gives the very message, and its slope is that of the release with the draw held fixed to the picture's code."""
    defense, one = Precode(latent=5, scale=2.0), Batch.of(IMAGE[:1], LABEL[:1])
    message = released(defense, one, stream(8, "d"))
    believed = defense.simulated(GRADIENT, WORLD, message)
    assert all(torch.allclose(believed(NET, one, None)[n], message[n], rtol=1e-8, atol=1e-11) for n in message)
    assert not torch.allclose(flatten(released(defense, one)), flatten(message), rtol=0.1)
    values = values_of(defense)
    eps = 2.0 * torch.randn(1, 5, generator=stream(8, "d"), dtype=torch.float64)
    x = IMAGE[:1].clone().requires_grad_()

    def code(x, eps):
        for name, stride in (("0", 2), ("2", 2), ("4", 1)):
            x = torch.sigmoid(F.conv2d(x, values[f"{name}.weight"], values[f"{name}.bias"], stride=stride, padding=2))
        mu, s = (x.reshape(1, -1) @ values["7.bottleneck.encode.weight"].T + values["7.bottleneck.encode.bias"]).chunk(2, 1)
        return mu, F.softplus(s), mu + F.softplus(s) * eps

    assert torch.allclose(code_in(message), code(x, eps)[2][0], rtol=1e-9)
    other = (IMAGE[1:2] * 0.9).requires_grad_()
    mu, std, _ = code(other, eps)
    moved = (code_in(message) - mu) / std
    loss = by_hand(other, LABEL[:1], values, moved.detach(), defense.beta, 5)
    guess = dict(zip(values, torch.autograd.grad(loss, list(values.values())), strict=True))
    assert all(torch.allclose(believed(NET, Batch.of(other.detach(), LABEL[:1]), None)[n], guess[n], rtol=1e-8, atol=1e-11) for n in guess)
    several = released(defense, rng=stream(8, "d"))
    assert code_in(several) is None and code_in(GRADIENT(NET, one, None)) is None
    assert torch.equal(flatten(defense.simulated(GRADIENT, WORLD, several)(NET, BATCH, None)), flatten(released(defense)))
    jacobian = Jacobian.of(believed, NET, Batch.of(other.detach(), LABEL[:1]))
    v = torch.randn(64, generator=stream(1, "v"), dtype=torch.float64)
    numeric = (jacobian.map(jacobian.point + 1e-6 * v) - jacobian.map(jacobian.point - 1e-6 * v)) / 2e-6
    assert torch.allclose(jacobian.matvec(v), numeric, atol=1e-6)


@pytest.mark.parametrize("name", ["mlp", "convnet", "lenet", "resnet18", "alexnet", "vit"])
def test_every_model_takes_a_bottleneck(name):
    kind = MODELS[name]
    side = max(kind.min_side, 16)
    net = Net.of(kind().build((3, side, side), 5, 0))
    batch = Batch.of(torch.rand(2, 3, side, side, generator=stream(0, "x")), torch.tensor([0, 4]))
    message = Precode(latent=6).wrap(GRADIENT, World.without_public(net, batch))(net, batch, stream(0, "d"))
    assert set(net.params) < set(message)
    assert sum("bottleneck" in n for n in message) == 4
    assert list(message)[-1] == list(net.params)[-1]
    assert all(bool(torch.isfinite(leaf).all()) for leaf in message.values())
    assert len(Precode().distrusts(list(message))) < len(message)


def test_nets_that_have_no_place_for_it_are_refused():
    only = Net.of(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 4)).double())
    none = Net.of(torch.nn.Sequential(torch.nn.Conv2d(1, 4, 8), torch.nn.Flatten()).double())
    bare = Net.of(torch.nn.Linear(8, 4).double())
    for net, words_ in ((only, "no weights in front"), (bare, "no weights in front"), (none, "has none")):
        with pytest.raises(InvvizError, match=words_):
            released(Precode(), net=net)
    with pytest.raises(InvvizError, match="one bottleneck only"):
        released(Precode(), inner=Precode(latent=3).wrap(GRADIENT, WORLD))


# ---------------------------------------------------------------- operations

COLOUR = torch.rand(2, 3, 11, 14, generator=stream(0, "colour"), dtype=torch.float64)
TITLES = {o.title: o for o in OPERATIONS}


def affine(picture, matrix, offset):
    """SciPy's linear resampling about the centre, black outside."""
    centre = (np.array(picture.shape[-2:]) - 1) / 2
    shift = centre - np.asarray(matrix) @ centre + offset
    return scipy.ndimage.affine_transform(np.pad(picture, 30), matrix, shift + 30 - np.asarray(matrix) @ [30, 30], order=1)[30:-30, 30:-30]


@pytest.mark.parametrize("size", [-0.37, 0.11, 0.5])
@pytest.mark.parametrize("title", ["shift right", "shift down", "rotate", "shear across", "shear along"])
def test_geometry_is_scipys(title, size):
    a = math.radians(size * 90)
    matrix, offset, size_ = {
        "shift right": (np.eye(2), (0, -size * 14), size),
        "shift down": (np.eye(2), (-size * 11, 0), size),
        "rotate": (np.array([[math.cos(a), math.sin(a)], [-math.sin(a), math.cos(a)]]), (0, 0), size * 90),
        "shear across": (np.array([[1, 0], [size, 1]]), (0, 0), size),
        "shear along": (np.array([[1, size], [0, 1]]), (0, 0), size),
    }[title]
    ours = TITLES[title].apply(COLOUR, size_).numpy()
    for picture, other in zip(COLOUR.reshape(-1, 11, 14).numpy(), ours.reshape(-1, 11, 14), strict=True):
        assert np.abs(other - affine(picture, matrix, offset)).max() < 1e-9


def test_rotation_turns_as_pillow_does():
    """Counter-clockwise: the direction against Pillow, on a smooth picture."""
    y, x = np.mgrid[0:32, 0:32]
    smooth = np.exp(-((y - 8) ** 2 + (x - 20) ** 2) / 30)
    theirs = np.asarray(Image.fromarray(np.float32(smooth)).rotate(30, Image.Resampling.BILINEAR))
    ours = TITLES["rotate"].apply(torch.as_tensor(smooth)[None, None], 30.0)[0, 0].numpy()
    assert np.abs(ours - theirs).max() < 0.05
    assert np.abs(ours - np.rot90(smooth, 1)).max() > 0.3
    assert np.allclose(TITLES["rotate"].apply(torch.as_tensor(smooth)[None, None], 90.0)[0, 0], np.rot90(smooth, 1), atol=1e-9)


@pytest.mark.parametrize(
    ("title", "size", "theirs"),
    [
        ("brighten", 0.4, lambda p: ImageEnhance.Brightness(p).enhance(1.4)),
        ("contrast", 0.9, lambda p: ImageEnhance.Contrast(p).enhance(1.9)),
        ("contrast", -0.4, lambda p: ImageEnhance.Contrast(p).enhance(0.6)),
        ("saturation", 0.9, lambda p: ImageEnhance.Color(p).enhance(1.9)),
        ("saturation", -0.5, lambda p: ImageEnhance.Color(p).enhance(0.5)),
        ("sharpness", 0.9, lambda p: ImageEnhance.Sharpness(p).enhance(1.9)),
        ("sharpness", -1.0, lambda p: p.filter(ImageFilter.SMOOTH)),
        ("solarise", 1.0, ImageOps.invert),
        ("solarise", 0.5, lambda p: ImageOps.solarize(p, 128)),
    ],
)
def test_colours_are_pillows_up_to_its_rounding(title, size, theirs):
    levels = (COLOUR[0] * 255).round()
    picture = Image.fromarray(levels.numpy().transpose(1, 2, 0).astype(np.uint8))
    ours = TITLES[title].apply(levels[None] / 255, size)[0] * 255
    assert np.abs(ours.numpy().transpose(1, 2, 0) - np.asarray(theirs(picture))).max() <= 2.5


def test_hue_turns_about_the_grey_axis():
    turn = TITLES["hue"].apply
    small = 0.4 + 0.2 * COLOUR  # nothing is clipped
    assert torch.allclose(turn(small, 120.0), small[:, [2, 0, 1]]), "a third of a turn swaps the channels round"
    assert torch.allclose(turn(turn(small, 35.0), -35.0), small)
    assert torch.allclose(turn(small, 50.0).mean(1), small.mean(1))
    grey_ = small.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    assert torch.allclose(turn(grey_, 77.0), grey_)


def test_cut_out_greys_the_middle():
    out = TITLES["cut out"].apply(COLOUR, 0.5)
    rows, columns = torch.nonzero(out[0, 0] == 0.5).amin(0).tolist(), torch.nonzero(out[0, 0] == 0.5).amax(0).tolist()
    assert (rows, columns) == ([2, 4], [7, 9])
    assert int((out != COLOUR).sum()) == 2 * 3 * 36


@pytest.mark.parametrize("number", range(1, COUNT + 1))
@pytest.mark.parametrize("pictures", [COLOUR, COLOUR[:, :1]], ids=["colour", "grey"])
def test_every_operation_stays_in_range_and_is_nothing_at_size_zero(number, pictures):
    out = augment(pictures, (number,), 1.0)
    assert out.shape == pictures.shape
    assert float(out.min()) >= -1e-12 and float(out.max()) <= 1 + 1e-12
    assert torch.allclose(augment(pictures, (number,), 0.0), pictures, atol=1e-12)
    idle = pictures.shape[1] == 1 and any(w in words(number) for w in ("saturation", "hue"))
    assert torch.allclose(out, pictures, atol=1e-12) == idle
    assert torch.allclose(augment(pictures[1:], (number,), 1.0), out[1:], atol=1e-12), "one picture does not change another"


@pytest.mark.parametrize("number", range(1, COUNT + 1))
def test_every_operation_moves_smoothly_with_the_picture(number):
    """Its own Jacobian by torch.func, dense, against central differences; most of the picture still shows."""
    x = COLOUR[:1, :, :6, :7].flatten()
    change = lambda v: augment(v.view(1, 3, 6, 7), (number,), 1.0).flatten()  # noqa: E731
    numeric = torch.stack([(change(x + 1e-7 * u) - change(x - 1e-7 * u)) / 2e-7 for u in torch.eye(126, dtype=torch.float64)], 1)
    forward = torch.func.vmap(lambda v: torch.func.jvp(change, (x,), (v,))[1], out_dims=1)(torch.eye(126, dtype=torch.float64))
    assert torch.allclose(forward, numeric, atol=1e-6)
    assert torch.allclose(torch.func.jacrev(change)(x), numeric, atol=1e-6)
    assert torch.linalg.matrix_rank(numeric) > 40


# ---------------------------------------------------------------- ATS


def test_ats_jacobian_is_the_jacobian_at_the_changed_picture_times_the_operations():
    defense = ATS(first=5, second=23, third=14, size=0.8)
    changed = augment(IMAGE, defense.policy, 0.8)
    T = torch.autograd.functional.jacobian(lambda x: augment(x, defense.policy, 0.8), IMAGE).reshape(192, 192)
    J = dense(GRADIENT, Batch.of(changed, LABEL))
    assert torch.allclose(flatten(released(defense)), flatten(GRADIENT(NET, Batch.of(changed, LABEL), None)), atol=1e-14)
    assert torch.allclose(dense(defense.wrap(GRADIENT, WORLD)), J @ T, rtol=1e-9, atol=1e-12)


def test_ats_applies_the_operations_in_their_order_and_leaves_the_labels():
    seen = []
    ATS(first=0, second=1, third=18).wrap(lambda net, batch, rng: seen.append(batch) or {}, WORLD)(NET, BATCH, None)
    expected = TITLES["hue"].apply(TITLES["shift right"].apply(IMAGE, 0.15), 180.0)
    assert torch.allclose(seen[0].image, expected)
    assert torch.equal(seen[0].label, LABEL)
    a, b = (augment(COLOUR, p, 1.0) for p in ((5, 1, 0), (1, 5, 0)))
    assert not torch.allclose(a, b)
    assert ATS(first=0, second=0, third=0).wrap(GRADIENT, WORLD) is GRADIENT


def test_words_of_the_numbers():
    assert (words(1), words(2), words(COUNT)) == ("shift right 0.15", "shift right 0.3", "cut out 0.5")


def test_the_privacy_score_is_the_area_under_the_cosines():
    """One picture at a time by plain autograd, trapezoids by NumPy."""
    rng = stream(4, "line")
    noise, areas = torch.rand(IMAGE.shape, generator=rng, dtype=torch.float64), []

    def gradients(x, y):
        values = [p.clone().requires_grad_() for p in NET.params.values()]
        loss = F.cross_entropy(torch.func.functional_call(MODULE, dict(zip(NET.params, values, strict=True)), (x[None],)), y[None])
        return [g.flatten().numpy() for g in torch.autograd.grad(loss, values)]

    for x, n, y in zip(IMAGE, noise, LABEL, strict=True):
        true, line = gradients(x, y), []
        for share in np.linspace(0, 1, 21):
            here = gradients(share * x + (1 - share) * n, y)
            line.append(np.mean([a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in zip(here, true, strict=True)]))
        areas.append(np.trapezoid(line, np.linspace(0, 1, 21)))
    assert privacy_score(NET, IMAGE, LABEL, stream(4, "line")) == pytest.approx(np.mean(areas), rel=1e-9)


def test_the_accuracy_score_is_that_of_numpy_and_falls_where_pictures_look_alike():
    x = IMAGE.clone().requires_grad_()
    rows = torch.autograd.grad(torch.func.functional_call(MODULE, dict(NET.params), (x,)).sum(), x)[0].reshape(3, -1).numpy()
    v = np.linalg.eigvals(np.corrcoef(rows)).real + 1e-5
    assert accuracy_score(NET, IMAGE) == pytest.approx(-(np.log(v) + 1 / v).sum(), rel=1e-6)
    assert accuracy_score(NET, IMAGE[:1].expand(3, -1, -1, -1) + 1e-3 * IMAGE) < accuracy_score(NET, IMAGE)


def test_the_search_keeps_the_more_accurate_half_and_puts_the_most_private_first():
    found = search(NET, NET, IMAGE, LABEL, tries=8, keep=1.0)
    half = search(NET, NET, IMAGE, LABEL, tries=8, keep=0.5)
    assert len(found) == 8 and len(half) == 4
    assert [s.privacy for s in found] == sorted(s.privacy for s in found)
    assert {s.policy for s in half} == {s.policy for s in sorted(found, key=lambda s: -s.accuracy)[:4]}
    again = augment(IMAGE, found[0].policy, 1.0)
    assert found[0].privacy == pytest.approx(privacy_score(NET, again, LABEL, stream(0, "line")))
    assert all(1 <= n <= COUNT for s in found for n in s.policy)
    assert all(len({(n - 1) // 2 for n in s.policy}) == 3 for s in found), "three different operations"


# ---------------------------------------------------------------- learnable perturbation


@dataclasses.dataclass(frozen=True, eq=False)
class Labelled(World):
    """A world with labels of its public pictures."""

    labels: torch.Tensor | None = None


def stripes(count, seed):
    """Soft stripes of four directions, one a class: pictures that a small net learns in a moment."""
    rng = stream(seed, "stripes")
    label = torch.randint(0, 4, (count,), generator=rng)
    y, x = torch.meshgrid(torch.linspace(-1, 1, 8), torch.linspace(-1, 1, 8), indexing="ij")
    angle, phase = label * math.pi / 4, 6 * torch.rand(count, generator=rng)
    wave = 4 * (angle.cos()[:, None, None] * x + angle.sin()[:, None, None] * y) + phase[:, None, None]
    return (0.5 + 0.4 * wave.sin())[:, None], label


@pytest.fixture(scope="module")
def public():
    return Labelled(NET, *stripes(300, 0))


LEARNT = LearnablePerturbation(latent=6, rho=0.7, weight=1000.0)


def in_numpy(parts, picture, rho):
    """One grey picture through the three nets, with SciPy's correlation and plain indexing."""
    state = {k: v.double().numpy() for k, v in parts.state_dict().items()}

    def layer(name, x):
        w, b = state[f"{name}.weight"], state[f"{name}.bias"]
        return np.stack(
            [
                sum(scipy.ndimage.correlate(c, k, mode="constant") for c, k in zip(x, row, strict=True)) + s
                for row, s in zip(w, b, strict=True)
            ]
        )

    def net(name, x):
        hidden = layer(f"{name}.0", x)
        return layer(f"{name}.2", hidden / (1 + np.exp(-hidden)))

    cells = np.stack([picture[i::4, j::4] - 0.5 for i in range(4) for j in range(4)])
    z = net("encode", cells)
    raw = net("perturb", z)
    out = net("decode", z + rho * np.linalg.norm(z) * raw / np.linalg.norm(raw))
    whole = np.empty_like(picture)
    for k in range(16):
        whole[k // 4 :: 4, k % 4 :: 4] = 1 / (1 + np.exp(-out[k]))
    return whole


@pytest.mark.parametrize("rho", [1e-6, 0.7])
def test_the_perturbed_picture_is_that_of_numpy(public, rho):
    parts = LEARNT.parts(public)
    ours = perturbed(copy.deepcopy(parts).double(), IMAGE, rho)
    for picture, other in zip(IMAGE[:, 0].numpy(), ours[:, 0].numpy(), strict=True):
        assert np.abs(in_numpy(parts, picture, rho) - other).max() < 1e-9


def test_its_release_and_jacobian_are_those_of_the_perturbed_pictures(public):
    parts = copy.deepcopy(LEARNT.parts(public)).double()
    change = lambda x: perturbed(parts, x, 0.7)  # noqa: E731
    T = torch.autograd.functional.jacobian(change, IMAGE).reshape(192, 192)
    there = Batch.of(change(IMAGE), LABEL)
    release = LEARNT.wrap(GRADIENT, public)
    assert torch.allclose(flatten(release(NET, BATCH, None)), flatten(GRADIENT(NET, there, None)), atol=1e-13)
    assert torch.allclose(dense(release), dense(GRADIENT, there) @ T, rtol=1e-8, atol=1e-12)
    assert not torch.allclose(flatten(release(NET, BATCH, None)), flatten(GRADIENT(NET, BATCH, None)), rtol=0.1)


def test_the_attacker_trains_the_same_parts_and_nothing_else_moves(public):
    twin = Labelled(NET, public.public.clone(), public.labels.clone())
    assert LEARNT.parts(twin) is LEARNT.parts(public), "one training for the same public pictures"
    assert LEARNT.replace(rho=0.1).parts(public) is LEARNT.parts(public), "the slider needs no training"
    ours, theirs = LEARNT.wrap(GRADIENT, public), LEARNT.simulated(GRADIENT, twin, {})
    assert torch.equal(flatten(ours(NET, BATCH, stream(0, "d"))), flatten(theirs(NET, BATCH, None)))


def test_training_is_decided_by_its_seed_and_moves_no_other_generator(public, monkeypatch):
    monkeypatch.setattr(_perturbation, "AUTOENCODER_STEPS", 5)
    monkeypatch.setattr(_perturbation, "MINIMAX_STEPS", 5)
    state, threads = torch.random.get_rng_state(), torch.get_num_threads()
    data = Public.of(public.public, public.labels)
    first, same, other = (trained.__wrapped__(data, 6, 0.05, 100.0, seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), state) and torch.get_num_threads() == threads
    for name in first:
        assert torch.equal(first[name], same[name])
        assert not torch.equal(first[name], other[name])


def test_training_learns_to_copy_and_to_hurt_an_attacker(public):
    """The autoencoder alone follows the pictures; a fresh attacker undoes less of it where its error had a price."""
    x, _ = stripes(200, 1)

    def undone(weight):
        parts = LEARNT.replace(weight=weight).parts(public)
        with torch.no_grad():
            seen, fresh = perturbed(parts, public.public, 1.0).flatten(1), perturbed(parts, x, 1.0).flatten(1)
        seen, fresh = (torch.cat([s, torch.ones(len(s), 1)], 1) for s in (seen, fresh))
        best = torch.linalg.solve(seen.T @ seen + 0.1 * torch.eye(65), seen.T @ public.public.flatten(1))  # ridge regression
        return float((fresh @ best - x.flatten(1)).square().mean())

    assert float((perturbed(LEARNT.parts(public), x, 0.0) - x).square().mean()) < 0.1 * float(x.var())
    assert undone(LEARNT.weight) > 1.2 * undone(0.0)


def test_off_it_is_nothing_and_without_public_pictures_it_says_so(public):
    assert LEARNT.replace(rho=0).wrap(GRADIENT, WORLD) is GRADIENT
    for world in (WORLD, World(NET, public.public), Labelled(NET, public.public, public.labels[:-1])):
        with pytest.raises(InvvizError, match="public pictures with labels"):
            LEARNT.wrap(GRADIENT, world)
    with pytest.raises(InvvizError, match="multiples of 4"):
        LEARNT.wrap(GRADIENT, Labelled(NET, torch.zeros(5, 1, 8, 9), torch.zeros(5, dtype=torch.long)))


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("text", "words_"),
    [
        ("precode(scale=-1)", "0 to 100"),
        ("precode(latent=0)", "1 to 4,096 units"),
        ("precode(latent=2.5)", "a whole number"),
        ("precode(beta=-1)", "0 to 100"),
        ("precode(bottleneck_seed=-1)", "0 to 1,000,000"),
        ("ats(size=1.5)", "0 to 1"),
        ("ats(first=25)", "0 to 24"),
        ("ats(second=-1)", "0 to 24"),
        ("ats(third='3-1-7')", "a whole number"),
        ("learnable_perturbation(rho=-1)", "0 to 2"),
        ("learnable_perturbation(latent=0)", "1 to 64 channels"),
        ("learnable_perturbation(error=2)", "0 to 1"),
        ("learnable_perturbation(weight=-1)", "0 to 1,000,000"),
        ("ats(policy='3-1-7')", "unknown knob"),
    ],
)
def test_nonsense_is_refused_with_the_range(text, words_):
    with pytest.raises(InvvizError, match=words_) as caught:
        parse_component(text, DEFENSES, "defense")
    assert isinstance(caught.value, KnobError) or "unknown" in words_
