"""Plug and play: denoisers against closed forms and statistics, the data step against dense least squares, what a denoiser adds and where it adds nothing."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from invviz.attacks import PlugAndPlay, plug_and_play
from invviz.attacks._denoisers import FLAT, denoised
from invviz.core.rng import stream
from invviz.core.tree import randn_like
from invviz.core.types import Batch, Knowledge, Net, Observation
from invviz.engine.attack import run
from invviz.engine.client import Site
from invviz.scenario import Scenario, problems

SITE = Site(None, Path("/nonexistent"), "cpu")
GO = lambda step: True  # noqa: E731


def error(image, truth):
    return float(((image - truth) ** 2).mean())


@pytest.mark.parametrize("how", ["nl_means", "tv"])
@pytest.mark.parametrize("channels", [1, 3])
def test_denoisers_take_noise_away_and_keep_edges(how, channels):
    truth = torch.zeros(2, channels, 20, 20, dtype=torch.float64)
    truth[..., :10], truth[..., 10:], truth[1] = 0.2, 0.8, truth[1].flip(-1)
    noisy = truth + 0.05 * randn_like(truth, stream(1, "noise"))
    clean = denoised(noisy, 0.05, how)
    assert clean.shape == noisy.shape and clean.dtype == noisy.dtype
    assert error(clean, truth) < 0.25 * error(noisy, truth)
    assert float(clean[0, :, :, 12:].mean() - clean[0, :, :, :8].mean()) > 0.5
    assert torch.allclose(denoised(truth, 1e-4, how), truth, atol=1e-3), "next to no noise, next to no change"


def test_total_variation_moves_two_halves_by_the_closed_form():
    """The least of |x - y|^2 / 2 + w TV(x) for two flat halves: each comes closer by w times its border over its area."""
    y = torch.full((1, 1, 16, 16), 0.2, dtype=torch.float64)
    y[..., 8:] = 0.8
    moved = denoised(y, 0.5, "tv")[0, 0]
    assert np.allclose(moved[:, :7].mean(), 0.2 + FLAT * 0.5 / 8, atol=0.01)
    assert np.allclose(moved[:, 9:].mean(), 0.8 - FLAT * 0.5 / 8, atol=0.01)


def spectrum_covariance(height, width):
    """Of the prior on frequencies, from cosines written out; one channel."""

    def waves(n):
        found = np.array([[np.cos(np.pi * (i + 0.5) * k / n) for i in range(n)] for k in range(n)])
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    power = np.array([[1 / (1 + k * k + m * m) for m in range(width)] for k in range(height)])
    power = 0.25**2 * power / power.mean()
    basis = np.kron(waves(height), waves(width))
    return basis.T @ np.diag(power.ravel()) @ basis


def test_the_data_step_is_least_squares_around_the_denoised_picture(monkeypatch):
    """A message that is linear in the picture, known noise, and a denoiser that always answers the same."""
    rng = torch.Generator().manual_seed(0)
    matrix = torch.randn(9, 20, generator=rng, dtype=torch.float64)
    truth, fixed = (torch.rand(1, 1, 4, 5, generator=rng, dtype=torch.float64) for _ in range(2))
    send = lambda net, batch, rng: {"y": batch.image.flatten(1) @ matrix.T}  # noqa: E731
    noise = 0.7
    message = {"y": truth.flatten(1) @ matrix.T + noise * torch.randn(1, 9, generator=rng, dtype=torch.float64)}
    net = Net.of(torch.nn.Linear(2, 2))
    template = Batch.of(torch.zeros_like(truth), torch.zeros(1, dtype=torch.int64))
    obs = Observation(message, net, send, template, Knowledge(), 10, noise=noise, bounds=(-50.0, 51.0))
    expects = []
    monkeypatch.setattr(plug_and_play, "denoised", lambda image, sigma, how: expects.append(sigma) or fixed)
    attack = PlugAndPlay(steps=150, denoisings=3, first=0.4, last=0.1)
    found = attack.reconstruct(obs, stream(1, "attack"), GO)
    assert np.allclose(expects, [0.4, 0.2, 0.1])
    a, y, z = matrix.numpy(), message["y"].numpy()[0], fixed.numpy().ravel()
    prior = np.linalg.inv(spectrum_covariance(4, 5))
    normal = a.T @ a / noise**2 + np.eye(20) / 0.1**2 + prior
    expected = np.linalg.solve(normal, a.T @ y / noise**2 + z / 0.1**2 + prior @ np.full(20, 0.5))
    assert np.allclose(found.batch.image.numpy().ravel(), expected, atol=1e-5)


PHOTO = "data=photos(size=32,index=3)&model=convnet&seed=3&defense=gaussian_noise(sigma=1.0)&attacker=aware"


def test_without_denoising_it_is_dlg():
    text = PHOTO.replace("size=32", "size=16").replace("convnet", "convnet(width=8)")
    plain = run(Scenario.parse(f"{text}&attack=dlg(steps=30,restarts=1)"), SITE)
    found = run(Scenario.parse(f"{text}&attack=plug_and_play(steps=30,denoisings=0)"), SITE)
    assert np.array_equal(found.guess, plain.guess) and found.loss == plain.loss


def test_denoising_still_pays_where_it_did():
    """A regression check on one picture; whether it pays at all is in benchmarks/README.md."""
    psnr = {
        a: run(Scenario.parse(f"{PHOTO}&attack={a}"), SITE).scores["psnr"][0]
        for a in ("dlg(steps=100,restarts=1)", "plug_and_play(steps=100)")
    }
    assert psnr["plug_and_play(steps=100)"] > psnr["dlg(steps=100,restarts=1)"] + 1, psnr


def test_few_steps_leave_rounds_out_and_rows_of_tables_do_not_fit():
    for steps in (1, 2, 3, 7):
        schedule = PlugAndPlay(steps=steps)._schedule()
        assert schedule[-1][0] == steps and [until for until, _ in schedule] == sorted(until for until, _ in schedule)
    assert any(
        "plug_and_play reads pictures; wine is a table" in why
        for why in problems(Scenario.parse("data=wine&model=mlp&attack=plug_and_play"))
    )
    assert dataclasses.replace(PlugAndPlay(), denoisings=1)._schedule()[-1][1] == PlugAndPlay().last
