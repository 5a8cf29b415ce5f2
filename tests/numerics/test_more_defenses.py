"""Defenses that prune, drop, round or replace, against independent references: dense Jacobians by plain reverse mode, NumPy, statistics."""

from __future__ import annotations

import functools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from invviz.core.component import parse_component
from invviz.core.errors import InvvizError, KnobError
from invviz.core.rng import stream
from invviz.core.tree import flatten, numel
from invviz.core.types import Batch, Net, Size, World
from invviz.defenses import (
    DEFENSES,
    Censor,
    Dropout,
    GradientDropping,
    OptimalPruning,
    Pruning,
    Quantisation,
    RandomPruning,
    SelectiveEncryption,
    Sign,
    Soteria,
    Stack,
    StochasticQuantisation,
)
from invviz.engine.attack import run
from invviz.engine.client import Site
from invviz.models import MODELS
from invviz.protocols import HFL
from invviz.risk.jacobian import Jacobian
from invviz.scenario import Scenario

torch.set_num_threads(1)
MODULE = MODELS["lenet"](width=3).build((1, 8, 8), 4, 7).double()
NET = Net.of(MODULE)
IMAGE = torch.rand(2, 1, 8, 8, dtype=torch.float64, generator=stream(0, "image"))
LABEL = torch.tensor([1, 3])
BATCH, ONE = Batch.of(IMAGE, LABEL), Batch.of(IMAGE[:1], LABEL[:1])
WORLD = World(NET, IMAGE[:0])
GRADIENT = HFL().release
HEAD = "7.weight"  # of the last linear layer, by the printed module
FEATURES = 12  # 3 channels of 2 x 2
ALL_PIXELS = 128


def sent(defense, batch=BATCH, rng=None, inner=GRADIENT, net=NET):
    return defense.wrap(inner, World(net, IMAGE[:0]))(net, batch, rng)


def fixed(values):
    """A release that sends the same whatever comes."""
    return lambda net, batch, rng: {"a": torch.as_tensor(values)}


def gradient_of(image, label, module=MODULE, create_graph=True):
    """The gradient of the mean loss by plain autograd, flat."""
    parameters = {k: p.clone().requires_grad_() for k, p in NET.params.items()}
    loss = torch.nn.functional.cross_entropy(torch.func.functional_call(module, parameters, (image,)), label)
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(parameters.values()), create_graph=create_graph)])


@functools.cache
def plain_jacobian(image=IMAGE, label=LABEL):
    image = image.clone().requires_grad_()
    return torch.stack([torch.autograd.grad(g, image, retain_graph=True)[0].flatten() for g in gradient_of(image, label)])


def dense(defense, batch=BATCH):
    return Jacobian.of(defense.wrap(GRADIENT, WORLD), NET, batch).dense()


def test_the_head_is_where_these_tests_think_it_is():
    assert [k for k in NET.params if NET.params[k].shape == (4, FEATURES)] == [HEAD]


# ---------------------------------------------------------------- sign


def test_signs_times_their_mean_magnitude():
    g = gradient_of(IMAGE, LABEL).detach().numpy()
    np.testing.assert_allclose(flatten(sent(Sign())).numpy(), np.sign(g) * np.abs(g).mean(), rtol=1e-12)
    half = flatten(sent(Sign(mixing=0.25))).numpy()
    np.testing.assert_allclose(half, 0.75 * g + 0.25 * np.sign(g) * np.abs(g).mean(), rtol=1e-12)


@pytest.mark.parametrize("mixing", [1.0, 0.4])
def test_the_jacobian_of_signs_is_that_of_their_size(mixing):
    J, s = plain_jacobian(), gradient_of(IMAGE, LABEL).detach().sign()
    expected = (1 - mixing) * J + mixing * torch.outer(s, s @ J) / len(s)
    found = dense(Sign(mixing=mixing))
    assert torch.allclose(found, expected, rtol=1e-9, atol=1e-12)
    assert int(torch.linalg.matrix_rank(found)) == (1 if mixing == 1 else ALL_PIXELS)


