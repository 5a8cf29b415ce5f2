"""The bound that holds for every attacker against exact posterior means by quadrature, and each reason why there is none, or why the expected best is no bound, on both sides."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.integrate import quad

from invviz.core.types import Size
from invviz.engine import bounds
from invviz.engine.assess import assess
from invviz.engine.client import Site, meet_client
from invviz.engine.summary import WHITENED, risk_summary
from invviz.scenario import Scenario

torch.set_num_threads(1)
BOTTOM = "data=wine&model=mlp(width=24)&protocol=vfl(parties={},cut=1,activated=False)&floor=0&dtype=float64"
LINEAR = "data=digits&model=mlp(width=30)&protocol=vfl(parties=1,cut=1,activated=False)&prior=natural&floor=0"
STEADY = "&defense=gaussian_noise(sigma=0.1,relative=False)"
TAU = 0.25


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return Site(None, tmp_path_factory.mktemp("cache"), "cpu")


def scored(text, site):
    """The figures as they are printed, and the bottom net's weights and bias."""
    scenario = Scenario.parse(text)
    found = assess(scenario, site)
    figures = risk_summary(scenario, found.decomposition, found.size, found.stages, found.trust.to_json())
    client = meet_client(scenario, site)
    zero = client.bare(client.net, type(client.batch).of(0 * client.batch.image, client.batch.label), None)
    offset = torch.cat([v.flatten() for v in zero.values()]).numpy()
    columns = []
    for k in range(figures["n"]):
        unit = torch.zeros_like(client.batch.image).flatten()
        unit[k] = 1.0
        sent = client.bare(client.net, type(client.batch).of(unit.view_as(client.batch.image), client.batch.label), None)
        columns.append(torch.cat([v.flatten() for v in sent.values()]).numpy() - offset)
    return figures, np.stack(columns, 1), offset


def posterior_mean_error(weights, offset, draw, log_density, draws, points):
    """E |posterior mean - x|^2 over x of the white prior and the noise, by a grid, with its standard error.

    Args:
        weights: (p, n), n 1 or 2.
        offset: (p,).
        draw: (rng, means) -> messages.
        log_density: (message, means (g, p)) -> (g,).
        draws: how many messages.
        points: of the grid, per input.
    """
    rng, n = np.random.default_rng(0), weights.shape[1]
    axis = np.linspace(0.5 - 5 * TAU, 0.5 + 5 * TAU, points)
    grid = np.stack(np.meshgrid(*[axis] * n, indexing="ij"), -1).reshape(-1, n)
    means, prior = grid @ weights.T + offset, -((grid - 0.5) ** 2).sum(1) / (2 * TAU**2)
    errors = []
    for _ in range(draws):
        x = 0.5 + TAU * rng.standard_normal(n)
        message = draw(rng, weights @ x + offset)
        score = log_density(message, means) + prior
        weight = np.exp(score - score.max())
        weight /= weight.sum()
        errors.append(weight @ ((grid - weight @ grid) ** 2).sum(1))  # the mean of its squared error, with less spread
    return np.mean(errors), np.std(errors) / draws**0.5


@pytest.mark.parametrize(("parties", "scale", "draws", "points"), [(8, 0.5, 800, 401), (6, 0.5, 400, 81)])
def test_behind_laplace_noise_the_bound_lies_below_the_exact_posterior_mean_and_the_variance_s_above(parties, scale, draws, points, site):
    found, weights, offset = scored(BOTTOM.format(parties) + f"&defense=laplace_noise(scale={scale},relative=False)", site)
    error, sure = posterior_mean_error(
        weights,
        offset,
        lambda rng, mean: mean + rng.laplace(0, scale, len(mean)),
        lambda message, means: -np.abs(message - means).sum(1) / scale,
        draws,
        points,
    )
    n = found["n"]
    assert n == weights.shape[1] == {8: 1, 6: 2}[parties]
    by_variance = n**2 / ((weights**2).sum() / (2 * scale**2) + n / TAU**2)  # what used to be printed
    assert found["invloss_lower"] < error - 4 * sure
    assert error + 4 * sure < by_variance <= found["invloss"] * (1 + 1e-9), "the variance in place of the Fisher information is no bound"
    assert found["invloss_lower"] == pytest.approx(n**2 / ((weights**2).sum() / scale**2 + n / TAU**2), rel=0.35), "||J||^2 by a few probes"
    assert (found["bound"], found["bound_reasons"]) == (False, ["Laplace noise"]) and "linear attacker" in found["invloss_is"]


