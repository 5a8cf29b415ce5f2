"""The imprint server: what is read is what is alone in a bin, the share is said before, and twins certify what is one sample."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from invviz.attacks import ATTACKS
from invviz.attacks._bins import read
from invviz.attacks._read_labels import labels_of
from invviz.cli import main
from invviz.core.planted import Bins, expected_alone
from invviz.core.rng import stream
from invviz.engine.attack import run
from invviz.engine.client import Site, meet_client
from invviz.engine.expected import expected_share
from invviz.engine.observe import observe
from invviz.scenario import Scenario, problems
from invviz.servers import SERVERS
from invviz.servers._planter import jittered, thresholds

ROOT = Path(__file__).parents[2]
SITE = Site(None, Path("/nonexistent"), "cpu")
DIGITS = "data=digits&model=mlp(width=32)&server=imprint(measure='random')&batch=64&dtype=float64"


def benchmark():
    spec = importlib.util.spec_from_file_location("imprint_benchmark", ROOT / "benchmarks/imprint.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def met(text):
    return meet_client(Scenario.parse(text), SITE)


def read_of(result):
    return sum(float(psnr) > 60 for psnr in result.scores["psnr"])


@pytest.mark.parametrize("layout", ["cumulative", "sparse"])
@pytest.mark.parametrize("bins", [128, 256, 512])
def test_the_samples_that_are_read_are_those_alone_in_a_bin(layout, bins):
    client = met(f"data=photos&model=lenet&server=imprint(bins={bins},layout='{layout}')&batch=64&dtype=float64")
    found = benchmark().counted(client, client.batch)  # counts by a plain loop
    assert found.same and 20 < found.alone < 64 and found.certain == found.alone and not found.wrong


def test_with_one_bin_the_sample_and_with_two_in_it_their_weighted_mean():
    """dW / db against autograd by hand on two samples that share the only bin."""
    client = met("data=digits&model=mlp(width=8)&server=imprint(bins=2,twins=False)&batch=2&dtype=float64")
    x, plan = client.batch.private.flatten(1), client.net.plan
    params = {k: p.clone().requires_grad_(True) for k, p in client.net.params.items()}
    each = [torch.func.functional_call(client.net.module, params, (one[None],)) for one in client.batch.private]
    deltas = [
        torch.autograd.grad(torch.nn.functional.cross_entropy(out, client.batch.label[i : i + 1]) / 2, params[plan.bias])[0]
        for i, out in enumerate(each)
    ]
    found = read(client.release(client.net, client.batch, None), plan)
    both = deltas[0] + deltas[1]
    assert torch.allclose(found.mass[1], both[1].abs(), atol=1e-14)  # the upper bin is its own row
    rows = client.net.params[plan.weight] @ x.T + client.net.params[plan.bias][:, None] > 0
    for k, inside in enumerate([rows[0] & ~rows[1], rows[1]]):
        if inside.any():
            weights = torch.stack([d[0] for d in deltas]) * inside
            assert torch.allclose(found.values[k], (weights / weights.sum()) @ x, atol=1e-10)


def test_twins_certify_no_bin_of_several():
    found = [benchmark().counted(client, batch) for client in [met(DIGITS)] for batch in benchmark().batches(client, 64, 25)]
    assert sum(c.wrong for c in found) == 0 and all(c.certain == c.alone == c.read for c in found)
    assert sum(c.samples - c.alone for c in found) > 200  # there were bins of several to be mistaken about


def test_with_two_classes_it_says_that_it_cannot():
    two = run(Scenario.parse("data=breast_cancer&model=mlp&server=imprint(bins=16)&batch=8&dtype=float64"), SITE)
    three = run(Scenario.parse("data=wine&model=mlp&server=imprint(bins=16)&batch=8&dtype=float64"), SITE)
    assert "With two classes" in two.note and "none is certified" in two.note and "Twins certify" in three.note
    # why: behind a net that is linear, twins agree on a bin of two
    torch.manual_seed(0)
    for classes, agree in ((2, True), (3, False)):
        out, head = torch.randn(2, 6).double(), torch.randn(classes, 6).double()  # where each twin passes on to, and the scores
        b = torch.zeros(2, dtype=torch.float64, requires_grad=True)
        scores = (torch.randn(2, 6).double() + b @ out) @ head.T
        label = torch.tensor([0, 1])
        each = [
            torch.autograd.grad(torch.nn.functional.cross_entropy(scores[i : i + 1], label[i : i + 1]), b, retain_graph=True)[0]
            for i in range(2)
        ]
        ratio = [float(each[0][t] / (each[0][t] + each[1][t])) for t in range(2)]
        assert (abs(ratio[0] - ratio[1]) < 1e-9) == agree


@pytest.mark.parametrize(("public", "bins", "batch"), [(500, 32, 16), (300, 128, 64), (1000, 64, 8)])
def test_the_share_alone_is_said_before(public, bins, batch):
    """Against drawing: thresholds from public values, batches of the same law, counted."""
    rng, shares, said = np.random.default_rng(1), [], []
    for _ in range(400):
        measured = torch.tensor(rng.gamma(2.0, size=public))
        edges = thresholds(measured, bins)
        counts = np.histogram(measured, edges)[0].tolist()
        said.append(expected_alone(counts, batch))
        place = np.histogram(rng.gamma(2.0, size=batch), edges)[0]
        shares.append((place == 1).sum() / batch)
    assert np.mean(said) == pytest.approx(np.mean(shares), abs=4 * np.std(shares) / 20)
    assert expected_alone([10**6] * bins, batch) == pytest.approx((1 - 1 / bins) ** (batch - 1), rel=1e-3)  # many public ones: uniform bins
    assert (
        expected_alone([public], 2) == expected_alone([0, public], 2) == 0
        and expected_alone([public], 1) == 1
        and expected_alone([1, 3], 1) == pytest.approx(1)
    )


def test_thresholds_lie_between_values_that_differ():
    measured = torch.tensor([0.0] * 50 + [1.0] * 50 + [2.0] * 10)
    edges = thresholds(measured, 20)
    assert len(edges) == 4 and edges[1:3].tolist() == pytest.approx([0.381966, 1.381966]) and edges[0] < 0 and edges[-1] > 2
    assert len(thresholds(torch.full((9,), 0.5), 4)) == 2  # nothing to tell apart


@pytest.mark.parametrize("model", ["lenet", "convnet", "vit(width=16)", "preact(width=4)", "mlp"])
def test_it_stands_before_any_net_and_hands_the_sample_on(model):
    text = f"data=digits&model={model}&server=imprint(bins=64)&batch=4&dtype=float64"
    client = met(text)
    scores = [net.outputs(net.params, client.batch) for net in (client.net, client.previous)]
    assert float((scores[0] - scores[1]).norm() / scores[1].norm()) < 0.5 and not torch.equal(*scores)
    assert read_of(run(Scenario.parse(text), SITE)) >= 2


@pytest.mark.parametrize("gain", [1.0, 1000.0])
def test_gain_makes_it_loud_and_changes_nothing_else(gain):
    one, other = met(DIGITS), met(DIGITS.replace("measure=", f"gain={gain},measure="))
    assert torch.allclose(*(c.net.outputs(c.net.params, c.batch) for c in (one, other)), atol=1e-9)
    size = [float(c.release(c.net, c.batch, None)[c.net.plan.weight].norm()) for c in (one, other)]
    assert size[1] / size[0] == pytest.approx(gain / 100, rel=1e-6)


def test_jitter_moves_what_was_planted_and_nothing_else():
    plain, hidden = met(DIGITS), met(DIGITS.replace("measure=", "jitter=0.1,measure="))
    for name, p in plain.net.params.items():
        off = (hidden.net.params[name] - p).norm()
        if name.startswith("0."):
            assert float(off / p.norm()) == pytest.approx(0.1, rel=0.3) if p.numel() > 50 else off > 0
        else:
            assert off == 0
    still = jittered(plain.net, plain.net, 0.5, stream(1, "jitter"))
    assert all(torch.equal(still.params[k], p) for k, p in plain.net.params.items())
    read_now = [run(Scenario.parse(DIGITS.replace("measure=", f"jitter={j},measure=")), SITE) for j in (0.0, 0.01, 10.0)]
    count = [read_of(found) for found in read_now]
    assert count[0] >= count[1] > count[2]


def test_the_command_line_says_the_share_beforehand(capsys):
    assert main(["run", DIGITS, "--json", "--no-risk"]) == 0
    client = met(DIGITS)
    assert (
        json.loads(capsys.readouterr().out)["expected_share"]
        == pytest.approx(client.net.plan.expected(64))
        == expected_share(Scenario.parse(DIGITS), SITE)
    )
    assert expected_share(Scenario.parse("data=digits&model=mlp"), SITE) is None


def test_what_is_expected_of_a_sum_counts_the_samples_of_all_its_clients_where_they_share_the_bins():
    summed = Scenario.parse(f"{DIGITS.replace('batch=64', 'batch=8')}&aggregation=secure(clients=5,colluding=1)")
    plan = meet_client(summed, SITE).net.plan
    assert expected_share(summed, SITE) == expected_alone(plan.counts, 32) < plan.expected(8) == expected_alone(plan.counts, 8)
    own = dataclasses.replace(plan, columns=slice(0, 64))
    assert own.expected(8, 4) == expected_alone(plan.counts, 8)


@pytest.mark.parametrize("layout", ["cumulative", "sparse"])
def test_a_little_jitter_leaves_most_to_be_seen(layout):
    """Empty bins then show the sample above them once more, and must not take another one's place."""
    text = f"data=digits&model=mlp(width=32)&server=imprint(measure='random',layout='{layout}',jitter=0.000001)&batch=16&dtype=float64"
    found = run(Scenario.parse(text), SITE)
    assert sum(float(psnr) > 40 for psnr in found.scores["psnr"]) >= 12