def test_signs_bound_their_entries_on_one_side():
    values = torch.tensor([0.3, -2.0, 0.0, 1e-9])
    low, high = Sign().interval(sent(Sign(), inner=fixed(values)))
    inf = float("inf")
    assert low["a"].tolist() == [0, -inf, 0, 0] and high["a"].tolist() == [inf, 0, 0, inf]
    assert Sign(mixing=0.5).interval({"a": values}) is None


def test_a_mixture_can_be_undone():
    """What the docstring warns of: the common size is the mixture's own mean magnitude."""
    seen, a = flatten(sent(Sign(mixing=0.9))), 0.9
    size = seen.abs().mean() / (1 - a + a * (seen != 0).double().mean())
    back = (seen - a * size * seen.sign()) / (1 - a)
    assert torch.allclose(back, gradient_of(IMAGE, LABEL).detach(), rtol=1e-10)


def test_every_sign_has_its_caveat():
    assert "higher than shown" in Sign().caveat() and "undone" in Sign(mixing=0.5).caveat() and Sign(mixing=0.0).caveat() == ""


# ---------------------------------------------------------------- intervals


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("bits", [2, 3, 8, 12])
def test_the_true_value_lies_in_the_interval(bits, dtype):
    values = torch.randn(20_000, generator=stream(1, "v"), dtype=dtype)
    defense = Quantisation(bits=bits)
    message = sent(defense, rng=stream(2, "noise"), inner=fixed(values))
    low, high = (end["a"] for end in defense.interval(message))
    assert bool(((low <= values) & (values <= high)).all())
    end = float(values.abs().max())
    q = end / (2 ** (bits - 1) - 1)
    inside = message["a"].abs() < 0.5 * message["a"].abs().max() if bits > 2 else message["a"] == 0
    width = (high - low)[inside].double()
    room = 16 * torch.finfo(dtype).eps * end
    assert float((width - q).abs().max()) < 1e-6 * q + room, "no wider than it has to be"
    assert float(torch.maximum(high, -low).max()) <= end * (1 + 1e-5), "nothing is larger than the largest"


def test_the_largest_entry_gives_the_step_away():
    values = torch.randn(5_000, generator=stream(1, "v"), dtype=torch.float64)
    for defense in (Quantisation(bits=5), StochasticQuantisation(bits=5)):
        message = sent(defense, rng=stream(2, "noise"), inner=fixed(values))
        assert defense.step(Size.of(message)) == pytest.approx(defense.step(Size.of({"a": values})), rel=1e-12)


@pytest.mark.parametrize("text", ["quantisation(bits=32)", "stochastic_quantisation", "gaussian_noise", "pruning"])
def test_no_even_rounding_no_interval(text):
    assert parse_component(text, DEFENSES, "defense").interval({"a": torch.ones(3)}) is None


def test_zeros_alone_leave_no_room():
    zeros = {"a": torch.zeros(4)}
    low, high = Quantisation().interval(zeros)
    assert torch.equal(low["a"], zeros["a"]) and torch.equal(high["a"], zeros["a"])


# ---------------------------------------------------------------- Soteria


def representation(image):
    """Features by hand: everything before the last layer, shape (b, features)."""
    return MODULE[:-1](image)


def feature_scores(image):
    """|r_i| / ||dr_i/dx|| over a batch by plain reverse mode, root mean squares over samples."""
    size, slope = np.zeros(FEATURES), np.zeros(FEATURES)
    for one in image:
        x = one[None].clone().requires_grad_()
        r = representation(x)[0]
        size += r.detach().numpy() ** 2
        slope += [float(torch.autograd.grad(entry, x, retain_graph=True)[0].square().sum()) for entry in r]
    return np.sqrt(size / slope)


