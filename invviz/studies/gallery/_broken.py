"""Computing the prepared story of InvL-GNP: five pictures behind six strengths, six attackers each, and how far other pictures' tangents miss the message."""

from __future__ import annotations

import dataclasses
import itertools
import multiprocessing
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.command import command
from ...core.lazy import torch
from ...core.pixels import as_bytes
from ...core.plain import to_json
from ...core.record import write_whole
from ...core.rng import stream
from ...core.tree import flatten
from ...core.types import Batch
from ...engine.assess import assess
from ...engine.attack import run
from ...engine.baseline import baseline_of
from ...engine.client import Client, Site, meet_client
from ...engine.observe import observe
from ...engine.summary import noise_variance
from ...metrics import PSNR, SSIM
from ...risk import psnr_ceiling, total_sigma
from ...scenario import Scenario, check
from ..kept import HEAD
from .broken import ATTACKERS, NAME, NEAR, PICTURES, SCALES, keys, load, scenario

if TYPE_CHECKING:
    from torch import Tensor

OTHERS = 9  # pictures beside the true one whose tangents are asked
WORKERS = 3
MOST = 400.0  # dB; stands for "no error at all"


def make(folder: Path, missing: bool = False) -> None:
    """Write facts.json and arrays.npz, about eight minutes of processor time; with `missing` only where there are none of today's."""
    if missing and load() is not None:
        return
    with tempfile.TemporaryDirectory() as cache, ProcessPoolExecutor(WORKERS, mp_context=multiprocessing.get_context("spawn")) as pool:
        site = Site(None, Path(cache), "cpu")
        made = list(pool.map(_cell, *zip(*itertools.product(SCALES, range(len(PICTURES))), strict=True), itertools.repeat(site)))
        truths = [_truth(place, site) for place in range(len(PICTURES))]
        bases = [
            dataclasses.asdict(baseline_of(scenario("unaware", 1.0, *picture), truth, None))
            for picture, truth in zip(PICTURES, truths, strict=True)
        ]
    folder.mkdir(parents=True, exist_ok=True)
    guesses = np.stack([pictures for _, pictures in made])
    np.savez_compressed(folder / "arrays.npz", guesses=guesses, truths=np.stack([truth[0] for truth in truths]))
    head = {**HEAD, "command": command(NAME, module="invviz.gallery"), "keys": keys()}
    write_whole(folder / "facts.json", to_json({**head, "baselines": bases, "cells": [cell for cell, _ in made]}, digits=5) + "\n")


def attacked(attacker: str, faced: Scenario, site: Site) -> tuple[dict[str, Any], np.ndarray]:
    """What one attacker got, as it is kept, and its picture, (1, c, h, w) in [0, 1]."""
    if attacker != "law":
        result = run(faced, site)
        guess, loss, seconds, note = result.guess, result.loss, result.seconds, result.note
        truth = result.truth
    else:  # `run` would try tangent search first, as whoever knows of such noise should
        check(faced)
        client = meet_client(faced, site)
        obs, start = observe(faced, client), time.monotonic()
        found = faced.attack.reconstruct(obs, stream(faced.seed, "attack"), lambda _: True)
        guess, truth = (batch.image.cpu().numpy() for batch in (found.batch, client.batch))
        guess, loss, seconds, note = guess.clip(0, 1), found.loss, time.monotonic() - start, found.note
    psnr, ssim = (float(metric.score(guess, truth)[0]) for metric in (PSNR(), SSIM()))
    kept = {
        "scenario": faced.text(),
        "psnr": min(psnr, MOST),
        "ssim": ssim,
        "loss": loss,
        "exact": "Exact:" in note,
        "seconds": round(seconds, 1),
    }
    return kept, guess


def expected(faced: Scenario, site: Site) -> tuple[float, float]:
    """The ideal attacker's expected best in dB, and the energy of coloured noise over the message's."""
    found = assess(faced, site)
    d = found.decomposition
    ceiling = psnr_ceiling(d, total_sigma(d, faced.floor, noise_variance(faced, found.size, found.stages)))
    return float(ceiling), float(found.energy or 0.0)


def missed(faced: Scenario, site: Site) -> float:
    """How far the message lies from every message that another picture could have sent, over the size of the noise-free one; `Cell.missed`."""
    client = meet_client(faced, site)
    message, rng = flatten(observe(faced, client).message), stream(faced.seed, "others")
    truth, size = client.batch.image, float(flatten(client.bare(client.net, client.batch, None)).norm())
    steps = [torch.randn(truth.shape, generator=rng, dtype=truth.dtype) for _ in range(OTHERS)]
    others = [truth + step / step.square().mean().sqrt() * 10 ** (-NEAR / 20) for step in steps]
    return float(np.median([distance(client, message, other) for other in others])) / size


def distance(client: Client, message: Tensor, picture: Tensor) -> float:
    """From the message to the tangent space of all messages at a picture."""

    def sent(flat: Tensor) -> Tensor:
        return flatten(client.bare(client.net, Batch.of(flat.reshape(picture.shape), client.batch.label), None))

    point = picture.flatten()
    jacobian = torch.func.jacfwd(sent)(point)
    rest = message - sent(point)
    inside, _ = torch.linalg.qr(jacobian)
    return float((rest - inside @ (inside.T @ rest)).norm())


def _cell(scale: float, place: int, site: Site) -> tuple[dict[str, Any], np.ndarray]:
    """One picture behind one strength: figures, and the guesses as bytes, (attackers, c, h, w)."""
    torch.set_num_threads(1)
    picture = PICTURES[place]
    faced = scenario("tangent", scale, *picture)
    ideal, energy = expected(faced, site)
    got, guesses = {}, []
    for name in ATTACKERS:
        got[name], guess = attacked(name, scenario(name, scale, *picture, isotropic=energy**0.5), site)
        guesses.append(as_bytes(guess)[0])
    flat, _ = expected(scenario("isotropic", scale, *picture, isotropic=energy**0.5), site)
    cell = {
        "scale": scale,
        "place": place,
        "got": got,
        "ideal": ideal,
        "isotropic_ideal": flat,
        "energy": energy,
        "missed": missed(faced, site),
    }
    words = ", ".join(f"{name} {one['psnr']:.1f}" for name, one in got.items())
    sys.stderr.write(f"scale {scale:g}, picture {place}: {words}; ideal {ideal:.1f} and {flat:.1f}; missed {cell['missed']:.2g}\n")
    return cell, np.stack(guesses)


def _truth(place: int, site: Site) -> np.ndarray:
    return meet_client(scenario("unaware", 1.0, *PICTURES[place]), site).batch.image.cpu().numpy().astype(np.float32)
