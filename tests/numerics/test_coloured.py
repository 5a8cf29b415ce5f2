"""Defenses with coloured noise against covariances written down in NumPy, statistics of draws, and a convex programme."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from invviz.core.component import parse_component
from invviz.core.errors import InvvizError, KnobError
from invviz.core.rng import stream
from invviz.core.tree import flatten
from invviz.core.types import Batch, Net, World
from invviz.defenses import DEFENSES, UNIT, InvLDNP, InvLENP, InvLGNP, OptimalNoise, Outpost, WaterFilling, _coloured, _fisher
from invviz.defenses.water_filling import filled
from invviz.protocols import HFL
from invviz.risk import Banded, Directions, Jacobian, Prior, decompose, invloss

torch.set_num_threads(1)
KINDS = [InvLGNP, InvLENP, InvLDNP, WaterFilling, OptimalNoise, Outpost]
DRAWS = 1_500
PIXELS, CLASSES, TAU = 16, 3, 0.25


def tiny(seed):
    """More hidden units than pixels, so that no two singular values are the same and a band is well defined."""
    nn = torch.nn
    net = nn.Sequential(nn.Flatten(), nn.Linear(PIXELS, 18), nn.Tanh(), nn.Linear(18, CLASSES)).double()
    with torch.no_grad():
        for name, p in net.named_parameters():
            p.copy_(0.5 * torch.randn(p.shape, generator=stream(seed, name), dtype=p.dtype))
    return Net.of(net)


NET, OTHER = tiny(0), tiny(1)
BATCH = Batch.of(torch.rand(1, 1, 4, 4, generator=stream(0, "x"), dtype=torch.float64), torch.tensor([1]))
PUBLIC = torch.rand(300, 1, 4, 4, generator=stream(0, "public"), dtype=torch.float64)
WORLD = World(NET, PUBLIC, torch.zeros(300, dtype=torch.long))
GRADIENT = HFL().release
PARAMS = sum(p.numel() for p in NET.params.values())


def dense(net=NET, batch=BATCH):
    """The gradient and its Jacobian by plain double reverse mode."""
    parameters = {k: p.clone().requires_grad_() for k, p in net.params.items()}
    image = batch.image.clone().requires_grad_()
    loss = torch.nn.functional.cross_entropy(torch.func.functional_call(net.module, parameters, (image,)), batch.label)
    g = torch.cat([v.flatten() for v in torch.autograd.grad(loss, list(parameters.values()), create_graph=True)])
    rows = [torch.autograd.grad(v, image, retain_graph=True)[0].flatten() for v in g]
    return g.detach().numpy(), torch.stack(rows).numpy()


G, J = dense()
RMS = float(np.sqrt((G**2).mean()))
FLOOR = 0.01 * RMS


def band_of(s, low, high):
    """The first places at which the running share reaches low and high, by counting."""
    share = np.cumsum(s) / s.sum()
    j = int((share < low).sum())
    return slice(j, max(j + 1, int((share < high).sum())))


def leading(jacobian):
    """U, s, V of a dense matrix without what rounding leaves."""
    u, s, vt = np.linalg.svd(jacobian, full_matrices=False)
    kept = s > 1e-7 * s[0]
    return u[:, kept], s[kept], vt[kept].T


def expected_sigma(defense):
    """The covariance of a defense's noise, from its definition alone."""
    u, s, _ = leading(J)
    if share := getattr(defense, "isotropic", 0.0):  # of the whole, for every entry alike
        whole = expected_sigma(dataclasses.replace(defense, isotropic=0.0))
        if isinstance(defense, WaterFilling):
            budget = (defense.sigma * RMS) ** 2 * PARAMS
            floor = (defense.floor * RMS) ** 2 + share * budget / PARAMS
            shaped = u @ np.diag(best_by_scipy(s, np.ones_like(s), (1 - share) * budget, floor)) @ u.T
        else:
            shaped = (1 - share) * whole
        return shaped + share * np.trace(whole) / PARAMS * np.eye(PARAMS)
    if isinstance(defense, (InvLGNP, InvLENP, InvLDNP)):
        band = band_of(s, defense.low, defense.high)
        b = defense.scale
        a = {"invl_gnp": (b * RMS) ** 2 + 0 * s, "invl_enp": 2 * b**2 + 0 * s, "invl_dnp": 2 * b**2 * s**2}[defense.name][band]
        return u[:, band] @ np.diag(a) @ u[:, band].T
    if isinstance(defense, WaterFilling):
        return u @ np.diag(best_by_scipy(s, np.ones_like(s), (defense.sigma * RMS) ** 2 * PARAMS, (defense.floor * RMS) ** 2)) @ u.T
    if isinstance(defense, OptimalNoise):
        ratio = np.clip(np.linalg.norm(J, axis=1) / np.maximum(np.abs(G), 1e-8), 1e-8, 1e6)
        return np.diag(ratio / ratio.mean() * (defense.sigma * RMS) ** 2)
    variances, start = np.zeros(PARAMS), 0
    for p in NET.params.values():
        size = np.abs(G[start : start + p.numel()])
        ranked = sorted(range(len(size)), key=lambda i: -size[i])
        sent = ranked[: len(size) - int(defense.prune * len(size))]
        noisy = set(ranked[: round(defense.noisy_share * len(size))]) & set(sent)
        risk = min(1.0, float(np.var(p.numpy())))
        variances[[start + i for i in noisy]] = (risk * defense.base) ** 2
        start += p.numel()
    return np.diag(variances)


