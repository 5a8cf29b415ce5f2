"""Features of a linear layer: the division against what the net itself computes, the search against the picture, and what is said where they are too few."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from seen import SITE, seen_by

from invviz.attacks import ATTACKS
from invviz.attacks._features import Features, features_of, linear_layers
from invviz.attacks.features import Filling
from invviz.core.rng import stream
from invviz.core.types import Net, Step
from invviz.engine.attack import run
from invviz.engine.client import meet_client
from invviz.engine.observe import observe
from invviz.scenario import Scenario, problems


def met(text):
    return seen_by(f"attack=features&{text}")[1:]


@pytest.mark.parametrize(
    ("model", "first"),
    [
        ("mlp", "1"),
        ("lenet(width=4)", "7"),
        ("convnet(width=4)", "6"),
        ("vgg6(width=2)", "16"),
        ("alexnet(width=2,hidden=16)", "15"),
        ("resnet18(width=4)", "fc"),
    ],
)
def test_the_division_gives_what_the_layer_was_fed(model, first):
    client, obs = met(f"data=photos(size=16)&model={model}&dtype=float64")
    found = Features.of(obs)
    fed = []
    handle = client.net.module.get_submodule(first).register_forward_hook(lambda module, inputs, output: fed.append(inputs[0]))
    client.net.module(client.batch.image)
    handle.remove()
    assert found.name == first == linear_layers(client.net, client.batch)[0]
    assert torch.allclose(found.value, fed[0][0], atol=1e-10)
    assert found.known.all() and found.unexplained < 1e-20 and found.disturbance < 1e-20
    assert torch.equal(features_of(client.net, first, client.batch), fed[0][0])
    assert float(found.misfit()(fed[0][0])) < 1e-20
    assert float(found.misfit()(torch.zeros_like(fed[0][0]))) == pytest.approx(1)


def test_every_linear_layer_can_be_read_and_the_first_is_taken():
    client, obs = met("data=photos(size=16)&model=alexnet(width=2,hidden=16)&dtype=float64")
    names = linear_layers(client.net, client.batch)
    assert names == ["15", "17", "19"]
    rest = {k: v for k, v in obs.message.items() if not k.startswith("15.")}
    found = Features.of(dataclasses.replace(obs, message=rest))
    assert found.name == "17"
    assert torch.allclose(found.value, features_of(client.net, "17", client.batch), atol=1e-10)


def test_the_slope_goes_through_the_layers_before_only():
    client, _ = met("data=digits&model=convnet(width=2)&dtype=float64")
    image = client.batch.image.clone().requires_grad_()
    batch = dataclasses.replace(client.batch, inputs={"image": image})
    (slope,) = torch.autograd.grad(features_of(client.net, "6", batch).square().sum(), image)
    (expected,) = torch.autograd.grad(client.net.module[:6](image).square().sum(), image)
    assert torch.allclose(slope, expected)
    assert not client.net.module[6]._forward_pre_hooks


def test_noise_of_a_feature_is_what_the_residual_says():
    client, obs = met("data=photos(size=16)&model=convnet(width=8)&dtype=float64")
    torch.manual_seed(0)
    level = 1e-3 * float(obs.message["6.bias"].norm())
    message = {
        k: 10 * (v + level * torch.randn_like(v) if k == "6.weight" else v) for k, v in obs.message.items()
    }  # the length plays no part
    found = Features.of(dataclasses.replace(obs, message=message))
    off = found.value - features_of(client.net, "6", client.batch)
    assert float(off.std()) == pytest.approx(1e-3, rel=0.15)
    assert found.noise == pytest.approx(1e-3, rel=0.15)
    assert found.disturbance == pytest.approx(float(found.misfit()(features_of(client.net, "6", client.batch))), rel=0.3)


def test_features_that_were_held_back_do_not_count():
    client, obs = met("data=photos(size=16)&model=convnet(width=8)&dtype=float64")
    seen = {k: torch.ones_like(v) for k, v in obs.message.items()}
    seen["6.weight"][:, :5] = 0
    seen["6.weight"][1:, 7] = 0
    found = Features.of(dataclasses.replace(obs, message={k: v * seen[k] for k, v in obs.message.items()}, seen=seen))
    true = features_of(client.net, "6", client.batch)
    assert found.known.tolist() == [0.0] * 5 + [1.0] * (len(true) - 5)
    assert torch.allclose(found.value[5:], true[5:], atol=1e-9)


@pytest.mark.parametrize("act", ["relu", "sigmoid"])
def test_enough_features_give_the_picture(act):
    found = run(Scenario.parse(f"data=photos(size=16)&model=convnet(act='{act}')&attack=features(steps=300)"), SITE)
    assert found.scores["psnr"][0] > 45
    assert not found.failed and found.loss < 1e-3
    assert found.guessed_labels.tolist() == found.labels.tolist()
    assert "2,048 features of 768" in found.note and "too few" not in found.note
    assert found.given == "message, net, batch size"


def test_too_few_features_leave_it_open_and_the_note_says_so():
    found = run(Scenario.parse("data=photos(size=16)&model=lenet(width=4)&attack=features(steps=200)"), SITE)
    assert "64 features of 768 pixel values, too few" in found.note
    assert found.scores["psnr"][0] < 30
    assert found.loss > 1e-6  # features agree, the whole gradient does not


def test_total_variation_counts_only_where_features_are_few():
    few = "data=photos(size=16)&model=lenet(width=4)&attack=features(steps=40,tv={})"
    many = "data=photos(size=16)&model=convnet(width=16,act='sigmoid')&attack=features(steps=10,tv={})"
    for text, same in ((few, False), (many, True)):
        with_, without = (run(Scenario.parse(text.format(tv)), SITE).guess for tv in (0.01, 0.0))
        assert (with_ == without).all() == same


def test_noise_is_told():
    found = run(
        Scenario.parse("data=photos(size=16)&model=convnet(width=8)&defense=gaussian_noise(sigma=0.1)&attack=features(steps=60)"), SITE
    )
    assert "the message was altered" in found.note


def test_nets_without_a_linear_layer_end_in_words():
    _, obs = met("data=digits&model=convnet(width=2)")
    nn = torch.nn
    net = Net.of(nn.Sequential(nn.Conv2d(1, 10, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()))
    message = {k: torch.ones_like(v) for k, v in net.params.items()}
    for other in (
        dataclasses.replace(obs, net=net, message=message),
        dataclasses.replace(obs, message={k: 0 * v for k, v in obs.message.items()}),
    ):
        found = ATTACKS["features"]().reconstruct(other, stream(1, "attack"), lambda step: True)
        assert found.failed and "linear layer" in found.note and (found.batch.image == 0.5).all()


def test_what_does_not_fit_is_said():
    assert not problems(Scenario.parse("data=digits&model=resnet18&attack=features"))


def test_a_layer_of_several_tokens_shows_no_features():
    """A vision transformer's first linear layers take a row for every patch; the first that takes one row for the picture is its head."""
    scenario = Scenario.parse("data=digits&model=vit(width=16)&attack=features(steps=3,restarts=1)&dtype=float64")
    client = meet_client(scenario, SITE)
    found = Features.of(observe(scenario, client))
    assert found.value.shape == (16,) and found.unexplained < 1e-20
    assert torch.allclose(found.value, features_of(client.net, found.name, client.batch).double(), atol=1e-10)
    assert np.isfinite(run(scenario, SITE).guess).all()


