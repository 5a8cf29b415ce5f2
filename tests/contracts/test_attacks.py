"""What every attack promises: blind to the truth, finite, inside bounds, decided by the seed, stops when asked."""

from __future__ import annotations

import dataclasses
import functools
import gc
import hashlib
import re
import types
from collections import Counter
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch

import invviz
from invviz.attacks import ATTACKS
from invviz.core.rng import stream
from invviz.defenses._perturbation import trained
from invviz.engine.attack import run
from invviz.engine.client import Site, meet_client
from invviz.engine.observe import observe
from invviz.metrics import METRICS
from invviz.models import MODELS
from invviz.risk import Directions
from invviz.scenario import PARTS, Scenario, problems
from invviz.servers import SERVERS

SITE = Site(None, Path("/nonexistent"), "cpu")
SPARED = {  # how near an attack comes, how long a message takes, and how sure it is that an answer is no better than other pictures, is of no interest here
    "attacks._tangent.MOST": 10,
    "attacks._tangent.TRIALS": 2,
    "engine.attack.TIMED": 1,
    "engine._verdict.OTHERS": 3,  # numerics/test_judge.py
    "engine.malicious.MOST": 20,
}


def small(attack, **parts):
    """A scenario of few pixels and few steps that the attack fits."""
    few = {"steps": 5, "restarts": 1, "epochs": 1, "pictures": 64, "components": 16, "moves": 4, "sweeps": 0}
    quick = attack.replace(**{k.name: few[k.name] for k in attack.knobs() if k.name in few})
    if attack.modalities == ("tokens",):
        return Scenario.parse("data=notes").replace(attack=quick, model=MODELS["tiny_lm"](width=16), **parts)
    if attack.modalities == ("row",):
        return Scenario.parse("data=wine").replace(attack=quick, model=MODELS["mlp"](width=16), **parts)
    model = MODELS["mlp"](width=16) if attack.needs_first_linear else MODELS["lenet"](width=4)
    model = MODELS["vit"](width=16, skip="off", norm="none") if attack.needs_positions else model
    model = MODELS["preact"](width=4) if attack.needs_training_mode else model
    start = "data=digits&protocol=vfl(parties=1)" if attack.needs_embedding else "data=digits"
    start = "data=digits&protocol=hfl_training" if attack.needs_training_mode else start
    if attack.reads:
        server = next(kind() for kind in SERVERS.values() if kind.plan == attack.reads)
        server = server.replace(bins=16) if "bins" in server.values() else server
        server = server.replace(target=6) if "target" in server.values() else server  # the class of the first victims
        server = server.replace(**{name: 5 for name in ("steps", "party_batch") if name in server.values()})
        model = MODELS["mlp"](width=16) if server.needs_first_linear else model
        model = MODELS["lenet"](width=16) if server.model_problems(model, (1, 8, 8)) else model
        start = start if "target" in server.values() else start.replace("data=digits", "data=digits(index=3)")  # two classes
        parts = {"server": server, "batch": 2, "dtype": "float64", **parts}
    if attack.needs_tangent_noise and "defense" not in parts:
        start += "&defense=invl_gnp&attacker=aware"
    return Scenario.parse(start).replace(attack=quick, model=model, **parts)


ALL = [pytest.param(kind(), id=name) for name, kind in ATTACKS.items()]


@pytest.fixture(autouse=True, scope="module")
def directions_once():
    """Every attack meets the same few defended clients: directions of a Jacobian whose net, batch and message were seen before are taken from memory."""
    known, real = {}, Directions.of.__func__

    def of(cls, jacobian, progress=None):
        values = [*jacobian.net.module.state_dict().values(), *jacobian.net.params.values(), *jacobian.batch.inputs.values()]
        values += [jacobian.batch.label, *jacobian.message.values()]
        mark = hashlib.sha256(b"".join(v.detach().contiguous().numpy().tobytes() for v in values)).digest()
        if mark not in known:
            known[mark] = dataclasses.replace(real(cls, jacobian, progress), jacobian=None)
        return dataclasses.replace(known[mark], jacobian=dataclasses.replace(jacobian))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Directions, "of", classmethod(of))
        for what, few in SPARED.items():
            patch.setattr(f"invviz.{what}", few)
        yield