@pytest.mark.parametrize("batch", [ONE, BATCH], ids=["one", "two"])
@pytest.mark.parametrize("fraction", [0.3, 0.75])
def test_soteria_zeros_the_columns_of_the_least_sensitive_features(batch, fraction):
    scores = feature_scores(batch.image)
    gone = np.argsort(-scores)[: int(fraction * FEATURES)]
    plain, pruned = GRADIENT(NET, batch, None), sent(Soteria(fraction=fraction, probes=64), batch)
    for name in plain:
        expected = plain[name].clone()
        if name == HEAD:
            expected[:, gone] = 0
        assert torch.equal(pruned[name], expected)
    assert bool((plain[HEAD] != 0).all())


def test_the_features_are_scored_exactly_with_as_many_probes_as_pixels():
    found = Soteria(probes=64).scores(NET, BATCH, "7").numpy()
    np.testing.assert_allclose(found, feature_scores(IMAGE), rtol=1e-10)


def test_fewer_probes_are_right_on_average():
    """Squared norms from 16 of 64 directions, averaged over many choices of directions; and a single choice is near."""
    from invviz.defenses import _features

    exact = feature_scores(IMAGE[:1]) ** -2  # ||dr||^2 / r^2
    draws = []
    for place in range(300):
        probes = np.linalg.qr(np.random.default_rng(place).standard_normal((64, 16)))[0].T * 2.0
        _features._directions.cache_clear()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_features, "_directions", lambda count, size, probes=probes: probes)
            draws.append(Soteria(probes=16).scores(NET, ONE, "7").numpy() ** -2)
    np.testing.assert_allclose(np.mean(draws, 0) / exact, 1.0, atol=0.08)
    own = Soteria(probes=16).scores(NET, ONE, "7").numpy() ** -2
    assert (own / exact).min() > 0.2 and (own / exact).max() < 3.0


def test_soteria_jacobian_loses_the_columns():
    defense = Soteria(fraction=0.5, probes=64)
    kept = flatten(sent(defense)) == flatten(GRADIENT(NET, BATCH, None))
    assert int((~kept).sum()) == 4 * 6
    assert torch.allclose(dense(defense), kept[:, None] * plain_jacobian(), rtol=1e-9, atol=1e-12)


def test_features_that_are_off_go_last():
    module = MODELS["mlp"](width=10).build((1, 8, 8), 4, 1).double()
    net = Net.of(module)
    off = (module[:-1](IMAGE) == 0).all(0)
    assert 1 <= int(off.sum()) <= 5
    plain, pruned = GRADIENT(net, BATCH, None), sent(Soteria(fraction=0.5), net=net)
    assert int((plain["3.weight"] != pruned["3.weight"]).any(0).sum()) == 5, "all five that are pruned were on"


@pytest.mark.parametrize("defense", [Soteria(), Dropout()], ids=lambda d: d.name)
def test_a_net_without_a_linear_layer_is_refused(defense):
    net = Net.of(torch.nn.Sequential(torch.nn.Conv2d(1, 4, 8), torch.nn.Flatten()).double())
    with pytest.raises(InvvizError, match="last fully connected layer"):
        defense.wrap(GRADIENT, World(net, IMAGE[:0]))


def test_soteria_without_that_layer_in_the_message_says_so():
    with pytest.raises(InvvizError, match=HEAD):
        sent(Soteria(), inner=fixed(torch.ones(3)))


# ---------------------------------------------------------------- optimal pruning


def test_optimal_pruning_drops_the_largest_ratio_of_sensitivity_to_size():
    g, J = gradient_of(IMAGE, LABEL).detach().numpy(), np.linalg.norm(plain_jacobian().numpy(), axis=1)
    assert 0.1 < (g == 0).mean() < 0.5, "taps of the kernel that never meet the picture"
    gone = np.argsort([-np.inf if one == 0 else -slope / abs(one) for one, slope in zip(g, J, strict=True)])[: int(0.8 * g.size)]
    expected = g.copy()
    expected[gone] = 0
    found = flatten(sent(OptimalPruning(fraction=0.8, probes=ALL_PIXELS))).numpy()
    assert np.array_equal(found == 0, expected == 0)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    lost = (np.square(J[gone]).sum() / np.square(J).sum(), np.square(g[gone]).sum() / np.square(g).sum())
    assert lost[0] > lost[1], "more leakage goes than gradient"


