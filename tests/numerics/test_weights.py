"""Trained weights: once per data set, model and seed, kept, and better than chance."""

from __future__ import annotations

import pytest
import torch

from invviz.engine.pretraining import TrainingStopped, build_net
from invviz.models import MODELS
from invviz.scenario import Scenario

TRAINED = Scenario.parse("data=digits&model=mlp(init='trained')&attack=linear_layer")


def test_trained_once_and_kept(tmp_path):
    samples, epochs = TRAINED.data.load(None), []
    net, accuracy = build_net(TRAINED, samples, tmp_path, lambda done, total, loss: epochs.append((done, total, loss)) or True)
    assert accuracy > 0.9
    assert [e[0] for e in epochs] == list(range(1, MODELS["mlp"].epochs + 1))
    assert epochs[-1][2] < epochs[0][2]
    again, same = build_net(TRAINED.replace(data=TRAINED.data.replace(index=5)), samples, tmp_path, lambda *_: pytest.fail("trained twice"))
    assert same == accuracy
    assert all(torch.equal(net.params[k], again.params[k]) for k in net.params)
    with torch.no_grad():
        image, label = (torch.as_tensor(a) for a in samples.victims.take(range(300)))
        assert float((net.module(image).argmax(1) == label).float().mean()) > 0.9


def test_the_public_part_alone_is_learned_from(tmp_path):
    """Other victims, same weights: what is private plays no part in training."""
    import dataclasses

    samples = TRAINED.data.load(None)
    other = dataclasses.replace(samples, victims=samples.public)
    one, _ = build_net(TRAINED, samples, tmp_path / "a")
    two, _ = build_net(TRAINED, other, tmp_path / "b")
    assert all(torch.equal(one.params[k], two.params[k]) for k in one.params)


def test_stopping_leaves_nothing_behind(tmp_path):
    with pytest.raises(TrainingStopped):
        build_net(TRAINED, TRAINED.data.load(None), tmp_path, lambda done, total, loss: False)
    assert not list(tmp_path.rglob("*.pt"))


def test_random_weights_need_no_training(tmp_path):
    net, accuracy = build_net(TRAINED.replace(model=MODELS["mlp"]()), TRAINED.data.load(None), tmp_path, lambda *_: pytest.fail("trained"))
    assert accuracy is None
    assert net.num_params == sum(p.numel() for p in net.params.values())


def test_another_copy_of_the_data_gives_weights_of_its_own(tmp_path):
    """A cut-down copy must not lend its weights to the whole set."""
    import dataclasses

    from invviz.datasets import ArrayPictures

    samples = TRAINED.data.load(None)
    images, labels = samples.public.take(range(300))
    cut = dataclasses.replace(samples, public=ArrayPictures((images * 255).astype("uint8"), labels))
    one, _ = build_net(TRAINED, samples, tmp_path)
    two, _ = build_net(TRAINED, cut, tmp_path)
    assert not all(torch.equal(one.params[k], two.params[k]) for k in one.params)
    assert len(list((tmp_path / "weights").glob("*.pt"))) == 2


def test_a_second_process_waits_for_the_first(tmp_path):
    """The lock is held while somebody trains; who waits may give up."""
    fcntl = pytest.importorskip("fcntl")
    samples = TRAINED.data.load(None)
    build_net(TRAINED, samples, tmp_path)
    kept = next((tmp_path / "weights").glob("*.pt"))
    with kept.with_suffix(".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(TrainingStopped):
            build_net(TRAINED, samples, tmp_path, lambda done, total, loss: False)
    build_net(TRAINED, samples, tmp_path, lambda *_: pytest.fail("trained twice"))