def reachable(start):
    """Every object that can be reached from `start` by references that its owner holds as data: attributes, items, closures."""
    seen, queue = {}, [start]
    while queue:
        item = queue.pop()
        if id(item) in seen or isinstance(item, (type, types.ModuleType, str, int, float, bytes)):
            continue
        seen[id(item)] = item
        if isinstance(item, dict):
            queue += list(item.values())
        elif isinstance(item, (list, tuple, set, frozenset)):
            queue += list(item)
        elif isinstance(item, types.FunctionType):
            queue += [c.cell_contents for c in item.__closure__ or ()] + list(item.__defaults__ or ())
        elif isinstance(item, types.MethodType):
            queue += [item.__self__, item.__func__]
        elif isinstance(item, torch.Tensor):
            queue += [t for t in (item._base, item.grad_fn) if t is not None]
        elif dataclasses.is_dataclass(item) or hasattr(item, "__dict__"):
            queue += [v for v in gc.get_referents(item) if not isinstance(v, type)]
    return list(seen.values())


DEFENSES = [
    (),
    ("gaussian_noise",),
    ("clipping", "pruning"),
    ("invl_gnp",),
    ("invl_dnp",),
    ("water_filling",),
    ("sign",),
    ("gradient_dropping",),
    ("precode", "quantisation"),
]


def handed():
    """Attacks by what they are handed, which depends on what they want to be told and on nothing else of theirs."""
    found = {}
    for name, kind in ATTACKS.items():
        found.setdefault((kind().wants(), small(kind()).replace(attack=ATTACKS["dlg"]()).text()), []).append(name)
    return found.values()


