"""Utility-privacy curves: fronts, areas, intervals and points at equal cost against brute force, SciPy and closed forms; words of refusals."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from invviz.core.errors import InvvizError
from invviz.studies import plans, tradeoff
from invviz.studies.tradeoff import (
    PRIVACY,
    at_drop,
    blunt,
    front,
    hypervolume,
    missing,
    operating_point,
    pareto,
    passed_over,
    points,
    reference,
    sentence,
    strongest,
    volumes,
)

NAN, INF = math.nan, math.inf


def cell(defense="none", strength=NAN, seed=0, picture=0, attack="ig", accuracy=0.9, unaware=30.0, aware=NAN, **more):
    """One row; scenario texts are unique."""
    place = {"data": "digits", "model": "lenet", "protocol": "hfl", "train": "adam", "batch": 1} | {
        k: more[k] for k in more if k in tradeoff.SETTING
    }
    return {
        "scenario": f"{defense}={strength},{seed},{picture},{attack},{place['batch']}", "state": "done", "reason": "", **place, "attack": attack,
        "defense": defense, "strength_name": "" if defense == "none" else "s", "strength": strength, "seed": seed, "picture": picture,
        "accuracy": accuracy, "psnr_unaware": unaware, "psnr_aware": aware, "ssim_unaware": 0.5, "ssim_aware": 0.4, "psnr_ceiling": 40.0,
        "invre": 0.3, **more,
    }  # fmt: skip


def sweep(arms, seeds=(0, 1, 2), pictures=(0, 1), bare=(0.9, 30.0), per_seed=0.0, per_picture=0.0):
    """Cells of known curves: arms by name: strengths, cost(s), value(s); what is added for every seed and picture is paired."""
    rows = []
    for k, n in itertools.product(seeds, pictures):
        moved = {"seed": k, "picture": n}
        a, v = per_seed * k, per_picture * n
        rows.append(cell(accuracy=bare[0] + a, unaware=bare[1] + v, **moved))
        for name, (strengths, cost, value) in arms.items():
            rows += [cell(name, s, accuracy=bare[0] + a - cost(s), unaware=value(s) + v, **moved) for s in strengths]
    return pd.DataFrame(rows)


# --- front and area ------------------------------------------------------------------------------------------------------------------

few = st.integers(0, 4).map(float)  # few values, so that there are ties
pairs = st.lists(st.tuples(few, few), max_size=12)


@given(pairs)
def test_the_front_is_that_of_brute_force(drawn):
    expected = [not any(a2 >= a and m2 <= m and (a2, m2) != (a, m) for a2, m2 in drawn) for a, m in drawn]
    assert pareto([a for a, _ in drawn], [m for _, m in drawn]).tolist() == expected


def test_a_nan_is_on_no_front_and_keeps_nobody_off():
    assert pareto([NAN, 0.5, 0.4], [0.0, NAN, 1.0]).tolist() == [False, False, True]


@given(pairs)
def test_the_area_is_that_of_a_grid(drawn):
    """With corners on whole numbers, unit squares are dominated as wholes."""
    low, high = 1, 4
    squares = sum(any(a >= x + 1 and m <= y for a, m in drawn) for x in range(low, 4) for y in range(high))
    assert hypervolume([a for a, _ in drawn], [m for _, m in drawn], (low, high)) == pytest.approx(squares)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_the_area_is_that_of_monte_carlo(seed):
    rng = np.random.default_rng(seed)
    a, m = rng.uniform(-0.2, 1.2, 6), rng.uniform(-5, 35, 6)
    x, y = rng.uniform(0, 1.2, 40_000), rng.uniform(-5, 30, 40_000)
    hit = ((a[:, None] >= x) & (m[:, None] <= y)).any(0)
    area = 1.2 * 35
    assert hypervolume(a, m, (0.0, 30.0)) == pytest.approx(area * hit.mean(), abs=5 * area * 0.5 / 200)


# --- the strongest attack ------------------------------------------------------------------------------------------------------------


def test_the_strongest_attack_by_hand():
    rows = pd.DataFrame([
        cell("gn", 0.1, attack="ig", unaware=12.0, aware=15.0, ssim_unaware=0.8, ssim_aware=NAN, invre=0.2),
        cell("gn", 0.1, attack="dlg", unaware=14.0, aware=NAN, ssim_unaware=0.3, ssim_aware=0.6, invre=0.2),
        cell("gn", 0.1, picture=1, attack="ig", unaware=INF, aware=70.0),
        cell("gn", 0.1, picture=1, attack="dlg", unaware=20.0, aware=10.0),
        cell("gn", 0.1, picture=2, attack="ig", unaware=NAN, aware=NAN),
        cell("gn", 0.1, picture=2, attack="dlg", unaware=-INF, aware=NAN),
        cell("gn", 0.1, picture=2, attack="waits", unaware=50.0, state="waiting"),
        cell(attack="ig", unaware=33.0, aware=NAN),
    ])  # fmt: skip
    found = strongest(rows).set_index(["defense", "picture"])
    first, capped, empty, bare = (found.loc[key] for key in (("gn", 0), ("gn", 1), ("gn", 2), ("none", 0)))
    assert (first.strongest, first.unaware, first.aware, first.ssim, first.invre) == (15.0, 14.0, 15.0, 0.8, 0.2)
    assert (first.attack, first.knowledge, first.attacks, first.scenario) == ("ig", "aware", 2, "gn=0.1,0,0,ig,1")
    assert (capped.strongest, capped.unaware, capped.aware) == (60.0, 60.0, 60.0) and capped.attack == "ig"
    assert math.isnan(empty.strongest) and (empty.attack, empty.knowledge, empty.attacks) == ("", "", 0)
    assert (bare.aware, bare.knowledge) == (33.0, "unaware"), "without a defense both attackers are the same one"
    assert len(found) == 4 and set(PRIVACY) <= set(found.columns)


def test_cells_that_are_alike_are_refused():
    with pytest.raises(InvvizError, match="differ in nothing"):
        strongest(pd.DataFrame([cell(), cell(scenario="another floor")]))
    assert len(strongest(pd.DataFrame([cell(), cell()]))) == 1, "the same cell twice is one cell"


# --- points --------------------------------------------------------------------------------------------------------------------------


def test_intervals_are_scipys_over_means_of_seeds():
    rng = np.random.default_rng(0)
    psnr, accuracy, bare = rng.normal(20, 3, (4, 5)), rng.uniform(0.6, 0.8, 4), rng.uniform(0.8, 0.9, 4)
    rows = pd.DataFrame([
        made for k in range(4) for n in range(5)
        for made in (cell("gn", 1.0, k, n, accuracy=accuracy[k], unaware=psnr[k, n]), cell(seed=k, picture=n, accuracy=bare[k]))
    ])  # fmt: skip
    found = next(p for p in points(rows, "strongest") if p.defense == "gn")
    for mean, each in ((found.accuracy, accuracy), (found.value, psnr.mean(1)), (found.drop, bare - accuracy)):
        assert mean.value == pytest.approx(each.mean())
        assert mean.interval == pytest.approx(stats.t.interval(0.95, 3, each.mean(), stats.sem(each)))
    assert [d.value for d in found.dots] == pytest.approx(psnr.mean(1)) and (found.num_seeds, found.num_pictures) == (4, 5)
    assert found.scenario == "gn=1.0,0,0,ig,1" and found.attack == "ig (unaware)" and found.label == "gn at s=1"


def test_intervals_end_where_a_score_ends():
    """Few seeds near the end of a scale: Student's t reaches beyond it, and a mean cannot be there."""
    ssim, accuracy, bare, share = (0.99, 0.93, 0.97), (0.99, 0.9, 0.98), (1.0, 1.0, 0.98), (0.0, 0.04, 0.01)
    rows = pd.DataFrame([
        made for k in range(3)
        for made in (
            cell("gn", 1.0, k, accuracy=accuracy[k], unaware=1.0 + 2 * k, aware=0.5, ssim_unaware=ssim[k], invre=share[k]),
            cell(seed=k, accuracy=bare[k], unaware=59.0 - k),
        )
    ])  # fmt: skip
    low, high = stats.t.interval(0.95, 2, np.mean(ssim), stats.sem(ssim))
    assert high > 1.02 and low > 0, "the case is one"
    found = next(p for p in points(rows, "ssim") if p.defense == "gn")
    assert found.value.value == pytest.approx(np.mean(ssim)) and found.value.interval == pytest.approx((low, 1.0))
    assert found.accuracy.interval == pytest.approx((stats.t.interval(0.95, 2, np.mean(accuracy), stats.sem(accuracy))[0], 1.0))
    hidden, weak = (next(p for p in points(rows, m) if p.defense == "gn").value for m in ("invre", "strongest"))
    assert hidden.interval and hidden.interval[0] == 0.0 and weak.interval and weak.interval[0] == 0.0
    assert points(rows, "strongest")[0].value.interval[1] == 60.0, "more than the cap counts as the cap"


