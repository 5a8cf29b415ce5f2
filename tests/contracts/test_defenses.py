"""What every defense promises: identity at strength zero, noise of the stated variance, a noise-free part without randomness."""

from __future__ import annotations

import pytest
import torch

from invviz.core.rng import stream
from invviz.core.tree import flatten
from invviz.core.types import Batch, Net, Size, World
from invviz.defenses import DEFENSES
from invviz.protocols import HFL

MESSAGE = {
    "w": torch.randn(400, 300, generator=stream(0, "w"), dtype=torch.float64),
    "b": 3 * torch.rand(5_000, generator=stream(0, "b"), dtype=torch.float64),
}
NET = Net(torch.nn.Identity(), {})
BATCH = Batch.of(torch.zeros(1, 1, 1, 1), torch.zeros(1, dtype=torch.long))
WORLD = World(NET, torch.zeros(0, 1, 1, 1))
ON_PICTURES = ("precode", "ats", "learnable_perturbation")  # act before the message is made: numerics/test_representation_defenses.py
ELSEWHERE = {name for name, kind in DEFENSES.items() if kind.coloured or kind.trains}  # numerics/test_coloured.py, numerics/test_nopeek.py
ON_MESSAGES = {name: kind for name, kind in DEFENSES.items() if name not in ON_PICTURES and name not in ELSEWHERE}
NOISY = [k for k in ON_MESSAGES.values() if k().noise(Size.of(MESSAGE)).variance]
BY_CHANCE = [DEFENSES["dropout"]]  # drawn, and yet no noise of a stated variance
DRAWN = [k for k in ON_MESSAGES.values() if k.redraws]  # without a generator they make a typical draw
STILL = [k for k in ON_MESSAGES.values() if k not in [*NOISY, *BY_CHANCE, *DRAWN]]
HALFWAY = {"clipping": {"clip_norm": 2.0}, "sign": {"mixing": 0.5}, "censor": {"share": 0.6}}  # strengths at which most directions pass
IN_LAYER = ("soteria", "dropout", "aggp")  # act on fully connected layers: they get a net that has some, and its gradient
ALL = [pytest.param(kind, id=name) for name, kind in ON_MESSAGES.items()]


def inner(net, batch, rng):
    return MESSAGE


def layered():
    nn = torch.nn
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = Net.of(nn.Sequential(nn.Flatten(), nn.Linear(6, 12), nn.Tanh(), nn.Linear(12, 5)).double())
    image = torch.rand(2, 1, 1, 6, generator=stream(0, "image"), dtype=torch.float64)
    return HFL().release, World(net, image[:0]), Batch.of(image, torch.tensor([0, 3]))


def setting(kind):
    """A release, a world and a batch on which this defense can act."""
    return layered() if kind.name in IN_LAYER else (inner, WORLD, BATCH)


def plain(kind):
    """The message before the defense."""
    release, world, batch = setting(kind)
    return release(world.net, batch, None)


def released(defense, rng):
    release, world, batch = setting(type(defense))
    return flatten(defense.wrap(release, world)(world.net, batch, rng))


@pytest.mark.parametrize("kind", ALL)
def test_identity_at_strength_zero(kind):
    weakest = kind().replace(**{kind.strength: kind.identity})
    assert torch.equal(released(weakest, stream(1, "noise")), flatten(plain(kind)))
    assert weakest.noise(Size.of(MESSAGE)).variance == pytest.approx(0, abs=1e-20)


@pytest.mark.parametrize("kind", ALL)
def test_default_strength_changes_the_message(kind):
    assert not torch.equal(released(kind(), stream(1, "noise")), flatten(plain(kind)))


@pytest.mark.parametrize("kind", NOISY)
def test_noise_is_fresh_centred_and_has_the_stated_variance(kind):
    defense = kind()
    error = released(defense, stream(1, "noise")) - released(defense, None)
    stated = defense.noise(Size.of(MESSAGE)).variance
    assert float(error.var()) == pytest.approx(stated, rel=0.03)
    assert abs(float(error.mean())) < 4 * stated**0.5 / error.numel() ** 0.5
    assert not torch.equal(released(defense, stream(2, "noise")), released(defense, stream(1, "noise"))) or kind.name == "quantisation"
    if kind.adds_noise:
        assert torch.equal(released(defense, None), flatten(MESSAGE)), "noise-free part"


