"""Servers that single one sample out of a batch: by a classification layer that saturates for all others, or by one that learned what to look for."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from invviz.engine.attack import run
from invviz.engine.client import Site, meet_client
from invviz.scenario import Scenario, problems
from invviz.servers.geminio import shares

SITE = Site(None, Path("/nonexistent"), "cpu")
BATCH = "data=digits&batch=8&dtype=float64&model="  # labels 6 6 6 2 5 6 6 2


def alone(client, places):
    """The gradient of the mean loss of some samples, times their share of the batch, by autograd alone."""
    params = {k: p.clone().requires_grad_(True) for k, p in client.net.params.items()}
    scores = torch.func.functional_call(client.net.module, params, (client.batch.private[places],))
    loss = torch.nn.functional.cross_entropy(scores, client.batch.label[places], reduction="sum") / len(client.batch.label)
    return dict(zip(params, torch.autograd.grad(loss, list(params.values())), strict=True))


@pytest.mark.parametrize("model", ["mlp", "convnet", "lenet"])
def test_by_class_the_gradient_before_the_last_layer_is_that_samples(model):
    client = meet_client(Scenario.parse(f"{BATCH}{model}&server=fishing(target=5)"), SITE)
    message, own = client.release(client.net, client.batch, None), alone(client, [4])
    for name in client.net.plan.trusted:
        assert torch.allclose(message[name], own[name], atol=1e-14) and own[name].norm() > 0
    assert set(message) - set(client.net.plan.trusted) == set(list(message)[-2:])
    honest = meet_client(Scenario.parse(f"{BATCH}{model}"), SITE)
    mixed, one = honest.release(honest.net, honest.batch, None), alone(honest, [4])
    first = next(iter(mixed))
    assert float((mixed[first] - one[first]).norm() / mixed[first].norm()) > 0.3  # as it is without


def test_it_is_read_exactly_and_counted():
    found = run(Scenario.parse(f"{BATCH}mlp&server=fishing(target=5)"), SITE)
    assert max(found.scores["psnr"]) > 100 and sorted(found.scores["psnr"])[-2] < 40 and not found.failed
    assert "holds one sample." in found.note and "The other 7" in found.note
    assert "holds no sample" in (none := run(Scenario.parse(f"{BATCH}mlp&server=fishing(target=1)"), SITE)).note and none.failed
    assert "holds 2 samples" in run(Scenario.parse(f"{BATCH}mlp&server=fishing(target=2)"), SITE).note


def test_by_feature_it_is_the_sample_above_the_threshold():
    """Of a batch without the target class, in which one sample lies above: all of the gradient is that sample's."""
    client = meet_client(Scenario.parse(f"{BATCH}mlp&server=fishing(target=3,by='feature')"), SITE)
    victims, row = client.samples.victims, client.net.params["3.weight"][3]
    seen = 0
    for start in range(0, 400, 8):
        image, label = victims.take(range(start, start + 8))
        batch = client.batch.like(image, label)
        params = client.net.params
        hidden = torch.relu(batch.private.flatten(1) @ params["1.weight"].T + params["1.bias"])
        score = hidden @ row + params["3.bias"][3]
        if (label == 3).any() or int((score > 0).sum()) != 1 or float(score.abs().min()) < 40:
            continue
        top = int(score.argmax())
        message = client.release(client.net, batch, None)
        shown = message["1.bias"] @ message["1.weight"] / message["1.bias"].square().sum()
        assert float((shown - batch.private[top].flatten()).abs().max()) < 1e-10
        seen += 1
    assert seen >= 1


def test_geminio_puts_the_loss_on_what_it_looks_for(tmp_path):
    text, site = f"{BATCH}mlp(init='trained')", Site(None, tmp_path, "cpu")
    plain, asked = (meet_client(Scenario.parse(f"{text}&server={server}"), site) for server in ("honest", "geminio(target=5,epochs=8)"))
    own = [float(shares(c.net.module, c.batch.private, c.batch.label)[4]) for c in (plain, asked)]
    assert own[0] < 0.7 < 0.9 < own[1]
    assert asked.net.plan.share > 0.8
    message, target = asked.release(asked.net, asked.batch, None), alone(asked, [4])
    flat = lambda tree: torch.cat([leaf.flatten() for leaf in tree.values()])  # noqa: E731
    assert float(torch.nn.functional.cosine_similarity(flat(message), flat(target), dim=0)) > 0.9


def test_bad_input_is_said_in_words():
    said = lambda text: " ".join(problems(Scenario.parse(text)))  # noqa: E731
    for server in ("fishing", "geminio"):
        assert "batch is 1" in said(f"data=digits&model=mlp&server={server}")
        assert "numbered 0 to 9" in said(f"{BATCH}mlp&server={server}(target=10)")
    assert not said(f"{BATCH}mlp&server=fishing")
