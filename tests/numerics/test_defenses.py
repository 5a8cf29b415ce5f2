"""Defenses against independent references: dense Jacobians, per-sample gradients by plain autograd, quadrature, statistics, Opacus itself."""

from __future__ import annotations

import functools
import math

import mpmath
import numpy as np
import pytest
import torch

from invviz.core.component import parse_component
from invviz.core.errors import InvvizError, KnobError, MissingExtra
from invviz.core.rng import stream
from invviz.core.tree import flatten
from invviz.core.types import Batch, Net, Size, World
from invviz.defenses import DEFENSES, DPSGD, LocalDP, RandomPruning, SelectiveEncryption, StochasticQuantisation
from invviz.defenses._accountant import gaussian_epsilon, gaussian_multiplier
from invviz.models import MODELS
from invviz.protocols import HFL
from invviz.risk.jacobian import Jacobian

torch.set_num_threads(1)
MODULE = MODELS["lenet"](width=2).build((1, 8, 8), 4, 7).double()
NET = Net.of(MODULE)
IMAGE = torch.rand(3, 1, 8, 8, dtype=torch.float64, generator=stream(0, "image"))
LABEL = torch.tensor([1, 0, 3])
BATCH = Batch.of(IMAGE, LABEL)
WORLD = World(NET, IMAGE[:0])


GRADIENT = HFL().release


def defended(defense, batch=BATCH, rng=None, inner=GRADIENT):
    return flatten(defense.wrap(inner, WORLD)(NET, batch, rng))


def gradient_of(image, label):
    """The gradient of the mean loss by plain autograd, flat, with its graph."""
    parameters = {k: p.clone().requires_grad_() for k, p in NET.params.items()}
    loss = torch.nn.functional.cross_entropy(torch.func.functional_call(MODULE, parameters, (image,)), label)
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(parameters.values()), create_graph=True)])


@functools.cache
def plain_jacobian(fn=gradient_of):
    """J, one row at a time, by plain reverse mode, shape (p, n)."""
    image = IMAGE.clone().requires_grad_()
    rows = [torch.autograd.grad(entry, image, retain_graph=True)[0].flatten() for entry in fn(image, LABEL)]
    return torch.stack(rows)


def defended_jacobian(defense):
    return Jacobian.of(defense.wrap(GRADIENT, WORLD), NET, BATCH).dense()


# ---------------------------------------------------------------- masks


def mask_of(defense):
    """The rows that stay, found with NumPy from the definition; random ones are read off a message of ones."""
    g = gradient_of(IMAGE, LABEL).detach().numpy()
    hidden, kept = int(defense.fraction * g.size), np.ones(g.size, dtype=bool)
    which = getattr(defense, "which", "random")
    if which == "largest":
        kept[np.argsort(-np.abs(g))[:hidden]] = False
    elif which == "first":
        kept[:hidden] = False
    else:
        ones = {k: torch.ones_like(p) for k, p in NET.params.items()}
        kept = defended(defense, inner=lambda net, batch, rng: ones).bool().numpy()
        assert (~kept).sum() == hidden
    return torch.as_tensor(kept)


MASKS = [SelectiveEncryption(fraction=f, which=w) for w in ("largest", "random", "first") for f in (0.1, 0.9)] + [
    RandomPruning(fraction=0.7, mask_seed=3)
]


