"""Federated training against plain PyTorch loops written here, and what must hold however it is cut up."""

import copy
import dataclasses
import math

import numpy as np
import pytest
import torch

from invviz.core.errors import InvvizError, ScenarioError
from invviz.core.rng import stream
from invviz.core.tree import flatten
from invviz.core.types import Batch
from invviz.defenses import DPSGD
from invviz.engine.client import Site, meet_client
from invviz.engine.training import _messages, spent, split_counts, train
from invviz.engine.training._deal import Deal
from invviz.protocols.training import TRAININGS, shards
from invviz.scenario import Scenario, former_key, train_problems

BASE = "data=digits&model=convnet(width=2,act='tanh')&dtype=float64&seed=3"


def scenario(train="rounds=6,clients=3", rest=""):
    return Scenario.parse(f"{BASE}&train=federated({train}){rest}").only("train")


@pytest.fixture
def site(tmp_path):
    return Site(None, tmp_path, "cpu")


def batches(s, site, done):
    client = meet_client(s, site)
    chosen, places = Deal.of(s, client.samples).drawn(done)
    image, label = client.samples.public.take(places.tolist())
    images, labels = torch.as_tensor(image).to(client.batch.image), torch.as_tensor(label)
    return client, chosen, [(images[k : k + s.batch], labels[k : k + s.batch]) for k in range(0, len(labels), s.batch)]


def held_out(module, s, site):
    victims = meet_client(s, site).samples.victims
    image, label = victims.take(range(min(1000, len(victims))))
    with torch.no_grad():
        logits = module(torch.as_tensor(image).double())
    return float((logits.argmax(1).numpy() == label).mean()), float(torch.nn.functional.cross_entropy(logits, torch.as_tensor(label)))


@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
@pytest.mark.parametrize("schedule", ["cosine", "constant"])
@pytest.mark.parametrize("batch", [1, 4])
def test_without_a_defense_it_is_a_plain_loop(site, optimiser, schedule, batch):
    """The same pictures through module, backward and torch.optim, all clients' pictures as one batch."""
    s = scenario(
        f"rounds=6,clients=5,sampled=3,every=1,optimiser={optimiser!r},lr=0.05,momentum=0.5,schedule={schedule!r}", f"&batch={batch}"
    )
    found = train(s, site)
    client, _, _ = batches(s, site, 0)
    module = copy.deepcopy(client.net.module).requires_grad_(True)
    make = torch.optim.Adam(module.parameters(), 0.05) if optimiser == "adam" else torch.optim.SGD(module.parameters(), 0.05, 0.5)
    for done in range(6):
        _, _, drawn = batches(s, site, done)
        rate = 0.05 if schedule == "constant" else 0.05 * (1 + math.cos(math.pi * done / 6)) / 2
        make.param_groups[0]["lr"] = rate
        make.zero_grad()
        torch.nn.functional.cross_entropy(module(torch.cat([x for x, _ in drawn])), torch.cat([y for _, y in drawn])).backward()
        make.step()
        accuracy, loss = held_out(module, s, site)
        assert found.history[done][0] == done + 1
        assert found.history[done][1:] == pytest.approx((accuracy, loss), rel=1e-9)
    assert found.accuracy == pytest.approx(np.mean([h[1] for h in found.history[-3:]]))
    assert found.trained_on == 6 * 3 * batch


def test_several_local_steps_are_federated_averaging(site):
    """FedAvg as published: every client steps on its own copy, the server takes the mean of the copies."""
    s = scenario("rounds=3,clients=4,every=1,optimiser='sgd',lr=1.0,schedule='constant'", "&batch=2&protocol=hfl(local_steps=3,lr=0.2)")
    found = train(s, site)
    client, _, _ = batches(s, site, 0)
    server = copy.deepcopy(client.net.module)
    for done in range(3):
        _, _, drawn = batches(s, site, done)
        copies = []
        for x, y in drawn:
            local = copy.deepcopy(server).requires_grad_(True)
            steps = torch.optim.SGD(local.parameters(), 0.2)
            for _ in range(3):
                steps.zero_grad()
                torch.nn.functional.cross_entropy(local(x), y).backward()
                steps.step()
            copies.append(local.state_dict())
        server.load_state_dict({k: torch.stack([c[k] for c in copies]).mean(0) for k in copies[0]})
        assert found.history[done][1:] == pytest.approx(held_out(server, s, site), rel=1e-9)
    assert found.trained_on == 3 * 4 * 2 * 3


DEFENDED = [
    "&defense=gaussian_noise(sigma=0.5)", "&defense=dp_sgd(noise_multiplier=0.3)&batch=3", "&defense=clipping&defense=laplace_noise",
    "&defense=invl_gnp(reuse=50)", "&defense=invl_dnp(reuse=50)", "&defense=water_filling(reuse=50)", "&defense=soteria", "&defense=precode",
    "&defense=pruning&batch=2",
]  # fmt: skip


