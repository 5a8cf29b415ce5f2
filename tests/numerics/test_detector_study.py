"""The study of detectors: its statistics against SciPy and scikit-learn, its honest nets, and what is shipped of it."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.stats import binomtest
from sklearn.metrics import roc_curve

from invviz.core.errors import InvvizError
from invviz.core.tree import map_tree
from invviz.defenses.detectors import DETECTORS
from invviz.engine.client import Site
from invviz.studies.detectors import Study, _rates, _servers, shipped
from invviz.studies.detectors import _zoo as zoo
from invviz.studies.detectors._honest import Scores
from invviz.studies.detectors._scores import BY_RULE, COLUMNS, SIGNALS, STRUCTURE, scores
from invviz.studies.detectors._servers import planted


@pytest.mark.parametrize(("count", "of"), [(0, 30), (7, 810), (29, 30), (30, 30)])
def test_intervals_are_those_of_clopper_and_pearson(count, of):
    expected = binomtest(count, of).proportion_ci(0.95, method="exact")
    assert _rates.interval(count, of) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_a_threshold_lets_at_most_the_rate_above_it():
    values = np.random.default_rng(0).normal(size=777)
    most = _rates.threshold(values, 0.01)
    assert (values > most).sum() == 7 and (values >= most).sum() == 8
    assert _rates.threshold(np.ones(50), 0.1) == 1.0  # never flagged


def test_limits_together_let_at_most_the_rate_above_them():
    signals = np.random.default_rng(1).exponential(size=(600, 5))
    signals[:, 4] = 0.0  # a signal that no honest net has
    at = _rates.limits(signals, 0.02)
    flagged = (signals > at).any(1).sum()
    alone = (signals > at).sum(0)
    assert 0.015 < flagged / 600 <= 0.02 and set(alone[:4]) == {alone[0]} and at[4] == 0


def test_the_curve_is_that_of_scikit_learn():
    rng = np.random.default_rng(2)
    honest, bad = rng.normal(size=400), rng.normal(1.5, size=60)
    false, true, _ = roc_curve(np.r_[np.zeros(400), np.ones(60)], np.r_[honest, bad], drop_intermediate=False)
    points = _rates.curve(honest, bad)
    expected = {(round(float(a), 4), round(float(b), 4)) for a, b in zip(false, true, strict=True)}
    assert len(points) > 20 and {tuple(p) for p in points} <= expected and points[-1] == [1.0, 1.0]


# honest nets


@pytest.fixture(scope="module")
def nets():
    return list(zoo.line(3, None))  # lenet on digits, smooth


def test_a_line_is_the_same_net_through_its_life(nets):
    assert [one.kind for one in nets] == list(zoo.KINDS) and len({one.line for one in nets}) == 1
    assert nets[0].received.previous is None and all(one.received.previous is not None for one in nets[1:])
    assert nets[1].received.previous is nets[0].received.net
    again = list(zoo.line(3, None, 2))
    assert again[1].received.net.digest == nets[1].received.net.digest and len(again) == 2
    assert next(zoo.line(48, None, 1)).received.net.digest != nets[0].received.net.digest


def test_pruned_and_quantised_nets_are_what_they_say(nets):
    for name, p in nets[4].received.net.params.items():
        if p.dim() > 1:
            whole, left = nets[3].received.net.params[name], (p != 0)
            assert 0.5 <= 1 - left.double().mean() <= 0.96 and torch.equal(p[left], whole[left]), name
            assert whole[~left].abs().max() <= whole[left].abs().min()
    for name, p in zoo.quantised(nets[3].received.net, 3).params.items():
        if p.dim() > 1:
            assert len(p.unique()) <= 7, name


@pytest.mark.parametrize("start", zoo.STARTS)
def test_starts(start):
    from invviz.models import MODELS

    for model in (MODELS["preact"](width=4, blocks=1), MODELS["mlp"](width=8)):
        module = zoo.started(model.build((1, 8, 8), 10, 5), start, 0)
        biases = [p for name, p in module.named_parameters() if name.endswith("bias") and p.shape == (10,)]
        last = dict(module.named_parameters())["block1.conv2.weight" if model.name == "preact" else "3.weight"]
        assert bool(biases[0].any()) == (start == "default" or (start == "zero residual" and model.name == "preact"))
        assert bool(last.any()) == (start != "zero residual")
        if start == "orthogonal":
            rows = last.detach().flatten(1) if last.shape[0] <= last[0].numel() else last.detach().flatten(1).T
            assert torch.allclose(rows @ rows.T, torch.eye(len(rows)), atol=1e-5)


def test_a_round_is_the_mean_of_what_clients_trained(nets):
    net, samples, draw = nets[0].received.net, zoo.opened("digits", None), np.random.default_rng(0)
    shards, like = zoo.deal(samples, draw), nets[0].received.batch
    state = draw.bit_generator.state
    whole = zoo.federated(net, samples, shards, like, draw)
    draw.bit_generator.state = state
    lr = float(draw.choice((0.01, 0.05, 0.1)))
    ends = []
    for held in shards:
        module = zoo.with_params(net, net.params).module.requires_grad_(True)
        for _ in range(zoo.LOCAL_STEPS):
            image, label = samples.public.take(draw.choice(held, zoo.LOCAL_BATCH, replace=False).tolist())
            module.zero_grad()
            torch.nn.functional.cross_entropy(module(torch.as_tensor(image)), torch.as_tensor(label)).backward()
            torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
            with torch.no_grad():
                for p in module.parameters():
                    p -= lr * p.grad
        ends.append(dict(module.named_parameters()))
    mean = map_tree(lambda *leaves: torch.stack(leaves).mean(0), *ends)
    assert all(torch.allclose(whole.params[name], mean[name], atol=1e-5) for name in mean)
    assert len(set(samples.public.take(shards[0].tolist())[1])) < 10  # few classes each


def test_scores_are_those_of_the_detectors(nets):
    row = scores(nets[1].received, ("risk_jump",))
    for name, value in zip(COLUMNS[len(SIGNALS) :], row[len(SIGNALS) :], strict=True):
        told = DETECTORS[name]().inspect(nets[1].received)
        assert np.isnan(value) == (not told.judged or name == "risk_jump"), name
        assert np.isnan(value) or value == pytest.approx(told.score, rel=1e-6), name


def test_planted_nets_are_scored_as_clients_would():
    rows = planted("imprint", 0.0, 2, None) if torch.get_num_threads() else None
    column = lambda name: rows[:, COLUMNS.index(name)]  # noqa: E731
    assert (column("duplicate_rows") == 1).all() and (column("new_layers") > 0).all() and (column("model_hash") == 0).all()


@pytest.mark.parametrize("server", ["inconsistent", "scale_mia"])
def test_servers_for_several_clients_and_for_some_nets_alone_find_nets_to_plant(server):
    assert planted(server, 0.0, 1, None).shape == (1, len(COLUMNS))


def test_a_server_that_fits_none_of_the_nets_says_so_and_does_not_look_for_ever(monkeypatch):
    monkeypatch.setattr("invviz.studies.detectors._servers.TRIES", 6)
    with pytest.raises(InvvizError, match="mkor can plant 0 of 1 nets among 6 honest ones"):
        planted("mkor", 0.0, 1, None)


def test_of_a_server_that_singles_one_out_it_is_asked_whether_that_one_was_read(monkeypatch, tmp_path):
    """All others of the batch stay unread, which says nothing against it."""
    monkeypatch.setattr(_servers, "READ_ON", "data=digits&model=mlp(width=64)&batch=8&dtype=float64")
    monkeypatch.setattr(_servers, "SEEDS_OF_ONE", (0, 1))
    site = Site(None, tmp_path, "cpu")
    assert _servers.read(_servers.reading("fishing"), 0.0, site) == 1.0
    assert _servers.read(_servers.reading("fishing"), 10.0, site) == 0.0


def test_nets_of_one_start_count_as_fewer():
    """Against a bootstrap over whole lines; independent nets count as what they are."""
    rng = np.random.default_rng(5)
    lines = np.repeat(np.arange(200), 6)
    chance = rng.beta(0.3, 5.7, 200)
    flags = rng.random(1200) < chance[lines]
    drawn = [flags.reshape(200, 6)[rng.integers(0, 200, 200)].mean() for _ in range(4000)]
    alone = _rates.apart(flags, lines)
    assert (flags.mean() * (1 - flags.mean()) / alone) ** 0.5 == pytest.approx(np.std(drawn), rel=0.05) and alone < 1000
    assert _rates.apart(rng.random(1200) < 0.1, lines) == pytest.approx(1200, rel=0.15)
    assert _rates.apart(np.zeros(1200, bool), lines) == 200


def test_scores_are_kept_and_read_back(tmp_path):
    rng = np.random.default_rng(0)
    some = Scores(rng.random((6, len(COLUMNS)), dtype=np.float32), *np.zeros((5, 6), dtype=np.int16))
    some.save(tmp_path)
    back = Scores.load(tmp_path)
    assert back.columns == COLUMNS and all(np.array_equal(getattr(back, f.name), getattr(some, f.name)) for f in dataclasses.fields(some))


# what is shipped


def test_the_shipped_study_stands_on_enough_nets_that_thresholds_have_not_seen():
    study = shipped()
    assert study is not None and Study.from_json(study.to_json()) is not None
    assert study.facts["nets"] >= 500 and set(study.detectors) == set(DETECTORS) and set(study.facts["kinds"]) == set(zoo.KINDS)
    for name, told in study.detectors.items():
        if name in BY_RULE:
            continue
        count, alarms = told["tested_on"], told["false_alarms"]
        low, high = told["interval"]
        plain = _rates.interval(alarms, count)
        assert low <= plain[0] + 1e-9 and high >= plain[1] - 1e-9, (
            "nets of one start tell less than as many that have nothing to do with one another"
        )
        assert low <= alarms / count <= high and told["lines"] <= count and told["enough"] == (told["rate"] * count >= 10)
        assert sum(a for a, _ in told["kinds"]) == alarms and sum(n for _, n in told["kinds"]) == count


def test_thresholds_are_those_of_the_study():
    """Rounded up to three digits, so that no more than the study's share of honest nets is flagged."""
    study = shipped()
    for name, told in study.detectors.items():
        if name in BY_RULE:
            continue
        pairs = (
            [(getattr(DETECTORS[name](), k), v) for k, v in told["limits"].items()]
            if name == STRUCTURE
            else [(DETECTORS[name]().most, told["threshold"])]
        )
        for knob, measured in pairs:
            assert measured <= knob <= measured + 0.011 * abs(measured) + 1e-6, name