@pytest.mark.parametrize("defense", MASKS, ids=lambda d: d.text())
def test_masks_remove_rows_of_the_jacobian(defense):
    kept = mask_of(defense)
    assert torch.allclose(defended(defense), gradient_of(IMAGE, LABEL).detach() * kept, atol=1e-14)
    assert torch.allclose(defended_jacobian(defense), kept[:, None] * plain_jacobian(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", [SelectiveEncryption, RandomPruning])
def test_a_random_mask_is_fixed_by_its_seed_and_grows_with_the_share(kind):
    which = {"which": "random"} if kind is SelectiveEncryption else {}
    message = {"a": torch.ones(60_000), "b": torch.ones(200, 200)}
    inner = lambda net, batch, rng: message  # noqa: E731
    masks = {
        (f, seed): defended(kind(fraction=f, mask_seed=seed, **which), inner=inner, rng=stream(seed, "x")) == 0
        for f in (0.3, 0.6)
        for seed in (0, 1)
    }
    little, much, other = masks[0.3, 0], masks[0.6, 0], masks[0.3, 1]
    assert int(little.sum()) == 30_000
    assert bool((much | ~little).all()), "what is dropped at 30 % is dropped at 60 %"
    assert float(little[:60_000].float().mean()) == pytest.approx(0.3, abs=4 * (0.21 / 60_000) ** 0.5)
    assert float((little & other).float().mean()) == pytest.approx(0.09, abs=0.004), "another seed, an independent mask"


def test_hiding_the_largest_counts_ties_exactly():
    ones = {"a": torch.ones(1000, dtype=torch.float64)}
    sent = defended(SelectiveEncryption(fraction=0.25), inner=lambda net, batch, rng: ones)
    assert int((sent == 0).sum()) == 250


# ---------------------------------------------------------------- stochastic quantisation


@pytest.mark.parametrize(("bits", "scale"), [(2, "largest"), (4, "largest"), (6, "norm")])
def test_stochastic_rounding_is_unbiased_with_the_binomial_variance(bits, scale):
    """Of a message that holds the same numbers 20 times over, each rounded by itself."""
    values = torch.cat([torch.randn(39, generator=stream(1, "v"), dtype=torch.float64), torch.zeros(1, dtype=torch.float64)])
    message = {"a": values.repeat(20, 1)}
    end = float(values.abs().max() if scale == "largest" else message["a"].norm())
    q = end / (2 ** (bits - 1) - 1)
    rng, draws = stream(2, "noise"), 20_000
    defense = StochasticQuantisation(bits=bits, scale=scale)
    sent = torch.cat([defended(defense, inner=lambda net, batch, rng: message, rng=rng) for _ in range(draws // 20)]).view(draws, 40)
    levels = sent / q
    assert torch.allclose(levels, levels.round(), atol=1e-9)
    assert float((sent - values).abs().max()) < q * (1 + 1e-9), "only the two neighbours"
    f = np.mod(values.numpy() / q, 1.0)
    exact = f * (1 - f) * q**2
    assert np.abs(sent.mean(0).numpy() - values.numpy()).max() < 4.5 * q / 2 / draws**0.5
    assert np.allclose(sent.var(0).numpy(), exact, atol=0.03 * q**2 / 4)
    assert bool((sent[:, -1] == 0).all()), "zero stays zero"


@pytest.mark.parametrize("bits", [2, 3, 5, 8, 12])
@pytest.mark.parametrize("scale", ["largest", "norm"])
def test_stated_rounding_variance_is_right_or_a_bound(bits, scale):
    """Evenly spread entries: equal to the mean of f (1 - f) q^2. Entries far below a step: never less than it."""
    values = torch.randn(200_000, generator=stream(3, "v"), dtype=torch.float64).numpy()
    size = Size(float(np.linalg.norm(values)), values.size, float(np.abs(values).max()))
    defense = StochasticQuantisation(bits=bits, scale=scale)
    q = defense.step(size)
    f = np.mod(values / q, 1.0)
    true, stated = float((f * (1 - f)).mean() * q**2), defense.noise(size).variance
    if q < size.rms:
        assert stated == pytest.approx(true, rel=0.02)
    elif size.rms < 0.2 * q:
        assert true <= stated <= 1.6 * true
    assert stated <= q**2 / 4


def test_a_message_of_zeros_stays_zero():
    sent = defended(StochasticQuantisation(), inner=lambda net, batch, rng: {"a": torch.zeros(5)}, rng=stream(0, "noise"))
    assert torch.equal(sent, torch.zeros(5))


# ---------------------------------------------------------------- local differential privacy


def spent_delta(epsilon, u):
    """Least delta of normal noise at sigma = u, sensitivity 1, straight from the definition: the integral of max(0, p - e^epsilon q), 40 digits."""
    with mpmath.workdps(40):
        e, s = mpmath.mpf(epsilon), mpmath.mpf(u)
        density = lambda x, mean: mpmath.npdf(x, mean, s)  # noqa: E731
        start = mpmath.mpf(0.5) + e * s**2  # beyond it p (mean 1) exceeds e^epsilon q (mean 0)
        ends = [start + k * s for k in (0, 1, 2, 4, 8, 16, 40)]
        return mpmath.quad(lambda x: density(x, 1) - mpmath.exp(e) * density(x, 0), ends)


CORNERS = [(epsilon, delta) for epsilon in (1e-3, 5e4) for delta in (1e-2, 1e-10)]


@pytest.mark.parametrize(("epsilon", "delta"), [*((epsilon, 1e-5) for epsilon in (1e-3, 0.1, 1.0, 8.0, 100.0, 5e4)), *CORNERS])
def test_the_noise_is_just_enough(epsilon, delta):
    u = gaussian_multiplier(epsilon, delta)
    spent = spent_delta(epsilon, u)
    assert float(spent) == pytest.approx(delta, rel=2e-4) and spent <= delta * (1 + 1e-6)
    assert spent_delta(epsilon, 0.99 * u) > delta


def test_less_noise_than_the_classical_bound():
    for epsilon in (0.1, 0.5, 1.0):
        assert gaussian_multiplier(epsilon, 1e-5) < math.sqrt(2 * math.log(1.25e5)) / epsilon


def test_local_dp_noise_belongs_to_twice_the_clip_norm():
    message = {"a": torch.full((100_000,), 0.5, dtype=torch.float64)}  # norm 158
    inner = lambda net, batch, rng: message  # noqa: E731
    defense = LocalDP(epsilon=2.0, delta=1e-6, clip_norm=3.0)
    sent, free = defended(defense, inner=inner, rng=stream(1, "noise")), defended(defense, inner=inner)
    assert float(free.norm()) == pytest.approx(3.0)
    sigma = float((sent - free).std())
    assert float(spent_delta(2.0, sigma / 6.0)) == pytest.approx(1e-6, rel=0.2), "two messages lie at most 2 x 3 apart"
    assert defense.noise(Size.of(message)).variance ** 0.5 == pytest.approx(sigma, rel=0.01)
    assert defense.noise(Size.of(message)).passes == pytest.approx(3.0 / Size.of(message).norm)


def test_local_dp_relative_to_the_message():
    message = {"a": torch.full((50_000,), 2.0, dtype=torch.float64)}
    inner = lambda net, batch, rng: message  # noqa: E731
    size = Size.of(message)
    relative, absolute = LocalDP(clip_norm=0.25, relative_clip=True), LocalDP(clip_norm=0.25 * size.norm)
    assert relative.noise(size).variance == pytest.approx(absolute.noise(size).variance)
    assert torch.allclose(defended(relative, inner=inner, rng=stream(1, "n")), defended(absolute, inner=inner, rng=stream(1, "n")))


def test_local_dp_jacobian_loses_the_radial_part():
    """J' = (c / |g|) (I - g g^T / |g|^2) J (theory T6), with dense matrices."""
    g, J = gradient_of(IMAGE, LABEL).detach(), plain_jacobian()
    c, unit = 0.5 * float(g.norm()), g / g.norm()
    expected = 0.5 * (J - torch.outer(unit, unit @ J))
    assert torch.allclose(defended_jacobian(LocalDP(clip_norm=c)), expected, rtol=1e-9, atol=1e-12)


# ---------------------------------------------------------------- DP-SGD


def clipped_by_hand(limit):
    """Mean of per-sample gradients, each clipped with NumPy."""
    rows = np.stack([gradient_of(IMAGE[i : i + 1], LABEL[i : i + 1]).detach().numpy() for i in range(3)])
    norms = np.linalg.norm(rows, axis=1)
    c = limit(norms)
    return torch.as_tensor((rows * np.minimum(1.0, c / norms)[:, None]).mean(0)), c


def test_each_sample_is_clipped_by_its_own_norm():
    norms = sorted(float(gradient_of(IMAGE[i : i + 1], LABEL[i : i + 1]).detach().norm()) for i in range(3))
    between = (norms[0] + norms[1]) / 2  # one sample stays whole, two are cut
    assert torch.allclose(defended(DPSGD(clip_norm=between)), clipped_by_hand(lambda n: between)[0], atol=1e-13)
    relative = DPSGD(clip_norm=0.6, relative_clip=True)
    assert torch.allclose(defended(relative), clipped_by_hand(lambda n: 0.6 * n.max())[0], atol=1e-13)


@pytest.mark.parametrize("defense", [DPSGD(noise_multiplier=0.0), DPSGD(clip_norm=1e6), DPSGD(clip_norm=1.0, relative_clip=True)])
def test_unclipped_it_is_the_gradient_of_the_mean_loss(defense):
    assert torch.allclose(defended(defense), gradient_of(IMAGE, LABEL).detach(), atol=1e-13)


def test_soft_labels_are_cut_with_their_sample():
    soft = Batch.of(IMAGE, torch.nn.functional.one_hot(LABEL, 4).double())
    assert torch.allclose(defended(DPSGD(clip_norm=0.3), soft), defended(DPSGD(clip_norm=0.3)), atol=1e-13)


def test_dp_sgd_jacobian_by_plain_reverse_mode():
    c = 0.7 * float(gradient_of(IMAGE[:1], LABEL[:1]).norm().detach())

    def by_hand(image, label):
        parts = [gradient_of(image[i : i + 1], label[i : i + 1]) for i in range(3)]
        return sum(g * min(1.0, c / float(g.norm().detach())) if g.norm() <= c else c * g / g.norm() for g in parts) / 3

    assert torch.allclose(defended_jacobian(DPSGD(clip_norm=c)), plain_jacobian(by_hand), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("relative", [False, True])
def test_noise_of_the_mean_is_z_c_over_batch(relative):
    defense = DPSGD(noise_multiplier=1.5, clip_norm=0.4, relative_clip=relative)
    free, c = clipped_by_hand(lambda n: 0.4 * n.max() if relative else 0.4)
    rng = stream(3, "noise")
    error = torch.stack([defended(defense, rng=rng) - free for _ in range(150)])
    true = (1.5 * c / 3) ** 2
    assert float(error.square().mean()) == pytest.approx(true, rel=0.02)
    size = Size.of({"a": gradient_of(IMAGE, LABEL)})
    if relative:
        assert defense.noise(size, batch=3).variance <= true, "stated is a lower bound"
        assert defense.caveat()
    else:
        assert defense.noise(size, batch=3).variance == pytest.approx(true)


@pytest.mark.parametrize(("z", "q", "steps", "delta"), [(1.0, 0.01, 1000, 1e-5), (0.5, 0.05, 200, 1e-6), (4.0, 0.9, 10, 1e-5)])
def test_epsilon_is_that_of_opacus_for_the_same_schedule(z, q, steps, delta):
    """Opacus's accountant, stepped once per gradient as its optimiser does."""
    accountants = pytest.importorskip("opacus.accountants")
    accountant = accountants.RDPAccountant()
    for _ in range(steps):
        accountant.step(noise_multiplier=z, sample_rate=q)
    defense = DPSGD(noise_multiplier=z, sample_rate=q, steps=steps, delta=delta, clip_norm=0.1)
    assert defense.epsilon() == pytest.approx(accountant.get_epsilon(delta), rel=1e-12)


@pytest.mark.parametrize(("z", "q", "steps", "delta"), [(1.0, 1 / 64, 50, 1e-5), (2.0, 0.1, 30, 1e-5), (4.0, 1.0, 10, 1e-5)])
def test_epsilon_is_close_above_that_of_another_accountant(z, q, steps, delta):
    """Opacus's PRV accountant adds up the privacy loss itself, numerically: its estimate is within 0.01 of the truth (its eps_error)."""
    accountant = pytest.importorskip("opacus.accountants").PRVAccountant()
    accountant.history = [(z, q, steps)]
    tight = accountant.get_epsilon(delta)
    epsilon = DPSGD(noise_multiplier=z, sample_rate=q, steps=steps, delta=delta).epsilon()
    assert tight - 0.02 <= epsilon <= 1.6 * tight
    assert q < 1 or epsilon == pytest.approx(tight, abs=0.02), "full batches are counted exactly"


@pytest.mark.parametrize(("z", "steps"), [(1.0, 1), (3.0, 1), (4.0, 10), (30.0, 2)])
def test_epsilon_of_full_batches_is_exact(z, steps):
    """As many releases of everybody are one with noise z / sqrt(steps)."""
    epsilon = DPSGD(noise_multiplier=z, sample_rate=1.0, steps=steps).epsilon()
    u = z / math.sqrt(steps)
    assert spent_delta(epsilon, u) <= 1e-5
    assert spent_delta(0.999 * epsilon, u) > 1e-5


def test_epsilon_is_never_below_zero():
    """One step, a hundredth of the samples, delta=0.1: no event's chance differs by more than 0.004 between neighbours. The Renyi bound's conversion gave -0.105."""
    pytest.importorskip("opacus")
    assert float(spent_delta(0.0, 100.0)) < 0.1
    assert DPSGD(noise_multiplier=100.0, sample_rate=0.01, steps=1, delta=0.1).epsilon() == 0
    assert gaussian_epsilon(100.0, 0.1) == 0 < gaussian_epsilon(100.0, 1e-3)
    for z in (0.1, 1.0, 10.0, 1000.0):
        assert DPSGD(noise_multiplier=z, sample_rate=1e-6, steps=1, delta=0.1).epsilon() >= 0


def test_more_samples_or_steps_never_cost_less():
    pytest.importorskip("opacus")
    spent = [[DPSGD(sample_rate=q, steps=n, noise_multiplier=30.0).epsilon() for q in (1e-6, 0.01, 0.3, 0.99, 1.0)] for n in (1, 7, 1000)]
    for row in [*spent, *map(list, zip(*spent, strict=True))]:
        assert row[0] >= 0 and all(first <= second for first, second in zip(row[:-2], row[1:-1], strict=True))
    assert all(row[-1] <= row[0] * 1e9 for row in spent)


def test_without_a_training_there_is_no_epsilon_and_it_says_what_to_name():
    for knobs in ({}, {"sample_rate": 0.01}, {"steps": 100}):
        with pytest.raises(InvvizError, match=r"Write both.*or a whole scenario"):
            DPSGD(**knobs).epsilon()


def test_no_promise_no_epsilon():
    assert DPSGD(noise_multiplier=0.0).epsilon() == math.inf
    assert DPSGD(relative_clip=True).epsilon() == math.inf


def test_without_opacus_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match="pip install opacus"):
        DPSGD(noise_multiplier=1.2345, sample_rate=0.01, steps=1000).epsilon()


def test_a_sample_whose_gradient_is_zero_has_a_finite_jacobian():
    inner = lambda net, batch, rng: {"a": batch.image.flatten() * 0}  # noqa: E731
    for defense in (DPSGD(), LocalDP(), DEFENSES["clipping"]()):
        jacobian = Jacobian.of(defense.wrap(inner, WORLD), NET, Batch.of(IMAGE[:1], LABEL[:1]))
        ones = torch.ones(64, dtype=torch.float64)
        assert torch.equal(jacobian.matvec(ones), 0 * ones)
        assert torch.equal(jacobian.rmatvec(ones), 0 * ones)


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("selective_encryption(fraction=1)", "0 to 0.9999"),
        ("selective_encryption(fraction=-0.1)", "0 to 0.9999"),
        ("selective_encryption(which='smallest')", "one of largest, random, first"),
        ("random_pruning(fraction=1.0)", "0 to 0.9999"),
        ("stochastic_quantisation(bits=1)", "2 to 32 bits"),
        ("stochastic_quantisation(bits=2.5)", "a whole number"),
        ("local_dp(epsilon=0)", "0.001 to 1,000,000"),
        ("local_dp(delta=0)", "10⁻¹² to 0.1"),
        ("local_dp(clip_norm=0)", "10⁻⁶ to 1,000,000"),
        ("dp_sgd(noise_multiplier=-1)", "0 to 1,000"),
        ("dp_sgd(sample_rate=1.1)", "0 to 1"),
        ("dp_sgd(steps=-1)", "0 to 1,000,000"),
        ("dp_sgd(delta=1)", "10⁻¹² to 0.1"),
    ],
)
def test_nonsense_is_refused_with_the_range(text, words):
    with pytest.raises(KnobError, match=words.replace("(", r"\(")):
        parse_component(text, DEFENSES, "defense")
