"""The Guide's messages: what plain autograd says of the same net and pictures; the cost of noise, from the file itself."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from invviz.engine.client import Site, meet_client
from invviz.studies import gallery, plans
from invviz.studies.gallery import messages
from invviz.ui.guide import scenes


def test_messages_are_the_gradients_of_the_two_pictures(tmp_path):
    kept, sent = messages.load(), []
    for place, scenario in enumerate(messages.scenarios()):
        client = meet_client(scenario, Site(None, tmp_path, "cpu"))
        module, picture = client.net.module.requires_grad_(True), torch.as_tensor(kept.pictures[place])
        loss = torch.nn.functional.cross_entropy(module(picture), client.batch.label)
        sent.append(torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(module.parameters()))]).numpy())
    far = [float(np.linalg.norm(one - sent[messages.SENT]) / np.linalg.norm(sent[messages.SENT])) for one in sent]
    assert kept.count == sent[0].size and kept.missed == pytest.approx(far, abs=1e-4) and far[messages.SENT] == 0
    dots = kept.message.reshape(-1)[: kept.count].astype(float) / 255
    rms = np.sqrt(np.mean(sent[messages.SENT] ** 2))
    assert np.abs(dots - np.clip(0.5 + sent[messages.SENT] / (6 * rms), 0, 1)).max() < 0.5 / 255 + 1e-6


def test_a_sheet_fills_its_last_line_with_middle_grey():
    sheet = messages.sheet(np.array([3.0, -3.0, 0.0, 0.0, 0.0]))
    assert sheet.shape == (1, 1, 2, 3) and sheet[0, 0, 0, 2] == sheet[0, 0, 1, 2] == 128
    assert sheet[0, 0, 0, 0] > 128 > sheet[0, 0, 0, 1]


def test_the_cost_of_noise_is_what_the_file_says():
    raw = json.loads((Path(plans.FOLDER) / "digits.json").read_text())
    accuracy: dict[float, list[float]] = {}
    for row in raw["rows"]:
        if row["defense"] in ("none", "gaussian_noise"):
            accuracy.setdefault(0.0 if row["defense"] == "none" else float(row["strength"]), []).append(float(row["accuracy"]))
    mean = {level: float(np.mean(values)) for level, values in accuracy.items()}
    most = max(level for level in mean if mean[0.0] - mean[level] <= 0.01)
    scene = scenes.cost()
    levels = [*sorted(mean, reverse=True)[:4], 0.0]
    assert levels[scene.answer] == most and most > 0
    assert [one.also for one in scene.scale] == [f"{100 * mean[level]:.3g} %" for level in levels]
    assert scene.figures["points"] == f"{100 * (mean[0.0] - mean[levels[0]]):.0f}"


def test_what_is_above_the_floor_is_counted_from_the_spectrum_itself():
    """A direction is above the floor where its signal, gain times prior variance, exceeds the noise's."""
    scene = gallery.load("heavy_noise")
    sigma = scene.summary["sigma_relative"] * scene.size.rms
    above = int((scene.decomposition.gains > sigma**2).sum())
    share = 1 - float(
        (scene.decomposition.weights * sigma**2 / (sigma**2 + scene.decomposition.gains)).sum() / scene.decomposition.weights.sum()
    )
    figures = scenes.directions().figures
    assert figures["above"] == str(above) and figures["size"] == "3,072"
    weights = scene.decomposition.weights
    carried = float(weights[scene.decomposition.gains > sigma**2].sum() / weights.sum())
    assert figures["carried"] == f"{100 * carried:.1f} %" and scenes.noise().figures["share"] == f"{100 * share:.1f} %"
