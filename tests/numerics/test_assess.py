"""Scenarios from their text to risk figures: sketch against exact, parts of a message, rounds, priors, and what auto chooses."""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import pytest
import torch

from invviz import risk
from invviz.core.errors import ScenarioError
from invviz.core.types import Net
from invviz.datasets import ArrayPictures, Samples
from invviz.engine.assess import AUTO_INPUTS, AUTO_WORK, assess, choose, moves
from invviz.engine.client import Site, meet_client
from invviz.engine.summary import risk_summary
from invviz.protocols.hfl import HFL
from invviz.scenario import Scenario

torch.set_num_threads(1)
SMALL = "data=digits&model=lenet(width=3)&dtype=float64"  # one draw of probes: other nets may fall outside the interval by chance
DIGITS = "data=digits&model=lenet(width=2)&dtype=float64"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return Site(None, tmp_path_factory.mktemp("cache"), "cpu")


def figures(text, site):
    scenario = Scenario.parse(text)
    found = assess(scenario, site)
    trust = found.trust.to_json() if found.trust else None
    return risk_summary(scenario, found.decomposition, found.size, found.stages, trust), found


def reference(scenario, site, nets=None):
    """The client, and for every net the dense Jacobian of the bare gradient by double backward and the gradient itself."""
    client = meet_client(scenario, site)
    made = []
    for net in nets or [client.net]:

        def message(x, net=net):
            weights = {k: p.clone().requires_grad_() for k, p in net.params.items()}
            loss = torch.nn.functional.cross_entropy(torch.func.functional_call(net.module, weights, (x,)), client.batch.label)
            return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(weights.values()), create_graph=True)])

        dense = (
            torch.autograd.functional.jacobian(message, client.batch.image, strategy="forward-mode", vectorize=True)
            .detach()
            .flatten(1)
            .numpy()
        )
        made.append((dense, message(client.batch.image).detach().numpy()))
    return client, made


def loss_of(parts, tau=0.25):
    """Tr (C^-1 + sum_t J_t^T J_t / sigma_t^2)^-1 for C = tau^2 I."""
    size = parts[0][0].shape[1]
    return np.trace(np.linalg.inv(np.eye(size) / tau**2 + sum(j.T @ j / s**2 for j, s in parts)))


@pytest.mark.parametrize(
    "text", [SMALL, SMALL + "&prior=natural&batch=2", "data=photos(size=16)&model=mlp(width=20,act='tanh')&prior=natural"]
)
def test_the_sketch_agrees_with_the_exact_spectrum_within_its_interval(text, site):
    exact, _ = figures(text + "&method=exact", site)
    found, _ = figures(text + "&method=sketch", site)
    assert (exact["method"], found["method"]) == ("exact", "sketch")
    for name, interval in (("invloss", "invloss_interval"), ("invre", "invre_interval"), ("psnr_ceiling", "psnr_interval")):
        low, high = found[interval]
        assert low <= exact[name] <= high and low <= found[name] <= high
        assert exact[interval] == [exact[name]] * 2
    assert found["invre"] == pytest.approx(exact["invre"], abs=0.02)
    assert found["k_star"] <= exact["k_star"] and found["sigma"] == exact["sigma"]
    assert found["invloss_lower"] is None and "no noise" in found["invloss_lower_reason"], "the floor is in no message"


def test_the_whole_chain_against_a_dense_posterior(site):
    scenario = Scenario.parse(DIGITS + "&method=exact&floor=0.05&defense=gaussian_noise(sigma=0.2)")
    _, [(dense, message)] = reference(scenario, site)
    sigma = np.linalg.norm(message) / len(message) ** 0.5 * (0.05**2 + 0.2**2) ** 0.5
    found, _ = figures(scenario.text(), site)
    assert found["sigma"] == pytest.approx(sigma, rel=1e-9)
    assert found["invloss"] == pytest.approx(loss_of([(dense, sigma)]), rel=1e-6)