@pytest.mark.parametrize("measure", ["strongest", "ssim", "invre"])
def test_every_interval_of_the_shipped_studies_lies_on_its_scale(measure):
    seen = 0
    for study in plans.load().values():
        if not study.rows[list(PRIVACY[measure].columns)].notna().any(axis=None):
            continue
        found = points(study.rows, measure)
        areas = [v.volume for v in volumes(found, 0.1)] if study.name == "digits" else []
        scales = (
            [(p.value, PRIVACY[measure].ends) for p in found] + [(p.accuracy, (0, 1)) for p in found] + [(p.drop, (-1, 1)) for p in found]
        )
        for mean, (low, high) in scales + [(area, (0, 1)) for area in areas]:
            if mean.interval:
                seen += 1
                assert low <= mean.interval[0] <= mean.value <= mean.interval[1] <= high
    assert seen > 100


def test_one_seed_has_no_interval():
    found = points(sweep({"gn": ((1.0,), lambda s: 0.1, lambda s: 20.0)}, seeds=(7,)), "strongest")
    assert [p.accuracy.interval or p.value.interval or p.drop.interval for p in found] == [None, None]


def test_a_drop_is_paired_by_seed():
    """Seeds differ by far more than the defense costs, and one of them has no undefended cell."""
    rows = sweep({"gn": ((1.0,), lambda s: 0.01, lambda s: 20.0)}, bare=(0.5, 30.0), per_seed=0.2)
    rows = rows[(rows["defense"] != "none") | (rows["seed"] != 1)]
    found = next(p for p in points(rows, "strongest") if p.defense == "gn")
    assert found.drop.value == pytest.approx(0.01) and found.drop.interval == pytest.approx((0.01, 0.01))
    assert found.accuracy.interval and np.ptp(found.accuracy.interval) > 0.5
    assert [math.isnan(d.drop) for d in found.dots] == [False, True, False] and not any(
        p.whole for p in points(rows, "strongest") if p.defense == "none"
    )