def best_by_scipy(s, w, budget, floor):
    """Largest InvLoss under the budget, by a general solver from the even start."""
    loss = lambda c: -np.sum(TAU**2 * (floor + c * budget / w) / (floor + c * budget / w + TAU**2 * s**2)) / (TAU**2 * len(s))  # noqa: E731
    found = minimize(
        loss,
        np.full(len(s), 1 / len(s)),
        bounds=[(0, 1)] * len(s),
        constraints={"type": "eq", "fun": lambda c: c.sum() - 1},
        method="SLSQP",
        options={"maxiter": 2000, "ftol": 1e-15},
    )
    assert found.success
    return found.x * budget / w


STRENGTHS = {
    "invl_gnp": InvLGNP(scale=0.5),
    "invl_enp": InvLENP(scale=0.3 * RMS),
    "invl_dnp": InvLDNP(scale=0.2),
    "water_filling": WaterFilling(sigma=0.1, cost="energy"),
    "optimal_noise": OptimalNoise(sigma=0.3, probes=PIXELS),
    "outpost": Outpost(base=2 * RMS, prune=0.3, noisy_share=0.5),
}
SHARED = {  # with some isotropic noise
    "invl_gnp, 0.3 isotropic": InvLGNP(scale=0.5, isotropic=0.3),
    "invl_enp, 0.9 isotropic": InvLENP(scale=0.3 * RMS, isotropic=0.9),
    "water_filling, 0.6 isotropic": WaterFilling(sigma=0.1, cost="energy", isotropic=0.6),
    "water_filling, all isotropic": WaterFilling(sigma=0.1, cost="energy", isotropic=1.0),
}
STRONG = [pytest.param(d, id=name) for name, d in {**STRENGTHS, **SHARED}.items()]
DRAWN = [
    p for p in STRONG if p.id in STRENGTHS or p.id in ("invl_gnp, 0.3 isotropic", "water_filling, all isotropic")
]  # with and without a shape


def colour_of(defense, inner=GRADIENT, world=WORLD, batch=BATCH):
    return defense.covariance(defense.basis(inner, world, batch))


def sent(defense, rng=None, inner=GRADIENT, world=WORLD, batch=BATCH):
    return flatten(defense.wrap(inner, world)(world.net, batch, rng))


def loss_of(defense, inner=GRADIENT, world=WORLD, sigma=FLOOR):
    """InvLoss as the score computes it."""
    seen = colour_of(defense, inner, world).seen_through(Jacobian.of(defense.wrap(inner, world), world.net, BATCH), sigma)
    return invloss(decompose(seen, BATCH.image, Prior("white", (1, 4, 4))), sigma)


def dense_loss(sigma_matrix, jacobian=None, sigma=FLOOR):
    """tr P with the covariance as a matrix."""
    jacobian = J if jacobian is None else jacobian
    total = sigma_matrix + sigma**2 * np.eye(len(jacobian))
    return float(np.trace(np.linalg.inv(np.eye(PIXELS) / TAU**2 + jacobian.T @ np.linalg.solve(total, jacobian))))


