"""Training mode: the release against PyTorch's own, statistics from running ones, and the attacks that use them."""

from __future__ import annotations

import copy
import dataclasses
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch

from invviz.attacks import ATTACKS
from invviz.attacks._batch_norm import statistics_distance
from invviz.attacks.gia_running import recovered
from invviz.core.errors import InvvizError
from invviz.core.rng import stream
from invviz.core.training_mode import batch_statistics
from invviz.core.types import Batch, Net, World
from invviz.defenses import DEFENSES
from invviz.engine.attack import run
from invviz.engine.client import Site, meet_client
from invviz.engine.observe import observe
from invviz.models import MODELS
from invviz.protocols import HFL, HFLTraining
from invviz.risk.jacobian import Jacobian
from invviz.scenario import Scenario, problems, risk_problems, train_problems

SITE = Site(None, Path("/nonexistent"), "cpu")
SHAPE, CLASSES = (3, 8, 8), 5
NETS = {
    **{f"{order}-{skip}": MODELS["preact"](width=4, order=order, skip=skip) for order, skip in product(("pre", "post"), ("on", "off"))},
    "resnet18": MODELS["resnet18"](width=4),
}


def fresh(model, dtype=torch.float64):
    """A module with running statistics and norms that have been used before."""
    module = model.build(SHAPE, CLASSES, 7).to(dtype)
    for k, part in enumerate(m for m in module.modules() if isinstance(m, torch.nn.BatchNorm2d)):
        for leaf, low in ((part.running_mean, -0.5), (part.running_var, 0.5), (part.weight.data, 0.5), (part.bias.data, -0.5)):
            leaf.copy_(low + torch.rand(leaf.shape, generator=stream(k, "norm"), dtype=dtype))
    return module


def batch_of(count=3, seed=0, dtype=torch.float64, shape=SHAPE):
    return Batch.of(torch.rand(count, *shape, generator=stream(seed, "image"), dtype=dtype), torch.arange(count) % CLASSES)


def pytorchs_own(module, batch):
    """Gradient and running statistics of one plain forward and backward pass in training mode, on a copy."""
    module = copy.deepcopy(module).train().requires_grad_(True)
    torch.nn.functional.cross_entropy(module(batch.image), batch.label).backward()
    return {k: p.grad for k, p in module.named_parameters()}, dict(module.named_buffers())


@pytest.mark.parametrize("name", NETS)
def test_the_release_is_a_plain_gradient_in_training_mode(name):
    module, batch = fresh(NETS[name]), batch_of()
    wanted, after = pytorchs_own(module, batch)
    net = Net.of(module)
    before = {k: v.clone() for k, v in module.state_dict().items()}
    message = HFLTraining().release(net, batch, None)
    assert list(message)[: len(wanted)] == list(wanted)
    for k, gradient in wanted.items():
        assert torch.allclose(message[k], gradient, atol=1e-12), k
    sent = [k for k in message if k not in wanted]
    assert sent == [k for k in after if not k.endswith("num_batches_tracked")]
    for k in sent:
        assert torch.allclose(before[k] - message[k], after[k], atol=1e-14), k
    assert list(HFLTraining(statistics="kept").release(net, batch, None)) == list(wanted)
    assert all(torch.equal(v, before[k]) for k, v in module.state_dict().items()), "the shared net is as it was"
    assert not any(m.training or m._forward_pre_hooks for m in module.modules())
    assert all(m.track_running_stats for m in module.modules() if isinstance(m, torch.nn.BatchNorm2d))
    plain = HFL().release(net, batch, None)
    assert not torch.allclose(plain["head.bias" if "head.bias" in plain else "fc.bias"], message[list(wanted)[-1]], atol=1e-3), (
        "modes differ"
    )


def observed(model, count=3, dtype=torch.float64):
    """What an attacker sees of a batch, made without a scenario."""
    net, batch = Net.of(fresh(model, dtype)), batch_of(count, dtype=dtype)
    template = Batch.of(torch.zeros_like(batch.image), batch.label)
    s = Scenario.parse("data=photos(size=16)&model=preact&protocol=hfl_training&attack=gia_running")
    obs = observe(s, meet_client(s, SITE))
    message = HFLTraining().release(net, batch, None)
    return batch, dataclasses.replace(obs, net=net, message=message, template=template, num_classes=CLASSES)


