"""The ideal attacker on a sum over clients, against dense posteriors that know nothing of the code: autograd, every client's Jacobian, one inverse."""

import dataclasses

import numpy as np
import pytest
import torch

from invviz.engine.assess import assess
from invviz.engine.client import Site, meet_client
from invviz.engine.observe import moves
from invviz.engine.summary import noise_variance, risk_summary
from invviz.risk import (
    Components,
    Prior,
    by_clients,
    ideal,
    invloss,
    invloss_bound,
    invre,
    invre_interval,
    pixel_variance,
    sample_loss,
    total_sigma,
)
from invviz.scenario import Scenario, risk_problems

BASE = "data=digits&model=mlp(width=8,act='tanh')&dtype=float64"


@pytest.fixture
def site(tmp_path):
    return Site(None, tmp_path)


def jacobians(client):
    """Of every client's own gradient by its own batch, by autograd alone, (p, n) each."""
    found = []
    for one in (client, *client.others):
        params = {k: p.detach() for k, p in one.net.params.items()}

        def gradient(image, one=one, params=params):
            leaves = {k: p.requires_grad_(True) for k, p in params.items()}
            loss = torch.nn.functional.cross_entropy(torch.func.functional_call(one.net.module, leaves, (image,)), one.batch.label)
            return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(leaves.values()), create_graph=True)])

        found.append(torch.autograd.functional.jacobian(gradient, one.batch.image, vectorize=True).flatten(1).numpy())
    return found


def joint_posterior(parts, sigma, root):
    """Covariance of the victim's batch given the noisy sum: the first block of (C^-1 + A'A / sigma^2)^-1, C the same for all."""
    stacked = np.concatenate([part @ root for part in parts], 1)
    whole = np.linalg.inv(np.eye(stacked.shape[1]) + stacked.T @ stacked / sigma**2)
    n = parts[0].shape[1]
    return root @ whole[:n, :n] @ root.T


def coloured_posterior(parts, sigma, root):
    """The same with the others as coloured noise of covariance sigma^2 I + sum_k J_k C J_k'."""
    own, *others = (part @ root for part in parts)
    noise = sigma**2 * np.eye(len(own)) + sum((other @ other.T for other in others), np.zeros((len(own), len(own))))
    return root @ np.linalg.inv(np.eye(own.shape[1]) + own.T @ np.linalg.solve(noise, own)) @ root.T


@pytest.mark.parametrize(
    ("clients", "colluding", "batch"), [(1, 0, 1), (2, 0, 1), (5, 0, 1), (12, 0, 1), (12, 9, 1), (12, 11, 1), (3, 1, 2)]
)
def test_it_is_the_dense_posterior(site, clients, colluding, batch):
    s = Scenario.parse(f"{BASE}&batch={batch}&aggregation=secure(clients={clients},colluding={colluding})")
    client, d = meet_client(s, site), assess(s, site).decomposition
    parts, n = jacobians(client), batch * 64
    assert len(parts) == clients - colluding
    message = torch.cat([g.flatten() for g in client.received(s).release(client.net, client.batch, None).values()])
    for share in (0.01, 0.1, 1.0):
        sigma = total_sigma(d, share)
        assert sigma == pytest.approx(share * float(message.square().mean()) ** 0.5, rel=1e-9)
        expected = joint_posterior(parts, sigma, 0.25 * np.eye(n))
        again = coloured_posterior(parts, sigma, 0.25 * np.eye(n))
        assert invloss(d, sigma) == pytest.approx(np.trace(expected), rel=1e-8) == pytest.approx(np.trace(again), rel=1e-6)
        assert invre(d, sigma) == pytest.approx(1 - np.trace(expected) / (n / 16), abs=1e-8)
        assert np.allclose(pixel_variance(d, sigma).ravel(), np.diag(expected), atol=1e-7)
        assert np.allclose(sample_loss(d, sigma), np.diag(expected).reshape(batch, -1).sum(1), rtol=1e-4)
        assert invloss(d, sigma) <= invloss_bound(d, sigma) <= 2 * invloss(d, sigma)


@pytest.mark.parametrize("prior", ["natural", "dataset"])
def test_and_under_priors_that_expect_something(site, prior):
    s = Scenario.parse(f"{BASE}&prior={prior}&floor=0.1&aggregation=secure(clients=7)")
    client, found = meet_client(s, site), assess(s, site)
    public = client.samples.public
    components = Components.fit(public.take(range(len(public)))[0]) if prior == "dataset" else None
    covariance = Prior(prior, (1, 8, 8), 1, components).dense()
    values, vectors = np.linalg.eigh(covariance)
    root = (vectors * values**0.5) @ vectors.T
    sigma = total_sigma(found.decomposition, 0.1)
    expected = np.trace(joint_posterior(jacobians(client), sigma, root))
    assert invloss(found.decomposition, sigma) == pytest.approx(expected, rel=1e-8)
    assert found.decomposition.trace == pytest.approx(np.trace(covariance))