def meetings():
    """Every defense, and whoever is handed the same by turns; where there are several, before the unaware and the aware."""
    for i, alike in enumerate(handed()):
        for k, defense in enumerate(DEFENSES):
            for j in range(min(2, len(alike))):
                name, attacker = alike[(k + j * len(alike) // 2) % len(alike)], ("unaware", "aware")[(i + k + j) % 2]
                yield pytest.param(ATTACKS[name](), defense, attacker, id=f"{name}-{'+'.join(defense)}-{attacker}")


@pytest.mark.parametrize(("attack", "defense", "attacker"), meetings())
def test_the_attacker_is_blind(attack, defense, attacker):
    scenario = small(attack, defense=tuple(PARTS["defense"][d]() for d in defense), attacker=attacker)
    if scenario.data.modality.discrete and problems(scenario):
        pytest.skip("asks for continuous samples, and says so: test_text.py")
    blind(scenario)


@pytest.mark.parametrize("attacker", ["unaware", "aware"])
@pytest.mark.parametrize("defense", [d for d in DEFENSES if d != ("gradient_dropping",)], ids="+".join)
@pytest.mark.parametrize("attack", ["dlg", "rmle"])
def test_the_attacker_is_blind_over_several_rounds(attack, defense, attacker):
    scenario = small(ATTACKS[attack](), defense=tuple(PARTS["defense"][d]() for d in defense), attacker=attacker, rounds=3)
    blind(scenario)


@pytest.mark.parametrize("room", ["observe", "adaptive", "rounds", "sums", "malicious", "client"])
def test_the_server_asks_an_attack_for_nothing_but_what_it_wants_to_be_told(room):
    source = (Path(invviz.__file__).parent / "engine" / f"{room}.py").read_text()
    assert set(re.findall(r"\.attack\b(?:\.\w+)?", source)) <= {".attack.wants"}


def blind(scenario):
    """Nothing of the victim can be reached from what the attacker is handed."""
    client = meet_client(scenario, SITE)
    obs = observe(scenario, client)
    tensors = [o for o in reachable(obs) if isinstance(o, torch.Tensor)]
    assert tensors, "the walk found the message"
    truth = client.batch.private
    pieces = {truth.data_ptr(), client.batch.label.data_ptr()}
    for tensor in tensors:
        assert tensor.data_ptr() not in pieces
        assert tensor.grad_fn is None, "a graph would lead back to the batch"
        if tensor.numel() >= truth.numel():
            assert not torch.isclose(tensor.flatten()[: truth.numel()].double(), truth.flatten().double()).all()


@pytest.mark.parametrize("defense", [(), ("clipping", "pruning"), ("invl_gnp",)], ids=lambda d: "+".join(d) or "none")
@pytest.mark.parametrize("attack", ALL)
def test_the_attacker_is_blind_to_series_or_says_that_it_does_not_read_them(attack, defense):
    quick = small(attack).attack
    model = MODELS["mlp"](width=8) if attack.needs_first_linear or attack.needs_tangent_noise else MODELS["convnet1d"](width=2)
    scenario = Scenario.parse("data=ecg").replace(
        attack=quick, model=model, defense=tuple(PARTS["defense"][d]() for d in defense), attacker="aware"
    )
    if said := problems(scenario):
        assert all(len(words) > 20 and words.endswith(".") for words in said)
        return
    blind(scenario)
    if not defense:
        found = run(scenario, SITE)
        assert np.isfinite(found.guess).all() and found.guess.shape == (1, 1, 192) and 0 <= found.guess.min() <= found.guess.max() <= 1


def test_the_walk_would_find_a_leak():
    scenario = small(ATTACKS["dlg"]())
    client = meet_client(scenario, SITE)
    leaking = dataclasses.replace(observe(scenario, client), release=lambda net, batch, rng: client.release(net, client.batch, None))
    assert any(isinstance(o, torch.Tensor) and o.data_ptr() == client.batch.private.data_ptr() for o in reachable(leaking))


@pytest.mark.parametrize("attack", ALL)
def test_labels_are_given_only_to_those_who_ask_and_say_so(attack):
    scenario = small(attack)
    client = meet_client(scenario.replace(data=scenario.data.replace(index=3)), SITE)
    obs = observe(scenario, client)
    labels = attack.wants().labels and not client.net.task.of_inputs  # of a language model they are the private words
    assert obs.knowledge == dataclasses.replace(attack.wants(), planted=scenario.server.plants, labels=labels)
    assert torch.equal(obs.template.label, client.batch.label if labels else torch.zeros_like(client.batch.label))
    assert ("labels" in obs.knowledge.words()) == labels


@pytest.mark.parametrize("attack", ALL)
def test_finite_inside_bounds_and_decided_by_the_seed(attack):
    scenario = small(attack)
    first, second, other = run(scenario, SITE), run(scenario, SITE), run(scenario.replace(seed=8), SITE)
    assert np.isfinite(first.guess).all()
    assert first.guess.min() >= 0
    assert first.guess.max() <= scenario.data.modality.bounds[1]
    assert first.guess.shape == first.truth.shape
    assert np.array_equal(first.guess, second.guess)
    exact = np.allclose(first.guess, first.truth, atol=1e-6)  # then it is the truth, whatever the seed
    assert exact or not np.array_equal(first.guess, other.guess)
    assert first.given.startswith("message, net" if attack.wants().weights else "message, architecture")
    assert first.threat_model in (("malicious server",) if attack.reads else "ABCDE")


@pytest.mark.parametrize("attack", [kind for kind in ALL if not (kind.values[0].one_round or kind.values[0].needs_training_mode)])
def test_takes_the_messages_of_several_rounds(attack):
    scenario = small(attack, rounds=2)
    assert not problems(scenario)
    found = run(scenario, SITE)
    assert np.isfinite(found.guess).all() and found.guess.shape == found.truth.shape
    assert found.given.startswith("messages of 2 rounds, ")


@pytest.mark.parametrize("attack", ALL)
def test_stops_when_asked_and_hands_over_its_best(attack):
    scenario = small(attack)
    scenario = scenario.replace(attack=scenario.attack.replace(**{k.name: 400 for k in attack.knobs() if k.name == "steps"}))
    client = meet_client(scenario, SITE)
    steps = []
    found = scenario.attack.reconstruct(observe(scenario, client), stream(1, "attack"), lambda step: steps.append(step) or len(steps) < 3)
    assert len(steps) <= 4
    assert torch.isfinite(found.batch.private).all()
    assert found.stopped or len(steps) < 3


@pytest.mark.parametrize("attack", ALL)
def test_a_broken_message_ends_in_words(attack):
    scenario = small(attack)
    client = meet_client(scenario, SITE)
    obs = observe(scenario, client)
    broken = dataclasses.replace(obs, message={k: torch.full_like(v, float("nan")) for k, v in obs.message.items()})
    found = scenario.attack.reconstruct(broken, stream(1, "attack"), lambda step: True)
    assert found.failed
    assert found.note
    assert torch.isfinite(found.batch.private).all()


def pairs(scenario):
    """What is tried together, two by two."""
    model, attack = scenario.model.name, f"{scenario.attack.name} by {scenario.protocol.name}"
    defense = scenario.defense[0].name if scenario.defense else "none"
    return (model, defense), (attack, defense), (model, attack)


def test_every_valid_small_pair_runs(monkeypatch):
    """Of model, defense and attack on the smallest data every two that fit, each run checked for finite scores."""
    # how well what learnable_perturbation trains knows its pictures is of no interest here; the net is not kept for tests to which it matters
    monkeypatch.setattr("invviz.defenses._perturbation.AUTOENCODER_STEPS", 4)
    monkeypatch.setattr("invviz.defenses._perturbation.MINIMAX_STEPS", 3)
    monkeypatch.setattr("invviz.defenses.learnable_perturbation.trained", functools.lru_cache(trained.__wrapped__))
    bases = [small(kind()) for kind in ATTACKS.values()]
    bases += [small(ATTACKS["dlg"](), protocol=PARTS["protocol"]["vfl"](parties=2, split="rows", party=1))]
    # each way is gone once and once more; how far it leads is of no interest here
    few = {"steps": 2, "width": 4, "latent": 4, "every": 1, "components": 4, "exchanges": 1}
    bases = [b.replace(attack=b.attack.replace(**{k.name: few[k.name] for k in b.attack.knobs() if k.name in few})) for b in bases]
    models = [MODELS[name](width=4) for name in ("mlp", "lenet", "convnet")]
    models += [MODELS[name](width=4, blocks=1) for name in ("vit", "preact")]  # two are one block twice
    models += [MODELS[name](width=16) for name in ("tiny_lm", "tiny_bert")]
    deep = ("vit", "preact")  # take the longest
    wanted, tried, rest = set(), Counter(), []

    def tries(chosen):
        scores = run(chosen, SITE).scores
        fit = {
            k: v for k, v in scores.items() if v is not None and METRICS[k].made_for(chosen.data.modality)
        }  # rows have NaN of the others
        assert all(np.isfinite(v).all() or k == "psnr" for k, v in fit.items()), chosen.text()
        tried.update(pairs(chosen))

    for defense, base in product([(), *[(kind(),) for kind in PARTS["defense"].values()]], bases):
        fits = [s for model in models if not problems(s := base.replace(model=model, defense=defense))]
        wanted |= {pair for s in fits for pair in pairs(s)}
        if fits:  # the model that brings most pairs which are new, or else a shallow one that brings rare ones
            known = lambda s: [tried[pair] for pair in pairs(s)]  # noqa: E731
            chosen = min(fits, key=lambda s: (sum(count > 0 for count in known(s)), s.model.name in deep, sum(known(s))))
            tries(chosen)
            rest += [s for s in fits if s != chosen]
    for left in rest:  # an attack that few defenses fit has not met every model yet
        if not tried.keys() >= set(pairs(left)):
            tries(left)
    assert set(tried) == wanted and len(wanted) > 200