# ---------------------------------------------------------------- what every one of them promises


@pytest.mark.parametrize("kind", KINDS)
def test_identity_at_strength_zero(kind):
    weakest = kind().replace(**{kind.strength: kind.identity})
    assert weakest.wrap(GRADIENT, WORLD) is GRADIENT
    assert float(kind().replace(**{kind.strength: kind.strength_knob().low}).strength_knob().low) == 0 == kind.identity
    assert kind.coloured and weakest.noise(UNIT).variance == 0
    if kind is not Outpost:
        assert weakest.for_risk() is None and kind().for_risk() is None
    else:
        assert not weakest.noisy and Outpost().noisy and weakest.traffic(100, 32) == (100, 32, 0)


@pytest.mark.parametrize("defense", STRONG)
def test_the_noise_free_part_is_the_message(defense):
    free = sent(defense).numpy()
    np.testing.assert_allclose(free[free != 0], G[free != 0], rtol=1e-12)
    assert defense.adds_noise == (free != 0).all()
    jacobian = Jacobian.of(defense.wrap(GRADIENT, WORLD), NET, BATCH).dense().numpy()
    np.testing.assert_allclose(jacobian, J * (free != 0)[:, None], atol=1e-12)


@pytest.mark.parametrize("defense", STRONG)
def test_the_seed_decides(defense):
    assert torch.equal(sent(defense, stream(1, "noise")), sent(defense, stream(1, "noise")))
    assert not torch.equal(sent(defense, stream(1, "noise")), sent(defense, stream(2, "noise")))


@pytest.mark.parametrize("defense", STRONG)
def test_the_stated_covariance(defense):
    """Of the colour as a matrix: what whitening undoes, and the energy."""
    expected, noise = expected_sigma(defense), colour_of(defense)
    assert noise.energy == pytest.approx(np.trace(expected), rel=1e-3)
    like = Jacobian.of(GRADIENT, NET, BATCH).message
    whiten = lambda m: flatten(noise.whiten({k: m[i].view(v.shape) for k, v, i in parts}, FLOOR))  # noqa: E731
    places = np.cumsum([0, *(v.numel() for v in like.values())])
    parts = [(k, v, slice(a, b)) for (k, v), a, b in zip(like.items(), places[:-1], places[1:], strict=True)]
    w = torch.func.vmap(whiten)(torch.eye(PARAMS, dtype=torch.float64)).numpy()
    found = FLOOR**2 * (np.linalg.inv(w @ w.T) - np.eye(PARAMS))
    np.testing.assert_allclose(found, expected, atol=3e-3 * np.abs(expected).max())


@pytest.mark.parametrize("defense", DRAWN)
def test_draws_through_the_release_have_the_stated_covariance(defense, monkeypatch):
    """1,500 messages: along Sigma's eigenvectors each covariance within 5 standard errors (Laplace: kurtosis 6), nothing beside them."""
    expected = expected_sigma(dataclasses.replace(defense, scale=1e-4) if defense.name == "invl_dnp" else defense)
    defense = dataclasses.replace(defense, scale=1e-4) if defense.name == "invl_dnp" else defense  # where the first order holds
    found = defense.basis(GRADIENT, WORLD, BATCH)
    inner = GRADIENT
    if defense.name in ("invl_gnp", "invl_enp", "water_filling"):  # through the tangent of the same net, which is quicker
        slope = torch.from_numpy(J)
        left = torch.from_numpy(G) - slope @ BATCH.image.flatten()
        inner = lambda net, batch, rng: {"g": torch.nn.functional.linear(batch.image.flatten(), slope, left)}  # noqa: E731
        found = defense.basis(inner, WORLD, BATCH)
    monkeypatch.setattr(type(defense), "basis", lambda *_: found)
    free, release, rng = sent(defense, inner=inner), defense.wrap(inner, WORLD), stream(0, "noise")
    error = torch.stack([flatten(release(NET, BATCH, rng)) - free for _ in range(DRAWS)]).numpy()
    a, u = np.linalg.eigh(expected)
    a = np.where(a > 1e-6 * a[-1], a, 0)
    along = error @ u
    assert np.abs(along[:, a == 0]).max(initial=0) < 3e-3 * np.sqrt(a[-1])
    kurtosis = 6 if getattr(defense, "law", "normal") == "laplace" else 3
    spread = np.sqrt(np.outer(a, a) / DRAWS) * np.where(np.eye(PARAMS), np.sqrt(kurtosis - 1), 1)
    wrong = np.abs(along.T @ along / DRAWS - np.diag(a)) - 5 * spread
    assert wrong[np.ix_(a > 0, a > 0)].max() < 3e-3 * a[-1]
    assert np.abs(along.mean(0)[a > 0] / np.sqrt(a[a > 0] / DRAWS)).max() < 5, "centred"
    assert np.trace(along.T @ along) / DRAWS == pytest.approx(a.sum(), rel=0.1)