@pytest.mark.parametrize(("dtype", "atol"), [(torch.float64, 1e-12), (torch.float32, 2e-5)])
@pytest.mark.parametrize("name", NETS)
def test_batch_statistics_come_back_from_running_ones(name, dtype, atol):
    """Against numpy, on the values that hooks on PyTorch's own training mode see; float32 loses a factor of 1 / momentum."""
    batch, obs = observed(NETS[name], dtype=dtype)
    found, note = recovered(obs)
    seen, module = {}, copy.deepcopy(obs.net.module).train()
    for layer, part in module.named_modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.register_forward_pre_hook(lambda m, given, layer=layer: seen.update({layer: given[0].numpy().astype(np.float64)}))
    module(batch.image)
    assert list(found) == [k for k, m in module.named_modules() if isinstance(m, torch.nn.BatchNorm2d)] and note == ""
    for layer, values in seen.items():
        assert np.allclose(found[layer][0], values.mean((0, 2, 3)), atol=atol)
        assert np.allclose(found[layer][1], values.var((0, 2, 3)), atol=atol)


@pytest.mark.parametrize("statistics", ["sent", "kept"])
@pytest.mark.parametrize("name", ["pre-on", "post-off"])
def test_jacobian_against_differences(name, statistics):
    """Smooth activations: differences do not step over kinks. Many tangents at once, and backwards."""
    net, batch = Net.of(fresh(NETS[name].replace(act="softplus", width=2))), batch_of(2)
    jacobian = Jacobian.of(HFLTraining(statistics=statistics).release, net, batch)
    v = torch.randn(3, jacobian.shape[1], generator=stream(0, "v"), dtype=torch.float64)
    moved = torch.func.vmap(jacobian.matvec)(v)
    for one, direction in zip(moved, v, strict=True):
        numeric = (jacobian.map(jacobian.point + 1e-5 * direction) - jacobian.map(jacobian.point - 1e-5 * direction)) / 2e-5
        assert torch.allclose(one, numeric, atol=1e-7, rtol=1e-6)
    u = torch.randn(jacobian.shape[0], generator=stream(0, "u"), dtype=torch.float64)
    assert torch.isclose(u @ moved[0], jacobian.rmatvec(u) @ v[0], rtol=1e-10)
    dense = torch.func.jacrev(jacobian.map)(jacobian.point)
    assert torch.allclose(dense @ v[0], moved[0], atol=1e-10)


def test_risk_is_that_of_this_release():
    """Not of the one in inference mode, whose fully connected layers have a closed form."""
    from invviz.engine.assess import assess

    text = "data=digits&model=preact(width=1,blocks=1,grid=8,act='softplus')&protocol={}&dtype=float64&method=exact"
    grams = {}
    for how in ("hfl_training", "hfl_training(statistics='kept')"):
        s = Scenario.parse(text.format(how))
        client = meet_client(s, SITE)
        found = assess(s, SITE)
        dense = Jacobian.of(client.release, client.net, client.batch).dense()
        assert found.decomposition.singular_values.max() == pytest.approx(float(torch.linalg.matrix_norm(dense, 2)), rel=1e-6)
        grams[how] = float(torch.linalg.matrix_norm(dense, 2))
    calm = Jacobian.of(HFL().release, client.net, client.batch).dense()
    assert len({*grams.values(), float(torch.linalg.matrix_norm(calm, 2))}) == 3


def test_dropout_on_top_is_drawn_and_seeded():
    net, batch = Net.of(fresh(NETS["pre-on"])), batch_of()
    inner = HFLTraining().release
    release = DEFENSES["dropout"](probability=0.5).wrap(inner, World.without_public(net, batch))
    one, same, other = (release(net, batch, stream(k, "defense")) for k in (1, 1, 2))
    calm = release(net, batch, None)
    assert torch.equal(one["head.weight"], same["head.weight"])
    assert not torch.allclose(one["head.weight"], other["head.weight"])
    assert all(torch.equal(calm[k], v) for k, v in inner(net, batch, None).items()), "without a draw: no dropout"
    assert torch.equal(one["norm.0.running_var"], calm["norm.0.running_var"]), "dropout comes after all norms"


