"""Servers that plant the weights of a first layer: what is read is what activates some row alone, rows that agree certify it, and the share is said before."""

from __future__ import annotations

import statistics
from pathlib import Path

import numpy as np
import pytest
import torch

from invviz.attacks.neurons import alike, rows
from invviz.engine.attack import run
from invviz.engine.client import Site, meet_client
from invviz.scenario import Scenario, problems
from invviz.servers._rows import covered

SITE = Site(None, Path("/nonexistent"), "cpu")
SERVERS = ["trap_weights", "trap_weights(scale=0.9)", "qbi", "qbi(pairs=True)"]


def text(server, more=""):
    return f"data=digits&model=mlp(width=400)&server={server}&batch=16&dtype=float64{more}"


def alone_by_hand(client):
    """Samples that activate some row alone, by a plain loop."""
    weight, bias = (client.net.params[name] for name in (client.net.plan.weight, client.net.plan.bias))
    found = set()
    for w, b in zip(weight, bias, strict=True):
        active = [i for i, x in enumerate(client.batch.private.flatten(1)) if float(w @ x + b) > 0]
        found |= set(active) if len(active) == 1 else set()
    return found


@pytest.mark.parametrize("server", SERVERS)
def test_what_activates_a_row_alone_can_be_read_and_agreement_is_never_wrong(server):
    client = meet_client(Scenario.parse(text(server)), SITE)
    message, plan = client.release(client.net, client.batch, None), client.net.plan
    shown, truth = rows(message[plan.weight], message[plan.bias]), client.batch.private.flatten(1)
    error = torch.stack([(shown - x).abs().amax(1) for x in truth])  # (samples, rows)
    read = {i for i in range(len(truth)) if float(error[i].min()) < 1e-8}
    alone = alone_by_hand(client)
    assert read == alone and len(alone) >= 3
    certain = [group for group in alike(shown, 64 * 2.3e-16) if len(group) > 1]
    assert certain and all(float(error[:, group[0]].min()) < 1e-8 for group in certain)
    assert covered(client.net.params[plan.weight], client.net.params[plan.bias], truth).nonzero().flatten().tolist() == sorted(alone)


@pytest.mark.parametrize("server", SERVERS)
def test_the_share_is_said_before(server):
    client = meet_client(Scenario.parse(text(server)), SITE)
    shares, order = [], np.random.default_rng(0)
    for _ in range(30):
        places = order.choice(len(client.samples.victims), 16, replace=False).tolist()
        batch = torch.as_tensor(client.samples.victims.take(places)[0]).double().flatten(1)
        shares.append(
            float(covered(client.net.params[client.net.plan.weight], client.net.params[client.net.plan.bias], batch).double().mean())
        )
    assert client.net.plan.share == pytest.approx(np.mean(shares), abs=0.08)


def test_trap_rows_are_half_negative_and_balanced():
    net = meet_client(Scenario.parse(text("trap_weights(scale=0.9,sigma=2.0)")), SITE).net
    weight = net.params[net.plan.weight]
    assert ((weight < 0).sum(1) == 32).all() and (net.params[net.plan.bias] == 0).all()
    assert torch.allclose(weight.clamp(min=0).sum(1), -0.9 * weight.clamp(max=0).sum(1))
    assert float(weight.clamp(max=0).square().sum() / (400 * 32)) ** 0.5 == pytest.approx(2.0, rel=0.05)


def test_qbi_is_activated_by_one_in_a_batch_where_inputs_are_independent_normal():
    net = meet_client(Scenario.parse(text("qbi")), SITE).net
    samples = meet_client(Scenario.parse(text("qbi")), SITE).samples
    public = torch.as_tensor(samples.public.take(range(len(samples.public)))[0]).double()
    inputs = float(public.mean()) + float(public.std()) * torch.randn(4000, 64, generator=torch.Generator().manual_seed(1)).double()
    fires = (inputs @ net.params[net.plan.weight].T + net.params[net.plan.bias] > 0).double().mean()
    assert float(fires) == pytest.approx(1 / 16, rel=0.03)
    assert statistics.NormalDist().cdf(statistics.NormalDist().inv_cdf(1 / 16)) == pytest.approx(1 / 16)


def test_pairs_cover_more_of_public_batches():
    plain, paired = (meet_client(Scenario.parse(text(server)), SITE).net.plan.share for server in ("qbi", "qbi(pairs=True)"))
    assert paired > plain


def test_it_reads_and_says_what_it_read():
    found = run(Scenario.parse(text("qbi")), SITE)
    read = sum(float(psnr) > 60 for psnr in found.scores["psnr"])
    certified = int(found.note.split("Rows agree on ")[1].split()[0])
    assert found.threat_model == "malicious server" and 5 <= certified <= read
    two = run(Scenario.parse("data=breast_cancer&model=mlp(width=200)&server=qbi&batch=4&dtype=float64"), SITE)
    assert "With two classes" in two.note


def test_bad_input_is_said_in_words():
    said = lambda server, more: " ".join(problems(Scenario.parse(text(server, more)))).replace("\n", " ")  # noqa: E731
    assert not said("qbi", "")
    base = "data=digits&batch=4&server="
    assert "Use model=mlp" in " ".join(problems(Scenario.parse(f"{base}trap_weights&model=lenet")))
    assert "Set act='relu'" in " ".join(problems(Scenario.parse(f"{base}qbi&model=mlp(act='tanh')")))
    assert "Set batch=2" in " ".join(problems(Scenario.parse("data=digits&model=mlp&server=qbi")))
