"""A message that somebody has: read without the truth, whether it is a gradient by name or Flower's two lists; and defended by itself."""

import numpy as np
import pytest
import torch
from torch import nn

import invviz
from invviz.core.errors import InvvizError, ScenarioError
from invviz.core.rng import stream
from invviz.defenses import DEFENSES


@pytest.fixture
def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 3))


def gradient(net, x, label):
    loss = nn.functional.cross_entropy(net(x), label)
    return dict(zip(dict(net.named_parameters()), torch.autograd.grad(loss, list(net.parameters())), strict=True))


def test_a_gradient_by_name_with_and_without_the_prefix_of_several_devices(net):
    x, label = torch.rand(1, 6), torch.tensor([2])
    sent = gradient(net, x, label)
    for message in (sent, {f"module.{name}": value.numpy() for name, value in reversed(sent.items())}):
        found = invviz.reconstruct(message, net, (1, 6), seconds=10)
        assert found.best.attack == "linear_layer" and not found.failed and found.best.misfit < 1e-6
        assert torch.allclose(found.inputs["input"], x, atol=1e-4) and found.targets.tolist() == [2]
        assert found.to_json()["answers"][0]["misfit"] < 1e-6 and "inputs" not in found.to_json()["answers"][0]


def test_parameters_before_and_after_one_step_as_flower_has_them(net):
    x, label, lr = 10 + 5 * torch.rand(1, 6), torch.tensor([1]), 0.05
    before = [value.numpy().copy() for value in net.state_dict().values()]
    sent = gradient(net, x, label)
    after = [old - lr * g.numpy() for old, g in zip(before, sent.values(), strict=True)]
    nn.init.zeros_(net[0].weight)  # the net at hand is of another round: the lists say where it was
    found = invviz.reconstruct((before, after), net, {"input": (1, 6)}, protocol=f"hfl(lr={lr})", bounds=(10.0, 15.0), seconds=10)
    assert not found.failed and torch.allclose(found.inputs["input"], x, atol=2e-2)
    assert not net[0].weight.any()


def test_several_local_steps(net):
    x, label, lr = torch.rand(2, 6), torch.tensor([1, 0]), 0.1
    before, trained = [value.detach().clone() for value in net.parameters()], nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 3))
    trained.load_state_dict(net.state_dict())
    for _ in range(3):
        for p, g in zip(trained.parameters(), gradient(trained, x, label).values(), strict=True):
            p.data -= lr * g
    after = [value.detach() for value in trained.parameters()]
    found = invviz.reconstruct(
        (before, after), net, (2, 6), label, protocol=f"hfl(local_steps=3,lr={lr})", attacks="dlg(space='pixels')", seconds=60
    )
    assert found.best.misfit < 1e-6
    guess = found.inputs["input"]
    assert min(float((guess - x).abs().max()), float((guess.flip(0) - x).abs().max())) < 0.02


def test_a_regression_with_told_targets():
    torch.manual_seed(1)
    net, x, y = nn.Sequential(nn.Linear(5, 9), nn.Tanh(), nn.Linear(9, 2)), torch.rand(1, 5), torch.randn(1, 2)
    sent = dict(
        zip(dict(net.named_parameters()), torch.autograd.grad(nn.functional.mse_loss(net(x), y), list(net.parameters())), strict=True)
    )
    found = invviz.reconstruct(sent, net, (1, 5), y, nn.functional.mse_loss, seconds=10)
    assert not found.failed and torch.allclose(found.inputs["input"], x, atol=1e-3)


def test_the_more_believable_answer_comes_first_and_a_message_of_noise_is_not_believed(net):
    rng = torch.Generator().manual_seed(3)
    noise = {name: torch.randn(p.shape, generator=rng) for name, p in net.named_parameters()}
    found = invviz.reconstruct(noise, net, (1, 6), seconds=10)
    assert found.failed and all(one.failed or one.error for one in found.answers)
    misfits = [one.misfit for one in found.answers if one.misfit is not None]
    assert misfits == sorted(misfits) and misfits[0] > 0.1


