"""A batch's features off the last layer's gradient: against what the net itself computes, the certificate's other side, and noise against many draws."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from scipy.optimize import linear_sum_assignment
from seen import seen_by

from invviz.attacks._base import Unreadable
from invviz.attacks._features import features_of
from invviz.attacks._mixture import Mixture
from invviz.attacks._unmix import Equations, solve, unmix
from invviz.core.rng import stream

RNG = lambda: stream(3, "attack")  # noqa: E731


def met(text):
    _, client, obs = seen_by(f"attack=features&dtype=float64&{text}")
    return client.batch, obs


def fed(obs, batch, name):
    """What the layer is fed, (b, features)."""
    return torch.stack([features_of(obs.net, name, batch.single(k)) for k in range(len(batch.label))])


def matched(found, true):
    """The order in which the samples found are the true ones."""
    return linear_sum_assignment(torch.cdist(true, torch.stack([f.value for f in found])).numpy())[1]


@pytest.mark.parametrize(
    ("text", "repeats"),
    [
        ("data=digits(index=60)&model=convnet(width=4)&batch=4", False),
        ("data=digits(index=80)&model=convnet(width=4)&batch=4", True),
        ("data=photos(size=16)&model=lenet(width=6)&batch=3", None),
        ("data=photos(size=16)&model=resnet18(width=4)&batch=3", None),
        ("data=photos(size=16)&model=vit&batch=3", None),
        ("data=digits&model=mlp(width=32)&batch=6", None),
    ],
)
def test_features_of_every_sample_are_what_the_net_computes(text, repeats):
    batch, obs = met(text)
    if repeats is not None:
        assert (len(batch.label.unique()) < len(batch.label)) == repeats
    found = unmix(obs, RNG(), batch.label)
    name = found.features[0].name
    true = fed(obs, batch, name)
    order = matched(found.features, true)
    off = (torch.stack([found.features[k].value for k in order]) - true).norm(dim=1) / true.norm(dim=1)
    assert found.certain and float(off.max()) < 1e-6
    assert torch.equal(found.labels[torch.as_tensor(order)], batch.label)


def test_the_true_features_solve_the_equations():
    batch, obs = met("data=digits(index=60)&model=convnet(width=4)&batch=4")
    mixture = Mixture.of(obs, RNG())
    equations = Equations.of(mixture, batch.label)
    true = fed(obs, batch, mixture.name)
    given = (obs.net.module(batch.image).softmax(1) - torch.nn.functional.one_hot(batch.label, 10)).double()
    assert torch.allclose(given.T @ true / 4, obs.message[f"{mixture.name}.weight"], atol=1e-12)  # the definition, without this module
    coordinates = true @ mixture.rows.T
    assert torch.allclose(coordinates @ mixture.rows, true, atol=1e-9)  # features lie in the span
    assert torch.allclose(equations.given(coordinates), given, atol=1e-12)
    assert float(equations.rest(coordinates.flatten()).norm() / mixture.target.norm()) < 1e-12
    assert float(equations.rest(torch.cat([coordinates.flatten(), torch.ones(1)])).norm() / mixture.target.norm()) > 0.1  # another scale
    assert float(equations.rest(1.01 * coordinates.flatten()).norm() / mixture.target.norm()) > 1e-3


def test_wrong_labels_leave_the_equations_unsolved():
    batch, obs = met("data=digits(index=60)&model=convnet(width=4)&batch=3")
    wrong = batch.label.clone()
    wrong[0] = (set(range(10)) - set(batch.label.tolist())).pop()
    found = unmix(obs, RNG(), wrong)
    assert not found.certain and "left unexplained" in found.about


def test_counted_labels_that_are_wrong_are_exchanged(monkeypatch):
    batch, obs = met("data=digits(index=80)&model=convnet(width=4)&batch=4")
    right = sorted(batch.label.tolist())
    once = sorted(set(right))
    wrong = torch.tensor(sorted(once + [once[-1] if right.count(once[-1]) == 1 else once[0]] * (4 - len(once))))
    assert wrong.tolist() != right
    monkeypatch.setattr("invviz.attacks._unmix.Count.of", lambda obs, rng: Counted(wrong))
    found = unmix(obs, RNG(), None)
    assert found.certain and sorted(found.labels.tolist()) == right
    assert "labels by these equations" in found.about


@dataclasses.dataclass
class Counted:
    labels: torch.Tensor
    note: str = "counted"


def test_a_message_of_another_length_is_scaled_back():
    batch, obs = met("data=digits(index=60)&model=convnet(width=4)&batch=3")
    short = dataclasses.replace(obs, message={name: 0.3 * leaf for name, leaf in obs.message.items()})
    found = unmix(short, RNG(), batch.label)
    true = fed(obs, batch, found.features[0].name)
    order = matched(found.features, true)
    assert found.certain
    assert torch.allclose(torch.stack([found.features[k].value for k in order]), true, atol=1e-6)


def test_the_noise_that_is_stated_is_that_of_many_draws():
    batch, obs = met("data=digits(index=60)&model=convnet(width=4)&batch=3")
    name = unmix(obs, RNG(), batch.label).features[0].name
    true, rng, off, said = fed(obs, batch, name), torch.Generator().manual_seed(0), [], []
    level = 1e-5 * float(obs.message[f"{name}.weight"].abs().max())
    for _ in range(12):
        noisy = {k: v + level * torch.randn(v.shape, generator=rng, dtype=v.dtype) for k, v in obs.message.items()}
        found = unmix(dataclasses.replace(obs, message=noisy), RNG(), batch.label)
        order = matched(found.features, true)
        off.append(torch.stack([found.features[k].value for k in order]) - true)
        said.append([found.features[k].noise for k in order])
    reached = torch.stack(off).square().mean((0, 2)).sqrt()
    assert torch.allclose(torch.tensor(said).mean(0).double(), reached, rtol=0.25)


def test_an_altered_message_is_told():
    batch, obs = met("data=digits(index=60)&model=convnet(width=4)&batch=3")
    pruned = {k: torch.where(v.abs() > v.abs().median(), v, 0.0) for k, v in obs.message.items()}
    found = unmix(dataclasses.replace(obs, message=pruned), RNG(), batch.label)
    assert not found.certain and "altered" in found.about


def test_features_below_zero_are_refused():
    batch, obs = met("data=digits(index=60)&model=convnet(width=4)&batch=3")
    mixture = Mixture.of(obs, RNG())
    _, other = met("data=digits(index=60)&model=convnet(width=4,act='tanh')&batch=3")
    assert mixture.positive and not Mixture.of(other, RNG()).positive
    answer = solve(Equations.of(mixture, batch.label), RNG())
    assert answer.certain
    assert not dataclasses.replace(answer, below=10.0).certain


def test_what_cannot_be_read_is_said():
    batch, obs = met("data=digits(index=60)&model=convnet(width=4)&batch=3")
    name = unmix(obs, RNG(), batch.label).features[0].name
    hidden = {k: torch.ones_like(v) for k, v in obs.message.items()}
    hidden[f"{name}.weight"][0, 0] = 0
    for other, word in (
        (dataclasses.replace(obs, seen=hidden), "held back"),
        (dataclasses.replace(obs, message={k: 0 * v for k, v in obs.message.items()}), "zero or not finite"),
        (dataclasses.replace(obs, message={k: v * float("nan") for k, v in obs.message.items()}), "zero or not finite"),
        (dataclasses.replace(obs, message={k: v for k, v in obs.message.items() if not k.startswith(name)}), "not sent"),
    ):
        with pytest.raises(Unreadable, match=word):
            unmix(other, RNG(), batch.label)
    with pytest.raises(Unreadable, match="at most 9 apart"):
        many, seen = met(
            "data=digits&model=convnet(width=2)&attack=inverting_gradients&batch=10".replace("&attack=inverting_gradients", "")
        )
        unmix(seen, RNG(), many.label)