def test_optimal_pruning_jacobian_loses_those_rows():
    defense = OptimalPruning(fraction=0.6)
    kept = flatten(sent(defense)) != 0
    assert torch.allclose(dense(defense), kept[:, None] * plain_jacobian(), rtol=1e-9, atol=1e-12)


def test_ten_probes_find_the_ratios_roughly():
    g = gradient_of(IMAGE, LABEL).detach()
    exact = (plain_jacobian().norm(dim=1) / g.abs())[g != 0]
    found = OptimalPruning(probes=10).ratios(GRADIENT, NET, BATCH)[g != 0]
    error = (found / exact).square() - 1  # of J_i^2: relative variance at most 2 / 10
    assert abs(float(error.mean())) < 0.3
    assert float(error.square().mean()) ** 0.5 < 0.7
    order = np.corrcoef(np.argsort(np.argsort(found.numpy())), np.argsort(np.argsort(exact.numpy())))[0, 1]
    assert order > 0.95


def test_zero_entries_do_not_divide_by_zero():
    """One that is zero, moving or not, is pruned first."""

    def inner(net, batch, rng):
        x = batch.image.flatten()
        return {"a": torch.stack([x[0] - x[0].detach(), 0 * x[1], 1 + x[2], 5 + x[3]])}

    found = flatten(sent(OptimalPruning(fraction=0.75, probes=ALL_PIXELS), inner=inner))
    assert (found != 0).tolist() == [False, False, False, True]
    ratios = OptimalPruning(probes=ALL_PIXELS).ratios(inner, NET, BATCH).tolist()
    assert ratios[0] == ratios[1] == float("inf") and 1e6 > ratios[2] > ratios[3] > 0


def test_the_mask_does_not_depend_on_noise_from_before():
    noisy = DEFENSES["gaussian_noise"](sigma=2.0).wrap(GRADIENT, WORLD)
    masks = [flatten(sent(OptimalPruning(), inner=noisy, rng=rng)) != 0 for rng in (None, stream(0, "n"), stream(1, "n"))]
    assert torch.equal(masks[0], masks[1]) and torch.equal(masks[0], masks[2])


# ---------------------------------------------------------------- gradient dropping


def by_rounds(g, fraction, rounds):
    """Residual and top-k with NumPy, round after round."""
    kept, left = g.size - int(fraction * g.size), np.zeros_like(g)
    for _ in range(rounds):
        left = left + g
        top = np.argsort(-np.abs(left))[:kept]
        message = np.zeros_like(g)
        message[top] = left[top]
        left[top] = 0
    return message


@pytest.mark.parametrize("rounds", [1, 2, 7, 50])
def test_gradient_dropping_sends_what_was_saved_up(rounds):
    g = gradient_of(IMAGE, LABEL).detach().numpy()
    found = flatten(sent(GradientDropping(fraction=0.9, rounds=rounds))).numpy()
    np.testing.assert_allclose(found, by_rounds(g, 0.9, rounds), rtol=1e-9)
    multiples = found[found != 0] / g[found != 0]
    np.testing.assert_allclose(multiples, multiples.round(), rtol=1e-12)
    assert (multiples.max() > 1) == (rounds > 1)


def test_with_one_round_it_is_pruning():
    assert torch.equal(flatten(sent(GradientDropping(fraction=0.8))), flatten(sent(Pruning(fraction=0.8))))


def test_all_rounds_together_send_nearly_everything():
    """Error feedback: sums over rounds go to rounds times g."""
    g = torch.tensor([1.0, 0.6, 0.35, 0.2, 0.1], dtype=torch.float64)
    total = sum(flatten(sent(GradientDropping(fraction=0.8, rounds=t), inner=fixed(g))) for t in range(1, 51))
    assert float((total / 50 - g).abs().max()) < 0.06


def test_gradient_dropping_jacobian_has_the_multiples():
    defense = GradientDropping(fraction=0.7, rounds=5)
    factors = (flatten(sent(defense)) / gradient_of(IMAGE, LABEL).detach()).nan_to_num()
    assert torch.allclose(dense(defense), factors[:, None] * plain_jacobian(), rtol=1e-9, atol=1e-12)