def test_a_seed_counts_once_however_many_pictures_it_has():
    rows = pd.DataFrame(
        [cell(), cell("gn", 1.0, 0, 0, unaware=10.0), cell("gn", 1.0, 0, 1, unaware=20.0), cell("gn", 1.0, 1, 0, unaware=40.0)]
    )
    found = next(p for p in points(rows, "strongest") if p.defense == "gn")
    assert found.value.value == pytest.approx((15 + 40) / 2) and not found.whole


def test_points_are_ordered_whole_and_on_the_front():
    rows = sweep({"gn": ((0.1, 1.0), lambda s: s / 10, lambda s: 20 - 5 * s), "bad": ((3.0,), lambda s: 0.2, lambda s: 29.0)})
    found = points(rows, "strongest")
    assert [p.label for p in found] == ["no defense", "gn at s=0.1", "gn at s=1", "bad at s=3"]
    assert [p.on_front for p in found] == [True, True, True, False] and all(p.whole for p in found)
    assert [p.label for p in front(found)] == ["gn at s=1", "gn at s=0.1", "no defense"]
    rows.loc[rows["defense"].eq("bad") & rows["seed"].eq(2), "state"] = "waiting"
    assert [p.whole for p in points(rows, "strongest")] == [True, True, True, False]


# --- normalised area -----------------------------------------------------------------------------------------------------------------


