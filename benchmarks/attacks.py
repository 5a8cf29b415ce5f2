"""Quality and speed of the attacks on the default photos: `python benchmarks/attacks.py [--seeds 10]`.

Quality is PSNR per seed (seed = weights, start; picture = seed). Speed is the cost of one step against a bare loop of two backward
passes over the same net and picture, timed interleaved in the same process.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch

from invviz.attacks._matching import cosine_distance
from invviz.core.gradient import finite_differences
from invviz.core.rng import stream
from invviz.core.tree import norm
from invviz.core.types import Batch
from invviz.engine.attack import run
from invviz.engine.client import Site, meet_client
from invviz.engine.observe import observe
from invviz.scenario import Scenario

CASES = {
    "data=photos&model=mlp&attack=linear_layer&dtype=float64": "exact: above 100 dB",
    "data=photos&model=lenet&attack=dlg": "above 30 dB on at least 8 of 10 seeds, within 60 s each",
    "data=photos&model=lenet&attack=dlg(labels='unknown')": "",
    "data=photos&model=lenet&attack=idlg": "",
    "data=photos&model=convnet&attack=dlg": "45 dB within 3 s",
    "data=photos&model=convnet&attack=inverting_gradients": "median of 5 seeds at least 45 dB",
}


STEPS = (  # model, attack, steps that are timed, ratio that is wanted
    ("lenet", "inverting_gradients", 60, "1.15"),
    ("convnet", "inverting_gradients", 60, "1.15"),
    ("resnet18", "inverting_gradients", 3, "1.0"),
    ("resnet18", "inverting_gradients_fd", 3, "0.7"),
    ("convnet", "inverting_gradients_fd", 60, ""),
    ("convnet", "dlg", 60, ""),
)


def quality(seeds: int, site: Site) -> None:
    print("| scenario | PSNR per seed (dB) | median | least | seconds, median and most | failed | wanted |")
    print("|---|---|---|---|---|---|---|")
    for text, wanted in CASES.items():
        results = [
            run(Scenario.parse(f"{text}&seed={s}").replace(data=Scenario.parse(text).data.replace(index=s)), site) for s in range(seeds)
        ]
        psnr, seconds = [r.scores["psnr"][0] for r in results], [r.seconds for r in results]
        failed = sum(r.failed for r in results)
        row = [f"`{text}`", " ".join(f"{p:.0f}" for p in psnr), f"{statistics.median(psnr):.1f}", f"{min(psnr):.1f}"]
        print("| " + " | ".join([*row, f"{statistics.median(seconds):.1f}, {max(seconds):.1f}", str(failed), wanted]) + " |", flush=True)


def bare_step(obs, image: torch.Tensor) -> None:
    """Two backward passes by hand: gradient of the loss, then gradient of its distance; no invviz code but the net."""
    module = obs.net.module.requires_grad_(True)
    loss = torch.nn.functional.cross_entropy(module(image), obs.template.label)
    gradient = torch.autograd.grad(loss, list(module.parameters()), create_graph=True)
    distance = sum(((g - m) ** 2).sum() for g, m in zip(gradient, obs.message.values(), strict=True))
    torch.autograd.grad(distance, image)
    module.requires_grad_(False)


def speed(site: Site, rounds: int = 9) -> None:
    """CPU time, so that a busy machine matters little; both sides in turn, the least of each."""
    print("\n| one step of | ms | two bare backward passes, ms | ratio | wanted |")
    print("|---|---|---|---|---|")
    for model, attack, steps, wanted in STEPS:
        scenario = Scenario.parse(f"data=photos&model={model}&attack={attack}(steps=100000,restarts=1)")
        obs = observe(scenario, meet_client(scenario, site))
        image = torch.rand_like(obs.template.image).requires_grad_()
        ours, bare = [], []
        for _ in range(rounds):
            start, seen = time.process_time(), []
            scenario.attack.reconstruct(obs, stream(1, "attack"), lambda step, seen=seen, most=steps: seen.append(step) or len(seen) < most)
            ours.append((time.process_time() - start) / steps)
            start = time.process_time()
            for _ in range(steps):
                bare_step(obs, image)
            bare.append((time.process_time() - start) / steps)
        took, alone = min(ours), min(bare)
        print(f"| {attack} on {model} | {1e3 * took:.2f} | {1e3 * alone:.2f} | {took / alone:.2f} | {wanted} |", flush=True)


def precision(site: Site) -> None:
    """What finite differences lose: the slope beside the exact one, and the answer after as many steps."""
    print("\n| finite differences on | cosine of both slopes at a move of 1e-3, 1e-4, 1e-5 | PSNR (dB), exact and by differences |")
    print("|---|---|---|")
    for model, steps in (("lenet", 500), ("convnet", 500), ("resnet18", 60)):
        scenario = Scenario.parse(f"data=photos&model={model}&attack=inverting_gradients(steps={steps})")
        client = meet_client(scenario, site)
        obs = observe(scenario, client)
        image = (client.batch.image + 0.03 * torch.randn_like(client.batch.image)).requires_grad_()

        def slope(move: float, obs=obs, image=image) -> torch.Tensor:
            with finite_differences(move * float(norm(obs.net.params))):
                message = obs.simulate(Batch.of(image, obs.template.label))
            return torch.autograd.grad(cosine_distance(message, obs.message), image)[0]

        exact = slope(0.0)
        cosines = [torch.nn.functional.cosine_similarity(slope(move).flatten(), exact.flatten(), dim=0) for move in (1e-3, 1e-4, 1e-5)]
        quick = Scenario.parse(f"data=photos&model={model}&attack=inverting_gradients_fd(steps={steps})")
        reached = [run(s, site).scores["psnr"][0] for s in (scenario, quick)]
        print(f"| {model} | {' '.join(f'{float(c):.5f}' for c in cosines)} | {reached[0]:.1f} {reached[1]:.1f} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="of the quality; 0 leaves it out")
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as cache:
        here = Site(None, Path(cache), "cpu")
        if given.seeds:
            quality(given.seeds, here)
        speed(here)
        precision(here)