def test_who_knows_of_gradient_dropping_takes_places_from_the_message():
    defense = GradientDropping(fraction=0.9, rounds=6)
    message = sent(defense)
    believed = defense.simulated(GRADIENT, WORLD, message)
    torch.testing.assert_close(flatten(believed(NET, BATCH, None)), flatten(message))
    other = Batch.of(torch.rand_like(IMAGE), LABEL)
    guess, bare = flatten(believed(NET, other, None)), flatten(GRADIENT(NET, other, None))
    came = flatten(message) != 0
    assert torch.equal(guess != 0, came)
    choices = bare[came, None].numpy() * np.arange(1, 7)
    nearest = choices[np.arange(len(choices)), np.abs(choices - flatten(message)[came, None].numpy()).argmin(1)]
    np.testing.assert_allclose(guess[came].numpy(), nearest, rtol=1e-12)
    assert len(set((guess[came] / bare[came]).round().tolist())) > 2
    assert not torch.equal(came, flatten(sent(defense, other)) != 0), "its own choice of entries would have been another"


# ---------------------------------------------------------------- dropout


def dropped_by_hand(image, label, mask):
    """Gradient of the loss of a net whose last layer gets masked features, by plain autograd."""
    parameters = {k: p.clone().requires_grad_() for k, p in NET.params.items()}
    r = torch.func.functional_call(
        torch.nn.Sequential(*MODULE[:-1]), {k: p for k, p in parameters.items() if not k.startswith("7")}, (image,)
    )
    logits = (r * mask) @ parameters[HEAD].T + parameters["7.bias"]
    loss = torch.nn.functional.cross_entropy(logits, label)
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(parameters.values()), create_graph=True)])


def test_dropout_is_the_gradient_of_the_thinned_net():
    message = sent(Dropout(probability=0.4), ONE, stream(3, "defense"))
    kept = (message[HEAD] != 0).any(0)
    assert 1 <= int((~kept).sum()) < FEATURES
    expected = dropped_by_hand(ONE.image, ONE.label, kept.double() / 0.6).detach()
    assert torch.allclose(flatten(message), expected, rtol=1e-10, atol=1e-14)
    assert torch.equal(flatten(sent(Dropout(), ONE)), flatten(GRADIENT(NET, ONE, None))), "noise-free: no dropout"


def test_each_sample_drops_its_own_features_with_the_stated_chance():
    """Read off single columns: in a message of two samples a column is zero only if both dropped it."""
    rng, draws, p = stream(5, "defense"), 300, 0.4
    one = torch.stack([(sent(Dropout(probability=p), ONE, rng)[HEAD] == 0).all(0) for _ in range(draws)]).double()
    two = torch.stack([(sent(Dropout(probability=p), BATCH, rng)[HEAD] == 0).all(0) for _ in range(draws)]).double()
    for share, expected in ((one, p), (two, p * p)):
        assert float(share.mean()) == pytest.approx(expected, abs=4 * (expected * (1 - expected) / (draws * FEATURES)) ** 0.5)
        assert float((share.mean(0) - expected).abs().max()) < 4.5 * (expected * (1 - expected) / draws) ** 0.5, "no feature is special"
    assert abs(float(torch.corrcoef(one[:, :2].T)[0, 1])) < 4 / draws**0.5


def test_the_thinned_features_are_right_on_average():
    from invviz.defenses._features import features, with_inputs_through

    rng, caught = stream(6, "defense"), []
    inner = lambda net, batch, _: {"a": features(net, "7")(batch).flatten()}  # noqa: E731

    def after(net, batch, _):
        seen = []
        with_inputs_through(net, "7", lambda r: seen.append(r) or r).outputs(net.params, batch)
        return {"a": seen[-1].flatten()}

    for _ in range(400):
        caught.append(flatten(sent(Dropout(probability=0.5), BATCH, rng, inner=after)))
    mean, true = torch.stack(caught).mean(0), flatten(inner(NET, BATCH, None))
    assert float((mean / true - 1).abs().max()) < 4 / 400**0.5