def test_volumes_by_hand():
    rows = sweep({"gn": ((1.0, 2.0), lambda s: 0.3 * (s - 1), lambda s: 30 - 10 * s)}, pictures=(0,))
    found = points(rows, "strongest")
    (volume,) = volumes(found)
    expected = (0.6 * 20 + 0.3 * 10) / (0.9 * 30)  # (accuracy, PSNR) = (0.9, 20), (0.6, 10) against (0, 30)
    assert volume.volume.value == pytest.approx(expected) and volume.volume.interval == pytest.approx((expected, expected))
    (less,) = volumes(found, chance=0.1)
    assert less.volume.value == pytest.approx((0.5 * 20 + 0.3 * 10) / (0.8 * 30))
    whole = reference(found)
    assert (whole.accuracy, whole.measure, whole.full, whole.zero) == (0.0, 30.0, pytest.approx(0.9), 0.0)
    assert whole.share([0.9], [0.0]) == pytest.approx(1) and whole.share([1.0, 0.2], [-3.0, 50.0]) == pytest.approx(1)


def test_volumes_are_of_each_seed_against_itself():
    rng = np.random.default_rng(1)
    bare, defended = rng.uniform([0.8, 28], [0.9, 32], (3, 2)), rng.uniform([0.5, 10], [0.7, 20], (3, 2))
    rows = pd.DataFrame(
        [cell(seed=k, accuracy=a, unaware=v) for k, (a, v) in enumerate(bare)]
        + [cell("gn", 1.0, k, accuracy=a, unaware=v) for k, (a, v) in enumerate(defended)]
    )
    each = defended[:, 0] / bare[:, 0] * (1 - defended[:, 1] / bare[:, 1])
    (volume,) = volumes(points(rows, "strongest"))
    assert [v for _, v in volume.seeds] == pytest.approx(each)
    assert volume.volume.interval == pytest.approx(stats.t.interval(0.95, 2, each.mean(), stats.sem(each)))


def test_an_undefended_net_that_only_guesses_has_no_volume():
    with pytest.raises(InvvizError, match="nothing to lose"):
        reference(points(sweep({}), "strongest"), chance=0.95)


# --- at a drop of accuracy -----------------------------------------------------------------------------------------------------------

GRID = (0.01, 0.1, 1.0, 10.0)


def logarithmic(s):
    """Costs 0 at 0.001, one step below the grid, and 0.02 more a decade; PSNR 30 there and 4 dB less a decade."""
    return 0.02 * (np.log10(s) + 3), 30 - 4 * (np.log10(s) + 3)


UP = (GRID, lambda s: logarithmic(s)[0], lambda s: logarithmic(s)[1])
DOWN = (GRID, lambda s: logarithmic(0.1 / s)[0], lambda s: logarithmic(0.1 / s)[1])


@pytest.mark.parametrize(("arm", "strength"), [(UP, lambda x: 10 ** (x - 3)), (DOWN, lambda x: 10 ** (2 - x))])
def test_curves_that_are_straight_over_the_logarithm_are_read_exactly(arm, strength):
    """At a drop d, x = d / 0.02 decades; both ways that a knob may run."""
    rows = sweep({"gn": arm}, per_seed=0.01)
    found = at_drop(rows, "strongest", (0.0, 0.01, 0.05, 0.08, 0.2), resamples=50)
    for at, x in zip(found, (0.0, 0.5, 2.5, 4.0, 4.0), strict=True):
        assert at.value.value == pytest.approx(30 - 4 * x) and at.strength.value == pytest.approx(strength(x))
        assert at.value.interval == pytest.approx((30 - 4 * x,) * 2) and at.whole
    assert [at.missed for at in found] == [-1, -1, 0, 0, 1]