@pytest.mark.parametrize("rest", DEFENDED)
def test_in_one_go_is_one_by_one(site, rest, monkeypatch):
    """Every client through the wrapped release alone, with the same noise, gives the same mean message."""
    s = scenario(rest=rest)
    client, chosen, drawn = batches(s, site, 0)
    images, labels = torch.cat([x for x, _ in drawn]), torch.cat([y for _, y in drawn])
    together = flatten(_messages.Round(s, client).mean(client.net, chosen, images, labels, 0))
    alone = meet_client(s, site)  # a release of its own, which finds its directions at the same first message
    rngs = [stream(s.seed, f"noise of client {k} in round 1") for k in chosen]
    sent = [flatten(alone.release(alone.net, Batch.of(x, y), rng)) for (x, y), rng in zip(drawn, rngs, strict=True)]
    assert torch.allclose(together, torch.stack(sent).mean(0), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("defense", ["invl_gnp(reuse=1000,law='normal')", "water_filling(reuse=1000,law='normal',cost='energy')"])
def test_stale_directions_carry_the_energy_that_is_stated(site, defense):
    """Directions found at one picture and net, noise for another: |noise|^2 is that of the stated variances, in the mean and in one draw."""
    s = scenario(rest=f"&defense={defense}")
    client, _, drawn = batches(s, site, 0)
    (x, y), (other, label) = drawn[0], drawn[1]
    client.release(client.net, Batch.of(x, y), stream(0, "first"))  # finds the directions
    moved = dataclasses.replace(client.net, params={k: 1.5 * p for k, p in client.net.params.items()})
    clean = flatten(client.bare(moved, Batch.of(other, label), None))
    rng = stream(1, "noise")
    sizes = [float((flatten(client.release(moved, Batch.of(other, label), rng)) - clean).square().sum()) for _ in range(100)]
    rms2 = float(clean @ clean) / len(clean)
    if "invl" in defense:
        inside = client.release.__closure__  # the band's width: as many unit variances as it has directions
        kept = next(c.cell_contents for c in inside if type(c.cell_contents).__name__ == "Kept")
        band = kept.basis.band(0.6, 0.95)
        expected = rms2 * (band.stop - band.start)
    else:
        expected = 0.1**2 * rms2 * len(clean)
    assert np.mean(sizes) == pytest.approx(expected, rel=5 * np.std(sizes) / np.mean(sizes) / np.sqrt(100))


def test_noise_of_clients_is_independent_and_averages_out(site):
    """The mean of k clients' messages has 1/k of the variance of one's noise."""
    s = scenario("rounds=1,clients=40", "&defense=gaussian_noise(sigma=0.5,relative=False)")
    client, chosen, drawn = batches(s, site, 0)
    images, labels = torch.cat([x for x, _ in drawn]), torch.cat([y for _, y in drawn])
    clean = dataclasses.replace(s, defense=())
    noise = flatten(_messages.Round(s, client).mean(client.net, chosen, images, labels, 0)) - flatten(
        _messages.Round(clean, meet_client(clean, site)).mean(client.net, chosen, images, labels, 0)
    )
    count = noise.numel()
    assert float(noise.var()) == pytest.approx(0.25 / 40, rel=5 * math.sqrt(2 / count))


@pytest.mark.parametrize(
    "defense", ["gaussian_noise(sigma=0.5)", "invl_gnp(reuse=1000)", "water_filling(reuse=20)", "invl_dnp(reuse=1000)"]
)
def test_a_killed_training_goes_on_to_the_same_end(site, monkeypatch, defense):
    s = scenario("rounds=12,clients=3,every=2", f"&defense={defense}")
    whole = train(s, Site(None, site.cache_dir / "other", "cpu"))
    monkeypatch.setattr("invviz.engine.training.KEEP_EVERY", 0.0)

    class Killed(BaseException):
        pass

    def until(end):
        def report(event):
            if event.phase == "train" and event.done == end:
                raise Killed
            return True

        return report

    for end in (3, 8):
        with pytest.raises(Killed):
            train(s, site, until(end))
    seen = []
    again = train(s, site, lambda event: seen.append(event.done) or True)
    assert 1 < seen[0] <= 8, "it goes on after the last round that was kept"
    assert again.history == whole.history
    assert again.rounds == 12
    assert not list((site.cache_dir / "training").iterdir())


def test_stopped_and_gone_on_with(site):
    s = scenario("rounds=10,clients=3,every=1")
    first = train(s, site, lambda event: event.done < 4)
    assert first.stopped
    assert first.rounds == 4
    rest = train(s, site)
    assert not rest.stopped
    assert rest.history[:4] == first.history


def test_a_broken_checkpoint_says_what_to_do(site):
    s = scenario()
    train(s, site, lambda event: False)
    (kept,) = (site.cache_dir / "training").glob("*.pt")
    kept.write_bytes(b"no checkpoint")
    with pytest.raises(InvvizError, match="nothing is deleted"):
        train(s, site)


def test_a_checkpoint_of_another_version_is_not_used(site):
    s = scenario()
    train(s, site, lambda event: event.done < 3)
    (path,) = (site.cache_dir / "training").glob("*.pt")
    kept = torch.load(path, weights_only=True)
    del kept["kept"]
    torch.save(kept, path)
    seen = []
    train(s, site, lambda event: seen.append(event.done) or True)
    assert seen[0] == 1


def test_early_stop(site):
    found = train(scenario("rounds=60,clients=2,every=1,patience=3,lr=1e-6"), site)
    assert found.rounds < 60
    assert "Stopped early" in found.note
    scores = [h[1] for h in found.history]
    assert max(scores[-3:]) <= max(scores[:-3])


def test_what_breaks_down_says_so(site, monkeypatch):
    mean, calls = _messages.Round.mean, []

    def breaks(*args):
        calls.append(1)
        return {k: leaf * (float("nan") if len(calls) == 4 else 1) for k, leaf in mean(*args).items()}

    monkeypatch.setattr(_messages.Round, "mean", breaks)
    found = train(scenario("rounds=8,clients=2,every=2"), site)
    assert found.rounds == 3
    assert "round 4: a message was not finite" in found.note
    assert 0 <= found.accuracy <= 1


def test_it_learns_the_digits(site):
    """Ten classes: far above chance after 3,000 pictures, and less behind much noise."""
    text = "data=digits&model=mlp&train=federated(rounds=100,clients=30)&seed=1"
    plain = train(Scenario.parse(text), site)
    noisy = train(Scenario.parse(text + "&defense=gaussian_noise(sigma=30.0)"), site)
    assert plain.accuracy > 0.8
    assert noisy.accuracy < plain.accuracy - 0.1
    assert plain.history[0][1] < plain.accuracy


@pytest.mark.parametrize("alpha", [None, 0.01, 0.1, 1.0, 100.0])
@pytest.mark.parametrize("clients", [2, 10, 100])
def test_every_picture_has_one_owner(alpha, clients):
    labels = np.arange(1000) % 10
    hands = shards(labels, clients, alpha, np.random.default_rng(0))
    assert sorted(np.concatenate(hands).tolist()) == list(range(1000))
    assert min(map(len, hands)) > 0
    assert all((np.diff(hand) > 0).all() for hand in hands if len(hand) > 1)


def test_the_split_is_that_of_a_dirichlet_law():
    """Var of a client's share of a class: (K-1) / (K^2 (K alpha + 1)), over many deals; alike for iid."""
    labels, k = np.zeros(2000, dtype=int), 4
    for alpha in (0.5, 5.0):
        shares = [len(shards(labels, k, alpha, np.random.default_rng(seed))[0]) / 2000 for seed in range(1500)]
        expected = (k - 1) / (k**2 * (k * alpha + 1))
        assert np.mean(shares) == pytest.approx(1 / k, abs=5 * math.sqrt(expected / 1500))
        assert np.var(shares) == pytest.approx(expected, rel=0.15)
    assert {len(h) for h in shards(labels, k, None, np.random.default_rng(0))} == {500}


def test_fewer_pictures_than_clients(site):
    with pytest.raises(InvvizError, match="Lower clients"):
        train(scenario("rounds=1,clients=50,samples=20"), site)
    with pytest.raises(ValueError, match="cannot be dealt"):
        shards(np.zeros(3, int), 5, 1.0, np.random.default_rng(0))


def test_counts_are_those_of_the_pictures(site):
    s = scenario("rounds=1,clients=7,split='dirichlet',alpha=0.3,samples=200")
    samples = s.data.load(None)
    counts = split_counts(s, samples)
    assert counts.shape == (7, 10)
    assert counts.sum() == 200
    assert train(s, site).counts.tolist() == counts.tolist()
    even = split_counts(s.replace(train=s.train.replace(split="iid")), samples)
    assert counts.max(1).sum() > even.max(1).sum(), "classes are dealt less evenly"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("train=federated(clients=5,sampled=9)", "Lower sampled"),
        ("defense=clipping&defense=dp_sgd", "Name it first"),
        ("data=digits&model=resnet18&train=federated(clients=5,sampled=9)", "Lower sampled"),
    ],
)
def test_what_does_not_fit_is_said(text, words, site):
    s = Scenario.parse(text)
    assert any(words in p for p in train_problems(s))
    with pytest.raises(ScenarioError, match=words):
        train(s, site)


