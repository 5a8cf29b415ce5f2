"""inverting_gradients and features on ConvNet, CIFAR-10, batches of 1 to 8, beside inverting gradients as a plain PyTorch loop: `INVVIZ_DATA=... python benchmarks/batches.py`.

The plain loop is written as it usually is: cosine distance, total variation of 1e-4, Adam on signs, a tenth of the rate after 3/8, 5/8 and 7/8, pictures kept inside [0, 1],
a start from normal noise. Both sides do 500 steps on the same gradient; then the plain loop gets what it reached in the CPU time that ours took. `features` is told less (no labels) and
ends by itself. Pictures are matched before scoring.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from invviz.attacks import ATTACKS
from invviz.core.rng import stream
from invviz.engine.client import Site, meet_client
from invviz.engine.observe import observe
from invviz.metrics import PSNR, match
from invviz.scenario import Scenario

STEPS = 500


def score(guess: torch.Tensor, truth: torch.Tensor) -> float:
    pictures, true = guess.detach().clamp(0, 1).numpy(), truth.numpy()
    return float(PSNR().score(pictures[match(pictures, true)], true).mean())


def ours(scenario: Scenario, obs, truth: torch.Tensor) -> tuple[float, float]:
    """PSNR and CPU time of a scenario's attack."""
    begin = time.process_time()
    found = scenario.attack.reconstruct(obs, stream(scenario.seed, "attack"), lambda step: True)
    return score(found.batch.image, truth), time.process_time() - begin


def plain(obs, truth: torch.Tensor, seed: int, seconds: float) -> tuple[float, float, float]:
    """PSNR after all steps, after `seconds` of CPU time, and the CPU time of all steps."""
    module, target = obs.net.module.requires_grad_(True), list(obs.message.values())
    image = torch.randn(truth.shape, generator=torch.Generator().manual_seed(seed)).clamp(0, 1).requires_grad_()
    optimiser = torch.optim.Adam([image], lr=0.1)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimiser, [STEPS * k // 8 for k in (3, 5, 7)], gamma=0.1)
    begin, early = time.process_time(), None
    for _ in range(STEPS):
        if early is None and time.process_time() - begin > seconds:
            early = image.detach().clone()
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(module(image), obs.template.label)
        gradient = torch.autograd.grad(loss, list(module.parameters()), create_graph=True)
        along = sum((g * t).sum() for g, t in zip(gradient, target, strict=True))
        sizes = [sum((g**2).sum() for g in side) for side in (gradient, target)]
        cosine = 1 - along / (sizes[0] * sizes[1]).sqrt()
        rough = (image[..., 1:] - image[..., :-1]).abs().mean() + (image[..., 1:, :] - image[..., :-1, :]).abs().mean()
        (cosine + 1e-4 * rough).backward()
        image.grad.sign_()
        optimiser.step()
        schedule.step()
        with torch.no_grad():
            image.clamp_(0, 1)
    took = time.process_time() - begin
    module.requires_grad_(False)
    return score(image, truth), score(image if early is None else early, truth), took


def main(site: Site, data: str, batches: list[int], seeds: int) -> None:
    print(f"{data}, {STEPS} steps, mean of {seeds} seeds (worst)\n")
    print("| batch | inverting_gradients, dB | CPU s | plain loop, dB | CPU s | plain loop in our time, dB | features, dB | CPU s |")
    print("|---" * 8 + "|")
    for batch in batches:
        rows = []
        for seed in range(seeds):
            scenario = Scenario.parse(
                f"data={data}(index={seed * batch})&model=convnet&attack=inverting_gradients&batch={batch}&seed={seed}"
            )
            client = meet_client(scenario, site)
            obs, truth = observe(scenario, client), client.batch.image
            got, took = ours(scenario, obs, truth)
            told_less = scenario.replace(attack=ATTACKS["features"]())
            rows.append((got, took, *plain(obs, truth, seed, took), *ours(told_less, observe(told_less, client), truth)))
        mine, seconds, theirs, early, other, features, last = np.array(rows).T
        cells = [
            f"{mine.mean():.1f} ({mine.min():.1f})",
            f"{seconds.mean():.1f}",
            f"{theirs.mean():.1f} ({theirs.min():.1f})",
            f"{other.mean():.1f}",
            f"{early.mean():.1f}",
            f"{features.mean():.1f} ({features.min():.1f})",
            f"{last.mean():.1f}",
        ]
        print(f"| {batch} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=4)
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as cache:
        here = Site(Site.from_env().data_dir, Path(cache), "cpu")
        main(here, "cifar10", [1, 2, 4, 8], given.seeds)
        print()
        main(here, "photos", [1], given.seeds)
