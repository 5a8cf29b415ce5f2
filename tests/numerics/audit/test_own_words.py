"""What an audit says of a net of one's own: what can be read off the module, and nothing else."""

import re

import pytest
import torch
from torch import nn

import invviz
from invviz.engine.audit._first import OTHER, first_layer
from invviz.engine.audit.subject import subject


class Ward(nn.Module):
    """Group norm and dropout, in a row; torch.relu is called in forward."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.enter, self.norm, self.drop, self.head = nn.Linear(6, 8), nn.GroupNorm(2, 8), nn.Dropout(0.2), nn.Linear(8, 3)

    def forward(self, x):
        return self.head(self.drop(self.norm(torch.relu(self.enter(x)))))


class Spoilt(Ward):
    """Something that no module does comes before the first layer."""

    def forward(self, x):
        return super().forward(2 * x - 1)


def rows(count=2):
    return torch.rand(count, 6, generator=torch.Generator().manual_seed(1)) * 4 - 2, torch.arange(count) % 3


def said(module, attacks, **settings):
    return {
        one.attack.split("(")[0]: f"{one.error} {one.note}"
        for one in invviz.audit(module, *rows(), attacks=attacks, seconds=2, **settings).attacks
    }


def test_a_chain_that_is_called_in_forward_is_not_said_to_have_branches():
    told = said(Ward(), ["peeling"])["peeling"]
    assert "branches" not in told
    assert "cannot be read off this module" in invviz.audit(Ward(), *rows(1), attacks="peeling", seconds=2).attacks[0].note


@pytest.mark.parametrize(
    "act, known",
    [(torch.relu, "relu"), (torch.tanh, ""), (nn.functional.elu, ""), (nn.ReLU(), "relu"), (nn.Tanh(), "tanh"), (lambda v: v, "")],
)
def test_the_activation_is_what_the_next_layer_is_given(act, known):
    class Net(Ward):
        def __init__(self):
            super().__init__()
            self.act = act

        def forward(self, x):
            return self.head(self.act(self.enter(x)))

    who = subject(Net(), *rows(4))
    assert first_layer(who.raw, who.raw_batch) == ("linear", known)
    told = said(Net(), ["spear"])["spear"]
    assert "act=''" not in told
    assert ("spear" in told and "needs the zeros that ReLU" in told and "cannot be read off this module" in told) == (known == "")


def test_a_first_layer_that_cannot_be_told_is_not_said_to_be_another_one():
    who = subject(Spoilt(), *rows())
    assert first_layer(who.raw, who.raw_batch)[0] == OTHER
    told = said(Spoilt(), ["linear_layer"])["linear_layer"]
    assert "begins with a" not in told
    assert (
        "linear_layer needs a fully connected first layer with a bias" in told
        and "recovers at most 1 sample; batch is 2" in told
        and "cannot be read off this module" in told
    )


def test_no_sentence_ends_in_the_air_when_the_time_is_over_and_of_rows_none_names_pictures():
    found = invviz.audit(
        Ward(), *rows(), attacks=["features(steps=100000,restarts=50,tolerance=0)", "inverting_gradients"], seconds=1.0, method="exact"
    )
    for one in found.attacks:
        told = f"{one.error} {one.note}"
        assert not re.search(r"\b(picture|pixel)", told, re.IGNORECASE), told
        assert not re.search(r"\w+ \d+:\s*($|\w+ \d+:)", told), told
        assert "on request" not in told, told


def test_the_same_of_a_message_that_somebody_has():
    net, (x, y) = Ward().eval(), rows()
    loss = nn.functional.cross_entropy(net(x), y)
    sent = dict(zip(dict(net.named_parameters()), torch.autograd.grad(loss, list(net.parameters())), strict=True))
    attacks = ["features(steps=100000,restarts=50,tolerance=0)", "inverting_gradients(steps=100000)"]
    found = invviz.reconstruct(sent, net, (2, 6), y, attacks=attacks, seconds=1.0, bounds=(-2, 2))
    assert any(one.stopped for one in found.answers)
    for one in found.answers:
        told = f"{one.error} {one.note}"
        assert not re.search(r"\b(picture|pixel)|on request|\w+ \d+:\s*($|\w+ \d+:)", told, re.IGNORECASE), told


def test_nothing_is_said_of_how_the_weights_came_to_be():
    found = invviz.risk(Ward(), *rows(), defense="gaussian_noise(sigma=0.1)")
    assert "init=" not in found.findings.scenario
    assert "model=own(digest='" in found.findings.scenario