def test_fully_connected_nets_take_the_closed_form_and_defended_ones_do_not(site, monkeypatch):
    made = []
    of = risk.Jacobian.of.__func__
    monkeypatch.setattr(
        risk.Jacobian, "of", classmethod(lambda cls, *args, **kw: made.append(kw.get("is_gradient")) or of(cls, *args, **kw))
    )
    base = "data=digits&model=mlp(width=4)&dtype=float64&method=exact"
    for extra, plain in (
        ("", True),
        ("&defense=gaussian_noise", True),
        ("&defense=clipping", False),
        ("&layer=3", False),
        ("&rounds=2", False),
        ("&protocol=hfl(local_steps=2)", False),
    ):
        made.clear()
        figures(base + extra, site)
        assert made[0] is plain, extra


def test_one_layer_tells_less_than_all(site):
    scenario = Scenario.parse(DIGITS + "&method=exact")
    client, [(dense, message)] = reference(scenario, site)
    sigma = 0.01 * np.linalg.norm(message) / len(message) ** 0.5  # the floor is that of the whole message
    whole, _ = figures(scenario.text(), site)
    names = list(dict.fromkeys(name.rpartition(".")[0] for name in client.net.params))
    scores = []
    for layer in names:
        rows = np.concatenate([np.full(p.numel(), name.rpartition(".")[0] == layer) for name, p in client.net.params.items()])
        found, _ = figures(scenario.replace(layer=layer).text(), site)
        assert found["sigma"] == pytest.approx(sigma, rel=1e-9)
        assert found["invloss"] == pytest.approx(loss_of([(dense[rows], sigma)]), rel=1e-5)
        assert found["invre"] <= whole["invre"] + 1e-12
        scores.append(found["invre"])
    assert len(names) > 2 and max(scores) > min(scores)


def test_an_unknown_layer_lists_those_that_exist(site):
    scenario = Scenario.parse(DIGITS + "&layer=conv9")
    names = dict.fromkeys(name.rpartition(".")[0] for name in meet_client(scenario, site).net.params)
    with pytest.raises(ScenarioError, match="no part named 'conv9'") as err:
        assess(scenario, site)
    assert all(name in str(err.value) for name in names)
    with pytest.raises(ScenarioError):
        assess(scenario.replace(layer=next(iter(names)) + "x"), site)  # no prefixes of names


def test_a_single_tensor_may_be_named(site):
    found, _ = figures(DIGITS + "&method=exact&layer=0.bias", site)
    assert 0 < found["invre"] < 0.2


ROUNDS = DIGITS + "&method=exact&protocol=hfl(lr=0.5)"


@pytest.mark.parametrize(
    "extra", ["", "&defense=gaussian_noise(sigma=0.3)", "&defense=gaussian_noise(sigma=0.001,relative=False)&floor=0.02", "&layer=7"]
)
def test_rounds_add_their_precisions(extra, site):
    """T8, with each round's own noise: the floor and relative noise follow that round's message, absolute noise does not."""
    scenario = Scenario.parse(ROUNDS + "&rounds=3" + extra)
    client = meet_client(scenario, site)
    nets = [Net(client.net.module, {k: p + shift.get(k, 0) for k, p in client.net.params.items()}) for shift in moves(scenario, client)]
    _, made = reference(scenario, site, nets)
    rows = slice(None)
    if scenario.layer:
        rows = np.concatenate([np.full(p.numel(), name.startswith("7.")) for name, p in client.net.params.items()])
    parts = []
    for dense, message in made:
        rms = np.linalg.norm(message) / len(message) ** 0.5
        variance = 0.0
        if scenario.defense:
            variance = 0.001**2 if not scenario.defense[0].relative else (0.3 * rms) ** 2
        parts.append((dense[rows], (scenario.floor**2 * rms**2 + variance) ** 0.5))
    found, _ = figures(scenario.text(), site)
    assert found["sigma"] == pytest.approx(parts[0][1], rel=1e-6)
    assert found["invloss"] == pytest.approx(loss_of(parts), rel=1e-5)
    assert max(s for _, s in parts) > 1.01 * min(s for _, s in parts), "rounds differ"
    assert found["invre"] == pytest.approx(1 - loss_of(parts) / loss_of([(0 * made[0][0], 1.0)]), abs=1e-5), (
        "of what the prior leaves to tell"
    )