@pytest.mark.parametrize("kind", ALL)
def test_the_seed_decides(kind):
    defense = kind()
    assert torch.equal(released(defense, stream(1, "noise")), released(defense, stream(1, "noise")))


@pytest.mark.parametrize("kind", STILL)
def test_without_noise_the_generator_plays_no_part(kind):
    assert torch.equal(released(kind(), stream(1, "noise")), released(kind(), None))
    assert kind().noise(Size.of(MESSAGE)).variance == 0


@pytest.mark.parametrize("kind", BY_CHANCE)
def test_chance_without_a_generator_is_no_chance(kind):
    assert torch.equal(released(kind(), None), flatten(plain(kind)))
    assert not torch.equal(released(kind(), stream(1, "noise")), released(kind(), stream(2, "noise")))
    assert kind().noise(Size.of(MESSAGE)).variance == 0 and not kind().noisy and kind().caveat()


@pytest.mark.parametrize("kind", DRAWN)
def test_a_draw_without_a_generator_is_a_typical_one(kind):
    """The same every time, of the law of those with one: as many zeros, the same values elsewhere."""
    free, one, other = (released(kind(), rng) for rng in (None, stream(1, "noise"), stream(2, "noise")))
    assert torch.equal(free, released(kind(), None)) and not torch.equal(one, other)
    assert float((one == 0).double().mean()) == pytest.approx(float((free == 0).double().mean()), abs=0.01)
    both = (free != 0) & (one != 0)
    assert torch.equal(free[both], one[both])
    assert kind().noise(Size.of(MESSAGE)).variance == 0 and not kind().noisy and kind().caveat() and kind.hides


@pytest.mark.parametrize("kind", ALL)
def test_noise_free_part_is_differentiable_by_torch_func(kind):
    """The Jacobian by jvp, vjp and vmap over both against central differences; a batch of messages at once equals one after the other."""
    mix = torch.randn(2, 40, 6, generator=stream(0, "mix"), dtype=torch.float64)

    def bends(net, batch, rng):
        x = batch.image.flatten(1)
        return {"w": (mix[0] @ x.T).tanh().mean(1).view(8, 5), "b": (mix[1] @ x.T).sin().mean(1)}

    bare, world = (layered()[0], layered()[1]) if kind.name in IN_LAYER else (bends, WORLD)
    release = kind(**HALFWAY.get(kind.name, {})).wrap(bare, world)

    def message(x):
        return flatten(release(world.net, Batch.of(x.view(2, 1, 1, 6), torch.zeros(2, dtype=torch.long)), None))

    x = torch.rand(12, generator=stream(0, "x"), dtype=torch.float64)
    units = torch.eye(12, dtype=torch.float64)
    numeric = torch.stack([(message(x + 1e-6 * u) - message(x - 1e-6 * u)) / 2e-6 for u in units])
    forward = torch.func.vmap(lambda v: torch.func.jvp(message, (x,), (v,))[1])(units)
    backward = torch.func.vmap(torch.func.vjp(message, x)[1])(torch.eye(len(message(x)), dtype=torch.float64))[0]
    assert float(numeric.norm()) > 0
    assert torch.allclose(forward, numeric, atol=1e-7)
    assert torch.allclose(backward.T, numeric, atol=1e-7)
    several = torch.stack([x, 1 - x])
    assert torch.allclose(torch.func.vmap(message)(several), torch.stack([message(one) for one in several]), atol=1e-12)


@pytest.mark.parametrize("kind", ALL)
def test_the_spectrum_is_shared_by_all_strengths_of_the_noise(kind):
    defense = kind()
    part = defense.for_risk()
    free = flatten(plain(kind)) if part is None else released(part, None)
    assert torch.equal(free, released(defense, None))
    assert (part is None) == kind.adds_noise
    assert defense.noisy == (kind in NOISY)
    weakest = kind().replace(**{kind.strength: kind.identity})
    assert weakest.noisy == kind.adds_noise
    other = kind().replace(**{kind.strength: 0.5 if isinstance(kind.identity, float) else 4})
    shares = kind in NOISY and kind.name != "censor"  # its strength is what it takes away from the message, too
    assert (other.for_risk() == part) == shares


@pytest.mark.parametrize("name", ["gaussian_noise", "laplace_noise"])
def test_relative_noise_scales_with_the_message(name):
    size, knob = Size.of(MESSAGE), DEFENSES[name].strength
    relative = DEFENSES[name]().replace(**{knob: 0.1})
    absolute = DEFENSES[name]().replace(**{knob: 0.1 * size.rms, "relative": False})
    assert relative.noise(size).variance == pytest.approx(absolute.noise(size).variance)
    assert torch.allclose(released(relative, stream(2, "noise")), released(absolute, stream(2, "noise")))