def test_the_client_does_not_see_the_plan_and_the_attacker_does():
    scenario = Scenario.parse(DIGITS)
    client = meet_client(scenario, SITE)
    assert isinstance(client.net.plan, Bins) and client.received(scenario).net.plan is None
    assert observe(scenario, client).net.plan is client.net.plan


def test_bad_input_is_said_in_words():
    said = lambda text: " ".join(problems(Scenario.parse(text)))  # noqa: E731
    assert not said(DIGITS)
    assert "Set bins=64 or more" in said(DIGITS.replace("measure=", "bins=8,measure="))
    assert "million" in said("data=imagenet&model=resnet18&server=imprint") and "the server is honest" in said(
        "data=digits&model=mlp&attack=bins"
    )
    assert "server=imprint" in said("data=digits&model=mlp&attack=bins")
    assert "embedding" in said("data=digits&model=mlp&protocol=vfl&server=imprint&attack=dlg")
    found = ATTACKS["bins"]().reconstruct(
        dataclasses.replace(observe(Scenario.parse(DIGITS), met(DIGITS)), net=met(DIGITS).previous), stream(1, "attack"), lambda _: True
    )
    assert found.failed and "no layer of bins" in found.note
    assert SERVERS["imprint"]().problems((1, 8, 8), 10, 1, 1) == []