def test_an_attacker_reads_the_dropped_features_off_the_message():
    defense = Dropout(probability=0.4)
    message = sent(defense, ONE, stream(3, "defense"))
    believed = defense.simulated(GRADIENT, WORLD, message)
    torch.testing.assert_close(flatten(believed(NET, ONE, None)), flatten(message))
    kept = (message[HEAD] != 0).any(0)
    other = torch.rand_like(ONE.image)
    expected = dropped_by_hand(other, ONE.label, kept.double() / 0.6)
    assert torch.allclose(flatten(believed(NET, Batch.of(other, ONE.label), None)), expected.detach(), rtol=1e-9, atol=1e-13)
    image = ONE.image.clone().requires_grad_()
    rows = torch.stack(
        [torch.autograd.grad(g, image, retain_graph=True)[0].flatten() for g in dropped_by_hand(image, ONE.label, kept.double() / 0.6)]
    )
    assert torch.allclose(Jacobian.of(believed, NET, ONE).dense(), rows, rtol=1e-9, atol=1e-12), "under jvp, vjp and vmap"


def test_of_two_samples_only_what_both_dropped_is_known():
    defense = Dropout(probability=0.5)
    message = sent(defense, BATCH, stream(2, "defense"))
    both = (message[HEAD] == 0).all(0)
    assert 0 < int(both.sum()) < FEATURES
    believed = defense.simulated(GRADIENT, WORLD, message)(NET, BATCH, None)
    assert torch.allclose(flatten(believed), dropped_by_hand(IMAGE, LABEL, (~both).double() / 0.75).detach(), rtol=1e-9, atol=1e-13)


def test_where_noise_covers_the_draw_there_is_nothing_to_read():
    noisy = {k: leaf + 0.1 for k, leaf in sent(Dropout(), ONE, stream(3, "defense")).items()}
    believed = Dropout().simulated(GRADIENT, WORLD, noisy)
    assert torch.equal(flatten(believed(NET, ONE, None)), flatten(GRADIENT(NET, ONE, None)))


def test_threads_do_not_see_each_others_dropout():
    def work(seed):
        rng, release = stream(seed, "defense"), Dropout(probability=0.5).wrap(GRADIENT, WORLD)
        return torch.stack([flatten(release(NET, BATCH, rng)) for _ in range(30)])

    alone = [work(seed) for seed in (0, 1)]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(work, (0, 1)))
    assert all(torch.equal(*pair) for pair in zip(alone, together, strict=True))
    assert not torch.equal(*alone) and not MODULE[-1]._forward_pre_hooks


def test_dropout_stands_after_dp_sgd():
    inner = DEFENSES["dp_sgd"](noise_multiplier=1e-9, clip_norm=1e6).wrap(GRADIENT, WORLD)
    assert torch.isfinite(flatten(sent(Dropout(), BATCH, stream(0, "defense"), inner=inner))).all()


# ---------------------------------------------------------------- CENSOR


def censored(seed, **knobs):
    plain, found = GRADIENT(NET, BATCH, None), sent(Censor(**knobs), BATCH, stream(seed, "defense"))
    return plain, found


@pytest.mark.parametrize("share", [1.0, 0.6])
def test_censor_is_at_right_angles_and_as_long(share):
    plain, found = censored(1, share=share)
    for name in plain:
        g, o = plain[name].flatten(), found[name].flatten()
        assert float(o.norm()) == pytest.approx(float(g.norm()), rel=1e-12)
        cosine = float(g @ o / (g.norm() * o.norm()))
        assert cosine == pytest.approx((1 - share**2) ** 0.5, abs=1e-10)


def loss_after(message, step):
    params = {k: p - step * message[k] for k, p in NET.params.items()}
    return float(torch.nn.functional.cross_entropy(torch.func.functional_call(MODULE, params, (IMAGE,)), LABEL))


