"""What a denoiser or an extra term is worth at equal steps: `INVVIZ_DATA=... python benchmarks/priors.py [denoiser|vit] [--seeds 4]`.

Every seed is another picture, other weights, another start and another draw of the defense. PSNR in dB: the mean of the seeds, and the worst.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch

from invviz.engine.attack import run
from invviz.engine.client import Site
from invviz.scenario import Scenario

NOISE, BITS = "defense=gaussian_noise(sigma=1.0)", "defense=quantisation(bits=4)"
SUITES = {
    "denoiser": (
        (
            f"data=cifar10&model=convnet&{NOISE}&attacker=aware",
            f"data=cifar10&model=convnet&{BITS}&attacker=aware",
            f"data=photos(size=32)&model=convnet&{NOISE}&attacker=aware",
            f"data=cifar10&model=convnet&{NOISE}",
        ),
        ("inverting_gradients(steps=150)", "pca_prior(steps=150)", "dlg(steps=150,restarts=1)", "plug_and_play(steps=150)"),
    ),
    "vit": (
        ("data=digits&model=vit", "data=photos&model=vit", "data=digits&model=vit&batch=4", "data=digits&model=vit&defense=gaussian_noise(sigma=0.01)"),
        ("inverting_gradients(steps=200)", "dlg(steps=200,restarts=1)", "april_optimisation(steps=200,restarts=1)"),
    ),
}  # fmt: skip


def rows(victims: tuple[str, ...], attacks: tuple[str, ...], seeds: int, site: Site) -> None:
    print("| victim | attack | mean dB | worst dB | CPU s |")
    print("|---|---|---|---|---|")
    for victim in victims:
        for attack in attacks:
            psnr, seconds = [], []
            for seed in range(seeds):
                scenario = Scenario.parse(f"{victim}&attack={attack}&seed={seed}")
                scenario = scenario.replace(data=scenario.data.replace(index=seed * scenario.batch))
                begin = time.process_time()
                psnr += [float(p) for p in run(scenario, site).scores["psnr"]]
                seconds.append(time.process_time() - begin)
            print(
                f"| `{victim}` | `{attack}` | {statistics.mean(psnr):.1f} | {min(psnr):.1f} | {statistics.mean(seconds):.1f} |", flush=True
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suite", nargs="*", choices=list(SUITES), default=list(SUITES))
    parser.add_argument("--seeds", type=int, default=4)
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as cache:
        here = Site(Site.from_env().data_dir, Path(cache), "cpu")
        for suite in given.suite:
            print(f"\n{suite}\n")
            rows(*SUITES[suite], given.seeds, here)