def test_reports_of_one_picture_after_the_other_count_on():
    steps = []
    filling = Filling(lambda step: steps.append(step) or len(steps) < 5, torch.full((2, 1, 2, 2), 0.5), 3)
    for place in range(2):
        report = filling.of(place)
        told = [report(Step(k, 3, 0.3, torch.full((1, 1, 2, 2), float(place)), 0)) for k in (1, 2, 3)]
    assert [step.number for step in steps] == [1, 2, 3, 4, 5, 6]
    assert {step.total for step in steps} == {6}
    assert [round(step.loss, 3) for step in steps] == [0.65, 0.65, 0.65, 0.3, 0.3, 0.3]  # a picture that is still to come counts as 1
    assert steps[2].guess.flatten(1).mean(1).tolist() == [0.0, 0.5] and steps[5].guess.flatten(1).mean(1).tolist() == [0.0, 1.0]
    assert filling.trace == [(step.number, step.loss) for step in steps]
    assert told == [True, False, False]


def test_a_batch_comes_back_one_picture_after_the_other():
    found = run(Scenario.parse("data=digits(index=60)&model=convnet&attack=features(steps=300)&batch=3"), SITE)
    assert min(found.scores["psnr"]) > 40
    assert not found.failed and found.loss < 1e-2
    assert sorted(found.guessed_labels.tolist()) == sorted(found.labels.tolist())
    assert "taken apart into 3 samples, which solves its equations" in found.note


def test_stopped_in_the_middle_it_hands_over_what_it_has():
    _, obs = met("data=digits(index=60)&model=convnet(width=4)&batch=3")
    found = ATTACKS["features"](steps=10, restarts=1).reconstruct(obs, stream(1, "attack"), lambda step: step.number < 15)
    assert found.stopped and len(found.trace) == 15
    assert (found.batch.image[2] == 0.5).all() and not (found.batch.image[0] == 0.5).all()


def test_batches_as_large_as_the_classes_do_not_fit_and_it_says_so():
    at_most = Scenario.parse("data=digits&model=convnet&attack=features&batch=9")
    assert problems(at_most) == []
    (sentence,) = problems(at_most.replace(batch=10))
    assert "fewer samples apart than there are classes" in sentence and "10 classes" in sentence