def test_the_key_hangs_on_what_counts():
    s = Scenario.parse("data=digits&model=mlp")
    assert s.key("train") == s.replace(data=s.data.replace(index=3), floor=0.5, attacker="aware").key("train")
    other = s.replace(train=TRAININGS["federated"](rounds=5))
    assert s.key("train") != other.key("train")
    assert (s.key("run"), s.key("risk")) == (other.key("run"), other.key("risk"))
    assert Scenario.parse(other.text()) == other


def test_result_as_json(site):
    import json

    found = train(scenario(), site).to_json()
    assert json.loads(json.dumps(found, allow_nan=False))["accuracy"] == found["accuracy"]
    assert np.array(found["counts"]).shape == (3, 10)
    assert Scenario.parse(found["scenario"]).key("train") == found["key"]


BUDGETS = {
    "": (50, 1 / 64, ""),  # 1,297 pictures, dealt to 20 clients: 64 or 65 each
    "&batch=4": (50, 4 / 64, ""),
    "&batch=64": (50, 1.0, "more than once"),
    "&defense=soteria": (50, 1 / 64, "Soteria"),
    "&defense=gaussian_noise": (50, 1 / 64, ""),
}


@pytest.mark.parametrize("rest", BUDGETS)
def test_epsilon_is_that_of_the_training_that_is_done(rest, site):
    """Rate and steps are those of the simulated clients: 2.10, for a thousand steps at 0.01, was said of every training."""
    pytest.importorskip("opacus")
    steps, rate, why = BUDGETS[rest]
    clients = 40 if "64" in rest else 20  # 32 pictures each
    s = Scenario.parse(f"data=digits&model=mlp&defense=dp_sgd{rest}&train=federated(clients={clients},rounds=50)")
    found = spent(s, split_counts(s, s.data.load(None)))
    assert (found.steps, found.sample_rate) == (steps, pytest.approx(rate))
    assert (why in found.why) and bool(why) == bool(found.why) == math.isinf(found.epsilon)
    assert why or found.epsilon == DPSGD(steps=steps, sample_rate=rate).epsilon()
    assert why or (f"over {steps} steps at sample rate {rate:.3g}" in found.words() and "Poisson" in found.words())
    if not rest:
        assert found.epsilon == pytest.approx(1.39, abs=0.015), "Opacus, 50 steps at 20/1297: 1.387; of the 64 that a client holds 1.397"