def test_a_strength_of_one_at_the_strong_end():
    """Its logarithm is 0, whatever the direction."""
    rows = sweep({"bits": ((1.0, 2.0, 4.0), lambda s: 0.02 * (3 - np.log2(s)), lambda s: 20 + np.log2(s))})
    (found,) = at_drop(rows, "strongest", (0.05,), resamples=5)
    assert found.strength.value == pytest.approx(2**0.5) and found.value.value == pytest.approx(20.5)


def test_strengths_that_are_not_positive_are_read_over_their_rank():
    rows = sweep(
        {"share": ((0.0, 0.5, 0.9), lambda s: {0.0: 0.0, 0.5: 0.02, 0.9: 0.06}[s], lambda s: {0.0: 30.0, 0.5: 20.0, 0.9: 10.0}[s])}
    )
    none, half, far = at_drop(rows, "strongest", (0.0, 0.01, 0.04), resamples=5)
    assert (none.strength.value, none.value.value, none.missed) == (pytest.approx(0.0), pytest.approx(30.0), 0)
    assert (half.strength.value, half.value.value) == (pytest.approx(0.25), pytest.approx(25.0))
    assert (far.strength.value, far.value.value) == (pytest.approx(0.7), pytest.approx(15.0))


def test_a_defense_without_a_strength_is_one_point():
    found = at_drop(sweep({"sign": ((NAN,), lambda s: 0.02, lambda s: 10.0)}), "strongest", (0.01, 0.05), resamples=5)
    assert [at.value.value for at in found] == pytest.approx([20.0, 10.0]) and [at.missed for at in found] == [-1, 1]
    assert math.isnan(found[0].strength.value)


def test_the_strongest_of_strengths_that_cost_the_same_is_taken():
    """And 0.90 - 0.89 is 0.01, whatever floating point says."""
    rows = sweep({"gn": (GRID, lambda s: 0.01 if s < 10 else 0.5, lambda s: 25 - s)})
    (found,) = at_drop(rows, "strongest", (0.01,), resamples=5)
    assert (found.value.value, found.strength.value, found.missed) == (pytest.approx(24.0), pytest.approx(1.0), 0)


def test_costs_never_fall():
    """0.04 and 0.02 become 0.03 twice, so 0.015 is half way to the first."""
    rows = sweep({"gn": ((1.0, 2.0, 4.0), lambda s: {1.0: 0.04, 2.0: 0.02, 4.0: 0.2}[s], lambda s: 20 / s)})
    (found,) = at_drop(rows, "strongest", (0.015,), resamples=5)
    assert found.value.value == pytest.approx(25.0) and found.missed == -1


def test_direction_is_read_from_the_measure_where_nothing_is_lost():
    rows = sweep({"bits": ((2.0, 4.0, 8.0), lambda s: {2.0: 0.0, 4.0: 0.001, 8.0: 0.002}[s], lambda s: 10 + s)})
    (found,) = at_drop(rows, "strongest", (0.05,), resamples=5)
    assert (found.strength.value, found.value.value, found.missed) == (pytest.approx(2.0), pytest.approx(12.0), 1)


@pytest.mark.parametrize("attack", ["dlg", "tangent"])
def test_noise_that_is_solved_for_is_the_best_only_where_that_was_tried(attack):
    rows = sweep({"gaussian_noise": UP, "invl_gnp(reuse=10)": (GRID, UP[1], lambda s: UP[2](s) - 2.0)}).assign(attack=attack)
    by = {one.defense: one for one in at_drop(rows, "strongest", (0.05,), resamples=5)}
    gap = {"dlg": (0.0, -2.0), "tangent": (2.0, 0.0)}[attack]
    assert (by["gaussian_noise"].over_best.value, by["invl_gnp(reuse=10)"].over_best.value) == pytest.approx(gap)