def test_laplace_has_heavier_tails_than_gauss():
    def kurtosis(error):
        return float((error**4).mean() / (error**2).mean() ** 2)

    laplace = released(DEFENSES["laplace_noise"](), stream(3, "noise")) - flatten(MESSAGE)
    gauss = released(DEFENSES["gaussian_noise"](), stream(3, "noise")) - flatten(MESSAGE)
    assert kurtosis(gauss) == pytest.approx(3, rel=0.05)
    assert kurtosis(laplace) == pytest.approx(6, rel=0.15)


def test_clipping_to_a_norm():
    clipping = DEFENSES["clipping"]
    assert float(released(clipping(clip_norm=2.0), None).norm()) == pytest.approx(2.0)
    norm = float(flatten(MESSAGE).norm())
    assert float(released(clipping(clip_norm=0.25, relative=True), None).norm()) == pytest.approx(norm / 4)
    assert float(released(clipping(clip_norm=2 * norm), None).norm()) == pytest.approx(norm)


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.99])
def test_pruning_drops_the_smallest(fraction):
    before, after = flatten(MESSAGE).abs(), released(DEFENSES["pruning"](fraction=fraction), None).abs()
    assert int((after == 0).sum()) == int(fraction * before.numel())
    assert before[after == 0].max() <= before[after > 0].min()
    assert torch.equal(after[after > 0], before[after > 0])


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_quantisation_levels(bits):
    levels = released(DEFENSES["quantisation"](bits=bits), stream(1, "noise")).unique()
    assert len(levels) <= 2**bits - 1
    assert 0.0 in levels
    gaps = levels.diff()
    assert float(gaps.min()) == pytest.approx(2 * float(flatten(MESSAGE).abs().max()) / (2**bits - 2))


@pytest.mark.parametrize("kind", ALL)
def test_what_becomes_of_earlier_noise(kind):
    """Send noise through the defense on top of the message: the part along kept directions is scaled by `passes`."""
    defense, (release, world, batch) = kind(**HALFWAY.get(kind.name, {})), setting(kind)
    before = plain(kind)
    size = Size.of(before)
    if kind.adds_noise:
        assert defense.noise(size).passes == 1.0
        return
    noise = {k: 1e-5 * torch.randn(leaf.shape, generator=stream(5, k), dtype=torch.float64) for k, leaf in before.items()}
    noisy = defense.wrap(lambda net, batch, rng: {k: leaf + noise[k] for k, leaf in release(net, batch, rng).items()}, world)
    change, sent = flatten(noisy(world.net, batch, None)) - released(defense, None), flatten(noise)
    kept = released(defense, None) != 0
    assert float((change[kept] @ sent[kept]) / (sent[kept] @ sent[kept])) == pytest.approx(defense.noise(size).passes, rel=2e-2)


@pytest.mark.parametrize(
    ("knobs", "factor"),
    [
        ({"clip_norm": 2.0}, 0.2),
        ({"clip_norm": 20.0}, 1.0),
        ({"clip_norm": 0.3, "relative": True}, 0.3),
        ({"clip_norm": 3.0, "relative": True}, 1.0),
    ],
)
def test_clipping_shrinks_noise_as_it_shrinks_the_message(knobs, factor):
    assert DEFENSES["clipping"](**knobs).noise(Size(10.0, 4, 9.0)).passes == pytest.approx(factor)
    assert DEFENSES["clipping"](**knobs).noise(Size(0.0, 4, 0.0)).passes <= 1.0


def test_stacked_relative_noise_adds_up_as_it_is_drawn():
    """The second noise is measured against a message that the first has already made larger."""
    from invviz.engine.summary import noise_variance
    from invviz.scenario import Scenario

    kind = DEFENSES["gaussian_noise"]
    scenario = Scenario(defense=(kind(sigma=1.0), kind(sigma=1.0)))
    release = inner
    for defense in scenario.defense:
        release = defense.wrap(release, WORLD)
    error = flatten(release(NET, BATCH, stream(4, "noise"))) - flatten(MESSAGE)
    assert float(error.var()) == pytest.approx(noise_variance(scenario, Size.of(MESSAGE)), rel=0.03)