@pytest.mark.parametrize("defense", STRONG)
def test_the_score_against_the_dense_posterior(defense):
    free = (sent(defense).numpy() != 0)[:, None]
    expected = dense_loss(expected_sigma(defense), J * free)
    assert loss_of(defense) == pytest.approx(expected, rel=2e-4)
    assert expected > 1.05 * dense_loss(np.zeros((PARAMS, PARAMS)), J), "the defense is felt"


@pytest.mark.parametrize("kind", KINDS)
def test_nonsense_is_refused_in_words(kind):
    with pytest.raises(KnobError, match=rf"{kind.strength}=-0.5.*allowed: 0 to 1,000,000"):
        kind().replace(**{kind.strength: -0.5})
    assert parse_component(kind.name, DEFENSES, "defense") == kind()


@pytest.mark.parametrize("kind", [InvLGNP, InvLENP, InvLDNP])
@pytest.mark.parametrize(("low", "high"), [(0.95, 0.6), (0.5, 0.5)])
def test_a_band_must_start_before_it_ends(kind, low, high):
    defense = kind().replace(low=low, high=high)
    words = defense.problems()
    assert len(words) == 1 and f"low={low:g}" in words[0] and f"high={high:g}" in words[0]
    assert "allowed: low < high" in words[0] and "Lower low or raise high." in words[0]
    with pytest.raises(KnobError, match="allowed: low < high"):
        defense.wrap(GRADIENT, WORLD)
    assert kind().problems() == []


@pytest.mark.parametrize("defense", STRONG)
def test_single_precision(defense):
    """The same noise, but for rounding, in float32; the message keeps its kind of number."""
    module = tiny(0).module.float()
    net, batch = Net.of(module), Batch.of(BATCH.image.float(), BATCH.label)
    world = World(net, PUBLIC.float(), WORLD.labels)
    noise = colour_of(defense, world=world, batch=batch)
    assert noise.energy == pytest.approx(colour_of(defense).energy, rel=2e-3)
    message = sent(defense, stream(1, "noise"), world=world, batch=batch)
    assert message.dtype == torch.float32
    assert float((message - sent(defense, None, world=world, batch=batch)).norm()) > 0.01 * noise.energy**0.5


def test_an_embedding_can_be_protected_too():
    """A message that is no gradient: fewer numbers than pixels, other names than the net's."""
    layer = torch.randn(5, PIXELS, generator=stream(0, "a"), dtype=torch.float64)
    bottom = lambda net, batch, rng: {"z": (layer @ batch.image.flatten()).tanh()}  # noqa: E731
    for defense in (*STRENGTHS.values(), WaterFilling(), InvLENP()):
        noise = colour_of(defense, bottom)
        assert noise.energy > 0
        assert loss_of(defense, bottom, sigma=0.01) > dense_loss(0, Jacobian.of(bottom, NET, BATCH).dense().numpy(), 0.01)
    s = np.linalg.svd(Jacobian.of(bottom, NET, BATCH).dense().numpy())[1]
    band = band_of(s, 0.6, 0.95)
    assert colour_of(InvLENP(scale=3.0), bottom).energy == pytest.approx(18 * (band.stop - band.start))
    assert WaterFilling().basis(bottom, WORLD, BATCH).shares is None, "energy counts where there is no loss to harm"