def test_differences_are_paired_over_pictures_and_seeds():
    """What makes one picture easier moves all defenses alike."""
    shifted = (GRID, UP[1], lambda s: UP[2](s) + 2.0)
    rows = sweep({"gn": UP, "other": shifted}, pictures=range(8), per_picture=3.0)
    best, other = at_drop(rows, "strongest", (0.05,))
    assert other.value.interval and np.ptp(other.value.interval) > 5
    assert other.over_best.value == pytest.approx(2.0) and other.over_best.interval == pytest.approx((2.0, 2.0))
    assert best.over_best.value == 0 and at_drop(rows, "strongest", (0.05,)) == [best, other], "the same seed, the same intervals"


def test_intervals_at_a_drop_have_the_width_of_a_mean():
    """Of 40 pictures with a spread of 2 dB: a 95 % interval of about 2 * 1.96 * 2 / sqrt(40)."""
    each = np.random.default_rng(3).normal(0, 2, 40)
    rows = sweep({"gn": UP}, seeds=(0,), pictures=range(40))
    rows["psnr_unaware"] += each[rows["picture"]]
    (found,) = at_drop(rows, "strongest", (0.05,))
    assert found.value.interval and found.value.value == pytest.approx(20 + each.mean())
    assert np.ptp(found.value.interval) == pytest.approx(2 * 1.96 * each.std() / np.sqrt(40), rel=0.1)


def test_what_is_half_done_still_has_figures():
    rows = sweep({"gn": UP}, pictures=range(3))
    rows.loc[rows["defense"].eq("gn") & rows["strength"].eq(1.0) & rows["seed"].gt(0), "psnr_unaware"] = NAN
    rows.loc[rows["defense"].eq("gn") & rows["strength"].eq(0.1), "state"] = "failed"
    (found,) = at_drop(rows, "strongest", (0.05,), resamples=200)
    assert found.value.value == pytest.approx(20.0) and found.value.interval == pytest.approx((20.0, 20.0)) and not found.whole
    alone = rows[rows["seed"].eq(0) & rows["picture"].eq(0)]
    assert at_drop(alone, "strongest", (0.05,))[0].value.interval is None
    assert at_drop(sweep({}), "strongest") == []


# --- which to use --------------------------------------------------------------------------------------------------------------------


def test_the_point_to_use_is_the_most_private_one_within_the_budget():
    rows = sweep({"a": ((1.0, 2.0), lambda s: 0.01 * s, lambda s: 20 - 3 * s), "b": ((4.0,), lambda s: 0.005, lambda s: 18.0)})
    small, large = operating_point(rows, "strongest", 0.01), operating_point(rows, "strongest", 0.02)
    assert small and large and small.runner_up and (small.point.label, small.runner_up.label) == ("a at s=1", "b at s=4")
    assert large.point.label == "a at s=2" and small.clear and small.sure
    assert operating_point(rows, "strongest", 0.001) is None
    said = sentence(small, 0.01, {"b": "The other"})
    assert (
        said
        == "At most 1 point of accuracy: a at s=1: the strongest attack gets 17.0 dB [17.0 to 17.0] and accuracy is 89.0 %; clearly better than The other at s=4 (18.0 dB [18.0 to 18.0])."
    )
    assert "no defense that was tried" in sentence(None, 0.01) and sentence(None, 0.025).startswith("At most 2.5 points of")


def test_a_defense_whose_noise_may_be_solved_for_is_passed_over():
    rows = sweep({
        "invl_gnp(reuse=10)": ((4.0,), lambda s: 0.0, lambda s: 12.0), "clipping + water_filling": ((1.0,), lambda s: 0.0, lambda s: 14.0),
        "invl_gnp + gaussian_noise": ((1.0,), lambda s: 0.0, lambda s: 19.0), "pruning": ((0.9,), lambda s: 0.0, lambda s: 22.0),
    })  # fmt: skip
    found = operating_point(rows, "strongest", 0.01)
    assert found and found.runner_up and found.passed_over
    assert [p.defense for p in (found.point, found.runner_up, found.passed_over)] == [
        "invl_gnp + gaussian_noise",
        "pruning",
        "invl_gnp(reuse=10)",
    ]
    said = passed_over(found, {"invl_gnp(reuse=10)": "InvL-GNP"})
    assert "InvL-GNP at s=4 gave away less (12.0 dB [12.0 to 12.0]) and is passed over: who knows it may solve for its noise" in said
    rows["attack"] = "tangent"  # who solves for it was among the attacks: what is measured counts
    one = operating_point(rows, "strongest", 0.01)
    assert one and one.point.defense == "invl_gnp(reuse=10)" and not passed_over(one)
    for measure in ("unaware", "ceiling", "invre"):  # of these, tangent says nothing
        rows.loc[rows["defense"].eq("pruning"), ["psnr_ceiling", "invre"]] = [20.0, 0.2]
        other = operating_point(rows, measure, 0.01)
        assert other and other.point.defense != "invl_gnp(reuse=10)"