def test_an_answer_that_was_stopped_is_held_against_other_records_too(net):
    """However little time it had: a message of noise is not believed, and one that was read is."""
    rng, forever = torch.Generator().manual_seed(3), "dlg(steps=100000,restarts=50,tolerance=0.0)"
    noise = {name: torch.randn(p.shape, generator=rng) for name, p in net.named_parameters()}
    found = invviz.reconstruct(noise, net, (1, 6), attacks=forever, seconds=0.5)
    assert found.answers[0].stopped
    assert found.failed
    x = torch.rand(1, 6)
    sent = torch.autograd.grad(nn.functional.cross_entropy(net(x), torch.tensor([1])), list(net.parameters()))
    read = invviz.reconstruct(dict(zip(noise, sent, strict=True)), net, (1, 6), torch.tensor([1]), attacks=forever, seconds=2)
    assert not read.failed


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: {k: v for k, v in m.items() if k != "0.bias"}, "lacks 0.bias"),
        (lambda m: {**m, "head.weight": torch.zeros(1)}, "head.weight, which the net does not have"),
        (lambda m: {**m, "0.bias": torch.zeros(4)}, r"0.bias \(4,\), the net has \(16,\)"),
        (lambda m: {**m, "0.bias": torch.full((16,), float("nan"))}, "not finite in 0.bias"),
        (lambda m: ([torch.zeros(1)], [torch.zeros(1)]), "hold 1 and 1 arrays; the net's state has 4"),
        (lambda m: ([torch.zeros(2)] * 4, [torch.zeros(2)] * 4), "in the order of state_dict"),
        (lambda m: [1, 2, 3], "a pair of parameter lists"),
    ],
)
def test_a_message_that_does_not_go_with_the_net(net, change, words):
    with pytest.raises(InvvizError, match=words):
        invviz.reconstruct(change(gradient(net, torch.rand(1, 6), torch.tensor([0]))), net, (1, 6))


def test_zeros_tell_nothing(net):
    found = invviz.reconstruct({name: torch.zeros_like(p) for name, p in net.named_parameters()}, net, (1, 6), seconds=5)
    assert found.best is None and found.failed and any("all zeros" in one.error for one in found.answers)


def test_a_defended_message_keeps_names_order_and_types():
    message = {"b": np.array([3.0, 0.0], np.float32), "a": torch.tensor([[4.0]], dtype=torch.float64)}
    found = invviz.defend(message, "clipping(clip_norm=2.5)", seed=1)
    assert (
        list(found) == ["b", "a"]
        and isinstance(found["b"], np.ndarray)
        and found["b"].dtype == np.float32
        and found["a"].dtype == torch.float64
    )
    assert np.allclose(found["b"], [1.5, 0]) and float(found["a"]) == pytest.approx(2.0)
    assert np.array_equal(message["b"], [3, 0])  # what was given is left alone


def test_noise_is_that_of_the_seed_and_of_the_stated_size():
    message = {"w": torch.zeros(20_000)}
    first, again, other = (invviz.defend(message, "gaussian_noise(sigma=0.5,relative=False)", seed=seed)["w"] for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert float(first.std()) == pytest.approx(0.5, rel=0.02)
    assert torch.allclose(first, 0.5 * torch.randn(20_000, generator=stream(1, "defense")))


@pytest.mark.parametrize(
    "defense, why",
    {
        "dp_sgd": "every single sample",
        "soteria": "private batch",
        "invl_gnp": "private batch",
        "gradient_dropping": "earlier rounds",
        "ats": "changes the pictures",
        "precode": "changes the net",
        "selective_encryption": "without one the server would lose those entries",
        "clipping&selective_encryption(fraction=0.5)": "without one the server would lose those entries",
    }.items(),
)
def test_defenses_that_need_more_than_the_message_say_so(defense, why):
    with pytest.raises(ScenarioError, match=why) as said:
        invviz.defend({"w": torch.ones(3)}, defense, seed=1)
    able = str(said.value).split("no more than the message: ")[1].rstrip(".").split(", ")
    assert "clipping" in able
    assert not {"dp_sgd", "soteria", "selective_encryption"} & set(able)


@pytest.mark.parametrize("name", DEFENSES)
def test_what_a_defense_says_of_itself_decides(name):
    """One fact on the component: the same that keeps it from being exported."""
    one = DEFENSES[name]()
    if one.needs_more:
        with pytest.raises(ScenarioError, match=name):
            invviz.defend({"w": torch.ones(30)}, one, seed=1)
    else:
        assert invviz.defend({"w": torch.ones(30)}, one, seed=1)["w"].shape == (30,)
    assert not one.needs_more or one.needs_more == one.beyond_update


def test_counters_are_not_defended():
    with pytest.raises(InvvizError, match="num_batches_tracked"):
        invviz.defend({"w": torch.ones(2), "num_batches_tracked": torch.tensor(3)}, "gaussian_noise", seed=1)