def test_a_message_that_tells_nothing_gets_no_noise():
    silent = lambda net, batch, rng: {"z": torch.ones(40, dtype=torch.float64)}  # noqa: E731
    for defense in (InvLGNP(), InvLDNP(), InvLENP(), WaterFilling(cost="energy")):
        assert torch.equal(sent(defense, stream(0, "noise"), inner=silent), torch.ones(40, dtype=torch.float64))


# ---------------------------------------------------------------- reuse


def stray(noise, jacobian, columns):
    """Share of a message's noise that lies outside the range of J times the given directions."""
    basis = np.linalg.qr(jacobian @ columns)[0]
    return float(np.linalg.norm(noise - basis @ (basis.T @ noise)) / np.linalg.norm(noise))


@pytest.mark.parametrize("defense", [InvLGNP(reuse=2), WaterFilling(sigma=0.05, cost="energy", reuse=2)])
def test_directions_serve_so_many_messages(defense, monkeypatch):
    made, plain = [], type(defense).basis
    monkeypatch.setattr(type(defense), "basis", lambda *args: made.append(1) or plain(*args))
    release, rng = defense.wrap(GRADIENT, WORLD), stream(0, "noise")
    _, _, first = leading(J)
    noisy = plain(defense, GRADIENT, WORLD, BATCH)
    places = (defense.covariance(noisy).variances > 0).nonzero().flatten().numpy()
    later, now = dense(OTHER)
    v = leading(now)[2]
    fresh = (defense.covariance(plain(defense, GRADIENT, World(OTHER, PUBLIC), BATCH)).variances > 0).nonzero().flatten().numpy()
    made.clear()
    release(NET, BATCH, rng)
    second = flatten(release(OTHER, BATCH, rng)).numpy() - later
    assert len(made) == 1
    assert stray(second, now, first[:, places]) < 1e-6 and stray(second, now, v[:, fresh]) > 1e-2, "the old directions, by the present net"
    release(OTHER, BATCH, None)
    third = flatten(release(OTHER, BATCH, rng)).numpy() - later
    assert len(made) == 2 and stray(third, now, v[:, fresh]) < 1e-6, "then its own"
    release(OTHER, BATCH, rng)
    assert len(made) == 2
    release(NET, Batch.of(BATCH.image.repeat(2, 1, 1, 1), BATCH.label.repeat(2)), rng)
    release(NET, BATCH, rng)
    release(NET, BATCH, rng)
    assert len(made) == 4, "directions of two pictures do not fit one"


def test_another_release_finds_no_directions(monkeypatch):
    """What one client found cannot be reached through the defense, or through a release that somebody else wraps."""
    made, plain = [], InvLGNP.basis
    monkeypatch.setattr(_coloured.Coloured, "basis", lambda *args: made.append(1) or plain(*args))
    defense = InvLGNP(reuse=1000)
    for _ in range(2):
        release, rng = defense.wrap(GRADIENT, WORLD), stream(0, "noise")
        assert torch.equal(flatten(release(NET, BATCH, rng)), flatten(InvLGNP().wrap(GRADIENT, WORLD)(NET, BATCH, stream(0, "noise"))))
        release(NET, BATCH, rng)
    assert len(made) == 4


# ---------------------------------------------------------------- water-filling


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("budget", [0.03, 1.0, 30.0])
def test_the_optimum_against_a_convex_programme(seed, budget):
    rng = np.random.default_rng(seed)
    s, w, floor = np.sort(10 ** rng.uniform(-2, 1, 12))[::-1].copy(), 10 ** rng.uniform(-0.7, 0.7, 12), 0.02
    a = filled(torch.from_numpy(s), torch.from_numpy(w), budget, floor, TAU).numpy()
    other = best_by_scipy(s, w, budget, floor)
    value = lambda a: np.sum(TAU**2 * (floor + a) / (floor + a + TAU**2 * s**2))  # noqa: E731
    assert (w * a).sum() == pytest.approx(budget, rel=1e-10) and (a >= 0).all()
    assert value(a) >= value(other) - 1e-9 and value(a) == pytest.approx(value(other), rel=1e-5)
    np.testing.assert_allclose(a, other, atol=0.02 * a.max())
    gain = TAU**4 * s**2 / (floor + a + TAU**2 * s**2) ** 2 / w  # of InvLoss by cost: the same where there is noise, less elsewhere
    assert np.ptp(gain[a > 0]) < 1e-9 * gain.max() and (gain[a == 0] <= gain[a > 0].max() * (1 + 1e-9)).all()


