"""Public pictures of another data set of the same kind: their shape, whose they are, and where there are none."""

import numpy as np
import pytest
import torch

from invviz.core.errors import DataMissing
from invviz.datasets import DATASETS, ArrayPictures, Digits, Photos, Samples, pictures_like
from invviz.engine.attack import run
from invviz.engine.client import Site, meet_client
from invviz.engine.observe import observe
from invviz.scenario import Scenario, problems

SIMILAR = (
    "data={}&model=convnet(width=4)&protocol=vfl(parties=2,party=1)&attack=inverse_network(public='similar',epochs=1,width=4,pictures=50)"
)


@pytest.fixture
def site(tmp_path):
    return Site(None, tmp_path, "cpu")


@pytest.fixture
def as_mnist(monkeypatch):
    """MNIST that is there without a folder."""
    monkeypatch.setattr(DATASETS["mnist"], "load", lambda self, data_dir: _white((1, 28, 28)))


def _white(shape):
    part = ArrayPictures(np.full((60, *shape), 204, np.uint8), np.zeros(60, np.int64))
    return Samples(part, part, ("0",))


def test_every_similar_set_exists_and_is_another_one():
    for name, kind in DATASETS.items():
        assert kind.similar in {*DATASETS, ""} and kind.similar != name
        assert not (kind.columns and kind.similar)


@pytest.mark.parametrize(("shape", "count"), [((1, 28, 28), 7), ((3, 32, 32), 50), ((1, 8, 8), 9)])
def test_pictures_are_brought_to_the_wanted_shape(shape, count):
    found = pictures_like(Digits(), shape, None, count)
    assert found.shape == (count, *shape) and found.dtype == np.float32 and found.min() >= 0 and found.max() <= 1
    public = Digits().load(None).public
    whole = public.take(np.linspace(0, len(public) - 1, count).astype(int).tolist())[0]
    assert np.abs(found.mean((1, 2, 3)) - whole.mean((1, 2, 3))).max() < 0.02, "a change of size keeps the mean"
    if shape[0] == 3:
        assert np.array_equal(found[:, 0], found[:, 2]), "grey in three channels"
    if shape == (1, 8, 8):
        assert np.array_equal(found, whole)


def test_a_set_with_sizes_is_asked_for_the_nearest():
    assert np.array_equal(pictures_like(Photos(), (3, 64, 64), None, 5)[0], Photos(size=64).load(None).public.take([0])[0][0])
    assert pictures_like(Photos(), (3, 96, 96), None, 2).shape == (2, 3, 96, 96)


def test_colours_become_grey_by_their_brightness():
    found, colours = pictures_like(Photos(size=16), (1, 16, 16), None, 3), pictures_like(Photos(), (3, 16, 16), None, 3)
    expected = np.tensordot(colours, np.array([0.299, 0.587, 0.114]), ([1], [0]))
    assert np.abs(found[:, 0] - expected).max() < 1.5 / 255


def test_the_attacker_has_the_other_set_and_nothing_of_this_one(site, as_mnist):
    s = Scenario.parse(SIMILAR.format("digits"))
    assert not problems(s)
    obs = observe(s, meet_client(s, site))
    assert obs.public.shape == (60, 1, 8, 4)
    assert torch.allclose(obs.public, torch.full_like(obs.public, 0.8), atol=1e-6)
    assert "public data of another data set" in obs.knowledge.words() and obs.knowledge.threat_model() == "D"
    found = run(s, site)
    assert "pictures of another data set" in found.note and found.failed, "flat grey pictures teach it nothing"
    same = s.replace(attack=s.attack.replace(public="same"))
    assert len(observe(same, meet_client(same, site)).public) == 1297


def test_a_missing_set_is_met_with_words(site):
    with pytest.raises(DataMissing, match=r"(?s)For digits, similar pictures are those of mnist.*drawn pictures"):
        run(Scenario.parse(SIMILAR.format("digits")), site)
    s = Scenario.parse("data=wine&model=mlp&protocol=vfl&attack=inverse_network(public='similar')")
    assert any("there is none for wine" in p for p in problems(s))


def test_other_choices_keep_their_keys():
    s = Scenario.parse("data=digits&model=mlp&protocol=vfl&attack=inverse_network")
    assert "similar" not in s.text(full=True)