def test_steps_are_the_rounds_that_a_client_is_drawn_for(site):
    s = Scenario.parse("data=digits&model=mlp&defense=dp_sgd&train=federated(clients=20,rounds=50,sampled=5)")
    deal = Deal.of(s, s.data.load(None))
    drawn = np.bincount(np.concatenate([deal.drawn(done)[0] for done in range(50)]), minlength=20)
    found = spent(s, deal.counts(10))
    assert found.steps == drawn.max() < 50, "of the client that is drawn most often"
    assert spent(s, deal.counts(10), 10).steps == np.bincount(np.concatenate([deal.drawn(done)[0] for done in range(10)])).max()


def test_a_training_tells_its_own_epsilon_whatever_the_knobs_say(site):
    pytest.importorskip("opacus")
    s = Scenario.parse(
        "data=digits&model=mlp(width=8)&defense=dp_sgd(sample_rate=0.5,steps=7)&train=federated(clients=20,rounds=3,sampled=20)"
    )
    assert spent(s, split_counts(s, s.data.load(None))).steps == 7, "before a training the knobs say what is counted"
    privacy = train(s, site).to_json()["privacy"]
    assert (privacy["steps"], privacy["sample_rate"]) == (3, 1 / 64)
    assert privacy["epsilon"] == DPSGD(steps=3, sample_rate=1 / 64).epsilon()
    assert train(s.replace(defense=()), site).to_json()["privacy"] is None


def test_keys_hold_nothing_that_is_for_accounting_only():
    one = Scenario.parse("data=digits&model=mlp&defense=dp_sgd(noise_multiplier=0.3)&train=federated(clients=4)")
    other = Scenario.parse(
        "data=digits&model=mlp&defense=dp_sgd(noise_multiplier=0.3,steps=9,sample_rate=0.3,delta=0.01)&train=federated(clients=4)"
    )
    louder = Scenario.parse("data=digits&model=mlp&defense=dp_sgd(noise_multiplier=0.4)&train=federated(clients=4)")
    assert [one.key(k) for k in ("run", "train", "risk")] == [other.key(k) for k in ("run", "train", "risk")]
    assert one.key("run") != louder.key("run") and one.key("train") != louder.key("train")
    assert former_key("run", one) == "06125e32fc2fdd79e90a" and former_key("train", one) == "01eec3a213b97415d9da", (
        "results from before rate and steps could be taken from the training are found"
    )