def test_the_ideal_attackers_picture_is_the_posterior_mean(site):
    s = Scenario.parse(f"{BASE}&aggregation=secure(clients=9)")
    client, d = meet_client(s, site), assess(s, site).decomposition
    sigma, parts = 0.3 * d.message_norm / d.num_message**0.5, jacobians(client)
    stacked = 0.25 * np.concatenate(parts, 1)
    truth = np.concatenate([one.batch.image.flatten().numpy() for one in (client, *client.others)]) - 0.5
    solve = np.linalg.solve(stacked.T @ stacked + sigma**2 * np.eye(len(truth)), stacked.T)
    mean = 0.5 + 0.25 * (solve @ stacked @ (truth / 0.25))[:64]
    spread = 0.25 * sigma * np.linalg.norm(solve[:64], axis=1)  # what noise of the message does to each pixel
    drawn = np.stack([ideal(d, sigma, seed).ravel() for seed in range(3_000)])
    assert np.abs(drawn.mean(0) - mean).max() < 5 * spread.max() / 3_000**0.5
    assert np.allclose(drawn.std(0), spread, rtol=0.08)


def test_each_client_adds_noise_of_its_own(site):
    s = Scenario.parse(
        f"{BASE}&floor=0&defense=clipping(clip_norm=0.5)&defense=gaussian_noise(sigma=0.2)&aggregation=secure(clients=6,colluding=2)"
    )
    client, found = meet_client(s, site), assess(s, site)
    parts, norms = [], []
    for one in (client, *client.others):
        (j,) = jacobians(dataclasses.replace(one, others=()))
        g = torch.cat([leaf.flatten() for leaf in client.bare(one.net, one.batch, None).values()]).numpy()
        norms.append(min(0.5, np.linalg.norm(g)))
        shrink, unit = min(1.0, 0.5 / np.linalg.norm(g)), g / np.linalg.norm(g)
        parts.append(shrink * (j - (np.outer(unit, unit @ j) if shrink < 1 else 0)))
    variance = sum(0.04 * norm**2 / len(parts[0]) for norm in norms)
    assert noise_variance(s, found.size, found.stages) == pytest.approx(variance, rel=1e-9)
    expected = np.trace(joint_posterior(parts, variance**0.5, 0.25 * np.eye(64)))
    said = risk_summary(s, found.decomposition, found.size, found.stages)
    assert said["invloss"] == pytest.approx(expected, rel=1e-8) and said["invre"] == pytest.approx(1 - expected / 4, abs=1e-8)
    shared = s.replace(aggregation=s.aggregation.replace(shared_noise=True))
    assert shared.key("risk") == s.key("risk") and noise_variance(shared, found.size, found.stages) == pytest.approx(variance / 6)
    assert (
        risk_summary(shared, found.decomposition, found.size, found.stages)["invre"] > said["invre"]
    )  # the colluders' share is known to them


def test_adding_clients_never_tells_more_and_colluders_take_them_away(site):
    of = lambda how: assess(Scenario.parse(f"{BASE}&aggregation=secure({how})"), site).decomposition  # noqa: E731
    alone, found = of("clients=1"), [of(f"clients={k}") for k in (2, 6, 12, 24)]
    sigma = 0.1 * alone.message_norm / alone.num_message**0.5
    values = [invre(d, sigma) for d in (alone, *found)]
    assert values == sorted(values, reverse=True) and values[-1] < 0.6 < values[0]
    assert invre(of("clients=24,colluding=12"), sigma) == values[3] and invre(of("clients=24,colluding=23"), sigma) == pytest.approx(
        values[0], abs=1e-9
    )
    plain = assess(Scenario.parse(BASE), site).decomposition
    assert invre(plain, sigma) == pytest.approx(values[0], abs=1e-9)


@pytest.mark.parametrize("share", [0.1, 1.0])
def test_the_sketchs_interval_holds_the_exact_figure(site, share):
    text = f"{BASE}&floor={share}&aggregation=secure(clients=10)"
    exact, sketched = (assess(Scenario.parse(f"{text}&method={method}"), site).decomposition for method in ("exact", "sketch"))
    assert sketched.method == "sketch" and sketched.size == 64 and sketched.trace == pytest.approx(exact.trace)
    sigma = total_sigma(exact, share)
    low, high = invre_interval(sketched, sigma)
    assert low - 1e-9 <= invre(exact, sigma) <= high + 1e-9 and high - low < 0.35
    assert invre(sketched, sigma) == pytest.approx(invre(exact, sigma), abs=0.05)


def test_single_precision_is_nearly_as_good(site):
    text = f"{BASE}&floor=0.01&aggregation=secure(clients=6)"
    double, single = (assess(Scenario.parse(t), site).decomposition for t in (text, text.replace("&dtype=float64", "")))
    sigma = total_sigma(double, 0.01)
    assert invre(single, sigma) == pytest.approx(invre(double, sigma), abs=1e-3)