def test_where_only_such_defenses_give_away_less_none_is_to_be_used():
    rows = sweep({"water_filling": ((1.0,), lambda s: 0.0, lambda s: 10.0)})
    assert operating_point(rows, "strongest", 0.01) is None and not passed_over(None)
    assert sentence(None, 0.01).endswith("no defense that was tried and can be relied on gives away less than no defense does.")


def test_ties_go_to_the_larger_accuracy():
    rows = sweep({"a": ((1.0,), lambda s: 0.02, lambda s: 10.0), "b": ((1.0,), lambda s: 0.01, lambda s: 10.0)})
    found = operating_point(rows, "strongest", 0.05)
    assert found and found.point.defense == "b" and found.clear is False


def test_a_defense_that_hides_nothing_is_not_used():
    for value in (30.0, 31.0):
        assert operating_point(sweep({"a": ((1.0,), lambda s: -0.01, lambda s, v=value: v)}), "strongest", 0.05) is None


def test_what_cannot_be_told_apart_is_said():
    rows = sweep({"a": ((1.0,), lambda s: 0.0, lambda s: 20.0)})
    at = rows["defense"].eq("a")
    rows.loc[at, "psnr_unaware"] += 6.0 * (rows["seed"] - 1)
    rows.loc[at, "accuracy"] += 0.02 * (rows["seed"] - 1)
    found = operating_point(rows, "strongest", 0.01)
    assert found and found.runner_up and (found.runner_up.defense, found.clear, found.sure) == ("none", False, False)
    said = sentence(found, 0.01)
    assert "not clearly better than no defense (30.0 dB" in said and "the loss may be up to 4.97 points" in said
    one = operating_point(rows[rows["seed"].eq(1)], "strongest", 0.01)
    assert one and one.clear is None and "one seed cannot tell" in sentence(one, 0.01)


# --- refusals and gaps ---------------------------------------------------------------------------------------------------------------


def test_what_is_missing_is_counted_by_reason():
    rows = pd.DataFrame([
        cell(), *(cell(picture=n, state="waiting") for n in (1, 2)), cell(picture=3, state="failed", reason="out of memory"),
        cell(picture=4, state="unfit", reason="too large"), cell(picture=5, accuracy=NAN), cell(picture=6, reason="aware: no way to know"),
        cell(picture=7, state="failed", reason=None), *(cell(picture=n, state="failed", reason="died") for n in (8, 9)),
    ])  # fmt: skip
    assert [(m.state, m.reason, m.count) for m in missing(rows)] == [
        ("failed", "died", 2), ("failed", "out of memory", 1), ("failed", "failed, no reason is known", 1), ("unfit", "too large", 1),
        ("waiting", "not run yet", 2), ("done", "done, but its accuracy is not known", 1), ("done", "aware: no way to know", 1),
    ]  # fmt: skip
    assert missing(rows)[0].scenario == "none=nan,0,8,ig,1" and missing(rows[:1]) == []


DEFENDED = cell("gn", 1.0)


