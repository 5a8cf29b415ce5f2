"""Defenses at equal cost: interpolation and intervals against known answers, words by rule, the training step, the study as it is shipped."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from scipy.optimize import isotonic_regression

from invviz.core.rng import derive, stream
from invviz.core.types import Batch
from invviz.defenses import DEFENSES
from invviz.engine.client import Site, meet_client
from invviz.engine.training import Round
from invviz.risk import psnr_ceiling, total_sigma
from invviz.scenario import RESULTS_VERSION, problems
from invviz.studies import equal_cost
from invviz.studies.equal_cost import TITLES, EqualCostStudy, _make, _sums, _words
from invviz.studies.equal_cost._grid import DROPS, ENERGIES, PICTURES, SEEDS, STRENGTHS, defense, scenario
from invviz.studies.equal_cost._sums import EACH, compare, crossing, means, read, rising
from invviz.studies.equal_cost._train import learn
from invviz.studies.statistics import interval, weights


def arm(strengths, accuracy, psnr, seeds=3, pictures=20, noise=0.0, gap=0.0, rng=0):
    """A defense of known curves; the aware attack and the ceiling lie `gap` above the unaware one."""
    drawn = np.random.default_rng(rng).normal(size=(len(strengths), seeds, pictures)) * noise
    s = np.asarray(strengths)
    each = psnr(s)[:, None, None] + drawn
    return {
        "strengths": list(strengths),
        "accuracy": np.repeat(accuracy(s)[:, None], seeds, 1),
        "unaware": each,
        "aware": each + gap,
        "ceiling": each + gap,
        "energy": np.broadcast_to((s**2)[:, None, None], each.shape),
    }


BARE = {"strengths": [0.0], "accuracy": np.full((1, 3), 0.9)} | {k: np.zeros((1, 3, 20)) for k in EACH}
GRID = (0.01, 0.1, 1.0, 10.0)


# --- curves --------------------------------------------------------------------------------------------------------------------------


def test_the_rising_curve_is_scipys():
    curves = np.random.default_rng(0).normal(size=(50, 7))
    assert np.allclose(rising(curves), [isotonic_regression(c).x for c in curves])


def test_a_crossing_is_found_on_a_known_curve():
    x, curve = np.array([0.0, 1.0, 2.0]), np.array([[0.0, 0.2, 1.0], [0.5, 0.6, 0.7], [0.0, 0.1, 0.2], [0.0, 0.0, 0.4]])
    places, missed = crossing(x, curve, 0.4)
    assert places == pytest.approx([1.25, 0.0, 2.0, 2.0]) and missed.tolist() == [0, -1, 1, 0]
    assert read(x, curve, places)[[0, 3]] == pytest.approx([0.4, 0.4])
    assert read(x, curve, np.array([0.0, 2.0, 0.5, 1.5])) == pytest.approx([0.0, 0.7, 0.05, 0.2])


def test_curves_that_are_straight_over_the_logarithm_are_read_exactly():
    """Accuracy 0.8 - 0.05 ln s, PSNR 20 - 4 ln s: at a drop d, ln s = (d - 0.1) / 0.05."""
    accuracy = lambda s: 0.8 - 0.05 * np.log(s)  # noqa: E731
    arms = {
        "gaussian_noise": arm(GRID, accuracy, lambda s: 20 - 4 * np.log(s)),
        "invl_gnp": arm(GRID, lambda s: 0.8 - 0.1 * np.log(s), lambda s: 20 - 4 * np.log(s), gap=1.0),
    }
    found = compare(arms, BARE, "accuracy", 0.15, resamples=50)
    assert found["gaussian_noise"]["strength"] == pytest.approx([np.e] * 3)
    assert found["gaussian_noise"]["accuracy"] == pytest.approx([0.75] * 3)
    assert found["gaussian_noise"]["unaware"] == pytest.approx([16.0] * 3)
    assert found["invl_gnp"]["unaware"] == pytest.approx([18.0] * 3)
    assert found["invl_gnp"]["less"]["aware"] == pytest.approx([3.0] * 3)
    assert found["invl_gnp"]["told"] == pytest.approx([1.0] * 3)
    assert found["invl_gnp"]["real"] == pytest.approx([19.0] * 3) and found["invl_gnp"]["missed"] == 0
    at_energy = compare(arms, BARE, "energy", 0.25, resamples=50)
    assert at_energy["invl_gnp"]["strength"] == pytest.approx([0.5] * 3) and at_energy["invl_gnp"]["energy"] == pytest.approx([0.25] * 3)
    assert at_energy["invl_gnp"]["less"]["energy"] == pytest.approx([1.0] * 3)


def test_a_defense_that_never_costs_as_much_is_taken_at_its_strongest():
    arms = {
        "gaussian_noise": arm(GRID, lambda s: 0.8 - 0.05 * np.log(s), lambda s: -s),
        "invl_dnp": arm(GRID, lambda s: 0.9 + 0 * s, lambda s: -s),
    }
    found = compare(arms, BARE, "accuracy", 0.1, resamples=20)
    assert (found["invl_dnp"]["missed"], found["invl_dnp"]["strength"][0]) == (1, pytest.approx(10.0))
    assert compare(arms, BARE, "energy", 1e-9, resamples=20)["invl_dnp"]["missed"] == -1


# --- intervals -----------------------------------------------------------------------------------------------------------------------


def test_weights_are_those_of_a_bootstrap():
    w = weights(5, 4_000, 0)
    assert w[0] == pytest.approx([0.2] * 5) and np.allclose(w.sum(1), 1) and w.min() == 0
    assert w[1:].mean(0) == pytest.approx([0.2] * 5, abs=0.01)
    assert w[1:, 0].var() == pytest.approx(0.2 * 0.8 / 5, rel=0.1)


def test_means_are_those_of_the_drawn_things():
    made = arm(GRID, lambda s: 0.9 - s, lambda s: s, noise=1.0)
    seeds, pictures = weights(3, 5, 0), weights(20, 5, 1)
    found = means(made, seeds, pictures)
    picked = np.repeat(np.arange(20), np.rint(20 * pictures[3]).astype(int))
    chosen = np.repeat(np.arange(3), np.rint(3 * seeds[3]).astype(int))
    assert found["unaware"][3] == pytest.approx(np.asarray(made["unaware"])[:, chosen][:, :, picked].mean((1, 2)))
    assert np.exp(found["energy"][0]) == pytest.approx(np.asarray(GRID) ** 2)


def test_intervals_cover_a_known_mean():
    """Of 200 samples of pictures about 95 % must hold the truth; with 20 pictures the percentile bootstrap is known to give a little less."""
    held = 0
    for rng in range(200):
        effects = np.random.default_rng(rng).normal(size=20)
        made = arm((1.0,), lambda s: 0.9 * s, lambda s: 0 * s)
        made["unaware"] = made["unaware"] + effects
        low, high = _sums.per_strength(made, resamples=500, seed=rng)[0]["unaware"][1:]
        held += low <= 0 <= high
    assert 0.88 <= held / 200 <= 0.98


def test_differences_are_paired():
    """What makes one picture easier than another moves both defenses, and leaves their difference alone."""
    curves = [lambda s: 0.8 - 0.05 * np.log(s), lambda s: 20 - 4 * np.log(s)]
    easy = 5 * np.random.default_rng(1).normal(size=20)
    arms = {"gaussian_noise": arm(GRID, *curves), "invl_gnp": arm(GRID, *curves, gap=2.0)}
    arms = {name: made | {k: made[k] + easy for k in ("unaware", "aware", "ceiling")} for name, made in arms.items()}
    found = compare(arms, BARE, "accuracy", 0.15)["invl_gnp"]
    assert found["aware"][2] - found["aware"][1] > 2
    assert found["less"]["aware"] == pytest.approx([2.0] * 3)


# --- words ---------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gap", "said"),
    [
        ([-2.0, -3.0, -1.0], "less"),
        ([2.0, 1.0, 3.0], "more"),
        ([2.0, -0.1, 3.0], "no clear difference"),
        ([0.0, 0.0, 0.0], "no clear difference"),
    ],
)
def test_words_come_from_the_interval(gap, said):
    assert _words.verdict(gap) == said and said in _words.amount(gap)


def test_the_sentence_and_headline_follow_the_figures():
    def made(aware, missed=0):
        return {"less": {"unaware": [0.2, -1.0, 1.4], "aware": aware, "real": aware, "ceiling": [3.0, 2.0, 4.0]}, "missed": missed}

    arms = {"gaussian_noise": {"less": {"unaware": [0.0] * 3, "aware": [0.0] * 3}, "missed": 0}}
    arms |= {"invl_gnp": made([2.0, 1.0, 3.0]), "invl_dnp(low=0.6)": made([0.1, -1.0, 1.0]), "water_filling": made([-2.0, -3.0, -1.0], 1)}
    said = _words.sentence("invl_dnp(low=0.6)", "InvL-DNP", arms["invl_dnp(low=0.6)"])
    assert (
        "the aware attack no clear difference (+0.1 dB" in said
        and "the unaware attack no clear difference (+0.2 dB [-1.0 to +1.4])" in said
    )
    assert "strongest setting" in _words.sentence("water_filling", "Water-filling", arms["water_filling"]) and "setting" not in said
    head = _words.headline(arms, TITLES, "accuracy", 0.03, "unaware")
    assert head.startswith("At 3 points less accuracy, the unaware attack sees") and "Isotropic" not in head and "Not ranked" not in head
    arms["invl_dnp(low=0.6)"] = made([-2.0, -3.0, -1.0])
    assert "less behind InvL-DNP" in _words.headline(arms, TITLES, "accuracy", 0.03)


def test_noise_that_is_solved_for_is_not_ranked_among_attackers_who_know_it():
    """It was: "less behind InvL-GNP and Water-filling" stood as the headline of a study in which nobody solved for their noise."""
    arms = {
        name: {"less": {who: [-2.0, -3.0, -1.0] for who in _words.WHO}, "missed": 0}
        for name in ("invl_gnp", "invl_dnp(low=0.6)", "water_filling")
    }
    head = _words.headline(arms, TITLES, "accuracy", 0.01)
    ranked, left = head.split("Not ranked: ")
    assert "InvL-DNP" in ranked and "InvL-GNP" not in ranked and "Water-filling" not in ranked
    assert "InvL-GNP" in left and "Water-filling" in left
    del arms["invl_dnp(low=0.6)"]
    assert "nothing is ranked. Not ranked: InvL-GNP" in _words.headline(arms, TITLES, "accuracy", 0.01)
    for name, every in (("invl_gnp", False), ("invl_dnp(low=0.6)", True)):
        said = _words.sentence(name, "It", {"less": {who: [-2.0, -3.0, -1.0] for who in _words.WHO}, "missed": 0})
        assert (
            "the unaware attack 2.0 dB" in said
            and ("the aware attack 2.0 dB" in said) is every
            and ("solve for its noise" in said) is not every
        )


def test_an_attacker_who_is_misled_by_what_he_knows_is_named():
    arms = {"gaussian_noise": {"told": [-2.0, -3.0, -1.0]}, "invl_gnp": {"told": [2.0, -1.0, 3.0]}}
    said = _words.misled(arms, TITLES)
    assert "Isotropic noise" in said and "InvL-GNP" not in said
    assert _words.misled({"invl_gnp": arms["invl_gnp"]}, TITLES) == ""


# --- training and attacks ------------------------------------------------------------------------------------------------------------


def test_training_steps_along_the_average_of_the_wrapped_gradients_with_fresh_noise(tmp_path):
    """All of `learn` again, message by message: one picture a client, noise of its own for each client and round, directions those of the present net."""
    s, site = scenario((defense("gaussian_noise", 0.1),), 0, 0), Site(None, tmp_path, "cpu")
    client, lr = meet_client(s, site), 0.3
    order = np.random.default_rng(derive(s.seed, "order of clients")).permutation(len(client.samples.public))
    net, reached = client.net, []
    for number in range(1, 7):
        images, labels = client.samples.public.take(order[4 * (number - 1) : 4 * number].tolist())
        sent = [
            client.release(
                net,
                Batch.of(torch.as_tensor(images[k : k + 1]).double(), torch.as_tensor(labels[k : k + 1])),
                stream(s.seed, f"noise of client {k} in round {number}"),
            )
            for k in range(4)
        ]
        net = dataclasses.replace(net, params={name: p - lr * sum(one[name] for one in sent) / 4 for name, p in net.params.items()})
        image, label = (torch.as_tensor(a) for a in client.samples.victims.take(range(len(client.samples.victims))))
        if number in (4, 6):
            reached.append(float((net.outputs(net.params, Batch.of(image.double(), label)).argmax(1) == label).double().mean()))
    assert learn(s, site, 6, 4, lr, 2, 2) == pytest.approx(np.mean(reached), abs=1e-12) and 0 < np.mean(reached) < 1


def test_the_order_of_clients_does_not_hang_on_the_defense(tmp_path, monkeypatch):
    seen, mean = [], Round.mean

    def spy(self, net, chosen, images, labels, done):
        seen.append((id(net), images.sum((1, 2, 3)).tolist()))
        return mean(self, net, chosen, images, labels, done)

    monkeypatch.setattr(Round, "mean", spy)
    learn(scenario((defense("gaussian_noise", 0.1),), 0, 0), Site(None, tmp_path, "cpu"), 6, 4, 0.3, 2, 2)
    first = [pictures for _, pictures in seen]
    assert len(first) == 6 and len({str(pictures) for pictures in first}) == 6
    seen.clear()
    learn(scenario((), 0, 0), Site(None, tmp_path, "cpu"), 6, 4, 0.3, 2, 2)
    assert [pictures for _, pictures in seen] == first


def test_an_interval_leaves_out_what_is_not_known():
    values = np.append(np.arange(101.0), [np.nan, np.inf])
    assert interval(values) == (2.5, 97.5) and np.isnan(interval(np.array([np.nan]))).all()


def test_an_attacked_picture_has_the_figures_of_the_app(tmp_path):
    site, noise = Site(None, tmp_path, "cpu"), DEFENSES["gaussian_noise"](sigma=0.3)
    found = _make.attacked((noise,), 1, 0, site)
    from invviz.engine.assess import assess
    from invviz.engine.attack import run

    a = assess(scenario((noise,), 1, 0), site)
    sigma = total_sigma(a.decomposition, 0.01, (0.3 * a.size.rms) ** 2)
    assert found["ceiling"] == pytest.approx(psnr_ceiling(a.decomposition, sigma)) and found["energy"] == pytest.approx(0.09)
    assert found["unaware"] == pytest.approx(run(scenario((noise,), 1, 0), site).scores["psnr"][0])
    absolute = _make._absolute(noise, scenario((noise,), 1, 0), site)
    assert (absolute.sigma, absolute.relative) == (pytest.approx(0.3 * a.size.rms), False)
    bare = _make.attacked((), 1, 0, site)
    assert bare["unaware"] == bare["aware"] > 25 and bare["energy"] == 0


# --- the study as it is shipped ------------------------------------------------------------------------------------------------------


def test_every_part_of_the_study_fits_together():
    assert len(PICTURES) >= 20 and len(SEEDS) >= 3 and set(STRENGTHS) == set(TITLES)
    for name, strengths in STRENGTHS.items():
        assert len(strengths) >= 5 and list(strengths) == sorted(strengths)
        assert not problems(scenario((defense(name, strengths[0]),), 0, 0))


@pytest.fixture
def study():
    found = equal_cost.load()
    if found is None:
        pytest.skip("made for other results; python -m invviz.equal makes it again")
    return found


def test_the_shipped_study_is_whole(study):
    assert len(study.pictures) >= 20 and len(study.seeds) >= 3 and set(study.arms) == set(TITLES)
    assert (equal_cost.FOLDER / "study.json").stat().st_size < 200_000
    for made in study.arms.values():
        count = len(made["strengths"])
        assert np.shape(made["accuracy"]) == (count, len(study.seeds)) and len(made["curve"]) == count >= 5
        assert all(np.shape(made[k]) == (count, len(study.seeds), len(study.pictures)) for k in EACH)
        assert np.isfinite(np.asarray([made[k] for k in EACH])).all()
    assert np.mean(study.bare["accuracy"]) >= 0.85 and np.min(study.bare["unaware"]) > 25
    assert study.targets("accuracy") == list(DROPS) and study.targets("energy") == list(ENERGIES)


@pytest.mark.parametrize(("kind", "target"), [("accuracy", 0.03), ("energy", 0.1)])
def test_the_shipped_summary_follows_from_the_shipped_figures(study, kind, target):
    again, kept = compare(study.arms, study.bare, kind, target, study.resamples), study.point(kind, target)
    for name, made in again.items():
        for figure in ("unaware", "aware", "ceiling", "accuracy", "energy"):
            assert kept[name][figure] == pytest.approx(made[figure], rel=1e-3)
            assert kept[name]["less"][figure] == pytest.approx(made["less"][figure], rel=2e-3, abs=2e-3)


def test_a_study_survives_its_file_and_another_version_is_not_shown(tmp_path, monkeypatch):
    made = {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in BARE.items()}
    facts = {"torch": "2"}
    kept = EqualCostStudy(
        "c",
        "data=digits",
        (0,),
        (1, 2),
        {"lr": 0.3},
        10,
        facts,
        made,
        {"invl_gnp": made},
        ({"kind": "accuracy", "target": 0.1, "arms": {}},),
    )
    (tmp_path / "study.json").write_text(kept.to_json())
    monkeypatch.setattr(equal_cost, "FOLDER", tmp_path)
    equal_cost.load.cache_clear()
    assert equal_cost.load() == kept and kept.point("accuracy", 0.1) == {}
    endless = dataclasses.replace(
        kept, bare={"unaware": [np.inf, -np.inf, 1.0]}, arms={"invl_gnp": {"ceiling": [[np.inf]], "word": "info"}}
    )
    text = endless.to_json()
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert EqualCostStudy.from_json(text) == endless
    (tmp_path / "study.json").write_text(kept.to_json().replace(f'"results_version": {RESULTS_VERSION}', '"results_version": 0'))
    equal_cost.load.cache_clear()
    assert equal_cost.load() is None
    (tmp_path / "study.json").write_text("{")
    equal_cost.load.cache_clear()
    assert equal_cost.load() is None
    equal_cost.load.cache_clear()
    assert dataclasses.is_dataclass(kept)