@pytest.mark.parametrize("law", ["gaussian", "laplace"])
@pytest.mark.parametrize("share", [0.3, 1.5])
def test_of_noise_that_is_a_share_of_the_message_the_size_counts_too(law, share, site):
    """Its scale tells of the picture: the bound lies below the exact posterior mean, which knows how the scale depends on x."""
    name = "gaussian_noise(sigma={})" if law == "gaussian" else "laplace_noise(scale={})"
    strength = share if law == "gaussian" else share / 2**0.5
    found, weights, offset = scored(BOTTOM.format(8) + "&defense=" + name.format(strength), site)
    rms = lambda mean: np.sqrt((mean**2).mean(-1, keepdims=True))  # noqa: E731
    unit = {"gaussian": lambda rng, size: rng.standard_normal(size), "laplace": lambda rng, size: rng.laplace(0, 0.5**0.5, size)}[law]
    cost = {"gaussian": lambda z: z**2 / 2, "laplace": lambda z: 2**0.5 * np.abs(z)}[law]

    def log_density(message, means):
        std = share * rms(means)
        return -cost((message - means) / std).sum(1) - means.shape[1] * np.log(std[:, 0])

    error, sure = posterior_mean_error(
        weights, offset, lambda rng, mean: mean + share * rms(mean) * unit(rng, len(mean)), log_density, 600, 401
    )
    assert 0.1 * error < found["invloss_lower"] < error - 2 * sure
    assert "relative noise" in found["bound_reasons"]


def test_of_several_noises_the_best_bound_counts(site):
    """J of a sum is at most that of each: by quadrature over the density of normal plus Laplace noise."""
    std, scale = 0.4, 0.5
    density = lambda z: quad(lambda u: np.exp(-(u**2) / (2 * std**2)) * np.exp(-abs(z - u) / scale), -4, 4, points=[0, z], limit=200)[0]  # noqa: E731
    z = np.linspace(-6, 6, 1201)
    f = np.array([density(v) for v in z])
    f = f / (f.sum() * (z[1] - z[0]))
    of_sum = float((np.gradient(f, z) ** 2 / f).sum() * (z[1] - z[0]))
    assert of_sum < min(1 / std**2, 1 / scale**2)
    trust = {"frobenius_sq": 7.0, "frobenius_error": 0.0, "precision_trace": 16.0, "relative_sq": 7.0, "relative_error": 0.0}
    lower = lambda text: bounds.lower(Scenario.parse(BOTTOM.format(8) + text), trust, 1, Size(1.0, 24, 1.0))  # noqa: E731
    normal, laplace = f"&defense=gaussian_noise(sigma={std},relative=False)", f"&defense=laplace_noise(scale={scale},relative=False)"
    both = lower(normal + laplace)
    assert both.value == lower(laplace + normal).value == pytest.approx(1 / (7 * min(1 / std**2, 1 / scale**2) + 16))
    assert both.value <= 1 / (7 * of_sum + 16)
    assert lower(normal + normal).value == pytest.approx(1 / (7 / (2 * std**2) + 16)), "normal noises add"
    assert lower(normal + "&defense=quantisation(bits=4)").value == lower(normal).value, "rounding afterwards adds no information"
    assert lower(normal + "&defense=gaussian_noise(sigma=3.0)").value == lower(normal).value, "a share of a noisy message is not counted"
    floored = bounds.lower(Scenario.parse((BOTTOM.format(8) + normal).replace("floor=0", "floor=3")), trust, 1, Size(1.0, 24, 1.0))
    assert floored.value == lower(normal).value and "not the noise floor" in floored.counts


@pytest.mark.parametrize(
    ("word", "without", "with_one"),
    [
        ("no noise is in the message", "", STEADY),
        ("rounding", "&defense=quantisation(bits=4)", STEADY + "&defense=quantisation(bits=4)"),
        ("discrete", "&defense=stochastic_quantisation(bits=4)", STEADY + "&defense=stochastic_quantisation(bits=4)"),
        ("no noise", "&defense=laplace_noise(scale=0.0)", "&defense=laplace_noise(scale=0.1)"),
        ("covariance", "&defense=invl_enp", "&defense=invl_enp(scale=0.0)" + STEADY),
        ("reshapes", STEADY + "&defense=clipping", "&defense=clipping" + STEADY),
        ("jumps", "&defense=pruning" + STEADY, "&defense=random_pruning" + STEADY),
        ("jumps", "&defense=selective_encryption" + STEADY, "&defense=selective_encryption(which='random')" + STEADY),
        ("signs", "&defense=sign" + STEADY, "&defense=sign(mixing=0.0)" + STEADY),
        ("chance", "&defense=embedding_dropout" + STEADY, "&defense=embedding_dropout(probability=0.0)" + STEADY),
        ("size of local_dp", "&defense=local_dp(relative_clip=True)", "&defense=local_dp"),
        ("rounds", STEADY + "&rounds=2", STEADY),
        ("layer 0", STEADY + "&layer=0", STEADY),
    ],
)
def test_why_no_bound_is_printed_on_both_sides(word, without, with_one):
    trust = {"frobenius_sq": 7.0, "frobenius_error": 0.0, "precision_trace": 16.0, "relative_sq": 7.0, "relative_error": 0.0}
    size, stages = Size(1.0, 30, 1.0), [Size(1.0, 30, 1.0)] * 4
    none = bounds.lower(Scenario.parse(LINEAR + without), trust, 64, size, stages)
    some = bounds.lower(Scenario.parse(LINEAR + with_one), trust, 64, size, stages)
    assert none.value is None and word in none.reason and not none.counts
    assert some.value is not None and some.value > 0 and some.counts and not some.reason
    assert bounds.lower(Scenario.parse(LINEAR + with_one), None, 64, size, stages).value is None


