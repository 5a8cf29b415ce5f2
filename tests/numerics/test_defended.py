"""The plan of the Defend page, and the least strength against brute force on dense cases."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from invviz.core.component import parse_component
from invviz.core.types import Size
from invviz.defenses import DEFENSES, GaussianNoise, LaplaceNoise, LocalDP, Quantisation, Stack
from invviz.engine import calibrate_noise
from invviz.engine.assess import assess
from invviz.engine.client import Site
from invviz.engine.summary import noise_variance
from invviz.risk import psnr_ceiling, psnr_of, total_sigma
from invviz.scenario import Scenario
from invviz.scenario.families import defenses
from invviz.studies.gallery import OPENING
from invviz.ui import strength

SMALL = "data=digits&model=mlp&attack=linear_layer&method=exact&floor=0.001"


@pytest.fixture(scope="module")
def dense(tmp_path_factory):
    """Exact spectra of small scenarios, by text."""
    folder, known = tmp_path_factory.mktemp("cache"), {}

    def of(text=SMALL):
        if text not in known:
            known[text] = assess(Scenario.parse(text), Site(None, folder, "cpu"))
        return known[text]

    return of


def ceiling(scenario, defense, found):
    """Independent of the spectrum: tr (C^-1 + J'J / sigma^2)^-1 for the white prior, from the singular values of J."""
    variance = noise_variance(scenario.replace(defense=(defense,)), found.size, found.stages)
    sigma_sq = variance + (scenario.floor * found.size.rms) ** 2
    d = found.decomposition
    tau_sq = d.trace / d.size
    s = np.zeros(d.size)
    s[: len(d.singular_values)] = d.singular_values
    return -10 * math.log10(np.sum(1 / (1 / tau_sq + s**2 / sigma_sq)) / d.size)


# --- least strength ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [GaussianNoise, LaplaceNoise])
@pytest.mark.parametrize("target", [12.1, 14.0, 20.0, 35.0])
def test_at_the_least_strength_the_ceiling_is_the_target(dense, kind, target):
    found, scenario = dense(), Scenario.parse(SMALL)
    least = calibrate_noise.least_strength(scenario, kind(), found.decomposition, found.size, found.stages, target)
    assert least.strength is not None, least.reason
    at = kind(**{kind.strength: least.strength})
    assert ceiling(scenario, at, found) == pytest.approx(target, abs=0.01)
    assert least.ceiling == pytest.approx(target, abs=1e-6)


def test_it_is_the_one_that_a_search_over_all_strengths_finds(dense):
    found, scenario, target = dense(), Scenario.parse(SMALL), 18.0
    strengths = np.geomspace(1e-4, 10, 4001)
    reached = [ceiling(scenario, GaussianNoise(sigma=float(s)), found) for s in strengths]
    brute = strengths[next(i for i, psnr in enumerate(reached) if psnr <= target)]
    least = calibrate_noise.least_strength(scenario, GaussianNoise(), found.decomposition, found.size, found.stages, target)
    assert least.strength == pytest.approx(brute, rel=3e-3) and least.strength <= brute


def test_relative_noise_has_the_energy_of_its_square(dense):
    found, scenario = dense(), Scenario.parse(SMALL)
    least = calibrate_noise.least_strength(scenario, GaussianNoise(), found.decomposition, found.size, found.stages, 15.0)
    assert least.energy == pytest.approx(least.strength**2, rel=1e-9) and least.harm == least.energy
    absolute = calibrate_noise.least_strength(scenario, GaussianNoise(relative=False), found.decomposition, found.size, found.stages, 15.0)
    assert absolute.strength == pytest.approx(least.strength * found.size.rms, rel=1e-6)
    assert absolute.energy == pytest.approx(least.energy, rel=1e-6)


def test_of_whole_numbers_the_weakest_that_is_enough(dense):
    found, scenario, target = dense(), Scenario.parse(SMALL), 20.0
    least = calibrate_noise.least_strength(scenario, Quantisation(), found.decomposition, found.size, found.stages, target)
    enough = [bits for bits in range(2, 33) if ceiling(scenario, Quantisation(bits=bits), found) <= target]
    assert least.strength == max(enough) and isinstance(least.strength, int)


def test_a_knob_that_falls(dense):
    text = SMALL + "&defense=local_dp"
    found, scenario = dense(text), Scenario.parse(text)
    least = calibrate_noise.least_strength(scenario, LocalDP(), found.decomposition, found.size, found.stages, 16.0)
    assert least.strength is not None, least.reason
    assert ceiling(scenario, LocalDP(epsilon=least.strength), found) == pytest.approx(16.0, abs=0.01)


def test_what_is_hidden_already_needs_nothing(dense):
    found, scenario = dense(), Scenario.parse(SMALL)
    bare = psnr_ceiling(found.decomposition, total_sigma(found.decomposition, scenario.floor, 0.0))
    least = calibrate_noise.least_strength(scenario, GaussianNoise(), found.decomposition, found.size, found.stages, bare + 0.1)
    assert least.strength is None and "not needed" in least.reason
    below = calibrate_noise.least_strength(scenario, GaussianNoise(), found.decomposition, found.size, found.stages, bare - 0.1)
    assert below.strength is not None and below.ceiling == pytest.approx(bare - 0.1, abs=1e-6)


def test_nobody_is_worse_than_a_guess(dense):
    found, scenario = dense(), Scenario.parse(SMALL)
    blind = psnr_of(found.decomposition.trace / found.decomposition.size)
    least = calibrate_noise.least_strength(scenario, GaussianNoise(), found.decomposition, found.size, found.stages, blind - 0.01)
    assert least.strength is None and "who sees no message" in least.reason


def test_a_knob_that_ends_too_early_says_so(dense):
    found, scenario = dense(), Scenario.parse(SMALL)
    blind = psnr_of(found.decomposition.trace / found.decomposition.size)
    least = calibrate_noise.least_strength(scenario, Quantisation(), found.decomposition, found.size, found.stages, blind + 0.001)
    assert least.strength is None and "strongest setting leaves" in least.reason


def test_a_message_that_says_nothing(dense):
    found, scenario = dense(), Scenario.parse(SMALL)
    d = found.decomposition
    silent = dataclasses.replace(d, gains=0 * d.gains, message_norm=0.0)
    least = calibrate_noise.least_strength(scenario, GaussianNoise(), silent, Size(0.0, found.size.count, 0.0), found.stages, 30.0)
    assert least.strength is None and "not needed" in least.reason


def test_a_wanted_invre_is_a_wanted_ceiling(dense):
    d = dense().decomposition
    target = calibrate_noise.psnr_target("invre", 0.4, d)
    found, scenario = dense(), Scenario.parse(SMALL)
    least = calibrate_noise.least_strength(scenario, GaussianNoise(), d, found.size, found.stages, target)
    tau_sq, n = d.trace / d.size, d.size
    sigma_sq = (least.strength**2 + scenario.floor**2) * found.size.rms**2
    s = np.pad(d.singular_values, (0, n - len(d.singular_values)))
    assert np.mean(tau_sq * s**2 / (sigma_sq + tau_sq * s**2)) == pytest.approx(0.4, abs=1e-6)
    assert calibrate_noise.psnr_target("ceiling", 12.5, d) == 12.5


def test_only_noise_that_leaves_the_spectrum_alone_is_solved():
    assert {n for n, kind in DEFENSES.items() if calibrate_noise.solvable(kind())} >= {
        "gaussian_noise",
        "laplace_noise",
        "quantisation",
        "dp_sgd",
    }
    assert not any(calibrate_noise.solvable(DEFENSES[name]()) for name in ("clipping", "pruning", "selective_encryption"))


# --- a ladder ------------------------------------------------------------------------------------------------------------------------


def test_a_ladder_is_read_between_its_rungs():
    curve = lambda s: 40 - 6 * math.log(s / 1e-3)  # noqa: E731
    points = [(s, curve(s), s**2, 3 * s) for s in (1e-3, 1e-2, 0.1, 1.0)]
    least = calibrate_noise.least_on_ladder(list(reversed(points)), 20.0)
    assert curve(least.strength) == pytest.approx(20.0, abs=1e-6)
    assert least.energy == pytest.approx(least.strength**2, rel=1e-9) and least.harm == pytest.approx(3 * least.strength, rel=1e-9)
    falling = [(1 / s, psnr, 1.0, None) for s, psnr, *_ in points]
    assert 1 / calibrate_noise.least_on_ladder(falling, 20.0).strength == pytest.approx(least.strength, rel=1e-9)


def test_a_ladder_on_a_true_curve_comes_near(dense):
    found, scenario = dense(), Scenario.parse(SMALL)
    points = [(float(s), ceiling(scenario, GaussianNoise(sigma=float(s)), found), 1.0, None) for s in np.geomspace(1e-3, 10, 12)]
    least = calibrate_noise.least_on_ladder(points, 17.0)
    assert ceiling(scenario, GaussianNoise(sigma=least.strength), found) == pytest.approx(17.0, abs=0.1)


@pytest.mark.parametrize(
    ("points", "target", "why"),
    [
        ([(0.1, 30.0, 1.0, None), (1.0, 15.0, 2.0, None)], 31.0, "already at most 30.0"),
        ([(0.1, 30.0, 1.0, None), (1.0, 15.0, 2.0, None)], 12.0, "leaves 15.0"),
        ([(0.1, 30.0, 1.0, None)], 20.0, "too few"),
        ([], 20.0, "too few"),
    ],
)
def test_a_ladder_that_does_not_reach(points, target, why):
    least = calibrate_noise.least_on_ladder(points, target)
    assert least.strength is None and why in least.reason


def test_a_ladder_with_a_dent_is_made_monotone():
    least = calibrate_noise.least_on_ladder(
        [(0.1, 30.0, 1.0, None), (0.3, 22.0, 2.0, None), (1.0, 22.5, 3.0, None), (3.0, 15.0, 4.0, None)], 18.0
    )
    assert 0.3 < least.strength < 3.0


# --- the rows ------------------------------------------------------------------------------------------------------------------------


def test_the_first_row_is_no_defense_and_the_scenarios_own_is_among_them():
    for which in defenses.CHOICES:
        for text in (
            OPENING,
            "data=photos",
            "data=photos&defense=pruning(fraction=0.5)",
            "data=photos&defense=clipping&defense=gaussian_noise",
        ):
            now = Scenario.parse(text)
            rows = defenses.stacks(now, which)
            assert rows[0] == () and rows.count(now.defense) == 1 and len(set(rows)) == len(rows)


def test_the_usual_set_fits_a_screen_and_all_is_all():
    now = Scenario.parse(OPENING)
    assert 8 <= len(defenses.stacks(now, "usual")) <= defenses.MOST + 2
    names = {row[0].name for row in defenses.stacks(now, "all") if row}
    assert names == {n for n, kind in DEFENSES.items() if not kind.needs.embedding}
    assert all(row[0].noisy or row[0].coloured for row in defenses.stacks(now, "noise")[1:])


def test_a_strength_of_ones_own_takes_the_place_of_the_listed_one():
    rows = defenses.stacks(Scenario.parse("data=photos&defense=pruning(fraction=0.5)"), "usual")
    assert [row[0].fraction for row in rows if row and row[0].name == "pruning"] == [0.5]


def test_bytes_are_those_of_the_whole_stack():
    assert Stack().bytes_of(100) == 400
    assert Stack((GaussianNoise(),)).bytes_of(100) == 400
    for kind in DEFENSES.values():
        entries, value, place = kind().traffic(100.0, 32.0)
        bits = value + place
        assert Stack((kind(),)).bytes_of(100) == pytest.approx(entries * bits / 8)


@pytest.mark.parametrize("name", list(DEFENSES))
def test_stronger_and_weaker_lie_on_the_right_sides(name):
    defense = DEFENSES[name]()
    now, off = float(getattr(defense, defense.strength)), float(defense.identity)
    for way in (True, False):
        new = calibrate_noise.shifted(defense, way)
        if new is not None:
            value = float(getattr(new, new.strength))
            assert (abs(value - off) > abs(now - off)) == way
            assert type(getattr(new, new.strength)) is type(defense.strength_knob().default)


def test_the_order_of_thinning_and_rounding_costs_the_same():
    thin, coarse = DEFENSES["pruning"](), DEFENSES["quantisation"](bits=4)
    assert Stack((thin, coarse)).bytes_of(10_000) == Stack((coarse, thin)).bytes_of(10_000) == pytest.approx(1_000 * (4 + 10) / 8)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("dp_sgd", True),
        ("dp_sgd&pruning", True),
        ("dp_sgd(relative_clip=True)", False),
        ("dp_sgd(noise_multiplier=0.0)", False),
        ("dp_sgd&soteria", False),
        ("local_dp&invl_gnp", False),
        ("local_dp(epsilon=1000000.0)", False),
        ("soteria&local_dp", True),
        ("selective_encryption(fraction=0.0)", False),
    ],
)
def test_a_promise_holds_only_where_nothing_reads_the_batch_again(text, kept):
    stack = Stack(parse_component(part, DEFENSES, "defense") for part in text.split("&"))
    assert bool(stack.promise) == kept