def test_special_budgets():
    s = torch.tensor([3.0, 1.0, 0.5, 0.0], dtype=torch.float64)
    ones = torch.ones_like(s)
    assert filled(s, ones, 0.0, 0.1).tolist() == [0, 0, 0, 0] and filled(0 * s, ones, 1.0, 0.1).tolist() == [0, 0, 0, 0]
    assert float(filled(s, ones, 1e-30, 0.1).sum()) < 1e-15
    assert float(filled(s, ones, 7.0, 0.0).sum()) == pytest.approx(7.0) and float(filled(s, ones, 7.0, 0.0)[3]) == 0
    alone = filled(torch.tensor([2.0, 0.0, 0.0], dtype=torch.float64), torch.ones(3, dtype=torch.float64), 7.0, 0.1)
    assert alone.tolist() == pytest.approx([7.0, 0, 0])


def test_it_beats_isotropic_and_banded_noise_of_the_same_energy():
    for sigma in (0.02, 0.1, 0.5):
        best = WaterFilling(sigma=sigma, cost="energy")
        energy = colour_of(best).energy
        assert energy == pytest.approx((sigma * RMS) ** 2 * PARAMS, rel=1e-9)
        u, s, _ = leading(J)
        band = band_of(s, 0.6, 0.95)
        count = band.stop - band.start
        gnp = InvLGNP(scale=(energy / count) ** 0.5 / RMS)
        assert colour_of(gnp).energy == pytest.approx(energy)
        isotropic = dense_loss((sigma * RMS) ** 2 * np.eye(PARAMS))
        assert loss_of(best) > 1.01 * max(isotropic, loss_of(gnp), dense_loss(energy / len(s) * u @ u.T))


def exact_fisher(labels=None, net=NET):
    """F as a matrix on the pictures that are used, over all labels with their probabilities or with given ones."""
    pictures = PUBLIC[np.linspace(0, len(PUBLIC) - 1, _fisher.PICTURES).astype(int)]
    total = np.zeros((PARAMS, PARAMS))
    for place, image in enumerate(pictures):
        chances = net.outputs(net.params, Batch.of(image[None], torch.zeros(1))).softmax(1)[0].numpy()
        for label in range(CLASSES) if labels is None else [int(labels[place])]:
            g = flatten(GRADIENT(net, Batch.of(image[None], torch.tensor([label])), None)).numpy()
            total += (chances[label] if labels is None else 1.0) * np.outer(g, g) / len(pictures)
    return total


def test_the_price_of_a_direction_is_its_share_of_the_fisher_matrix():
    found = _fisher.fisher_shares(Directions.of(Jacobian.of(GRADIENT, NET, BATCH)), WORLD).numpy()
    u, s, _ = leading(J)
    pictures = PUBLIC[np.linspace(0, len(PUBLIC) - 1, _fisher.PICTURES).astype(int)]
    drawn = _fisher._drawn_labels(NET, pictures)
    for labels, close in ((drawn, {"rtol": 1e-4, "atol": 1e-6}), (None, {"rtol": 0.5, "atol": 0.05})):
        f = exact_fisher(labels)
        shares = np.einsum("pi,pq,qi->i", u, f, u) * PARAMS / np.trace(f)
        np.testing.assert_allclose(found[: len(s)], shares, **close)  # with 128 drawn labels for the expectation over them: within half
        assert found[: len(s)].sum() == pytest.approx(shares.sum(), rel=0.2)
    assert (found[len(s) :] == 0).all()
    chances = NET.outputs(NET.params, Batch.of(pictures, torch.zeros(1))).softmax(1).mean(0)
    np.testing.assert_allclose(np.bincount(drawn, minlength=CLASSES) / len(drawn), chances, atol=4 * (0.25 / 128) ** 0.5)