def test_rounds_of_noise_that_is_clipped_afterwards(site):
    """Absolute noise, then clipping to a fixed norm: every round's own factor shrinks its noise."""
    scenario = Scenario.parse(ROUNDS + "&rounds=3&defense=gaussian_noise(sigma=0.01,relative=False)&defense=clipping(clip_norm=0.01)")
    client = meet_client(scenario, site)
    nets = [Net(client.net.module, {k: p + shift.get(k, 0) for k, p in client.net.params.items()}) for shift in moves(scenario, client)]
    _, made = reference(scenario, site, nets)
    parts = []
    for dense, g in made:
        factor = 0.01 / np.linalg.norm(g)
        unit = g / np.linalg.norm(g)
        parts.append((factor * (dense - np.outer(unit, unit @ dense)), ((0.01 * factor) ** 2 + (0.01 * 0.01) ** 2 / len(g)) ** 0.5))
    assert figures(scenario.text(), site)[0]["invloss"] == pytest.approx(loss_of(parts), rel=1e-5)


def test_the_net_moves_on_by_public_pictures_alone(site, monkeypatch):
    scenario = Scenario.parse(ROUNDS + "&rounds=4")
    client = meet_client(scenario, site)
    taken = []

    class Watched:
        def __len__(self):
            return len(client.samples.public)

        def take(self, indices):
            taken.append(list(indices))
            return client.samples.public.take(indices)

    blind = dataclasses.replace(client.samples, victims=None, public=Watched())
    shifts = moves(scenario, dataclasses.replace(client, samples=blind))
    assert shifts[0] == {} and len(shifts) == 4 and len(taken) == 3
    net = client.net.params
    for shift, indices in zip(shifts[1:], taken, strict=True):  # plain gradient descent, here with autograd
        image, label = (torch.from_numpy(a) for a in client.samples.public.take(indices))
        weights = {k: p.clone().requires_grad_() for k, p in net.items()}
        loss = torch.nn.functional.cross_entropy(torch.func.functional_call(client.net.module, weights, (image.double(),)), label)
        net = {k: p - 0.5 * g for (k, p), g in zip(net.items(), torch.autograd.grad(loss, list(weights.values())), strict=True)}
        for name, p in client.net.params.items():
            torch.testing.assert_close(shift[name], net[name] - p)
    again = moves(scenario, client)
    assert all(torch.equal(a[k], b[k]) for a, b in zip(again, shifts, strict=True) for k in a)


@pytest.fixture
def nothing_kept():
    """The dataset priors that tests before found are kept in the process: as in a fresh one, before and after."""
    module = sys.modules["invviz.engine.assess"]  # the package has a function of that name
    module._components.cache_clear()
    yield module
    module._components.cache_clear()


def test_the_dataset_prior_is_made_of_public_pictures(site, monkeypatch, nothing_kept):
    given, fit = [], risk.Components.fit.__func__
    monkeypatch.setattr(risk.Components, "fit", classmethod(lambda cls, pictures: given.append(pictures) or fit(cls, pictures)))
    scenario = Scenario.parse(DIGITS + "&method=exact&prior=dataset&floor=0.5")
    found = assess(scenario, site)
    public = meet_client(scenario, site).samples.public
    np.testing.assert_array_equal(given[0], public.take(range(len(public)))[0])
    np.testing.assert_allclose(found.decomposition.mean, given[0].reshape(len(public), -1).astype(float).mean(0), atol=1e-9)
    rows = given[0].reshape(len(public), -1).astype(float)
    cov = np.cov(rows.T)
    values, vectors = np.linalg.eigh(cov)
    cov = vectors * np.maximum(values, 1 / 255**2) @ vectors.T
    _, [(dense, message)] = reference(scenario, site)
    sigma = 0.5 * np.linalg.norm(message) / len(message) ** 0.5
    exact = np.trace(np.linalg.inv(np.linalg.inv(cov) + dense.T @ dense / sigma**2))
    assert risk.invloss(found.decomposition, sigma) == pytest.approx(exact, rel=1e-4)
    assert not any((victim == rows).all(1).any() for victim in found.truth.reshape(len(found.truth), -1))


