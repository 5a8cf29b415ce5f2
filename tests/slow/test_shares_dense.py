"""The InvRE of the three pictures that explain it, by dense linear algebra: a Jacobian in forward mode and a solve, no spectrum and nothing kept."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.func import jvp, vmap

from invviz.core.tree import flatten
from invviz.engine.client import Site, meet_client
from invviz.risk.prior import Prior
from invviz.studies import gallery
from invviz.ui import shares

pytestmark = pytest.mark.slow
AT_ONCE = 64


def test_each_picture_has_the_invre_of_its_label(tmp_path):
    scene = gallery.load(shares.CARD)
    client = meet_client(scene.scenario.replace(defense=()), Site(None, tmp_path, "cpu"))
    at = client.batch.flat()
    release = lambda v: flatten(client.bare(client.net, client.batch.with_flat(v), None))  # noqa: E731
    steps = torch.eye(at.numel(), dtype=at.dtype).split(AT_ONCE)
    columns = [vmap(lambda v: jvp(release, (at,), (v,))[1])(some).detach().double().numpy() for some in steps]
    j = np.concatenate(columns)
    gram, c = j @ j.T, Prior("natural", (3, 32, 32), 1).dense()
    for one, wanted in zip(shares.shares(), shares.WANTED, strict=True):
        variance = (one.noise * scene.size.rms) ** 2
        left = np.linalg.solve(variance * np.eye(len(c)) + c @ gram, variance * c)  # (C^-1 + G / variance)^-1
        assert 1 - np.trace(left) / np.trace(c) == pytest.approx(wanted, abs=1e-4)
