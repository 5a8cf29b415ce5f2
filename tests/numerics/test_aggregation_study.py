"""The shipped table of sums over clients: what the Server page's slider moves through."""

import json
from pathlib import Path

import numpy as np
import pytest

from invviz.engine.assess import assess
from invviz.engine.client import Site
from invviz.risk import invre
from invviz.scenario import Scenario
from invviz.studies.aggregation import LEVELS, Prepared, prepared
from invviz.studies.aggregation._make import make, table


@pytest.fixture(scope="module")
def shipped():
    found = prepared()
    assert found is not None
    return found


@pytest.mark.parametrize(("clients", "colluding", "noise"), [(1, 0, 0.02), (8, 3, 0.07), (16, 13, 1.7), (10, 0, 0.0123)])
def test_it_is_the_risk_of_the_scenario(shipped, clients, colluding, noise, tmp_path):
    s = shipped.scenario.replace(aggregation=shipped.scenario.aggregation.replace(clients=clients, colluding=colluding))
    # the others are drawn in the same order, however many there are
    found = assess(s, Site(None, tmp_path))
    value, picture = shipped.at(clients, colluding, noise)
    assert value == pytest.approx(invre(found.decomposition, noise * found.size.rms), abs=0.001)
    assert picture.shape == shipped.truth.shape == (1, 8, 8) and picture.min() >= 0 and picture.max() <= 1


def test_protection_begins_where_unknowns_outnumber_equations(shipped):
    assert shipped.full == pytest.approx(2410 / 64) and shipped.most == 64
    quiet = dict(shipped.curve(0.001))
    before, after = quiet[int(shipped.full * 0.6)], quiet[64]
    assert quiet[1] > 0.999 and before > 0.95 and after < 0.8
    assert list(quiet.values()) == sorted(quiet.values(), reverse=True)
    assert dict(shipped.curve(0.001, colluding=32))[64] == quiet[32]  # each colluder takes one client away


def test_clients_of_the_same_class_hide_one_another_long_before(shipped):
    at = dict(shipped.curve(0.1))
    drops = sorted(range(2, 31), key=lambda k: at[k] - at[k - 1])[:2]
    assert [shipped.labels[k - 1] for k in drops] == [shipped.labels[0]] * 2 and at[drops[0] - 1] - at[drops[0]] > 0.1
    alike = [sum(label == shipped.labels[0] for label in shipped.labels[:k]) for k in range(1, 65)]
    loud = dict(shipped.curve(1.0))
    assert all(abs(loud[k] - loud[1] / alike[k - 1]) < 0.1 for k in range(1, 65))  # the one picture that all of them share


def test_more_noise_and_more_clients_never_tell_more(shipped):
    assert (np.diff(shipped.invre, axis=0) <= 1e-9).all() and (np.diff(shipped.invre, axis=1) <= 1e-9).all()
    assert np.array_equal(shipped.noises, LEVELS) and shipped.pictures.shape == (25, 64, 1, 8, 8)


@pytest.mark.parametrize(("clients", "colluding"), [(0, 0), (65, 0), (4, 4), (4, -1)])
def test_numbers_beyond_it_are_refused(shipped, clients, colluding):
    with pytest.raises(ValueError, match="allowed are 1 to 64 clients"):
        shipped.at(clients, colluding, 0.1)


def test_it_can_be_made_again(tmp_path, monkeypatch, shipped):
    monkeypatch.setattr("invviz.studies.aggregation._make.LEVELS", LEVELS[8:10])
    make(Site(None, tmp_path), folder=tmp_path / "made", text=shipped.scenario.text().replace("clients=64", "clients=5"))
    with np.load(tmp_path / "made" / "ideal.npz", allow_pickle=False) as found:
        assert np.allclose(found["invre"], shipped.invre[8:10, :5], atol=1e-9)
        assert tuple(json.loads((tmp_path / "made" / "facts.json").read_text())["labels"]) == shipped.labels[:5]
    assert Scenario.parse(shipped.scenario.text()) == shipped.scenario and isinstance(shipped, Prepared) and "K* = 37.7" in table(shipped)


def test_the_documentation_holds_its_table(shipped):
    assert table(shipped) in (Path(__file__).parents[2] / "docs" / "secure_aggregation.md").read_text()
