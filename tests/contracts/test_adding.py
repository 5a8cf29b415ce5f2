"""What docs/adding.md promises: a part is one file, one line in its table and one test. Toy parts of every kind are put into the tables alone, and are everywhere."""

import contextlib
import dataclasses
import io
import sys
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from toy_graphs import GRAPH, ToyGraphNet, ToyGraphs
from toy_server import ToyDetector, ToyServer, ToySum
from visits import opened

from invviz.attacks import ATTACKS, Attack
from invviz.cli import main
from invviz.core.component import knob
from invviz.core.modality import MODALITIES
from invviz.core.tree import map_tree
from invviz.core.types import Reconstruction, Step
from invviz.datasets import DATASETS
from invviz.defenses import DEFENSES, Defense
from invviz.defenses.detectors import DETECTORS
from invviz.engine.attack import run
from invviz.engine.client import Site
from invviz.metrics import METRICS, Metric
from invviz.models import MODELS
from invviz.scenario import Scenario, problems
from invviz.servers import AGGREGATIONS, SERVERS

sys.path.insert(0, str(Path(__file__).parents[2] / "docs"))
TEXT = "data=digits&model=mlp(width=8)&attack=toy_attack(level=0.25)&defense=toy_defense(share=0.5)"


@dataclasses.dataclass(frozen=True)
class ToyAttack(Attack):
    """Answers with one grey, whatever comes."""

    name: ClassVar[str] = "toy_attack"
    title: ClassVar[str] = "Toy attack"
    max_batch: ClassVar[int] = 1

    level: float = knob(0.5, "the grey that it answers with", low=0.0, high=1.0)

    def reconstruct(self, obs, rng, progress):
        grey = obs.template.at(torch.full_like(obs.grey, self.level), obs.template.label)
        progress(Step(1, 1, 0.0, grey.private))
        return Reconstruction(grey, 0.0)


@dataclasses.dataclass(frozen=True)
class ToyDefense(Defense):
    """Sends a share of every entry."""

    name: ClassVar[str] = "toy_defense"
    title: ClassVar[str] = "Toy defense"
    strength: ClassVar[str] = "share"
    identity: ClassVar[float] = 1.0

    share: float = knob(0.9, "share of every entry that is sent", low=0.01, high=1.0)

    def wrap(self, inner, world):
        return lambda net, batch, rng: map_tree(lambda leaf: self.share * leaf, inner(net, batch, rng))


@dataclasses.dataclass(frozen=True)
class ToyMetric(Metric):
    """Greatest error of an entry."""

    name: ClassVar[str] = "toy_metric"
    title: ClassVar[str] = "Toy metric"
    higher_is_better: ClassVar[bool] = False
    perfect: ClassVar[float] = 0.0

    def score(self, guess, truth):
        return np.abs(guess - truth).reshape(len(truth), -1).max(1)


TOYS = {
    "attacks": (ATTACKS, ToyAttack),
    "defenses": (DEFENSES, ToyDefense),
    "metrics": (METRICS, ToyMetric),
    "data sets": (DATASETS, ToyGraphs),
    "models": (MODELS, ToyGraphNet),
    "servers": (SERVERS, ToyServer),
    "aggregations": (AGGREGATIONS, ToySum),
    "detectors": (DETECTORS, ToyDetector),
}


@pytest.fixture(autouse=True)
def toys(monkeypatch):
    for table, kind in TOYS.values():
        monkeypatch.setitem(table, kind.name, kind)
    monkeypatch.setitem(MODALITIES, "graph", GRAPH)  # of the toy data set and model


def said(*arguments):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main(list(arguments)) == 0
    return out.getvalue()


@pytest.mark.parametrize("what", TOYS)
def test_the_command_line_and_the_docs_list_it(what):
    import make_tables

    kind, listed = TOYS[what][1], said("list")
    assert f"{kind.name} " in listed and kind.title in listed and all(f"{k.name}=" in listed for k in kind.knobs())
    assert f"### `{kind.name}`" in make_tables.page()


def test_it_is_checked_computed_and_scored(tmp_path):
    assert "toy_defense(share=0.5)" in said("check", TEXT)
    found = run(Scenario.parse(TEXT), Site(None, tmp_path))
    assert np.all(found.guess == 0.25) and found.scores["toy_metric"][0] == pytest.approx(np.abs(0.25 - found.truth).max())
    assert "toy_attack" in problems(Scenario.parse(f"{TEXT}&batch=2"))[0]


def test_the_lab_offers_it(store_dir):
    at = opened("lab", TEXT)
    assert not at.exception
    labels = [option for box in at.selectbox for option in box.options] + [button.label for button in at.button]
    for _, kind in TOYS.values():
        assert kind in (ToyMetric, ToyDetector) or any(kind.title in label for label in labels), kind.title
