"""LOKI under secure aggregation: the sum over clients keeps them apart, and reads what is alone in a bin of each client's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from invviz.attacks._bins import read
from invviz.core.tree import flatten
from invviz.engine.attack import run
from invviz.engine.client import Site, meet_client
from invviz.scenario import Scenario, problems

SITE = Site(None, Path("/nonexistent"), "cpu")
TEXT = "data=photos(size=16)&model=lenet(width=4)&server=loki(bins=64,twins=True)&aggregation=secure(clients=4)&batch=6&dtype=float64"


def alone(client):
    """By a plain loop: the mean value of each picture beside the thresholds, which are where the rows begin to be active."""
    plan = client.net.plan
    bins, params = len(plan.counts), client.net.params
    rows, bias = params[plan.weight][:bins, plan.columns], params[plan.bias][:bins]
    samples = client.batch.private.flatten(1)
    scale = 500 * rows[:, : samples.shape[1]].sum(1)
    edges = (-bias / scale).tolist()
    place = [sum(edge < float(x.mean()) for edge in edges) - 1 for x in samples]
    return {i for i, k in enumerate(place) if place.count(k) == 1}


@pytest.mark.parametrize("layout", ["sparse", "cumulative"])
def test_the_sum_shows_what_is_alone_in_a_bin_of_its_client(layout):
    client = meet_client(Scenario.parse(TEXT.replace("twins", f"layout='{layout}',twins")), SITE)
    message, count = client.release(client.net, client.batch, None), 0
    for one in (client, *client.others):
        found, samples = read(message, one.net.plan), one.batch.private.flatten(1)
        shown = found.values[:, : samples.shape[1]]
        error = torch.stack([((shown - x) ** 2).mean(1).min() for x in samples])
        assert {i for i in range(6) if error[i] < 1e-12} == alone(one) and int(found.certain.sum()) == len(alone(one))
        assert torch.allclose(found.values[found.certain][:, samples.shape[1] :], torch.ones((), dtype=torch.float64))  # the constant
        count += len(alone(one))
    assert count >= 15


def test_other_clients_add_nothing_to_a_clients_columns():
    client = meet_client(Scenario.parse(TEXT), SITE)
    first, *rest = (client, *client.others)
    plan = first.net.plan
    for one in rest:
        message = first.bare(one.net, one.batch, None)
        assert (message[plan.weight][:, plan.columns] == 0).all() and (message[plan.weight] != 0).any()
    same = [name for name in first.net.params if not name.startswith("0.apart.")]
    assert all(
        one.net.params[name] is not None and torch.equal(one.net.params[name], first.net.params[name]) for one in rest for name in same
    )
    assert not torch.equal(flatten(rest[0].net.params), flatten(first.net.params))


def test_one_local_step_more_reads_as_well_where_it_is_small():
    found = [run(Scenario.parse(f"{TEXT}&protocol=hfl(local_steps={steps},lr=0.000001)"), SITE) for steps in (1, 2)]
    count = [sum(float(psnr) > 60 for psnr in one.scores["psnr"]) for one in found]
    assert count[0] >= 4 and count[1] == count[0]


def test_bad_input_is_said_in_words():
    said = lambda text: " ".join(problems(Scenario.parse(text)))  # noqa: E731
    assert not said(TEXT)
    assert "Lower bins or clients" in said(TEXT.replace("size=16", "size=64").replace("bins=64", "bins=1000"))
    assert "Set bins=6 or more" in said(TEXT.replace("bins=64", "bins=2"))
    assert "pictures" in said("data=wine&model=mlp&server=loki")