@pytest.mark.parametrize(
    ("rows", "measure", "words"),
    [
        ([cell(), DEFENDED], "secrecy", "'secrecy'.*strongest, unaware, aware"),
        ([cell(state="waiting", accuracy=NAN), cell(seed=1, state="failed", accuracy=NAN)], "strongest", "1 waiting, 1 failed.*worker"),
        ([DEFENDED], "strongest", "No undefended cell.*Add a cell"),
        ([DEFENDED, cell(state="waiting", accuracy=NAN)], "strongest", "No undefended cell.*not done"),
        ([DEFENDED, cell(accuracy=NAN)], "strongest", "No undefended cell"),
        ([cell(invre=NAN)], "invre", "'invre'.*Known: strongest"),
        ([cell(accuracy=81.0)], "strongest", "81.*shares"),
        ([cell(), cell(batch=4)], "strongest", "2 settings.*batch"),
        ([{"state": "done"}], "strongest", "no column scenario"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_in_words(rows, measure, words):
    for ask in (points, at_drop, lambda r, m: operating_point(r, m, 0.01)):
        with pytest.raises(InvvizError, match=words):
            ask(pd.DataFrame(rows), measure)


@pytest.mark.parametrize("wrong", [-0.01, 1.5, NAN])
def test_drops_are_shares(wrong):
    rows = sweep({"gn": UP})
    for ask in (lambda: at_drop(rows, "strongest", (wrong,)), lambda: operating_point(rows, "strongest", wrong)):
        with pytest.raises(InvvizError, match="from 0 to 1"):
            ask()


@pytest.mark.parametrize("measure", PRIVACY)
def test_every_measure_can_be_drawn(measure):
    rows = sweep({"gn": UP})
    rows["psnr_aware"] = rows["psnr_unaware"] + 1
    if measure in ("cells", "tokens"):
        with pytest.raises(InvvizError, match="not known for any cell"):
            points(rows, measure)  # pictures have none
        rows[[f"{measure}_unaware", f"{measure}_aware"]] = [0.9, 0.8]
    rows.loc[rows["defense"].eq("gn"), ["invre", "psnr_ceiling", "ssim_unaware"]] = [0.1, 20.0, 0.4]
    found = points(rows, measure)
    assert len(found) == 5 and all(p.whole for p in found) and len(at_drop(rows, measure, resamples=5)) == 4 and len(volumes(found)) == 1
    assert "95" not in sentence(operating_point(rows, measure, 0.05), 0.05)


def test_cells_are_those_of_the_attack_that_has_more():
    rows = pd.DataFrame([cell(), {**DEFENDED, "psnr_aware": 20.0}]).assign(cells_unaware=[1.0, 0.25], cells_aware=[NAN, 0.5])
    assert [p.value.value for p in points(rows, "cells")] == [1.0, 0.5]


def test_neither_torch_nor_drawing_is_needed():
    code = "import sys, invviz.studies.tradeoff; print([m for m in ('torch', 'streamlit', 'plotly') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_a_cell_that_lacks_only_its_spectrum_counts():
    """A spectrum that failed or waits does not take accuracy and attacks from the curve; a missing attack does."""
    rows = pd.DataFrame([cell(), {**DEFENDED, "psnr_aware": 20.0, "state": "failed", "invre": NAN}])
    assert [p.defense for p in points(rows, "strongest")] == ["none", DEFENDED["defense"]]
    rows = pd.DataFrame([cell(), {**DEFENDED, "state": "failed", "psnr_aware": NAN}])
    assert [p.defense for p in points(rows, "strongest")] == ["none"]


def test_an_attack_that_fails_without_a_defense_is_told():
    arms = {"a": ((1.0, 2.0), lambda s: -0.01 * s, lambda s: -0.1 * s)}
    weak, strong = sweep(arms, bare=(0.9, 8.0)), sweep(arms, bare=(0.9, 12.0))
    assert "fails by itself" in blunt(points(weak, "strongest"), "hidden") and "8.0" in blunt(points(weak, "strongest"), "hidden")
    assert blunt(points(strong, "strongest"), "blurred") == "" == blunt(points(weak, "strongest"), "")  # no word: nothing is claimed
    assert blunt(points(weak, "ssim"), "hidden") == ""  # the word is that of a PSNR
    assert blunt([], "") == ""
