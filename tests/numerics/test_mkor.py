"""MKOR: every class with one sample is read exactly where a class is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from invviz.attacks.per_class import features
from invviz.engine.attack import run
from invviz.engine.client import Site, meet_client
from invviz.scenario import Scenario, problems
from invviz.servers.mkor import spread

SITE = Site(None, Path("/nonexistent"), "cpu")
PHOTOS = "data=photos(size=16)&model=lenet(width=48)&server=mkor&batch=6&dtype=float64"


@pytest.mark.parametrize("act", ["sigmoid", "tanh", "softplus", "leaky_relu", "elu"])
def test_one_sample_of_each_class_is_read(act):
    found = run(Scenario.parse(PHOTOS.replace("width=48", f"width=48,act='{act}'")), SITE)
    assert min(found.scores["psnr"]) > 100 and found.labels.tolist() == found.guessed_labels.tolist() and not found.failed
    assert "6 classes; 6 of them with one sample" in found.note and "read exactly" in found.note


@pytest.mark.parametrize("text", ["data=digits&model=lenet(width=16)&batch=8", "data=photos(size=16)&model=lenet(width=50)&batch=12"])
def test_features_are_the_means_of_their_classes(text):
    """Against the net's own features, by a plain loop; of several samples of a class, and with channels to spare."""
    client = meet_client(Scenario.parse(f"{text}&server=mkor&dtype=float64"), SITE)
    kept = []
    handle = list(client.net.module.children())[-1].register_forward_pre_hook(lambda _, given: kept.append(given[0]))
    client.net.outputs(client.net.params, client.batch)
    handle.remove()
    batch, label = len(client.batch.label), client.batch.label
    counts, means, exact = features(client.release(client.net, client.batch, None), client.net.plan, batch)
    assert counts.tolist() == [int((label == c).sum()) for c in range(len(counts))]
    assert exact == bool((counts == 0).any())
    if exact:
        for c in set(label.tolist()):
            assert torch.allclose(means[c], kept[0][label == c].mean(0), atol=1e-12)
    alone = [i for i in range(batch) if counts[label[i]] == 1]
    if exact:
        shown = client.net.plan.decode(means[label[alone]])
        assert alone and float((shown - client.batch.private[alone]).abs().max()) < 1e-8


def test_where_no_class_is_missing_it_says_so():
    found = run(Scenario.parse(PHOTOS.replace("batch=6", "batch=8")), SITE)
    assert "No class is missing" in found.note and "nothing is exact" in found.note and max(found.scores["psnr"]) < 60


def test_scores_are_equal_and_parts_come_back_in_place():
    client = meet_client(Scenario.parse(PHOTOS), SITE)
    scores = client.net.outputs(client.net.params, client.batch)
    assert float((scores - scores[:, :1]).abs().max()) < 1e-14
    picture = torch.arange(24.0).reshape(1, 1, 4, 6)
    parts = torch.stack([picture[0, 0, i::2, j::2] for i in (0, 1) for j in (0, 1)])[None]
    assert torch.equal(spread(parts, 1, (4, 6)), picture) and torch.equal(spread(parts, 1, (3, 5)), picture[..., :3, :5])


def test_bad_input_is_said_in_words():
    said = lambda text: " ".join(problems(Scenario.parse(text)))  # noqa: E731
    assert not said(PHOTOS)
    assert "Set width=48 or more" in said(PHOTOS.replace("width=48", "width=12"))
    assert "Set act='sigmoid'" in said(PHOTOS.replace("width=48", "width=48,act='relu'"))
    assert "Use model=lenet(width=48)" in said(PHOTOS.replace("lenet(width=48)", "mlp"))
    assert "sees 2 as one" in said(f"{PHOTOS}&aggregation=secure(clients=2)")
    noisy = run(Scenario.parse(f"{PHOTOS}&defense=gaussian_noise(sigma=0.5)"), SITE)
    assert noisy.failed and "was altered" in noisy.note
