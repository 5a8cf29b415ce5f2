"""The calibration studies: correlation against SciPy, the oracle against its closed form, the files as they are shipped."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
import torch
from scipy import stats

from invviz.core.errors import DataMissing
from invviz.core.rng import stream
from invviz.core.types import Batch, Net, World
from invviz.defenses import GaussianNoise, Pruning, Stack
from invviz.engine.client import Site
from invviz.risk import Jacobian, Prior, decompose
from invviz.scenario import RESULTS_VERSION, Scenario, bits_problems, problems, risk_problems
from invviz.studies import calibration
from invviz.studies.calibration import STUDIES, CalibrationStudy, _make, correlate, correlate_within, load, paired
from invviz.studies.calibration._correlation import _draws, _pearson, _ranks
from invviz.studies.calibration._grid import FLOOR, PRIORS, SEED, grid
from invviz.studies.calibration._make import make
from invviz.studies.calibration._oracle import _coordinates, most_likely

SHAPE = (2, 4, 4)
N = 32


# --- correlation ---------------------------------------------------------------------------------------------------------------------


def related(count, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=count)
    return x, np.exp(x + 0.7 * rng.normal(size=count))


def test_coefficients_are_scipys():
    x, y = related(40)
    found = correlate(x, y)
    assert found.spearman == pytest.approx(stats.spearmanr(x, y).statistic)
    whole = stats.pearsonr(x, y)
    assert found.pearson == pytest.approx(whole.statistic)
    assert (found.pearson_low, found.pearson_high) == pytest.approx(tuple(whole.confidence_interval(0.95)))
    assert found.count == 40


def test_bootstrap_interval_is_scipys():
    x, y = related(40)
    reference = stats.bootstrap(
        (x, y), lambda a, b: stats.spearmanr(a, b).statistic, paired=True, n_resamples=1_000, method="percentile", rng=1, vectorized=False
    ).confidence_interval
    found = correlate(x, y)
    assert (found.spearman_low, found.spearman_high) == pytest.approx((reference.low, reference.high), abs=0.03)


def test_a_known_answer_with_ties():
    """x = 1 2 3 4, y = 1 3 2 4: rank differences 0 1 1 0, rho = 1 - 6 * 2 / (4 * 15) = 0.8. Order alone counts."""
    found = correlate([1, 2, 3, 4], [10, 1_000, 100, 10_000])
    assert found.spearman == pytest.approx(0.8)
    ties = correlate([1, 1, 2, 2], [1, 2, 3, 4])
    assert ties.spearman == pytest.approx(2 / math.sqrt(5))  # ranks 1.5 1.5 3.5 3.5 against 1 2 3 4: covariance 4, variances 4 and 5
    assert correlate([1, 2, 3, 4, 5], [-1, -2, -3, -4, -5]).spearman == pytest.approx(-1)


def test_the_fast_resampling_is_the_plain_one():
    """Counting how often a row is drawn gives what drawing it gives, with ties and whole groups."""
    rng = np.random.default_rng(1)
    x, y, groups = rng.integers(0, 6, 30).astype(float), rng.normal(size=30), np.repeat(np.arange(10), 3)
    times = _draws(groups, 5)[:50]
    ranks, plain = _pearson(_ranks(x, times), _ranks(y, times), times), _pearson(x, y, times)
    for k, row in enumerate(times):
        assert row.sum() == 30 and (row.reshape(10, 3) == row[::3, None]).all()
        a, b = np.repeat(x, row), np.repeat(y, row)
        assert ranks[k] == pytest.approx(stats.spearmanr(a, b).statistic)
        assert plain[k] == pytest.approx(stats.pearsonr(a, b).statistic)
    same = np.zeros((1, 30), int)
    same[0, 0] = 30
    assert np.isnan(_pearson(x, y, same)).all()


def test_groups_widen_the_interval_of_clustered_points():
    rng = np.random.default_rng(3)
    centre = rng.normal(size=(8, 2))
    points = np.repeat(centre, 10, axis=0) + 0.05 * rng.normal(size=(80, 2))
    groups = np.repeat(np.arange(8), 10)
    naive, honest = correlate(*points.T), correlate(*points.T, groups=groups)
    assert honest.spearman == naive.spearman
    assert honest.spearman_high - honest.spearman_low > 1.5 * (naive.spearman_high - naive.spearman_low)
    assert honest.pearson_high - honest.pearson_low > 1.5 * (naive.pearson_high - naive.pearson_low)


def test_groups_of_one_point_are_no_groups():
    x, y = related(25)
    a, b = correlate(x, y), correlate(x, y, groups=range(25))
    assert (a.spearman_low, a.spearman_high) == (b.spearman_low, b.spearman_high)


def test_the_same_seed_gives_the_same_interval():
    x, y = related(20)
    assert correlate(x, y) == correlate(x, y)
    assert correlate(x, y).spearman_low != correlate(x, y, seed=1).spearman_low


@pytest.mark.parametrize(
    ("x", "y", "groups", "words"),
    [
        ([1, 2, 3], [1, 2, 3], None, "at least 4"),
        ([1, 2, 3, math.nan], [1, 2, 3, 4], None, "finite"),
        ([1, 2, 3, 4], [1, 2, 3, math.inf], None, "finite"),
        ([1, 2, 3, 4], [1, 2, 3], None, "same length"),
        ([1, 1, 1, 1], [1, 2, 3, 4], None, "differ"),
        ([1, 2, 3, 4], [1, 2, 3, 4], [0, 0, 1], "one group for each"),
        ([1, 2, 3, 4], [1, 2, 3, 4], [0, 0, 1, 1], "at least 3 groups"),
    ],
)
def test_bad_input_is_refused_in_words(x, y, groups, words):
    with pytest.raises(ValueError, match=words):
        correlate(x, y, groups)


def test_the_order_inside_cells_is_the_mean_of_scipys():
    """Every cell is ordered upside down, while the cells themselves rise: pooled it looks like agreement. Small and constant cells do not count."""
    rng = np.random.default_rng(4)
    x = np.concatenate([10.0 * c + rng.normal(size=6) for c in range(3)])
    y = np.concatenate([20.0 * c - x[6 * c : 6 * c + 6] + 0.8 * rng.normal(size=6) for c in range(3)])
    cells = [("net", str(c)) for c in range(3) for _ in range(6)]
    found = correlate_within([*x, 1, 2, 3, 5, 5, 5, 5], [*y, 1, 2, 3, 1, 2, 3, 4], [*cells, *["small"] * 3, *["constant"] * 4])
    each = [stats.spearmanr(x[6 * c : 6 * c + 6], y[6 * c : 6 * c + 6]).statistic for c in range(3)]
    assert found.spearman == pytest.approx(np.mean(each)) and found.spearman < -0.5 < 0.8 < stats.spearmanr(x, y).statistic
    assert (found.cells, found.count) == (3, 18)
    with pytest.raises(ValueError, match="no cell"):
        correlate_within([1, 2, 3], [1, 2, 3], ["a"] * 3)
    with pytest.raises(ValueError, match="same length"):
        correlate_within([1, 2, 3], [1, 2], ["a"] * 3)


# --- oracles -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["white", "natural"])
@pytest.mark.parametrize(("sigma", "count"), [(1e-3, 20), (0.3, 20), (0.3, 12), (10.0, 20)])
def test_the_most_likely_picture_of_a_linear_release_is_the_posterior_mean(name, sigma, count):
    """x = mu + (C^-1 + A'A / s^2)^-1 A' (r - A mu) / s^2, wherever the search starts; with 20 entries 12 of 32 directions are unseen."""
    rng = stream(0, "linear")
    a = torch.randn(count, N, generator=rng, dtype=torch.float64)
    truth = torch.rand(N, generator=rng, dtype=torch.float64)
    prior = Prior(name, SHAPE)
    image = truth.view(1, *SHAPE)
    toy = Net(torch.nn.Identity(), {})
    jacobian = Jacobian.of(
        lambda net, batch, rng: {"r": a.to(batch.image) @ batch.image.flatten()}, toy, Batch.of(image, torch.tensor([0]))
    )
    dec = decompose(jacobian, image, prior)
    target = a @ truth + sigma * torch.randn(count, generator=rng, dtype=torch.float64)
    found, loss, failed = most_likely(lambda x: a @ x, target, sigma, prior, dec, truth, stream(1, "start"))
    gain = a.numpy().T / sigma**2
    posterior = np.linalg.inv(np.linalg.inv(prior.dense()) + gain @ a.numpy())
    expected = prior.mean + posterior @ gain @ (target.numpy() - a.numpy() @ prior.mean)
    assert not failed
    assert np.abs(found.numpy() - expected).max() < 3e-3
    rest, off = target.numpy() - a.numpy() @ expected, expected - prior.mean
    least = (rest @ rest / sigma**2 + off @ np.linalg.solve(prior.dense(), off)) / count
    assert loss == pytest.approx(least, rel=1e-3)


def test_a_search_that_does_not_settle_says_so(monkeypatch):
    monkeypatch.setattr("invviz.studies.calibration._oracle.MAP_STEPS", 2)
    a = torch.randn(40, N, generator=stream(0, "curved"), dtype=torch.float64)
    image = torch.full((1, *SHAPE), 0.3, dtype=torch.float64)
    curved = lambda x: (a @ x) ** 3  # noqa: E731
    jacobian = Jacobian.of(
        lambda net, batch, rng: {"r": curved(batch.image.flatten())}, Net(torch.nn.Identity(), {}), Batch.of(image, torch.tensor([0]))
    )
    dec = decompose(jacobian, image, Prior("natural", SHAPE))
    target = curved(torch.full((N,), 0.9, dtype=torch.float64))
    assert most_likely(curved, target, 0.1, Prior("natural", SHAPE), dec, image.flatten(), stream(1, "start"))[2]


def test_coordinates_undo_the_space_of_the_search():
    from invviz.attacks._space import Space

    picture = torch.rand(1, 3, 6, 8, generator=stream(0, "picture"), dtype=torch.float64)
    for kind in ("frequencies", "pixels"):
        space = Space.of(kind, picture, (0.0, 1.0))
        assert torch.allclose(space.picture(_coordinates(space, picture)), picture)


def test_a_mask_stays_where_the_truth_put_it():
    net, label = Net(torch.nn.Identity(), {}), torch.tensor([0])
    truth, guess = (Batch.of(torch.tensor(values), label) for values in ([0.1, 2.0, 0.2], [9.0, 1.0, 5.0]))
    stack = Stack((Pruning(fraction=0.7), GaussianNoise(sigma=0.5)))  # of three entries the largest is sent
    release = stack.held(lambda net, batch, rng: {"r": batch.image.flatten()}, World.without_public(net, truth), truth)
    assert release(net, guess, None)["r"].tolist() == [0.0, 1.0, 0.0]


# --- studies -------------------------------------------------------------------------------------------------------------------------


def small_study():
    arm = {"psnr": 20.123456, "ssim": 0.5, "mse": 0.01, "loss": None, "failed": True, "seconds": 1.0}
    points = tuple(
        {"scenario": "data=photos", "model": "lenet", "defense": "none", "index": i, "psnr_ceiling": 30.0 + i, "arms": {"attack": arm}}
        for i in range(2)
    )
    return CalibrationStudy("photos", "Photographs", "python -m invviz.calibration photos", 7, "natural", 1e-4, {"torch": "2"}, points)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(calibration, "FOLDER", tmp_path)
    load.cache_clear()
    yield tmp_path
    load.cache_clear()


def test_a_study_is_read_as_it_was_written(folder):
    study = small_study()
    (folder / "photos.json").write_text(study.to_json())
    found = load("photos")
    assert (found.name, found.seed, found.floor, found.facts) == ("photos", 7, 1e-4, {"torch": "2"})
    assert found.points[1]["arms"]["attack"] == {**study.points[1]["arms"]["attack"], "psnr": 20.12}
    assert found.to_json() == study.to_json()
    assert paired(found.points, "attack") == ([30.0, 31.0], [20.12, 20.12], [0, 1])
    assert calibration.studies() == [found]


def test_an_infinite_ceiling_and_an_unknown_score_are_written_and_read(folder):
    study = small_study()
    points = ({**study.points[0], "psnr_ceiling": np.inf, "ideal_psnr": -np.inf, "ssim": np.nan}, study.points[1])
    text = dataclasses.replace(study, points=points).to_json()
    (folder / "photos.json").write_text(text)
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    found = load("photos").points[0]
    assert (found["psnr_ceiling"], found["ideal_psnr"], found["ssim"]) == (np.inf, -np.inf, None)


def test_a_study_of_other_results_or_a_broken_file_is_none(folder):
    text = small_study().to_json()
    assert load("photos") is None  # no file yet
    for bad in (text.replace(f'"results_version": {RESULTS_VERSION}', '"results_version": -1'), text[:-20], "[]", "{}"):
        load.cache_clear()
        (folder / "photos.json").write_text(bad)
        assert load("photos") is None
    load.cache_clear()
    (folder / "photos.json").write_text(text)
    assert load("photos") is not None


def tiny(*noises):
    start = "data=digits(index=3)&model=mlp(width=4,act='sigmoid')&attack=dlg(steps=40,restarts=1)&prior=natural&floor=0.0001"
    return [Scenario.parse(start + n) for n in noises]


def test_a_stopped_study_goes_on_where_it_was(folder, monkeypatch, capsys):
    groups = [tiny("", "&defense=gaussian_noise(sigma=0.1)"), tiny("&defense=pruning(fraction=0.5)")]
    asked = []
    real = _make.assess
    monkeypatch.setattr(_make, "grid", lambda name: groups)

    def stopped(scenario, site):
        asked.append(scenario.text())
        if len(asked) == 2:
            raise KeyboardInterrupt
        return real(scenario, site)

    monkeypatch.setattr(_make, "assess", stopped)
    site = Site(None, folder, "cpu")
    with pytest.raises(KeyboardInterrupt):
        make("photos", folder, site)
    assert not (folder / "photos.json").exists()
    study = make("photos", folder, site)
    assert asked == [groups[0][0].text(), groups[1][0].text(), groups[1][0].text()]
    assert [p["scenario"] for p in study.points] == [s.text() for g in groups for s in g]
    assert [p["defense"] for p in study.points] == ["none", "gaussian_noise(sigma=0.1)", "pruning(fraction=0.5)"]
    assert [f.name for f in folder.iterdir()] == ["photos.json"]
    assert load("photos").points[0]["psnr_ceiling"] == float(f"{study.points[0]['psnr_ceiling']:.4g}")
    assert capsys.readouterr().out == ""
    for point in study.points:  # linear in all but a sigmoid: the oracle is where theory puts the ideal attacker
        assert point["arms"]["oracle_map"]["psnr"] == pytest.approx(point["ideal_psnr"], abs=4)


def test_words_of_the_oracle_are_the_most_likely_ones_by_a_plain_search(tmp_path):
    """Every sentence of two places is tried: no other explains the message better than the one that is found; and its share right follows what was foretold."""
    from invviz.core.tree import flatten
    from invviz.engine.bits import sent
    from invviz.engine.client import meet_client
    from invviz.engine.observe import observe
    from invviz.studies.calibration._words import most_likely_words, points

    text = "data=notes&model=tiny_lm(width=8,heads=1,blocks=1)&attack=tag(steps=2,restarts=1)&floor=0.0001{}"
    site = Site(None, tmp_path, "cpu")
    s = Scenario.parse(text.format("&defense=gaussian_noise(sigma=5.0)"))
    client = meet_client(s, site)
    message = flatten(observe(s, client).message).double()
    words, left, settled = most_likely_words(client, message, torch.Generator(), 0.0)
    assert settled
    for place in range(2):
        tried = words.repeat(s.data.num_classes - 1, 1, 1)
        tried[:, 0, place] = torch.arange(1, s.data.num_classes)
        off = torch.stack([(flatten(client.bare(client.net, client.batch.at(t), None)).double() - message).norm() for t in tried])
        assert int(off.argmin()) + 1 == int(words[0, place]) and float(off.min() / message.norm()) >= left - 1e-6
    assert sent(client, words[None]).shape == (1, len(message))
    calm, loud = points([Scenario.parse(text.format(d)) for d in ("", "&defense=gaussian_noise(sigma=1000.0)")], site)
    assert calm["invre"] == pytest.approx(1) and calm["arms"]["oracle_map"]["tokens"] == 1.0
    assert loud["invre"] < 0.05 and loud["right"] < 0.1


def test_scenarios_of_one_group_must_share_a_spectrum(folder, monkeypatch):
    monkeypatch.setattr(_make, "grid", lambda name: [tiny("", "&defense=pruning(fraction=0.5)")])
    with pytest.raises(ValueError, match="does not share"):
        make("photos", folder, Site(None, folder, "cpu"))


def test_cifar10_without_its_folder_is_refused_in_words(tmp_path):
    with pytest.raises(DataMissing, match="INVVIZ_DATA"):
        make("cifar10", tmp_path, Site(None, tmp_path, "cpu"))


@pytest.mark.parametrize("name", STUDIES)
def test_every_scenario_of_the_grid_fits_and_shares_its_groups_spectrum(name):
    groups = grid(name)
    scenarios = [s for group in groups for s in group]
    assert len(scenarios) >= 80
    assert len({s.text() for s in scenarios}) == len(scenarios)
    for group in groups:
        assert len({s.key("bits" if s.data.modality.discrete else "risk") for s in group}) == 1
    for s in scenarios:
        assert problems(s) + (bits_problems if s.data.modality.discrete else risk_problems)(s) == []
        assert (s.seed, s.prior, s.floor) == (SEED, PRIORS[s.data.modality], FLOOR)


def shipped():
    return [p for p in (calibration.FOLDER / f"{name}.json" for name in STUDIES) if p.is_file()]


@pytest.mark.skipif(not shipped(), reason="no study was made here")
@pytest.mark.parametrize("path", shipped(), ids=lambda p: p.stem)
def test_shipped_studies_are_whole(path):
    assert path.stat().st_size < 300_000
    kept = json.loads(path.read_text())
    if kept["results_version"] != RESULTS_VERSION:
        pytest.skip("made for other results; python -m invviz.calibration makes it again")
    study = load(path.stem)
    assert study.name == path.stem
    assert len(study.points) >= 60
    words, rows = path.stem == "notes", path.stem == "adult"
    foretold = ["right"] if words else ["psnr_ceiling", "ideal_psnr"]
    for point in study.points:
        assert set(point) == {"scenario", "model", "defense", "index", "sigma", "invre", *foretold, "arms"}
        assert set(point["arms"]) == (set(calibration.ARMS) - {"oracle"} if words else set(calibration.ARMS))
        numbers = [point[k] for k in ("sigma", "invre", *foretold)]
        for arm in point["arms"].values():
            scores = {"tokens"} if words else {"psnr", "ssim", "mse", *(["cells"] if rows else [])}
            assert set(arm) == {*scores, "loss", "failed", "seconds"}  # numbers alone: no picture, no list
            assert isinstance(arm["failed"], bool)
            assert arm["loss"] is None or math.isfinite(arm["loss"])
            numbers += [arm[k] for k in scores - {"ssim"} | {"seconds"}]
            assert words or (arm["ssim"] is None if rows or path.stem == "ecg" else math.isfinite(arm["ssim"]))  # series and rows have none
            assert all(0 <= arm[k] <= 1 for k in scores & {"tokens", "cells"})
        assert all(isinstance(v, (int, float)) and math.isfinite(v) for v in numbers)
        assert 0 <= point["invre"] <= 1
    assert {p["scenario"] for p in study.points} == {s.text() for group in grid(path.stem) for s in group}


def test_the_expected_best_orders_series_as_it_orders_pictures():
    """InvRE's sister figure foretells what an attacker gets who is told of noise and prior and starts near: of series at least as well as of pictures."""
    found = {name: correlate(*paired(load(name).points, "oracle_map")) for name in ("photos", "cifar10", "ecg") if load(name)}
    if not {"ecg", "photos", "cifar10"} <= set(found):
        pytest.skip("not all studies were made here")
    assert found["ecg"].spearman_low > 0.9 and found["ecg"].spearman > max(found["photos"].spearman, found["cifar10"].spearman)


def test_bits_learned_order_what_is_read_of_words():
    """Of sentences the told search follows the expectation; the blind attack falls short of it, as that of pictures does."""
    if (study := load("notes")) is None:
        pytest.skip("the study was not made here")
    told, blind = (correlate(*paired(study.points, arm, "right", "tokens")) for arm in ("oracle_map", "attack"))
    assert told.spearman_low > 0.8 > blind.spearman > 0.4
    assert told.spearman_low > blind.spearman_high


def test_the_expected_best_orders_rows_and_is_no_bound_for_who_knows_their_columns():
    """Of rows the told search follows the expectation in PSNR, and more loosely in cells, of which most are right in many scenarios; tableak, which knows what a choice is, gets more."""
    if (study := load("adult")) is None:
        pytest.skip("the study was not made here")
    told, cells = (correlate(*paired(study.points, "oracle_map", "psnr_ceiling", score)) for score in ("psnr", "cells"))
    assert told.spearman_low > 0.9 > cells.spearman > 0.5
    knowing = [p for p in study.points if "attack=tableak" in p["scenario"]]
    assert sum(p["arms"]["attack"]["psnr"] > p["ideal_psnr"] + 3 for p in knowing) > len(knowing) / 2
