"""The law that every defense states of its noise, against draws."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from invviz.core.component import parse_component
from invviz.core.rng import stream
from invviz.core.tree import flatten
from invviz.core.types import Batch, Net, Size, World
from invviz.defenses import DEFENSES
from invviz.defenses._noise import LAWS, UNIT

torch.set_num_threads(1)
COUNT, PIXELS = 4_000, 400
MESSAGE = {"m": torch.randn(COUNT, generator=stream(0, "message"), dtype=torch.float64)}
NET = Net(torch.nn.Identity(), {})
BATCH = Batch.of(torch.rand(1, 1, 20, 20, generator=stream(0, "x"), dtype=torch.float64), torch.zeros(1, dtype=torch.long))
WORLD = World(NET, torch.zeros(0, 1, 20, 20))
STRENGTH = {  # noise that is seen well: of a few directions all, of a band as many as there are
    "invl_gnp": "invl_gnp(low=0.0,high=1.0{})",
    "invl_enp": "invl_enp(low=0.0,high=1.0{})",
    "invl_dnp": "invl_dnp(low=0.0,high=1.0{})",
    "water_filling": "water_filling(sigma=1.0,cost='energy'{})",
    "dp_sgd": "dp_sgd",
    "quantisation": "quantisation(bits=6)",
    "stochastic_quantisation": "stochastic_quantisation(bits=4)",
}
KNOBBED = [name for name, kind in DEFENSES.items() if any(knob.name == "law" for knob in kind.knobs())]
CASES = [(name, "") for name in DEFENSES if name not in KNOBBED] + [(name, law) for name in KNOBBED for law in ("laplace", "normal")]


def constant(net, batch, rng):
    return MESSAGE


def linear(net, batch, rng):
    """Orthogonal and the same on all pixels: every singular value is 1 or close to it, so each pixel's or direction's noise can be read."""
    return {"m": torch.linspace(1.0, 2.0, PIXELS, dtype=torch.float64) * batch.image.flatten()}


def made(name, law):
    text = STRENGTH.get(name, name)
    return parse_component(text.format(f",law='{law}'" if law else ""), DEFENSES, "defense")


def errors(defense, draws):
    """What several draws add to the noise-free part, shape (draws, entries), each in units of its own spread where that is stated entry by entry."""
    inner = linear if defense.coloured and defense.takes_directions else constant
    release = defense.wrap(inner, WORLD)
    bare = flatten(release(NET, BATCH, None))
    found = torch.stack([flatten(release(NET, BATCH, stream(k, "noise"))) - bare for k in range(draws)]).numpy()
    if not defense.coloured:
        return found, bare.numpy()
    covariance = defense.covariance(defense.basis(inner, WORLD, BATCH))
    if defense.takes_directions:  # u_i is the pixel on which v_i lies
        spread = (covariance.directions.right.square() @ covariance.variances).sqrt().numpy()
    else:
        spread = flatten(covariance.variances).sqrt().numpy()
    return found[:, spread > 0] / spread[spread > 0], bare.numpy()


@pytest.mark.parametrize(("name", "law"), CASES)
def test_the_stated_law_is_the_law_of_the_draws(name, law):
    defense = made(name, law)
    assert defense.noise(UNIT).law in LAWS
    if defense.noise(UNIT).law == "none":
        assert not defense.noisy and not defense.coloured and defense.noise(Size.of(MESSAGE)).variance == 0
        return
    if name == "optimal_noise":  # its sensitivities are those of a net
        pytest.skip("draws of its own test: below")
    found, bare = errors(defense, 20 if defense.coloured else 2)
    if defense.noise(UNIT).law == "rounding":
        assert np.array_equal(found[0], found[1]) and np.abs(found).max() <= defense.step(Size.of(MESSAGE)) / 2 * (1 + 1e-9)
    elif defense.noise(UNIT).law == "discrete":
        q = defense.step(Size.of(MESSAGE))
        assert not np.array_equal(found[0], found[1]) and np.abs(found).max() < q * (1 + 1e-9)
        assert np.abs((found + bare) / q - np.round((found + bare) / q)).max() < 1e-9
    elif defense.noise(UNIT).law == "fixed length":
        assert np.linalg.norm(found, axis=1) == pytest.approx(np.linalg.norm(bare + found, axis=1), rel=1e-9)
    else:
        stated, other = (stats.norm, stats.laplace) if defense.noise(UNIT).law == "gaussian" else (stats.laplace, stats.norm)
        z = found.ravel()
        assert z.std() == pytest.approx(1, rel=0.05) or not defense.coloured
        z = z / z.std()
        assert stats.kurtosis(z) == pytest.approx({"gaussian": 0.0, "laplace": 3.0}[defense.noise(UNIT).law], abs=0.7)
        scale = {stats.norm: 1.0, stats.laplace: 0.5**0.5}
        fits, does_not = (stats.kstest(z, law_.cdf, (0, scale[law_])) for law_ in (stated, other))
        assert fits.statistic < 0.02 < 0.04 < does_not.statistic and does_not.pvalue < 1e-6


def test_noise_on_entries_of_a_net_is_normal():
    """Optimal noise: every entry in units of its own stated spread."""
    nn = torch.nn
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = Net.of(nn.Sequential(nn.Flatten(), nn.Linear(PIXELS, 10), nn.Tanh(), nn.Linear(10, 3)).double())
    from invviz.protocols import HFL

    defense, world = DEFENSES["optimal_noise"](), World(net, WORLD.public)
    release = defense.wrap(HFL().release, world)
    std = flatten(defense.covariance(defense.basis(HFL().release, world, BATCH)).variances).sqrt()
    z = ((flatten(release(net, BATCH, stream(1, "noise"))) - flatten(release(net, BATCH, None))) / std).numpy()
    assert defense.noise(UNIT).law == "gaussian" and stats.kstest(z, stats.norm.cdf).statistic < 0.03 and abs(stats.kurtosis(z)) < 0.4


@pytest.mark.parametrize("name", DEFENSES)
def test_what_the_noise_follows(name):
    """Of a message twice as large: the same noise, or twice the noise, as stated; noise of a shape is made from the Jacobian."""
    defense = DEFENSES[name]()
    assert defense.noise(UNIT).follows in ("", "size", "shape") and (defense.noise(UNIT).follows == "shape") >= defense.coloured
    if defense.noise(UNIT).follows == "shape" or defense.noise(UNIT).law == "none":
        return
    one, two = (defense.noise(Size(norm, COUNT, norm / 10)).variance for norm in (1.0, 2.0))
    assert two == pytest.approx(one * (4 if defense.noise(UNIT).follows == "size" else 1))
    knob = {"gaussian_noise": "relative", "laplace_noise": "relative", "dp_sgd": "relative_clip", "local_dp": "relative_clip"}.get(name)
    if knob:
        other = defense.replace(**{knob: not getattr(defense, knob)})
        one, two = (other.noise(Size(norm, COUNT, norm / 10)).variance for norm in (1.0, 2.0))
        assert {"size": 4, "": 1}[other.noise(UNIT).follows] == pytest.approx(two / one) and other.noise(UNIT).follows != defense.noise(
            UNIT
        ).follows
