"""Reasons against an audit: each on a net that has it and on one that has not; what is mended computes the same."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import invviz
from invviz.core.types import Batch, Net
from invviz.engine.audit.validate import mend, validate

BATCH = Batch.of(torch.rand(3, 1, 4, 4, generator=torch.manual_seed(0)), torch.tensor([0, 1, 2]))


class Own(nn.Module):
    """A small net whose middle is given."""

    def __init__(self, middle=lambda x: x):
        super().__init__()
        self.first, self.last, self.middle = nn.Linear(16, 8), nn.Linear(8, 3), middle

    def forward(self, x):
        return self.last(self.middle(self.first(x.flatten(1))))


class OnlyBackward(torch.autograd.Function):
    """As people wrote them before torch.func."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.tanh()

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * (1 - x.tanh() ** 2)


class Ties(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two, self.out = nn.Linear(16, 16), nn.Linear(16, 16), nn.Linear(16, 3)
        self.two.weight = self.one.weight

    def forward(self, x):
        return self.out(torch.tanh(self.two(torch.tanh(self.one(x.flatten(1))))))


def grow(x):
    x += 1.0
    return x


def leap(x):
    return x * 2 if x.sum() > 0 else x


def named(module, tried=True):
    return {one.name: one for one in validate(module, Net.of if tried else None, BATCH if tried else None)}


def frozen():
    net = Own(torch.tanh)
    net.first.requires_grad_(False)
    return net


def all_frozen():
    return Own(torch.tanh).requires_grad_(False)


def seq(*layers):
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 8), *layers, nn.Linear(8, 3))


def broken():
    net = Own(torch.tanh)
    with torch.no_grad():
        net.last.bias[1] = torch.nan
    return net


@pytest.mark.parametrize(
    ("name", "weight", "make"),
    [
        ("no_gradients", "cannot", all_frozen),
        ("no_gradients", "cannot", lambda: nn.Flatten()),
        ("lazy", "cannot", lambda: nn.Sequential(nn.Flatten(), nn.LazyLinear(3))),
        ("not_finite", "cannot", broken),
        ("scripted", "cannot", lambda: torch.jit.script(seq(nn.Tanh()))),
        ("control_flow", "less", lambda: Own(leap)),
        ("own_function", "cannot", lambda: Own(OnlyBackward.apply)),
        ("deaf", "cannot", lambda: Own(lambda x: x.detach() * 0)),
        ("silent", "cannot", lambda: nn.Sequential(Own(torch.tanh), Detached())),
        ("forward", "cannot", lambda: nn.Sequential(nn.Flatten(), nn.Linear(7, 3))),
        ("batch_norm", "less", lambda: seq(nn.BatchNorm1d(8))),
        ("batch_norm_of_batch", "note", lambda: seq(nn.BatchNorm1d(8, track_running_stats=False))),
        ("dropout", "less", lambda: seq(nn.Dropout(0.5))),
        ("half_precision", "less", lambda: seq(nn.Tanh()).bfloat16()),
        ("frozen", "note", frozen),
        ("shared", "note", Ties),
        ("in_place", "note", lambda: seq(nn.ReLU(inplace=True))),
        ("wrapped", "note", lambda: nn.DataParallel(seq(nn.Tanh()))),
    ],
)
def test_a_reason_is_found_with_its_repair(name, weight, make):
    found = named(make())
    assert name in found and found[name].weight == weight, found
    assert found[name].repair.endswith((".", ")"))


class Detached(nn.Module):
    """Scores that do not depend on the input."""

    def forward(self, x):
        return x * 0 + 1


@pytest.mark.parametrize(
    "make",
    [
        lambda: Own(torch.tanh).eval(),
        lambda: seq(nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5)).eval(),
        lambda: seq(nn.GroupNorm(2, 8), nn.GELU()),
        lambda: Own(lambda x: torch.where(x > 0, 2 * x, x)),
        lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(2, 3)),
    ],
)
def test_nothing_is_said_against_a_sound_net(make):
    assert validate(make(), Net.of, BATCH) == []


def test_what_stands_in_the_way_comes_first_and_says_where():
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.BatchNorm1d(8), nn.ReLU(inplace=True), nn.Linear(8, 3)).requires_grad_(False)
    found = validate(net)
    assert [one.weight for one in found] == sorted((one.weight for one in found), key=["cannot", "less", "note"].index)
    assert found[0].name == "no_gradients" and next(one for one in found if one.name == "batch_norm").where == ("2",)
    assert "(2)" in str(next(one for one in found if one.name == "batch_norm"))


def test_a_net_that_was_mended_computes_what_the_net_does_in_evaluation():
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.BatchNorm1d(8), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(8, 3))
    net(BATCH.image)  # statistics that are not the first ones
    before = {name: value.clone() for name, value in net.state_dict().items()}
    mended, done = mend(net)
    assert {one.name for one in done} == {"batch_norm", "in_place", "dropout"} and net.training
    assert all(torch.equal(value, net.state_dict()[name]) for name, value in before.items()), "the user's own net is as it was"
    assert torch.equal(mended(BATCH.image), net.eval()(BATCH.image))
    assert validate(mended, Net.of, BATCH) == []


def test_wrappers_and_half_precision_are_taken_off():
    inner = seq(nn.Tanh())
    assert list(mend(nn.DataParallel(inner))[0].state_dict()) == list(inner.state_dict())
    assert {p.dtype for p in mend(seq(nn.Tanh()).half())[0].parameters()} == {torch.float32}


def test_an_operation_in_place_is_named():
    assert set(named(Own(lambda x: grow(torch.tanh(x))))) == {"in_place_operation"}
    assert not named(Own(lambda x: torch.tanh(x) + 1.0))


def test_whatever_the_own_code_raises_is_a_reason_and_no_crash():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.ones(3))

        def forward(self, x):
            raise KeyError("no such thing")

    (found,) = validate(Odd(), Net.of, BATCH)
    assert found.name == "forward" and "KeyError" in found.what and found.weight == "cannot"


def test_a_head_of_zeros_is_not_deaf():
    """Of torchvision's vision transformers, at the start: the head's gradient moves with the input, and its rows add up to zero."""
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2))
    torch.nn.init.zeros_(net[2].weight)
    torch.nn.init.zeros_(net[2].bias)
    assert "deaf" not in [one["name"] for one in invviz.risk(net, torch.rand(1, 6), torch.tensor([1])).reasons]


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_without_statistics_of_its_own_takes_those_of_the_batch(training):
    """So does the audit: nothing is said of statistics that the net has, for it has none; another record changes what a record's answer is."""
    net = seq(nn.BatchNorm1d(8, track_running_stats=False)).train(training)
    found = named(net)
    assert "batch_norm" not in found and "statistics that the net has" not in str(found["batch_norm_of_batch"])
    mended, _ = mend(net)
    x = BATCH.private
    other = torch.cat([x[:1], 1 - x[1:]])
    assert not mended.training and not torch.allclose(mended(x)[0], mended(other)[0], atol=1e-3)
    own, _ = mend(seq(nn.BatchNorm1d(8)))
    assert torch.allclose(own(x)[0], own(other)[0], atol=1e-6), "one that has statistics does not look at the others"