def test_censor_sends_the_candidate_of_the_lowest_loss():
    """With a large step candidates differ; all of them are drawn again from the same stream, one after the other."""
    chosen, step = set(), 0.3
    for seed in range(4):
        rng = stream(seed, "defense")
        alone = [sent(Censor(tries=1, step=step), BATCH, rng) for _ in range(6)]
        best = int(np.argmin([loss_after(one, step) for one in alone]))
        assert torch.equal(flatten(censored(seed, tries=6, step=step)[1]), flatten(alone[best]))
        chosen.add(best)
    assert len(chosen) > 1, "neither always the first nor always the last"


def test_censor_never_sends_the_gradient_even_where_every_candidate_raises_the_loss():
    """Near a minimum no sideways step helps: the published algorithm would fall back to the gradient itself."""
    seeds = range(20)
    for seed in seeds:
        plain, found = censored(seed, tries=3, step=3.0)
        if loss_after(found, 3.0) > loss_after({k: 0 * leaf for k, leaf in plain.items()}, 0.0):
            break
    else:
        pytest.fail("none of the draws raised the loss; the test shows nothing")
    assert abs(float(flatten(plain) @ flatten(found))) < 1e-10 * float(flatten(plain).norm() ** 2)


def test_censored_directions_are_spread_evenly():
    """Mean 0 and covariance s^2 ||g||^2 / (p - 1) (I - u u^T) over draws of one layer."""
    g = torch.tensor([0.3, -1.0, 0.5, 0.1, 2.0], dtype=torch.float64)
    rng = stream(4, "defense")
    draws = torch.stack([flatten(sent(Censor(tries=1), inner=fixed(g), rng=rng)) for _ in range(20_000)])
    unit, square = g / g.norm(), float(g @ g)
    assert float(draws.mean(0).abs().max()) < 4 * (square / 5 / 20_000) ** 0.5
    expected = square / 4 * (torch.eye(5, dtype=torch.float64) - torch.outer(unit, unit))
    assert torch.allclose(torch.cov(draws.T), expected, atol=0.03 * square / 4)
    stated = Censor(tries=1).noise(Size.of({"a": g})).variance
    assert float(draws.square().mean()) == pytest.approx(stated, rel=1e-9)


def test_censor_is_private_to_first_order():
    assert float(dense(Censor()).norm()) == 0
    J = dense(Censor(share=0.8))
    assert torch.allclose(J, 0.6 * plain_jacobian(), rtol=1e-9, atol=1e-12)
    assert Censor(share=0.8).noise(Size(1.0, 2, 1.0)).passes == pytest.approx(0.6)


def test_a_layer_of_one_number_or_of_zeros_has_no_other_direction():
    inner = lambda net, batch, rng: {"a": torch.tensor([2.0]), "b": torch.zeros(3), "c": torch.ones(2)}  # noqa: E731
    found = sent(Censor(), inner=inner, rng=stream(0, "defense"))
    assert found["a"].tolist() == [0] and found["b"].tolist() == [0, 0, 0]
    assert float(found["c"].norm()) == pytest.approx(2**0.5)


# ---------------------------------------------------------------- traffic


@pytest.mark.parametrize(
    ("defense", "entries", "bits"),
    [
        (Pruning(fraction=0.9), 100, 32 + 10),  # a bitmap of 1000 bits over 100 entries
        (Pruning(fraction=0.99), 10, 32 + 32),  # naming them is cheaper
        (Pruning(fraction=0.0), 1000, 32),
        (OptimalPruning(fraction=0.5), 500, 34),
        (GradientDropping(fraction=0.5, rounds=9), 500, 34),
        (RandomPruning(fraction=0.9), 100, 32),
        (Quantisation(bits=8), 1000, 8),
        (Quantisation(bits=32), 1000, 32),
        (StochasticQuantisation(bits=4), 1000, 4),
        (Sign(), 1000, 1),
        (Sign(mixing=0.9), 1000, 32),
        (SelectiveEncryption(fraction=0.1), 1000, 0.9 * 32 + 8 * 131.217 + 1),  # one ciphertext for a hundred values
        (SelectiveEncryption(fraction=0.1, which="random"), 1000, 0.9 * 32 + 8 * 131.217),
        (SelectiveEncryption(fraction=0.0), 1000, 32),
        (Soteria(), 1000, 32),
        (Dropout(), 1000, 32),
        (Censor(), 1000, 32),
    ],
    ids=lambda one: one.text() if hasattr(one, "text") else str(one),
)
def test_traffic(defense, entries, bits):
    sent_entries, value, place = defense.traffic(1000, 32)
    assert (sent_entries, value + place) == pytest.approx((entries, bits))