def test_what_does_not_fit_is_said():
    said = lambda more, data=BASE: " ".join(risk_problems(Scenario.parse(f"{data}{more}")))  # noqa: E731
    assert not said("&aggregation=secure(clients=16,colluding=3)")
    assert "isotropic noise" in said("&defense=invl_gnp&aggregation=secure") and not said(
        "&defense=invl_gnp&aggregation=secure(clients=4,colluding=3)"
    )
    photos = "data=photos&model=lenet"
    assert "the batches of 16 clients have 49,152" in said("&method=exact&aggregation=secure", photos) and "or fewer clients" in said(
        "&method=exact&aggregation=secure", photos
    )
    assert not said("&aggregation=secure", photos)


def test_every_number_of_clients_at_once_is_each_by_itself(site):
    s = Scenario.parse(f"{BASE}&aggregation=secure(clients=12)")
    client = meet_client(s, site)
    parts = jacobians(client)
    truths = np.stack([one.batch.image.flatten().numpy() for one in (client, *client.others)])
    sigmas = np.array([0.003, 0.05])
    found = by_clients(np.stack(parts), truths, Prior("white", (1, 8, 8)), sigmas, seed=4)
    noise = np.random.default_rng(4).standard_normal(len(parts[0]))
    for level, sigma in enumerate(sigmas):
        for count in (1, 2, 7, 12):
            left = joint_posterior(parts[:count], sigma, 0.25 * np.eye(64))
            assert found.invre[level, count - 1] == pytest.approx(1 - np.trace(left) / 4, abs=1e-8)
            stacked = 0.25 * np.concatenate(parts[:count], 1)
            message = stacked @ ((truths[:count].ravel() - 0.5) / 0.25) + sigma * noise
            mean = np.linalg.solve(stacked.T @ stacked + sigma**2 * np.eye(64 * count), stacked.T @ message)[:64]
            assert np.allclose(found.pictures[level, count - 1], 0.5 + 0.25 * mean, atol=1e-6)
    assert found.full == len(parts[0]) / 64


def over_rounds(s, site, clients_in):
    """Victim's posterior from the sums of all rounds: precisions add, each round with its own net, clients and noise. `clients_in`: (round) -> places of its clients."""
    client = meet_client(s, site)
    shifts = moves(s, client)
    everybody, precision = (client, *client.others), 0.0
    for now, shift in enumerate(shifts):
        net = dataclasses.replace(client.net, params={k: p + shift.get(k, 0) for k, p in client.net.params.items()})
        there = [dataclasses.replace(one, net=net, others=()) for one in everybody]
        gradients = [torch.cat([g.flatten() for g in client.bare(net, one.batch, None).values()]).numpy() for one in there]
        present = clients_in(now)
        floor = s.floor**2 * np.mean(gradients[0] ** 2)
        sigma2 = floor + sum(0.3**2 * np.mean(gradients[k] ** 2) for k in present)
        rows = np.concatenate([jacobians(there[k])[0] if k in present else np.zeros((len(gradients[0]), 64)) for k in range(len(there))], 1)
        precision = precision + (rows / 4).T @ (rows / 4) / sigma2
    return np.trace(np.linalg.inv(np.eye(len(precision)) + precision)[:64, :64]) / 16


@pytest.mark.parametrize(
    ("partners", "clients_in"),
    [
        ("same", lambda now: (0, 1, 2, 3)),
        ("fresh", lambda now: (0, *range(1 + 3 * now, 4 + 3 * now))),
        ("without", lambda now: (0, 1, 2, 3) if now < 1 else (1, 2, 3)),
    ],
)
def test_sums_of_several_rounds(site, partners, clients_in):
    how = (
        f"&protocol=hfl(lr=0.5)&rounds=2&defense=gaussian_noise(sigma=0.3)&aggregation=secure(clients=5,colluding=1,partners='{partners}')"
    )
    s = Scenario.parse(BASE + how)
    found = assess(s, site)
    said = risk_summary(s, found.decomposition, found.size, found.stages)
    assert said["invloss"] == pytest.approx(over_rounds(s, site, clients_in), rel=1e-7)
    assert len(meet_client(s, site).others) == (6 if partners == "fresh" else 3)


def test_a_server_that_leaves_the_victim_out_once_has_its_message(site):
    base = "&protocol=hfl(lr=1e-6)&floor=0.001&batch=1"
    value = lambda more: risk_of(BASE + base + more, site)  # noqa: E731
    alone, hidden = value(""), value("&aggregation=secure(clients=18)")
    chosen = value("&rounds=2&aggregation=secure(clients=18,partners='without')")
    same = value("&rounds=2&aggregation=secure(clients=18)")
    assert (
        hidden < 0.7 < 0.99 < chosen <= alone and same - hidden < 0.05
    )  # of nets that hardly move the same sum again tells next to nothing


def risk_of(text, site):
    found = assess(Scenario.parse(text), site)
    return risk_summary(Scenario.parse(text), found.decomposition, found.size, found.stages)["invre"]
