"""Several rounds of the same batch: what attackers see of them, against autograd, numpy's least squares, statistics and the ideal attacker."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from seen import SITE, seen_by

from invviz.attacks import ATTACKS, GaussNewton
from invviz.attacks._labels import Count, infer_label
from invviz.attacks._latent import aim
from invviz.attacks._matching import squared_error
from invviz.attacks._misfit import misfit
from invviz.core.rng import stream
from invviz.core.tree import flatten, side_by_side
from invviz.core.types import Batch, Knowledge, Net, Observation
from invviz.engine import assess as risk
from invviz.engine.assess import assess
from invviz.engine.attack import run
from invviz.engine.observe import moves, observe
from invviz.engine.rounds import joined
from invviz.engine.summary import risk_summary
from invviz.protocols import HFL
from invviz.scenario import Scenario, former_key, problems, risk_problems, train_problems

DIGITS = "data=digits&model=convnet(width=4,act='tanh')&protocol=hfl(lr=0.5)"


def nets(scenario, client):
    return [{k: p + shift.get(k, 0) for k, p in client.net.params.items()} for shift in moves(scenario, client)]


def gradient(client, params):
    """By plain autograd."""
    weights = {k: p.clone().requires_grad_() for k, p in params.items()}
    out = torch.func.functional_call(client.net.module, weights, (client.batch.image,))
    loss = torch.nn.functional.cross_entropy(out, client.batch.label)
    return dict(zip(weights, torch.autograd.grad(loss, list(weights.values())), strict=True))


@pytest.mark.parametrize("text", [DIGITS, DIGITS + "&defense=gaussian_noise(sigma=0.3)&attacker=aware"])
def test_the_attacker_simulates_every_round_at_the_net_that_the_risk_takes(text):
    scenario, client, obs = seen_by(text + "&rounds=3&dtype=float64")
    assert risk.moves is moves, "one function for both"
    wanted = [gradient(client, params) for params in nets(scenario, client)]
    assert float((flatten(wanted[0]) - flatten(wanted[2])).norm()) > 0.1 * float(flatten(wanted[0]).norm()), "the net moved"
    told = obs.simulate(client.batch)
    assert list(told) == list(obs.message) == [f"round {t}: {name}" for t in (1, 2, 3) for name in wanted[0]]
    for t, one in enumerate(wanted, 1):
        for name, leaf in one.items():
            torch.testing.assert_close(told[f"round {t}: {name}"], leaf)
    if not scenario.defense:
        torch.testing.assert_close(dict(obs.message), told)
    assert obs.net is client.net and obs.knowledge.words().startswith("messages of 3 rounds, their nets, labels")


def test_every_round_has_its_own_draw_and_the_first_is_that_of_one_round():
    text = DIGITS + "&defense=gaussian_noise(sigma=0.3)&attacker=aware"
    _, client, obs = seen_by(text + "&rounds=3")
    _, _, once = seen_by(text)
    clean, count = obs.simulate(client.batch), len(once.message)
    noise = [flatten({k: obs.message[k] - clean[k] for k in list(clean)[t * count : (t + 1) * count]}) for t in range(3)]
    sizes = [flatten({k: clean[k] for k in list(clean)[t * count : (t + 1) * count]}) for t in range(3)]
    torch.testing.assert_close(flatten(once.message), flatten({k: obs.message[k] for k in list(clean)[:count]}))
    for one, whole in zip(noise, sizes, strict=True):
        assert float(one.std()) == pytest.approx(0.3 * float(whole.square().mean().sqrt()), rel=0.05)
    assert abs(np.corrcoef(noise[0], noise[1])[0, 1]) < 5 / len(noise[0]) ** 0.5
    white = obs.whiten({k: obs.message[k] - clean[k] for k in clean})
    for t in range(3):
        one = flatten({k: white[k] for k in list(clean)[t * count : (t + 1) * count]})
        assert float(one.std()) == pytest.approx(obs.noise, rel=0.05), "all rounds have the noise of the first"


@pytest.mark.parametrize(
    ("defense", "draws"),
    [
        ("pruning(fraction=0.9)", False),
        ("random_pruning(fraction=0.5)", False),
        ("clipping(clip_norm=0.01)", False),
        ("quantisation(bits=4)", False),
        ("soteria", False),
        ("invl_gnp", True),
    ],
)
def test_who_knows_the_defense_is_told_of_every_round_what_one_round_tells(defense, draws):
    """The fields of the joint observation against those of one round alone, the net of the round taken as the first."""
    scenario, client, obs = seen_by(f"{DIGITS}&defense={defense}&attacker=aware&rounds=2&dtype=float64")
    alone = scenario.replace(rounds=1)
    for t, params in enumerate(nets(scenario, client), 1):
        net = Net(client.net.module, params)
        world = dataclasses.replace(client.world, net=net)
        victim = dataclasses.replace(client, net=net, world=world, release=scenario.defense.wrap(client.bare, world))
        one, part = observe(alone, victim), lambda tree, t=t: {k.split(": ")[1]: v for k, v in tree.items() if k.startswith(f"round {t}: ")}
        assert (one.seen is None, one.interval is None, one.whiten is None) == (obs.seen is None, obs.interval is None, obs.whiten is None)
        if not draws or t == 1:  # later rounds draw later numbers
            torch.testing.assert_close(part(obs.message), dict(one.message), rtol=1e-6, atol=1e-12)
            torch.testing.assert_close(part(obs.simulate(client.batch)), dict(one.simulate(client.batch)), rtol=1e-6, atol=1e-12)
            if one.seen is not None:
                torch.testing.assert_close(part(obs.seen), dict(one.seen))
            if one.interval is not None:
                torch.testing.assert_close([part(end) for end in obs.interval], [dict(end) for end in one.interval])
            if one.whiten is not None:
                torch.testing.assert_close(flatten(part(obs.whiten(obs.message))), flatten(one.whiten(one.message)))


def linear(sigmas, shifts, seed, rows=40):
    """Rounds of a message that is linear in the picture, by matrices that move with the net, and the truth."""
    draw = torch.Generator().manual_seed(seed)
    net = Net.of(torch.nn.Linear(16, rows, bias=False).double())
    x = torch.rand(1, 1, 4, 4, generator=draw, dtype=torch.float64)
    release = lambda net, batch, rng: {"out": net.params["weight"] @ batch.image.flatten()}  # noqa: E731
    told = []
    for sigma, shift in zip(sigmas, shifts, strict=True):
        clean = (net.params["weight"] + shift.get("weight", 0)) @ x.flatten()
        noise = sigma * torch.randn(rows, generator=draw, dtype=torch.float64)
        told.append({"message": {"out": clean + noise}, "release": release, "noise": sigma})
    template = Batch.of(torch.zeros_like(x), torch.zeros(1, dtype=torch.int64))
    obs = Observation({}, net, release, template, Knowledge(labels=True, defense=True), 2, bounds=(-9.0, 10.0))
    return net, x, dataclasses.replace(obs, **joined(told, shifts))


def test_the_best_estimate_is_weighted_least_squares_on_all_rows():
    sigmas = (2e-4, 1e-3, 4e-3)
    shifts = [{}] + [{"weight": 0.3 * torch.randn(40, 16, generator=torch.Generator().manual_seed(k), dtype=torch.float64)} for k in (1, 2)]
    net, _, obs = linear(sigmas, shifts, 5)
    rows = np.concatenate([(net.params["weight"] + s.get("weight", 0)).numpy() for s in shifts])
    sent, weight = flatten(obs.message).numpy(), np.repeat(1 / np.array(sigmas), 40)
    weighed = np.linalg.lstsq(rows * weight[:, None], sent * weight, rcond=None)[0]
    plain = np.linalg.lstsq(rows, sent, rcond=None)[0]
    found = GaussNewton(dense=0).reconstruct(obs, stream(1, "attack"), lambda step: True).batch.image.flatten().numpy()
    assert np.abs(found - weighed).max() < 0.02 * np.abs(plain - weighed).max(), "but for a prior that hardly counts at so little noise"
    simulated = {k: v + 0.01 for k, v in obs.message.items()}
    unknown = dataclasses.replace(obs, noise=0.0, whiten=None)
    found = GaussNewton().reconstruct(unknown, stream(1, "attack"), lambda step: True).batch.image.flatten().numpy()
    np.testing.assert_allclose(found, plain, atol=1e-6)
    loss = float(misfit(obs)[0](simulated))
    assert loss == pytest.approx(0.01**2 * (weight**2).sum() / ((sent * weight) ** 2).sum(), rel=1e-9)


def test_the_linear_error_falls_with_the_rounds():
    """The mean squared error over many draws is sigma^2 / T times the trace of (A^T A)^-1."""
    error = {}
    for count in (1, 8):
        tries = []
        for seed in range(20):
            torch.manual_seed(seed)
            net, x, obs = linear([0.02] * count, [{}] * count, seed)
            assert obs.whiten is None and obs.noise == 0.02
            found = GaussNewton(restarts=1, dense=0, steps=4, coarse=False).reconstruct(
                dataclasses.replace(obs, noise=0.0), stream(seed, "attack"), lambda step: True
            )
            a = net.params["weight"].numpy()
            wanted = 0.02**2 / count * np.trace(np.linalg.inv(a.T @ a))
            tries.append(float((found.batch.image - x).square().sum()) / wanted)
        error[count] = np.mean(tries)
    assert error[1] == pytest.approx(1, abs=0.25) and error[8] == pytest.approx(1, abs=0.25)


NOISY = "data=digits&model=convnet(width=4,act='tanh')&defense=gaussian_noise(sigma=0.3)&attacker=aware&floor=0&prior=natural"


def errors(attack, count, change=lambda obs: obs, seeds=range(3)):
    found = []
    for seed in seeds:
        scenario, client, obs = seen_by(f"{NOISY}&attack={attack}&rounds={count}&seed={seed}")
        obs = change(dataclasses.replace(obs, bounds=(-10.0, 11.0)))  # clamping would help, and the ideal attacker does not clamp
        guess = scenario.attack.reconstruct(obs, stream(seed, "attack"), lambda step: True).batch.image
        found.append(float((guess - client.batch.image).square().mean()))
    return np.array(found)


def test_the_error_of_an_attack_falls_with_the_rounds_as_that_of_the_ideal_attacker():
    dlg = "dlg(steps=30,restarts=1)"
    one, eight = errors(dlg, 1), errors(dlg, 8)
    assert 5 < one.mean() / eight.mean() < 13, "8 where nothing but noise stands in the way"
    assert errors("gauss_newton(restarts=1,steps=8,dense=0)", 8, seeds=[0])[0] == pytest.approx(eight[0], rel=0.1), (
        "another search, the same answer"
    )
    for count, got in ((1, one), (8, eight)):
        ideal = []
        for seed in range(2):
            scenario = Scenario.parse(f"{NOISY}&rounds={count}&seed={seed}&method=quick")
            found = assess(scenario, SITE)
            assert found.decomposition.method == "exact"
            ideal.append(10 ** (-risk_summary(scenario, found.decomposition, found.size, found.stages)["psnr_ceiling"] / 10))
        assert 0.6 < got[:2].mean() / np.mean(ideal) < 1.7

    def again(obs):
        """The message of the first round eight times: nothing new."""
        first = {k: v for k, v in obs.message.items() if k.startswith("round 1: ")}
        return dataclasses.replace(obs, message={k: first["round 1: " + k.split(": ")[1]] for k in obs.message})

    same = errors(dlg, 8, again, seeds=[0])
    assert 0.5 < same[0] / one[0] < 2, "the same draw again does not help"


def test_a_label_is_read_off_all_rounds():
    rng, bias = torch.Generator().manual_seed(3), torch.tensor([0.1, -0.9, 0.8])
    assert infer_label({"a.bias": torch.tensor([-5.0, 0.0, 0.0]), "b.bias": bias}).item() == 1
    right = {1: 0, 25: 0}
    for count in right:
        for _ in range(100):
            rounds = [{"a.bias": torch.tensor([-5.0, 0, 0]), "b.bias": bias + torch.randn(3, generator=rng)} for _ in range(count)]
            right[count] += infer_label(side_by_side(rounds)).item() == 1
    assert 55 < right[1] < 90 and right[25] > 98


def test_labels_of_a_batch_are_counted_over_all_rounds():
    """One round is drowned in noise that the mean of twenty does not drown in."""
    right = {}
    for count in (1, 20):
        found = []
        for seed in range(8):
            noise = "gaussian_noise(sigma=0.5,relative=False)"
            _, client, obs = seen_by(f"data=digits&model=mlp(width=8)&batch=4&attack=idlg&rounds={count}&seed={seed}&defense={noise}")
            found.append(Count.of(obs, stream(seed, "attack")).labels.tolist() == client.batch.label.sort().values.tolist())
        right[count] = np.mean(found)
    assert right[1] < 0.2 and right[20] > right[1] + 0.3, right


def test_cosine_is_taken_of_gradients_of_several_rounds_too():
    _, _, obs = seen_by(DIGITS + "&rounds=2")
    twice = {k: 2 * v for k, v in obs.message.items()}
    assert float(aim(obs, "cosine", 0.0).loss(twice)) == pytest.approx(0, abs=1e-5), "blind to length"
    assert float(squared_error(twice, obs.message)) == pytest.approx(1)


def test_keys():
    base = Scenario.parse("data=digits&model=lenet&attack=dlg")
    keys = {count: base.replace(rounds=count).key("run") for count in (1, 2, 3)}
    assert len(set(keys.values())) == 3
    assert former_key("run", base) == "47b3854f1c976413fb96", "as before attacks took rounds; stores of then are read by it"
    for kind in ("train", "labels", "weights"):
        assert base.key(kind) == base.replace(rounds=3).key(kind)
    assert base.replace(prior="natural", floor=0.3, method="sketch", layer="x").key("run") == keys[1]


def test_what_does_not_fit_says_so():
    for name, kind in ATTACKS.items():
        if kind.one_round and kind.takes("picture"):
            (words,) = [w for w in problems(Scenario(attack=kind(), rounds=3)) if "one round" in w]
            assert words.startswith(f"{name} reads the message of one round; rounds is 3. Set rounds=1, or use dlg")
            assert not any("one round" in w for w in problems(Scenario(attack=kind())))
    assert {name for name, kind in ATTACKS.items() if kind.one_round} == {
        "april",
        "bins",
        "dager",
        "decoder",
        "embedding_rows",
        "features",
        "fora",
        "linear_layer",
        "neurons",
        "peeling",
        "per_class",
        "singled_out",
        "spear",
        "tangent",
    }
    saves = Scenario.parse("data=digits&defense=gradient_dropping&rounds=2")
    assert any("saves up what it does not send" in w for w in problems(saves))
    assert not problems(saves.replace(rounds=1)) and not train_problems(saves), "training keeps no account of it"
    embeds = Scenario.parse("data=digits&protocol=vfl(parties=1)&defense=quantisation&rounds=2")
    assert any("asking again tells nothing new" in w for w in problems(embeds)) and risk_problems(embeds)
    assert not problems(embeds.replace(protocol=HFL()))


@pytest.mark.parametrize(
    "text",
    [
        "protocol=hfl(local_steps=2,lr=0.1)&attack=dlg(steps=3,restarts=1)",
        "defense=dp_sgd&batch=2&attack=dlg(steps=3,restarts=1)",
        "protocol=vfl(parties=1)&attack=rmle(steps=3)",
    ],
)
def test_local_steps_samples_and_embeddings(text):
    """The message of every round is there, and a run goes through."""
    scenario, client, obs = seen_by(f"data=digits&model=convnet(width=4,act='tanh')&rounds=2&{text}")
    told = obs.simulate(client.batch)
    assert list(told) == list(obs.message) and len(told) % 2 == 0
    if not scenario.defense:
        torch.testing.assert_close(dict(obs.message), told)
    found = run(scenario, SITE)
    assert np.isfinite(found.guess).all() and found.given.startswith("messages of 2 rounds, their nets")