def test_an_update_with_encrypted_entries_holds_whole_ciphertexts():
    """The figures of a gradient of 62,006 numbers, encrypted by TenSEAL 0.3.18 (degree 8,192, primes 60 + 60): all of it is 16 ciphertexts, 2.10 MB, 8.5 times as much."""
    count = 62_006
    whole = Stack((SelectiveEncryption(fraction=0.9999, which="first"),)).bytes_of(count)
    assert whole == pytest.approx(2.10e6, rel=0.005) and whole / (4 * count) == pytest.approx(8.5, rel=0.01)
    one = 131_217
    for share, ciphers in ((0.0001, 1), (0.01, 1), (4096 / count + 1e-9, 1), (4098 / count, 2), (0.5, 8)):
        open_part = 4 * (count - int(share * count))
        assert Stack((SelectiveEncryption(fraction=share, which="first"),)).bytes_of(count) == pytest.approx(open_part + ciphers * one)
    small = Stack((SelectiveEncryption(fraction=0.01),)).bytes_of(10_000)
    assert small > one, "one percent of a small update was said to cost 43.8 kB, less than a ciphertext"


def test_kept_entries_are_those_that_traffic_counts():
    count = numel(NET.params)
    ones = fixed(1 + torch.rand(count, dtype=torch.float64, generator=stream(0, "ones")))
    for defense in (
        Pruning(fraction=0.8),
        OptimalPruning(fraction=0.8),
        GradientDropping(fraction=0.8, rounds=3),
        RandomPruning(fraction=0.8),
    ):
        assert int((flatten(sent(defense, inner=ones)) != 0).sum()) == pytest.approx(defense.traffic(count, 32)[0], abs=1)


# ---------------------------------------------------------------- attackers, and nonsense


@pytest.mark.parametrize("defense", ["soteria(fraction=0.4)", "optimal_pruning(fraction=0.5)"])
def test_who_skips_what_was_held_back_sees_the_picture(defense):
    text = f"data=digits&model=lenet&attack=dlg(steps=300,restarts=1)&defense={defense}"
    unaware, aware = (
        float(run(Scenario.parse(f"{text}&attacker={who}"), Site(None, None, "cpu")).scores["psnr"][0]) for who in ("unaware", "aware")
    )
    assert aware > 25 and aware > unaware + 10


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sign(mixing=1.1)", "0 to 1"),
        ("sign(mixing='half')", "a number"),
        ("soteria(fraction=1)", "0 to 0.9999"),
        ("soteria(probes=0)", "1 to 4,096"),
        ("soteria(probes=2.5)", "a whole number"),
        ("optimal_pruning(fraction=-0.1)", "0 to 0.9999"),
        ("optimal_pruning(probes=5000)", "1 to 4,096"),
        ("gradient_dropping(fraction=1.0)", "0 to 0.9999"),
        ("gradient_dropping(rounds=51)", "1 to 50 rounds"),
        ("gradient_dropping(rounds=0)", "1 to 50 rounds"),
        ("dropout(probability=1)", "0 to 0.999"),
        ("censor(share=2)", "0 to 1"),
        ("censor(tries=0)", "1 to 1,000"),
        ("censor(step=0)", "10⁻⁸ to 10"),
    ],
)
def test_nonsense_is_refused_with_the_range(text, words):
    with pytest.raises(KnobError, match=words):
        parse_component(text, DEFENSES, "defense")