def by_hand(values, targets):
    return sum(np.sqrt(((values[k][j] - targets[k][j]) ** 2).sum()) for k in targets for j in (0, 1))


def test_distance_of_statistics_by_hand():
    batch, obs = observed(NETS["pre-on"])
    guess = batch_of(seed=5)
    targets, found = recovered(obs)[0], batch_statistics(obs.net, guess)[0]
    as_numpy = lambda tree: {k: [v.numpy() for v in pair] for k, pair in tree.items()}  # noqa: E731
    assert float(statistics_distance(found, targets)) == pytest.approx(by_hand(as_numpy(found), as_numpy(targets)), rel=1e-12)
    assert float(statistics_distance(batch_statistics(obs.net, batch)[0], targets)) < 1e-11
    image = batch.image.clone().requires_grad_()
    same = batch_statistics(obs.net, Batch.of(image, batch.label))[0]
    exact = {k: (m.detach(), v.detach()) for k, (m, v) in same.items()}
    (slope,) = torch.autograd.grad(statistics_distance(same, exact), image)
    assert torch.isfinite(slope).all(), "a norm of zero has no slope of its own"


def test_hidden_statistics_are_left_out():
    """An entry that was held back is no target; the others stay."""
    _, obs = observed(NETS["pre-on"])
    name = "block1.norm1.running_mean"
    seen = {k: torch.ones_like(v) for k, v in obs.message.items()}
    seen[name][1] = 0
    targets = recovered(dataclasses.replace(obs, seen=seen))[0]
    whole = recovered(obs)[0]
    assert torch.isnan(targets["block1.norm1"][0]).tolist() == [False, True, False, False]
    found = batch_statistics(obs.net, batch_of(seed=5))[0]
    numbers = {k: [v.numpy() for v in pair] for k, pair in found.items()}
    wanted = {k: [v.numpy().copy() for v in pair] for k, pair in whole.items()}
    wanted["block1.norm1"][0][1] = numbers["block1.norm1"][0][1]
    assert float(statistics_distance(found, targets)) == pytest.approx(by_hand(numbers, wanted), rel=1e-12)


def test_altered_statistics_are_noticed():
    _, obs = observed(NETS["pre-on"])
    noisy = {k: v + 3 if k.endswith("running_var") else v for k, v in obs.message.items()}
    found, note = recovered(dataclasses.replace(obs, message=noisy))
    assert "negative" in note and all((v >= 0).all() for _, v in found.values())


def test_estimated_statistics_are_those_of_public_pictures():
    s = Scenario.parse("data=digits&model=preact(width=4)&protocol=hfl_training&attack=gia_estimate(proxy=2000)")
    obs = observe(s, meet_client(s, SITE))
    targets, note = s.attack.targets(obs, stream(1, "attack"))
    module, seen = copy.deepcopy(obs.net.module).train(), []
    module.norm.register_forward_pre_hook(lambda m, given: seen.append(given[0].numpy()))
    module(obs.public)
    assert note == "" and len(obs.public) <= 2000
    assert np.allclose(targets["norm.0"][1], seen[0].var((0, 2, 3)), rtol=1e-3)
    alone = dataclasses.replace(obs, public=None)
    assert s.attack.targets(alone, stream(1, "attack")) == ({}, "There are no public pictures: the gradient alone was matched.")


def test_without_statistics_it_is_inverting_gradients():
    """The same search, step by step, where the new term weighs nothing."""
    text = "data=digits&model=preact(width=4)&protocol=hfl_training(statistics='kept')&batch=2&attack={}"
    s = Scenario.parse(text.format("inverting_gradients(steps=8)"))
    other = ATTACKS["gia_estimate"](steps=8, bn=0.0, tv=1e-4)
    obs = observe(s, meet_client(s, SITE))
    one = s.attack.reconstruct(obs, stream(1, "attack"), lambda step: True)
    same = other.reconstruct(obs, stream(1, "attack"), lambda step: True)
    assert torch.equal(one.batch.image, same.batch.image) and one.trace == same.trace