@pytest.mark.parametrize("name", ["precode", "learnable_perturbation", "sign", "ats"])
def test_strengths_above_a_half_can_be_reached_again_and_changed(name):
    kind = DEFENSES[name]
    offered = strength.options(kind().replace(**{kind.strength: 0.5}))
    assert getattr(kind(), kind.strength) in offered and max(offered) == kind.strength_knob().high
    assert calibrate_noise.shifted(kind(), True) or calibrate_noise.shifted(kind(), False)


@pytest.mark.parametrize("name", list(DEFENSES))
def test_a_guarantee_in_short_is_its_beginning(name):
    promise = Stack((DEFENSES[name](),)).promise or "none"
    assert promise.startswith(defenses.in_short(promise)) and len(defenses.in_short(promise)) <= 120


@pytest.mark.parametrize("target", [20.0, 30.0])
def test_what_is_off_at_its_weakest_end_has_a_least_strength_that_is_not_off(dense, target):
    """Epsilon of a million is off; just below it there is more noise than many wishes ask for."""
    text = SMALL + "&defense=local_dp"
    found, scenario = dense(text), Scenario.parse(text)
    least = calibrate_noise.least_strength(scenario, LocalDP(), found.decomposition, found.size, found.stages, target)
    assert least.strength is not None, least.reason
    at = LocalDP(epsilon=float(f"{least.strength:.4g}"))
    assert at.epsilon != LocalDP.identity and ceiling(scenario, at, found) <= target + 0.01
