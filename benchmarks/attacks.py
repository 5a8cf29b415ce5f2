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

from invviz.core.rng import stream
from invviz.run import Site, meet_client, observe, run
from invviz.scenario import Scenario

CASES = {
    "data=photos&model=mlp&attack=linear_layer&dtype=float64": "exact: above 100 dB",
    "data=photos&model=lenet&attack=dlg": "above 30 dB on at least 8 of 10 seeds, within 60 s each",
    "data=photos&model=lenet&attack=dlg(labels='unknown')": "",
    "data=photos&model=lenet&attack=idlg": "",
    "data=photos&model=convnet&attack=dlg": "45 dB within 3 s",
    "data=photos&model=convnet&attack=inverting_gradients": "median of 5 seeds at least 45 dB",
}


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


def speed(site: Site, rounds: int = 7, steps: int = 60) -> None:
    print("\n| attack | ms per step | bare two backward passes, ms | ratio |")
    print("|---|---|---|---|")
    for model, attack in (("lenet", "inverting_gradients"), ("convnet", "inverting_gradients"), ("convnet", "dlg")):
        scenario = Scenario.parse(f"data=photos&model={model}&attack={attack}(steps={steps},restarts=1)")
        obs = observe(scenario, meet_client(scenario, site))
        image = torch.rand_like(obs.template.image).requires_grad_()
        ours, bare = [], []
        for _ in range(rounds):
            start, seen = time.perf_counter(), []
            scenario.attack.reconstruct(obs, stream(1, "attack"), lambda step, seen=seen: seen.append(step.number) or True)
            ours.append((time.perf_counter() - start) / len(seen))
            start = time.perf_counter()
            for _ in range(steps):
                bare_step(obs, image)
            bare.append((time.perf_counter() - start) / steps)
        print(f"| {attack} on {model} | {1e3 * min(ours):.2f} | {1e3 * min(bare):.2f} | {min(ours) / min(bare):.2f} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as cache:
        here = Site(None, Path(cache), "cpu")
        quality(given.seeds, here)
        speed(here)
