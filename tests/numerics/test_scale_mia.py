"""Scale-MIA: codes that are alone in a bin are read exactly, and samples as well as the code holds them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from invviz.attacks._bins import read
from invviz.engine.attack import run
from invviz.engine.client import Site, meet_client
from invviz.scenario import Scenario, problems
from invviz.servers.scale_mia import principal

SITE = Site(None, Path("/nonexistent"), "cpu")
TEXT = "data=digits&model=mlp(width=256,hidden_layers=2)&server=scale_mia&batch=16&dtype=float64"


def alone(client):
    """Samples alone in a bin, by a plain loop over the second layer's thresholds."""
    params = list(client.net.params.values())
    code = torch.relu(client.batch.private.flatten(1) @ params[0].T + params[1])
    bins = len(client.net.plan.counts)
    z = code @ params[2][:bins].T + params[3][:bins]
    place = [int((row > 0).sum()) for row in z]
    return {i for i, k in enumerate(place) if place.count(k) == 1}, code


@pytest.mark.parametrize("width", [256, 40])
def test_codes_alone_in_a_bin_are_read_and_certified(width):
    client = meet_client(Scenario.parse(TEXT.replace("256", str(width))), SITE)
    found = read(client.release(client.net, client.batch, None), client.net.plan)
    own, code = alone(client)
    code = code[:, client.net.plan.columns]
    error = torch.stack([(found.values - one).abs().amax(1).min() for one in code])
    assert {i for i in range(16) if error[i] < 1e-8} == own and len(own) >= 3
    assert int(found.certain.sum()) == len(own)
    assert (code >= 0.99).all()  # ReLU lets all of it pass


def test_a_wide_first_layer_gives_the_sample_and_a_narrow_one_its_projection():
    wide, narrow = (run(Scenario.parse(TEXT.replace("256", str(width))), SITE) for width in (256, 60))
    assert sum(float(psnr) > 60 for psnr in wide.scores["psnr"]) >= 10 and "Twins certify" in wide.note
    client = meet_client(Scenario.parse(TEXT.replace("256", "60")), SITE)
    public = torch.as_tensor(client.samples.public.take(range(len(client.samples.public)))[0]).double().flatten(1)
    mean, top = public.mean(0), torch.linalg.svd(public - public.mean(0), full_matrices=False)[2][:60]
    truth = torch.as_tensor(narrow.truth).flatten(1).double()
    projected = ((truth - mean) @ top.T @ top + mean).clamp(0, 1)
    exact = [float((torch.as_tensor(narrow.guess[i]).flatten() - projected[i]).abs().max()) < 1e-6 for i in range(16)]
    assert sum(exact) >= 4


def test_components_are_orthonormal_with_few_and_many_samples():
    torch.manual_seed(0)
    for samples in (torch.randn(50, 8).double(), torch.randn(6, 20).double()):
        _, found = principal(samples, 5)
        assert torch.allclose(found @ found.T, torch.eye(5, dtype=torch.float64), atol=1e-10)
        centred = samples - samples.mean(0)
        values = torch.linalg.svdvals(centred)[:5]
        assert torch.allclose((centred @ found.T).norm(dim=0), values, rtol=1e-8)


def test_bad_input_is_said_in_words():
    said = lambda text: " ".join(problems(Scenario.parse(text)))  # noqa: E731
    assert not said(TEXT)
    assert "Set hidden_layers=2" in said(TEXT.replace(",hidden_layers=2", ""))
    assert "Use model=mlp" in said("data=digits&model=lenet&server=scale_mia&batch=4")
