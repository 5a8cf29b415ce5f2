"""Secure aggregation: the sum, who is in it, what rounding and shared noise do to it, against autograd and Monte Carlo."""

import numpy as np
import pytest
import torch

from invviz.core.errors import InvvizError
from invviz.core.rng import stream
from invviz.core.tree import flatten
from invviz.core.types import Size
from invviz.engine.client import Site, meet_client
from invviz.engine.summary import noise_variance
from invviz.engine.sums import size_of
from invviz.jobs import price
from invviz.scenario import Scenario, problems
from invviz.servers.aggregation import AGGREGATIONS, Secure

BASE = "data=digits&model=mlp(width=8)&dtype=float64"
DRAWS = 400


@pytest.fixture
def site(tmp_path):
    return Site(None, tmp_path)


def gradient(client):
    """One client's gradient by autograd alone, flat."""
    params = {k: p.detach().requires_grad_(True) for k, p in client.net.params.items()}
    loss = torch.nn.functional.cross_entropy(
        torch.func.functional_call(client.net.module, params, (client.batch.image,)), client.batch.label
    )
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(params.values()))])


def message(client, rng=None):
    return flatten(client.release(client.net, client.batch, rng)).detach()


@pytest.mark.parametrize(("clients", "colluding"), [(1, 0), (4, 0), (4, 2), (4, 3)])
def test_the_server_sees_the_sum_without_the_colluders(site, clients, colluding):
    client = meet_client(Scenario.parse(f"{BASE}&batch=2&aggregation=secure(clients={clients},colluding={colluding})"), site)
    assert len(client.others) == clients - 1 - colluding
    assert torch.allclose(message(client), sum(gradient(one) for one in (client, *client.others)), atol=1e-13)


def test_the_others_hold_other_private_samples_drawn_by_the_seed(site):
    def held(seed):
        text = f"data=digits(index=5)&model=mlp(width=8)&batch=3&seed={seed}&aggregation=secure(clients=20)"
        return meet_client(Scenario.parse(text), site)

    client = held(1)
    pictures = [tuple(picture.flatten().tolist()) for one in (client, *client.others) for picture in one.batch.image]
    assert len(pictures) == 60 == len(set(pictures))
    again, other = held(1), held(2)
    same = lambda a, b: all(torch.equal(x.batch.image, y.batch.image) for x, y in zip(a.others, b.others, strict=True))  # noqa: E731
    assert same(client, again) and not same(client, other) and torch.equal(client.batch.image, other.batch.image)


def test_more_clients_than_there_are_samples_is_said(site):
    with pytest.raises(InvvizError, match=r"64 clients with 40 of their own each need 2,560 private pictures; digits has \d+ here"):
        meet_client(Scenario.parse(f"{BASE}&batch=40&aggregation=secure(clients=64)"), site)


def test_rounding_is_that_of_weights_and_as_loud_as_it_says(site):
    text = f"{BASE}&protocol=hfl(lr=0.1)&aggregation=secure(clients=3,bits=10)"
    s = Scenario.parse(text)
    client = meet_client(s, site)
    clean = message(client)
    drawn = torch.stack([message(client, stream(k, "round")) - clean for k in range(DRAWS)])
    said = noise_variance(s, size_of(s, client))
    step = 16 / (2**10 - 1) / 0.1
    assert said == pytest.approx(3 * step**2 / 6)
    assert float(drawn.square().mean()) == pytest.approx(said, rel=0.05)  # over weights that lie anywhere between two levels
    assert float(drawn.mean(0).abs().mean()) < 0.1 * said**0.5  # by chance up or down: no bias
    one = Scenario.parse(text.replace("clients=3", "clients=3,colluding=2"))
    weights = flatten(meet_client(one, site).net.params) - 0.1 * message(meet_client(one, site), stream(0, "round"))
    levels = (weights + 8) / (16 / (2**10 - 1))
    assert torch.allclose(levels, levels.round(), atol=1e-6)


def test_weights_beyond_the_clip_do_not_come_through(site):
    s = Scenario.parse(f"{BASE}&protocol=hfl(lr=0.1)&aggregation=secure(clients=1,bits=22,clip=0.05)")
    client = meet_client(s, site)
    after = flatten(client.net.params) - 0.1 * message(client)
    assert float(after.abs().max()) == pytest.approx(0.05) and float(flatten(client.net.params).abs().max()) > 0.1
    inside = (flatten(client.net.params) - 0.1 * gradient(client)).abs() < 0.05
    assert inside.any() and torch.allclose(message(client)[inside], gradient(client)[inside], atol=1e-14)


NOISES = [
    "gaussian_noise(sigma=0.5)",
    "laplace_noise(scale=0.2)",
    "gaussian_noise(sigma=0.3,relative=False)",
    "clipping(clip_norm=0.5)&defense=gaussian_noise(sigma=0.5)",
]


