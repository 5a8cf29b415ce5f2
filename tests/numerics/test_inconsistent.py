"""Servers that undo a sum: nets that silence all others, and a round full of the server's own devices."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from invviz.engine.attack import run
from invviz.engine.client import Site, meet_client
from invviz.scenario import Scenario, problems

SITE = Site(None, Path("/nonexistent"), "cpu")
TEXT = "data=digits&model=mlp(width=32,hidden_layers=2)&batch=4&dtype=float64&aggregation=secure(clients=10)"


@pytest.mark.parametrize("way", ["suppression", "dead_relu"])
@pytest.mark.parametrize("model", ["mlp(width=32,hidden_layers=2)", "convnet", "lenet(act='relu')"])
def test_the_sum_is_the_victims_gradient(way, model):
    client = meet_client(Scenario.parse(f"{TEXT.replace('mlp(width=32,hidden_layers=2)', model)}&server=inconsistent(way='{way}')"), SITE)
    summed, own = client.release(client.net, client.batch, None), client.bare(client.net, client.batch, None)
    last = list(own)[-1]
    assert len(client.others) == 9 and all(torch.equal(client.net.params[k], client.previous.params[k]) for k in own)
    for name in own:
        assert torch.equal(summed[name], own[name]) == (name != last)  # bit for bit
    assert own[last].norm() > 0 and not torch.allclose(summed[last], own[last])
    honest = meet_client(Scenario.parse(TEXT.replace("mlp(width=32,hidden_layers=2)", model)), SITE)
    everybody = honest.release(honest.net, honest.batch, None)
    assert not torch.allclose(everybody[last.replace("bias", "weight")], own[last.replace("bias", "weight")])  # as it is without


def test_a_picture_comes_out_of_the_sum():
    text = f"{TEXT.replace('batch=4', 'batch=1')}&attack=linear_layer&server="
    assert run(Scenario.parse(f"{text}inconsistent"), SITE).scores["psnr"][0] > 100
    assert "the sum over 10 clients holds 10 samples: linear_layer recovers at most 1" in problems(Scenario.parse(f"{text}honest"))[0]


def test_jitter_lets_the_others_speak():
    client = meet_client(Scenario.parse(f"{TEXT}&server=inconsistent(jitter=0.1)"), SITE)
    summed, own = client.release(client.net, client.batch, None), client.bare(client.net, client.batch, None)
    name = next(iter(own))
    assert torch.equal(client.net.params[name], client.previous.params[name]) and not torch.allclose(summed[name], own[name])


def test_sybils_leave_the_victim_alone():
    scenario = Scenario.parse(f"{TEXT}&server=sybils")
    client = meet_client(scenario, SITE)
    assert scenario.aggregation.colluding == 9 and Scenario.parse(scenario.text()) == scenario
    seen, own = client.release(client.net, client.batch, None), client.bare(client.net, client.batch, None)
    assert all(torch.equal(seen[k], own[k]) for k in own)
    few = Scenario.parse(f"{TEXT}&server=sybils(devices=4)")
    assert few.aggregation.others == 5 and len(meet_client(few, SITE).others) == 5


def test_bad_input_is_said_in_words():
    said = lambda text: " ".join(problems(Scenario.parse(text)))  # noqa: E731
    plain = TEXT.replace("&aggregation=secure(clients=10)", "")
    assert not said(f"{TEXT}&server=inconsistent") and not said(f"{TEXT}&server=sybils&attack=inverting_gradients")
    assert "Use aggregation=secure" in said(f"{plain}&server=inconsistent")
    assert "Use aggregation=secure" in said(f"{plain}&server=sybils")
    assert "Set act='relu'" in said(f"{TEXT.replace('mlp(', 'mlp(act=' + repr('tanh') + ',')}&server=inconsistent")
