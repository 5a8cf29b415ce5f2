"""Attacks against what is known to be true of them: closed forms, labels, and the quality that the defaults must reach."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from invviz.attacks import ATTACKS
from invviz.attacks._labels import infer_label
from invviz.attacks._matching import Watch, cosine_distance, squared_error
from invviz.attacks._priors import total_variation
from invviz.attacks._space import Space
from invviz.core.rng import stream
from invviz.core.types import Batch
from invviz.engine.attack import run
from invviz.engine.client import Site, meet_client
from invviz.engine.observe import observe
from invviz.scenario import Scenario

SITE = Site(None, Path("/nonexistent"), "cpu")


def psnr(text):
    return run(Scenario.parse(text), SITE).scores["psnr"][0]


@pytest.mark.parametrize("act", ["relu", "sigmoid", "tanh"])
def test_linear_layer_is_exact_in_float64(act):
    assert psnr(f"data=photos(index=3)&model=mlp(act='{act}')&attack=linear_layer&dtype=float64") > 250


def test_linear_layer_under_noise_errs_as_least_squares_must():
    """x = dW^T db / |db|^2 with noise s on every entry has error variance s^2 (1 + |x|^2-terms) / |db|^2 at first order."""
    scenario = Scenario.parse("data=photos(index=3)&model=mlp&attack=linear_layer&dtype=float64&defense=gaussian_noise(sigma=0.01)")
    client = meet_client(scenario, SITE)
    clean = client.bare(client.net, client.batch, None)
    weight, bias = list(clean.values())[:2]
    from invviz.core.types import Size

    noise = scenario.defense[0].noise(Size.of(clean)).variance
    expected = noise * (1 + float(client.batch.image.square().mean())) / float(bias.square().sum())
    reached = run(scenario, SITE).scores["mse"][0]
    assert reached == pytest.approx(expected, rel=0.3)
    assert weight.shape[1] == client.batch.image.numel()


@pytest.mark.parametrize("model", ["mlp", "lenet", "convnet"])
def test_inferred_labels_are_right(model):
    for index in range(12):
        scenario = Scenario.parse(f"data=photos(index={index},size=16)&model={model}&attack=idlg&seed={index}")
        client = meet_client(scenario, SITE)
        assert infer_label(observe(scenario, client).message).tolist() == client.batch.label.tolist()


def test_matching_losses_by_hand():
    a = {"x": torch.tensor([3.0, 0.0]), "y": torch.tensor([4.0])}
    b = {"x": torch.tensor([0.0, 0.0]), "y": torch.tensor([2.0])}
    assert float(squared_error(a, b)) == pytest.approx((9 + 4) / 4)
    assert float(cosine_distance(a, b)) == pytest.approx(1 - 8 / (5 * 2))


def test_total_variation_by_hand():
    image = torch.tensor([[[[0.0, 1.0], [2.0, 4.0]]]])
    assert float(total_variation(image)) == pytest.approx((2 + 3) / 2 + (1 + 2) / 2)


def test_frequency_space_is_a_scaled_cosine_transform():
    from scipy import fft

    like = torch.zeros(1, 2, 6, 8, dtype=torch.float64)
    space = Space.of("frequencies", like, (0.0, 1.0))
    c = torch.randn(like.shape, dtype=torch.float64, generator=stream(0, "c"))
    u, v = np.meshgrid(np.arange(6), np.arange(8), indexing="ij")
    expected = 0.5 + fft.idctn(c.numpy() / (1 + np.hypot(u, v) / 4), axes=(2, 3), norm="ortho")
    assert np.allclose(space.picture(c).numpy(), expected)
    assert torch.equal(Space.of("pixels", like, (0.0, 1.0)).picture(c), c + 0.5)


def test_the_watch_keeps_the_iterate_that_the_loss_belongs_to():
    watch = Watch(lambda step: True, steps=10)
    watch.begin()
    for loss, value in ((3.0, 0.1), (1.0, 0.2), (2.0, 0.3)):
        watch.see(loss, Batch.of(torch.full((1, 1, 2, 2), value), torch.tensor([0])))
    assert watch.best_loss == 1.0
    assert float(watch.best.image.mean()) == pytest.approx(0.2)


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    ("seed", "labels"),
    [(0, "unknown"), (1, "known"), pytest.param(0, "known", marks=SLOW), pytest.param(1, "unknown", marks=SLOW)],
)
def test_dlg_on_lenet(seed, labels):
    assert psnr(f"data=photos(index={seed})&model=lenet&attack=dlg(labels='{labels}')&seed={seed}") > 30


@pytest.mark.parametrize("size", [16, pytest.param(32, marks=SLOW)])
@pytest.mark.parametrize("attack", ["dlg", "inverting_gradients"])
def test_dlg_and_inverting_gradients_on_convnet(attack, size):
    assert psnr(f"data=photos(size={size})&model=convnet&attack={attack}&seed=0") > 40


def test_batches_come_back_in_order():
    result = run(Scenario.parse("data=photos(size=16)&model=lenet&attack=dlg&batch=2"), SITE)
    assert min(result.scores["psnr"]) > 25
    assert result.guessed_labels.tolist() == result.labels.tolist()


def test_local_steps_are_inverted_too():
    assert psnr("data=photos(size=16)&model=lenet&protocol=hfl(local_steps=3,lr=0.1)&attack=dlg") > 30
    told = run(Scenario.parse("data=digits&model=lenet&protocol=hfl(local_steps=2)&attack=dlg(steps=3)"), SITE)
    assert told.threat_model == "C"
    assert "training settings" in told.given


def test_a_stuck_or_unmatched_search_says_so():
    result = run(Scenario.parse("data=digits&model=lenet&defense=gaussian_noise(sigma=5.0)&attack=dlg(steps=2000,restarts=2)"), SITE)
    assert result.failed
    assert "stuck" in result.note
    assert "not reproduced" in result.note


def test_restarts_are_chosen_by_the_matching_loss_alone():
    result = run(Scenario.parse("data=digits&model=convnet&attack=inverting_gradients(steps=20,restarts=3)"), SITE)
    assert len(result.trace) == 60
    assert result.loss == min(loss for _, loss in result.trace)


@pytest.mark.parametrize("name", ["linear_layer", "inverting_gradients", "rmle"])  # the victim is put in before any attack is asked
def test_uploads_take_the_place_of_the_first_victim(name):
    from invviz.core.errors import UploadError
    from invviz.datasets import digest

    picture = np.random.default_rng(0).random((1, 8, 8)).astype(np.float32)
    protocol = "vfl(parties=1)" if ATTACKS[name].needs_embedding else "hfl"
    scenario = Scenario.parse(f"data=digits&model=mlp&protocol={protocol}&attack={name}&upload={digest(picture)}")
    few = {"steps": 3, "epochs": 1, "pictures": 640}
    quick = scenario.attack.replace(**{k.name: few[k.name] for k in scenario.attack.knobs() if k.name in few})
    assert np.allclose(run(scenario.replace(attack=quick), SITE, picture=picture).truth[0], picture)
    with pytest.raises(UploadError, match="memory only"):
        run(scenario, SITE)
    with pytest.raises(UploadError, match="not the one"):
        run(scenario, SITE, picture=picture[:, ::-1].copy())


def test_results_lie_in_the_order_of_their_truths(monkeypatch):
    """A gradient does not say in which order a batch was; pictures, labels and scores must be put right together."""
    from invviz.attacks import DLG
    from invviz.core.types import Reconstruction

    scenario = Scenario.parse("data=digits(index=2)&model=mlp&attack=dlg&batch=3")
    truth = meet_client(scenario, SITE).batch
    turned = [2, 0, 1]
    found = Reconstruction(Batch.of(truth.image[turned], truth.label[turned]), 0.0)
    monkeypatch.setattr(DLG, "reconstruct", lambda self, obs, rng, progress: found)
    result = run(scenario, SITE)
    assert np.array_equal(result.guess, result.truth)
    assert np.array_equal(result.guessed_labels, result.labels)
    assert result.scores["mse"] == [0.0, 0.0, 0.0]
