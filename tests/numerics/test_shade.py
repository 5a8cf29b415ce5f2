"""The risk of coloured noise in whole scenarios, against a dense covariance; and where it is refused."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch

from invviz.core.errors import ScenarioError
from invviz.core.tree import flatten
from invviz.defenses import _fisher
from invviz.engine.assess import assess
from invviz.engine.client import Site, meet_client
from invviz.engine.summary import noise_variance, risk_summary
from invviz.risk import Diagonal, Prior
from invviz.scenario import Scenario, risk_problems

SITE = Site(None, None, "cpu")
SMALL = "data=digits(index=3)&model=lenet(width=2)&dtype=float64"  # dense covariances: every entry of the message has a row


def dense_jacobian(release, net, batch):
    shape = batch.image.shape

    def message(x):
        return flatten(release(net, type(batch).of(x.view(shape), batch.label), None))

    return torch.autograd.functional.jacobian(message, batch.image.flatten(), strategy="forward-mode", vectorize=True).numpy()


@functools.cache
def dense_fisher():
    """F on the same pictures and drawn labels, by one gradient at a time; and what a random direction has of it. The same behind every defense."""
    world = meet_client(Scenario.parse(f"{SMALL}&defense=water_filling"), SITE).world
    where = np.linspace(0, len(world.public) - 1, 128).astype(int)
    pictures = world.public[where]
    labels = _fisher._drawn_labels(world.net, pictures)
    module, rows = world.net.module.requires_grad_(True), []
    for image, label in zip(pictures, labels, strict=True):
        loss = torch.nn.functional.cross_entropy(module(image[None]), label[None])
        rows.append(torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(module.parameters()))]).numpy())
    module.requires_grad_(False)
    fisher = np.array(rows).T @ np.array(rows) / len(rows)
    return fisher, np.trace(fisher) / len(fisher)


BEFORE = ["", "&defense=gaussian_noise(sigma=0.05)", "&defense=clipping(clip_norm=0.3,relative=True)", "&defense=pruning(fraction=0.5)"]
LAST = [
    "invl_gnp(scale=0.5)",
    "invl_gnp(scale=2.0,isotropic=0.4)",
    "water_filling(isotropic=0.7)",
    "invl_dnp",
    "water_filling(sigma=0.05)",
    "optimal_noise(sigma=0.05)",
    "outpost(base=0.1)",
]


@pytest.mark.parametrize(  # every two of the three meet
    ("before", "last", "prior"),
    [(before, last, ("white", "natural")[(i + k) % 2]) for i, before in enumerate(BEFORE) for k, last in enumerate(LAST)],
)
def test_the_defended_risk_is_that_of_the_dense_covariance(before, last, prior):
    scenario = Scenario.parse(f"{SMALL}{before}&defense={last}&prior={prior}&floor=0.02")
    found = assess(scenario, SITE)
    summary = risk_summary(scenario, found.decomposition, found.size, found.stages)
    client = meet_client(scenario, SITE)
    defense, inner = scenario.defense[-1], scenario.defense[:-1].wrap(client.bare, client.world)
    covariance = defense.covariance(defense.basis(inner, client.world, client.batch))
    jacobian = dense_jacobian(client.release, client.net, client.batch)
    if isinstance(covariance, Diagonal):
        cov = np.diag(flatten(covariance.variances).numpy())
    else:
        left = np.linalg.svd(dense_jacobian(inner, client.net, client.batch), full_matrices=False)[0]
        cov = (left * covariance.variances.numpy()) @ left.T + covariance.even * np.eye(len(left))
    assert found.cost[0] == pytest.approx(np.trace(cov) / found.size.norm**2, rel=1e-6)
    fisher, share = dense_fisher()
    assert found.cost[1] == pytest.approx(np.sum(fisher * cov) / share / found.size.norm**2, rel=1e-4)
    message = flatten(client.release(client.net, client.batch, None)).numpy()
    variance = (0.02**2) * np.mean(message**2) + noise_variance(scenario, found.size, found.stages)
    cov = cov + variance * np.eye(len(cov))
    expected = np.linalg.inv(np.linalg.inv(Prior(prior, scenario.data.shape).dense()) + jacobian.T @ np.linalg.solve(cov, jacobian))
    assert summary["invloss"] == pytest.approx(np.trace(expected), rel=1e-5)
    assert summary["sigma"] == pytest.approx(variance**0.5, rel=1e-9)
    assert summary["trust"] is None and any("shape" in words for words in summary["caveats"])


@pytest.mark.parametrize(
    ("last", "prior"),
    [
        ("water_filling(cost='energy')", "white"),
        ("invl_gnp", "natural"),
        ("invl_gnp(isotropic=0.4)", "natural"),
        ("water_filling(isotropic=0.7)", "white"),
        ("water_filling(sigma=0.05)", "natural"),
        ("optimal_noise", "white"),
        ("outpost(base=0.1)", "natural"),
    ],
)
def test_the_ladder_is_what_other_strengths_would_give(last, prior):
    scenario = Scenario.parse(f"{SMALL}&prior={prior}&defense=gaussian_noise(sigma=0.02)&defense={last}")
    ladder = assess(scenario, SITE).ladder
    assert len(ladder) > 10
    for strength, ceiling, *cost in ladder[4::9]:
        other = scenario.replace(defense=(scenario.defense[0], scenario.defense[1].replace(**{scenario.defense[1].strength: strength})))
        found = assess(other, SITE)
        assert risk_summary(other, found.decomposition, found.size, found.stages)["psnr_ceiling"] == pytest.approx(ceiling, abs=1e-5)
        assert found.cost == pytest.approx(cost, rel=1e-6)
    ceilings = [rung[1] for rung in ladder]
    assert ceilings == sorted(ceilings, reverse=True)


def test_strength_and_floor_belong_to_its_name_and_the_attacker_does_not():
    scenario = Scenario.parse(f"{SMALL}&defense=invl_gnp")
    key = scenario.key("risk")
    assert scenario.replace(attacker="aware").key("risk") == key
    assert scenario.replace(floor=0.1).key("risk") != key
    assert scenario.replace(defense=(scenario.defense[0].replace(scale=2.0),)).key("risk") != key
    off = scenario.replace(defense=(scenario.defense[0].replace(scale=0.0),))
    assert off.coloured is None and off.key("risk") == scenario.replace(defense=()).key("risk")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("defense=invl_gnp&floor=0", "Set floor"),
        ("defense=invl_gnp&rounds=3", "rounds=1"),
        ("defense=invl_gnp&layer=out", "whole message"),
        ("defense=water_filling&method=sketch", "method is sketch"),
        ("defense=invl_gnp(low=0.9,high=0.5)", "low=0.9 and high=0.5 leave no band"),
        ("defense=invl_gnp&defense=pruning", "Name it last"),
        ("defense=invl_enp", "embeddings"),
        ("data=stl10&defense=invl_gnp", "27,648"),
    ],
)
def test_what_cannot_be_scored_says_why(text, words):
    scenario = Scenario.parse(text if "data=" in text else f"{SMALL}&{text}")
    assert words in " ".join(risk_problems(scenario))
    with pytest.raises(ScenarioError):
        assess(scenario, SITE)
