"""DAGER is exact where the batch has fewer different beginnings of sentences than the net is wide, and reads nothing beyond that."""

from __future__ import annotations

import dataclasses
import statistics
import time

import numpy as np
import pytest
import torch

from invviz.attacks._span import Span
from invviz.core.rng import stream
from invviz.engine.attack import run
from invviz.engine.client import Site, meet_client
from invviz.engine.observe import observe
from invviz.scenario import Scenario


def beginnings(tokens):
    """How many different ones a batch has, the mark before all sentences among them."""
    return 1 + len({tuple(row[:k]) for row in tokens.tolist() for k in range(1, np.count_nonzero(row) + 1)})


def read(text, folder):
    s = Scenario.parse(text)
    client = meet_client(s, Site(None, folder, "cpu"))
    start = time.thread_time()
    found = s.attack.reconstruct(observe(s, client), stream(s.seed, "attack"), lambda step: True)
    seconds = time.thread_time() - start
    truth, guess = (sorted(map(tuple, t.tolist())) for t in (client.batch.private, found.batch.private))
    return found, truth == guess, beginnings(client.batch.private), seconds


@pytest.mark.parametrize(("width", "batches"), [(64, (1, 2, 4, 7, 8, 9, 12, 20)), (128, (1, 4, 16, 20))])
def test_every_sentence_exact_below_the_width_and_nothing_beyond(width, batches, tmp_path):
    below, beyond, times = 0, 0, []
    for batch in batches:
        for index in (0, 50) if width == 64 else (50,):
            found, exact, count, seconds = read(
                f"data=notes(index={index})&model=tiny_lm(width={width})&attack=dager&dtype=float64&batch={batch}", tmp_path
            )
            if count < width:
                assert exact and not found.failed and found.note.startswith("Exact:"), (batch, index, count, found.note)
                below, times = below + 1, [*times, seconds]
            else:
                assert found.failed and not found.batch.private.any(), (batch, index, count, found.note)
                beyond += 1
    assert below >= 3 and beyond >= 1 and below + beyond >= 4
    assert statistics.median(times) < 1.0


def test_both_sides_of_the_border_by_one_word(tmp_path):
    """The same batch, and a net that is as wide as it has beginnings, and one that is wider by two (the heads share a width evenly)."""
    text = "data=notes&model=tiny_lm(width={})&attack=dager&dtype=float64&batch=4"
    _, _, count, _ = read(text.format(64), tmp_path)
    even = count + count % 2
    found, exact, _, _ = read(text.format(even + 2), tmp_path)
    assert exact and found.note.startswith("Exact:") and count < even + 2
    found, exact, _, _ = read(text.format(even - 2), tmp_path)
    assert not exact and found.failed and count >= even - 2


def test_a_sentence_twice_and_one_that_another_begins_with(tmp_path):
    s = Scenario.parse("data=notes&model=tiny_lm(width=32)&attack=dager&dtype=float64&batch=4")
    client = meet_client(s, Site(None, tmp_path, "cpu"))
    rows = torch.tensor([[5, 9, 7, 3] + [0] * 8, [5, 9] + [0] * 10, [5, 9] + [0] * 10, [4, 4, 4] + [0] * 9])
    client = dataclasses.replace(client, batch=client.batch.at(rows))
    found = s.attack.reconstruct(observe(s, client), stream(1, "attack"), lambda step: True)
    assert sorted(found.batch.private.tolist()) == sorted(rows.tolist()) and found.note.startswith("Exact:")


@pytest.mark.parametrize(
    ("sigma", "says", "exact"),
    [(1e-6, "All but noise", True), (1e-3, "All but noise", True), (1e-2, "All but noise", True), (0.3, "", False), (1.0, "", False)],
)
def test_its_border_under_noise(sigma, says, exact, tmp_path):
    for index in (0, 10):
        found, whole, _, _ = read(
            f"data=notes(index={index})&model=tiny_lm&attack=dager&dtype=float64&defense=gaussian_noise(sigma={sigma})", tmp_path
        )
        assert whole == exact and not found.note.startswith("Exact:")
        assert found.note.startswith(says) if says else found.failed


def test_what_scales_a_message_hides_nothing_and_what_alters_it_is_said(tmp_path):
    found, exact, _, _ = read("data=notes&model=tiny_lm&attack=dager&dtype=float64&defense=clipping(clip_norm=0.1)", tmp_path)
    assert exact and found.note.startswith("Exact:") and "times their gradient" in found.note
    found, exact, _, _ = read("data=notes&model=tiny_lm&attack=dager&dtype=float64&defense=selective_encryption(which='first')", tmp_path)
    assert exact and found.note.startswith("Not these sentences alone"), "the words' gradient is hidden, and it does not need it"


def test_the_span_is_that_of_the_inputs():
    rng = torch.Generator().manual_seed(0)
    inputs, slopes = (torch.randn(9, n, generator=rng, dtype=torch.float64) for n in (24, 72))
    gradient = slopes.T @ inputs
    span = Span.of(gradient, 2e-16)
    others = torch.randn(200, 24, generator=rng, dtype=torch.float64)
    assert len(span.basis) == np.linalg.matrix_rank(gradient.numpy()) == 9
    assert span.holds(inputs).all() and not span.holds(others).any()
    noisy = Span.of(gradient + 0.01 * torch.randn(gradient.shape, generator=rng, dtype=torch.float64), 2e-16)
    assert (
        len(noisy.basis) == 9
        and noisy.noise == pytest.approx(0.01, rel=0.1)
        and noisy.holds(inputs).all()
        and not noisy.holds(others).any()
    )
    assert Span.of(torch.randn(72, 24, generator=rng, dtype=torch.float64), 2e-16).basis.shape[0] == 0, "noise alone spans nothing"


def test_through_the_engine(tmp_path):
    found = run(Scenario.parse("data=notes&model=tiny_lm&attack=dager&batch=3"), Site(None, tmp_path, "cpu"))
    assert found.scores["token_accuracy"] == found.scores["rouge_2"] == [1, 1, 1] and found.scores["edit_distance"] == [0, 0, 0]
    assert found.sentences["guess"] == found.sentences["truth"] and "psnr" not in found.scores and found.baseline is None
    assert found.given == "message, net, batch size" and found.threat_model == "B" and not found.failed