@pytest.mark.parametrize(
    "text",
    [
        "data=digits&model=mlp(width=64)&server=imprint(bins=64)&batch=8&dtype=float64",
        "data=digits&model=lenet&server=imprint&batch=16",
        "data=digits&model=mlp(width=256)&server=trap_weights&batch=8&dtype=float64",
        "data=digits&model=mlp&server=imprint&batch=1",
    ],
)
def test_what_was_read_exactly_has_its_label(tmp_path, text):
    """Against the labels of the data set; a read-out that names none answers class 0, which only one of these digits is."""
    found = run(Scenario.parse(text), Site(None, tmp_path, "cpu"))
    exact = [psnr >= 60 for psnr in found.scores["psnr"]]
    assert any(exact) and all(guess == label for guess, label, one in zip(found.guessed_labels, found.labels, exact, strict=True) if one)
    assert len({label for label, one in zip(found.labels, exact, strict=True) if one} - {0}) >= 1


def test_where_nothing_tells_a_label_the_templates_stands(tmp_path):
    s = Scenario.parse("data=digits&model=lenet&server=imprint&batch=4")
    obs = observe(s, meet_client(s, Site(None, tmp_path, "cpu")))
    samples = obs.grey[:2]
    without = dict(list(obs.message.items())[:2])  # the planted layer alone
    broken = {name: torch.full_like(leaf, float("nan")) for name, leaf in obs.message.items()}
    for message in (without, broken):
        assert torch.equal(labels_of(dataclasses.replace(obs, message=message), samples), obs.template.label)
    assert torch.equal(labels_of(obs, samples[:0]), obs.template.label)
    summed = dataclasses.replace(obs, knowledge=dataclasses.replace(obs.knowledge, clients=2))
    assert torch.equal(labels_of(summed, samples), obs.template.label), "the others' labels are in the sum, too"
    assert not torch.equal(labels_of(obs, samples), obs.template.label)