def test_a_stored_result_that_does_not_know_the_message_s_size_gives_no_bound():
    trust = {"frobenius_sq": 7.0, "frobenius_error": 0.0, "precision_trace": 16.0}
    found = bounds.lower(Scenario.parse(LINEAR + "&defense=gaussian_noise"), trust, 64, Size(1.0, 30, 1.0))
    assert found.value is None and "compute it again" in found.reason


HFL = "data=photos&model=lenet&prior=natural&floor=0"


@pytest.mark.parametrize(
    ("name", "applies", "does_not"),
    [
        ("noise floor", LINEAR.replace("floor=0", "floor=0.01"), LINEAR),
        ("white prior", LINEAR.replace("natural", "white"), LINEAR),
        ("curvature", LINEAR.replace("activated=False", "activated=True"), LINEAR),
        ("curvature", LINEAR + "&defense=clipping", LINEAR + "&defense=clipping(relative=True)"),
        ("curvature", HFL, LINEAR),
        ("rounding", LINEAR + "&defense=quantisation(bits=8)", LINEAR + "&defense=quantisation(bits=32)"),
        ("discrete noise", LINEAR + "&defense=stochastic_quantisation", LINEAR + "&defense=quantisation"),
        ("Laplace noise", LINEAR + "&defense=laplace_noise", LINEAR + "&defense=laplace_noise(scale=0.0)"),
        ("Laplace noise", HFL + "&defense=invl_gnp", HFL + "&defense=invl_gnp(law='normal')"),
        ("noise of a fixed length", HFL + "&defense=censor", HFL + "&defense=censor(share=0.0)"),
        ("relative noise", LINEAR + "&defense=gaussian_noise", LINEAR + "&defense=gaussian_noise(relative=False)"),
        ("shape of the noise", HFL + "&defense=optimal_noise", HFL + "&defense=gaussian_noise"),
        ("noise in the tangent space", HFL + "&defense=water_filling", HFL + "&defense=invl_dnp(scale=0.0)"),
        ("choice of withheld entries", LINEAR + "&defense=pruning", LINEAR + "&defense=random_pruning"),
        ("choice of withheld entries", HFL + "&defense=gradient_dropping", HFL + "&defense=selective_encryption(which='first')"),
        ("signs", HFL + "&defense=sign", HFL + "&defense=sign(mixing=0.0)"),
        ("random draw", HFL + "&defense=dropout", HFL + "&defense=dropout(probability=0.0)"),
        ("one layer", HFL + "&layer=0", HFL),
    ],
)
def test_each_reason_why_the_expected_best_is_no_bound_on_both_sides(name, applies, does_not):
    names = lambda text, *args: [one.name for one in bounds.reasons(Scenario.parse(text), *args)]  # noqa: E731
    assert name in names(applies) and name not in names(does_not)
    assert "sketch" in names(does_not, None, "sketch") and "sketch" not in names(does_not)


def test_a_bound_holds_where_everything_is_straight_and_normal(site):
    """The one case that is called a bound: no curvature is measured there, and what T1 says is the exact posterior mean's error."""
    found, weights, offset = scored(BOTTOM.format(6) + "&defense=gaussian_noise(sigma=0.5,relative=False)", site)
    error, sure = posterior_mean_error(
        weights,
        offset,
        lambda rng, mean: mean + 0.5 * rng.standard_normal(len(mean)),
        lambda message, means: -((message - means) ** 2).sum(1) / 0.5,
        200,
        101,
    )
    assert found["bound"] and found["bound_reasons"] == [] and found["invloss_is"].startswith("exact")
    assert found["invloss"] == pytest.approx(error, abs=4 * sure) and found["invloss_lower"] < error
    assert max(found["trust"]["random"]) < 1e-6


def test_whose_singular_values_are_printed(site):
    """Under coloured noise they are those of (I + Sigma / sigma^2)^-1/2 J, and the JSON says so."""
    text = "data=digits&model=mlp(width=9,act='tanh')&dtype=float64"
    bare, shaped = Scenario.parse(text), Scenario.parse(text + "&defense=invl_gnp(scale=30.0)")
    plain, seen = (
        risk_summary(s, (a := assess(s, site)).decomposition, a.size, a.stages, a.trust and a.trust.to_json()) for s in (bare, shaped)
    )
    assert plain["singular_values_of"] == "J" and seen["singular_values_of"] == WHITENED == "(I + Sigma / sigma^2)^-1/2 J"
    s, std = np.array(plain["singular_values"]), 30.0 * (plain["sigma"] / 0.01)
    share = np.cumsum(s) / s.sum()
    band = slice(int(np.searchsorted(share, 0.6)), int(np.searchsorted(share, 0.95)))
    s[band] /= (1 + (std / seen["sigma"]) ** 2) ** 0.5
    top = np.sort(s)[::-1][:20]
    assert np.array(seen["singular_values"])[:20] == pytest.approx(top, rel=1e-3)