@pytest.mark.parametrize(
    ("noise", "how"),
    [
        *((noise, how) for noise in NOISES for how in ("clients=4", "clients=4,shared_noise=True")),
        *((NOISES[2], how) for how in ("clients=4,colluding=2", "clients=4,colluding=3,shared_noise=True")),
    ],
)
def test_each_clients_own_noise_adds_up(site, noise, how):
    s = Scenario.parse(f"{BASE}&defense={noise}&aggregation=secure({how})")
    client = meet_client(s, site)
    clean = message(client)
    drawn = torch.stack([message(client, stream(k, "noise")) - clean for k in range(60)])
    sizes = [Size.of(one.received(s).release(one.net, one.batch, None)) for one in (client, *client.others)]
    alone = []
    for one in (client, *client.others):
        release = one.received(s).release
        send = lambda rng, one=one, release=release: flatten(release(one.net, one.batch, rng))  # noqa: E731
        own = send(None)
        alone.append(np.mean([float((send(stream(k, "own")) - own).square().mean()) for k in range(60)]))
    said = noise_variance(s, Size(sizes[0].norm, sizes[0].count, sizes[0].peak, tuple(sizes[1:])))
    assert float(drawn.square().mean()) == pytest.approx(said, rel=0.05)
    assert said == pytest.approx(sum(alone), rel=0.05)
    if "shared" in how and "relative=False" in noise:
        assert said == pytest.approx(0.3**2 * (1 + len(client.others)) / 4)


def test_the_other_colluders_leave_a_sharing_client_its_share_alone():
    shared = Secure(clients=16, colluding=15, shared_noise=True)
    assert shared.noise_share == 1 / 16 and shared.others == 0 and shared.alters and not Secure(clients=1).alters


def test_what_does_not_fit_is_said():
    said = lambda more: " ".join(problems(Scenario.parse(f"{BASE}{more}")))  # noqa: E731
    assert not said("&aggregation=secure(clients=16,colluding=3)") and not said("&aggregation=secure(clients=4,colluding=3)")
    assert "at most 3 can collude. Set colluding=3" in said("&aggregation=secure(clients=4,colluding=4)")
    assert "sends an embedding. Use protocol=hfl" in said("&protocol=vfl&aggregation=secure")
    assert not said("&rounds=2&aggregation=secure&attack=dlg") and not said("&rounds=2&aggregation=secure&attack=idlg")
    assert "idlg has to find the labels for itself" in said("&rounds=2&aggregation=secure(partners='fresh')&attack=idlg")
    assert not said("&rounds=2&aggregation=secure(partners='fresh')&attack=dlg") and not said(
        "&aggregation=secure(partners='fresh')&attack=idlg"
    )
    assert "quantisation is not of that kind" in said("&defense=quantisation&aggregation=secure(shared_noise=True)")
    assert "pruning is not of that kind" in said("&defense=gaussian_noise&defense=pruning&aggregation=secure(shared_noise=True)")
    assert not said("&defense=clipping&defense=gaussian_noise&aggregation=secure(shared_noise=True)")
    rounded = Scenario.parse("data=digits&model=preact&protocol=hfl_training&batch=4&aggregation=secure(bits=22)")
    assert "Set bits=0" in " ".join(problems(rounded))


def test_keys_hold_what_results_depend_on():
    key = lambda more, kind="risk": Scenario.parse(f"{BASE}{more}").key(kind)  # noqa: E731
    assert key("&aggregation=secure(clients=1)") != key("")
    assert (
        key("&aggregation=secure(clients=9,colluding=3)") == key("&aggregation=secure(clients=6)") != key("&aggregation=secure(clients=7)")
    )
    assert key("&aggregation=secure(clients=6,shared_noise=True)") == key("&aggregation=secure(clients=6)")
    assert key("&aggregation=secure(clients=9,colluding=3)", "run") != key("&aggregation=secure(clients=6)", "run")
    s = Scenario.parse(f"{BASE}&aggregation=secure(clients=9,colluding=3,bits=22)")
    assert (
        Scenario.parse(s.text()) == s == Scenario.parse(s.text(full=True))
        and "aggregation=secure(clients=9,colluding=3,bits=22)" in s.text()
    )
    assert AGGREGATIONS["secure"] is Secure


def test_prices_count_the_clients_that_are_summed():
    seconds = lambda kind, more: price.seconds(kind, Scenario.parse(f"data=digits&model=lenet&{more}"))  # noqa: E731
    four = "aggregation=secure(clients=20,colluding=16)"
    for kind in ("run", "sketch"):
        assert seconds(kind, "batch=1") < seconds(kind, four) == pytest.approx(seconds(kind, "batch=4"))
    assert seconds("risk", "batch=1") < seconds("risk", four) < seconds("risk", "batch=4")  # a column moves one client's message alone
    assert seconds("train", four) == pytest.approx(seconds("train", "batch=1"))  # trains no differently