def test_the_budget_of_harm_is_that_of_isotropic_noise():
    defense = WaterFilling(sigma=0.1, damping=0.2)
    basis = defense.basis(GRADIENT, WORLD, BATCH)
    noise, budget = defense.covariance(basis), (0.1 * RMS) ** 2 * PARAMS
    w = 0.2 + 0.8 * basis.shares
    assert isinstance(noise, Banded) and float((w * noise.variances).sum()) == pytest.approx(budget, rel=1e-9)
    kept = basis.directions.values > 0
    other = best_by_scipy(basis.directions.values[kept].numpy(), w[kept].numpy(), budget, FLOOR**2)
    np.testing.assert_allclose(noise.variances[kept], other, atol=0.02 * other.max())
    assert defense.uses_public and not WaterFilling(cost="energy").uses_public
    assert WaterFilling(damping=1.0).covariance(basis).energy == pytest.approx(budget), "all damping: energy alone"
    at_equal_harm = filled(basis.directions.values, torch.ones_like(w), 1.0, FLOOR**2)
    scale = budget / float((w * at_equal_harm).sum())
    plain = Banded(basis.directions, filled(basis.directions.values, torch.ones_like(w), scale, FLOOR**2))
    harm = float((w * plain.variances).sum())
    best = Banded(basis.directions, filled(basis.directions.values, w, harm, FLOOR**2))
    losses = [
        invloss(decompose(c.seen_through(basis.directions.jacobian, FLOOR), BATCH.image, Prior("white", (1, 4, 4))), FLOOR)
        for c in (best, plain)
    ]
    assert losses[0] >= losses[1], "at the same harm the noise that was made for it hides more"


def test_without_public_pictures_harm_cannot_be_counted():
    alone = World.without_public(NET, BATCH)
    with pytest.raises(InvvizError, match="Use cost='energy'"):
        WaterFilling().basis(GRADIENT, alone, BATCH)
    assert colour_of(WaterFilling(cost="energy"), world=alone).energy > 0


# ---------------------------------------------------------------- one by one


def test_dnp_at_its_own_strength_is_what_its_definition_says():
    """Noise confined to the band's right directions, then the net, whatever its curvature; pictures may leave [0, 1]."""
    defense = InvLDNP(scale=0.7)
    _, s, v = leading(J)
    v = v[:, : band_of(s, 0.0, 0.95).stop]  # the first directions, as published: no lower end
    assert v.shape[1] > 3
    u = torch.rand(PIXELS, generator=stream(5, "noise"), dtype=torch.float64).numpy() - 0.5
    eta = -0.7 * np.sign(u) * np.log(1 - 2 * np.abs(u))
    moved = BATCH.image + torch.from_numpy(v @ (v.T @ eta)).view(1, 1, 4, 4)
    expected = flatten(GRADIENT(NET, Batch.of(moved, BATCH.label), None))
    assert float(moved.min()) < 0 or float(moved.max()) > 1
    assert torch.allclose(sent(defense, stream(5, "noise")), expected, atol=1e-8)
    assert "first order" in defense.caveat() and InvLDNP(scale=0).caveat() == ""


def test_optimal_noise_has_the_energy_of_gaussian_noise_and_few_probes_estimate_it():
    exact, rough = (colour_of(OptimalNoise(sigma=0.3, probes=n)).variances for n in (PIXELS, 8))
    assert float(flatten(exact).mean()) == pytest.approx((0.3 * RMS) ** 2)
    ratio = (flatten(rough) / flatten(exact)).log()
    assert float(ratio.abs().median()) < 0.3


def test_outpost_shows_its_mask():
    defense = Outpost(base=1.0, prune=0.7, noisy_share=0.9)
    message, free = sent(defense, stream(0, "noise")), sent(defense)
    assert defense.hides and torch.equal(message == 0, free == 0), "no noise on what is not sent"
    assert bool((message != free)[free != 0].all())
    few = Outpost(base=1.0, prune=0.2, noisy_share=0.1)
    changed = (sent(few, stream(0, "noise")) != sent(few)).numpy()
    assert changed.sum() == sum(round(0.1 * p.numel()) for p in NET.params.values())
    assert defense.traffic(100, 32) == pytest.approx((30, 32, 1 / 0.3))