@pytest.mark.parametrize("attack", ["gia_running(steps=60)", "gia_estimate(steps=60)"])
def test_what_they_were_given(attack):
    """And that the search gets somewhere: the distance falls to a quarter of where it began."""
    found = run(Scenario.parse(f"data=digits&model=preact(width=8)&protocol=hfl_training&batch=2&attack={attack}"), SITE)
    assert found.loss < 0.25 * found.trace[0][1]
    assert ("batch-norm statistics" in found.given) == ("running" in attack)
    assert found.threat_model == ("E" if "running" in attack else "D")


def test_statistics_are_matched():
    """The answer's statistics are nearer to the batch's own with the term than without it."""
    s = Scenario.parse("data=digits&model=preact(width=4)&protocol=hfl_training&batch=2&attack=gia_running(steps=40,bn=1.0)")
    obs = observe(s, meet_client(s, SITE))
    targets, apart = recovered(obs)[0], []
    for attack in (s.attack, s.attack.replace(bn=0.0)):
        guess = attack.reconstruct(obs, stream(1, "attack"), lambda step: True).batch
        apart.append(float(statistics_distance(batch_statistics(obs.net, guess)[0], targets)))
    assert apart[0] < 0.7 * apart[1]


def test_a_single_number_per_channel_is_refused_in_words():
    client = meet_client(Scenario.parse("data=digits&model=resnet18(width=4)&protocol=hfl_training"), SITE)
    with pytest.raises(InvvizError, match="more than one number per channel"):
        client.release(client.net, client.batch, None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model=lenet&protocol=hfl_training", "has none. Use model=preact or resnet18"),
        ("model=resnet18(norm='group')&protocol=hfl_training", "has none"),
        ("model=preact&protocol=hfl&attack=gia_running", "Use protocol=hfl_training"),
        ("model=preact&protocol=vfl&attack=gia_estimate", "Use protocol=hfl_training"),
        ("model=preact&protocol=hfl_training(statistics='kept')&attack=gia_running", "use gia_estimate"),
        ("model=preact&protocol=hfl_training&attack=peeling", "mixes the batch"),
        ("model=preact&protocol=hfl_training&defense=dp_sgd", "every sample alone"),
        ("model=preact&protocol=hfl_training&defense=soteria", "in inference mode"),
    ],
)
def test_what_does_not_fit_says_why(text, words):
    assert any(words in p for p in problems(Scenario.parse("data=photos&" + text))), problems(Scenario.parse("data=photos&" + text))


def test_what_is_not_built_says_so():
    s = Scenario.parse("data=photos&model=preact&protocol=hfl_training&attack=gia_running&defense=gaussian_noise")
    assert not problems(s) and not risk_problems(s.replace(batch=2))
    assert "not built yet" in " ".join(train_problems(s))
    assert "Set rounds=1" in " ".join(risk_problems(s.replace(rounds=2)))


@pytest.mark.parametrize("order", ["pre", "post"])
@pytest.mark.parametrize("skip", ["on", "off"])
def test_preact_by_hand(order, skip):
    """Size, and the first block from its formula."""
    model = MODELS["preact"](width=4, order=order, skip=skip)
    module, x = fresh(model).eval(), batch_of().image
    norms = (4 + 4 + 4 + 8 + 8) if order == "pre" else (4 + 4 + 4 + 8 + 8 + (8 if skip == "on" else 0))
    convolutions = 9 * (3 * 4 + 4 * 4 + 4 * 4 + 4 * 8 + 8 * 8) + (4 * 8 if skip == "on" else 0)
    assert sum(p.numel() for p in module.parameters()) == convolutions + 2 * norms + (8 * 16 + 1) * CLASSES
    entering = module.stem((x - 0.5) / 0.25)
    entering = module.norm(entering) if order == "post" else entering
    block, relu = module.block1, torch.relu
    out = (
        block.conv2(relu(block.norm2(block.conv1(relu(block.norm1(entering))))))
        if order == "pre"
        else block.norm2(block.conv2(relu(block.norm1(block.conv1(entering)))))
    )
    out = out + entering if skip == "on" else out
    assert torch.allclose(block(entering), relu(out) if order == "post" else out, atol=1e-12)


@pytest.mark.parametrize("attack", ["features", "peeling"])
def test_attacks_that_go_through_the_net_in_inference_mode_are_refused(attack):
    found = problems(Scenario.parse(f"data=digits&model=preact&protocol=hfl_training&attack={attack}"))
    assert any("in training mode batch norm mixes the batch" in why for why in found)