@pytest.mark.parametrize("order", ["mixed", "by class"])
def test_the_dataset_prior_does_not_depend_on_the_order_of_files(order, site, monkeypatch, nothing_kept):
    """Of files in the order of classes the first ones, which were taken, are of one class."""
    labels = np.arange(4_000) % 4 if order == "mixed" else np.arange(4_000) // 1_000
    images = np.repeat((60 * labels).astype(np.uint8), 64).reshape(-1, 1, 8, 8)
    made = Samples(ArrayPictures(images[:1], labels[:1]), ArrayPictures(images, labels), ("a", "b", "c", "d"))
    monkeypatch.setattr(type(Scenario.parse(DIGITS).data), "load", lambda self, folder: made)
    found = nothing_kept._components(Scenario.parse(DIGITS).data, Scenario.parse(DIGITS).protocol, None)
    assert abs(found.mean.mean() - images.mean() / 255) < 0.01
    assert Scenario.parse(DIGITS).key("risk") != Scenario.parse(DIGITS + "&prior=dataset").key("risk")


def test_what_is_chosen():
    now = Scenario.parse("data=photos(size=32)")
    p, n = 14_288, AUTO_INPUTS
    assert choose(now, p, n, 1.0)[0] == "exact" and "minute" in choose(now, p, n, 1.0)[1]
    big = choose(now, p, n + 1, 1.0)
    assert big[0] == "sketch" and f"{AUTO_INPUTS:,}" in big[1]
    heavy = AUTO_WORK / n
    assert (choose(now, p, n, 0.99 * heavy)[0], choose(now, p, n, 1.01 * heavy)[0]) == ("exact", "sketch")
    assert "minutes" in choose(now, p, n, 1.01 * heavy)[1]
    for method in ("exact", "sketch"):
        assert choose(now.replace(method=method), p, 2 * n, 1e20) == (method, "as the scenario says")


@pytest.mark.parametrize("method", ["auto", "quick"])
def test_exact_is_chosen_where_it_is_no_more_work(method):
    now = Scenario.parse("data=photos(size=32)").replace(method=method)
    assert choose(now, 9_610, 64, 1e12) == choose(now, 900, 12_288, 1.0) == ("exact", "it takes no more work than a sketch")
    assert choose(now, 1_025, 12_288, 1.0)[0] == "sketch", "too many rows"
    assert choose(now, 900, 150_528, 1.0)[0] == "sketch", "they would not fit in memory"
    assert choose(now, 900, 12_288, 1e9)[0] == "sketch", "each takes too long"
    assert choose(now.replace(method="quick"), 14_288, 3_072, 1.0) == ("sketch", "it is the quickest")


def test_quick_measures_no_curvature_and_says_why(site):
    found = assess(Scenario.parse("data=digits&model=mlp(width=3)&method=quick"), site)
    assert (found.decomposition.method, found.trust) == ("exact", None) and "no more work" in found.why
    assert assess(Scenario.parse("data=digits&model=mlp(width=3)"), site).trust is not None


def test_what_does_not_fit_is_refused(site):
    with pytest.raises(ScenarioError, match="method=sketch"):
        assess(Scenario.parse("data=photos(size=64)&method=exact"), site)


def test_a_client_whose_steps_diverge_is_told_the_way_out(site):
    from invviz.core.errors import RiskError

    with pytest.raises(RiskError, match="lower lr or local_steps"):
        assess(
            Scenario.parse("data=digits&model=mlp(width=8)&protocol=hfl(local_steps=50,lr=10)&floor=0").replace(protocol=Blowing()), site
        )


@dataclasses.dataclass(frozen=True)
class Blowing(HFL):
    """A protocol whose message overflows."""

    def release(self, net, batch, rng):
        return {name: leaf * 1e30 * 1e30 for name, leaf in super().release(net, batch, rng).items()}
