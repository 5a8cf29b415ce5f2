"""What several rounds of one batch give away: `python benchmarks/rounds.py [--seeds 3] [--steps 80] [--least 1] [--most 16] [--only photos]`.

DLG on the messages of T rounds, by attackers who do and who do not know the defense, beside the ideal attacker of the same rounds, noise and natural prior
(floor 0, exact spectra: sketches are not sharp at little noise); PSNR in dB, mean and least over seeds (seed = weights, noise, start; picture = seed).
"""

from __future__ import annotations

import argparse

import numpy as np
import torch

from invviz.engine.assess import assess
from invviz.engine.attack import run
from invviz.engine.client import Site
from invviz.engine.summary import risk_summary
from invviz.metrics import PSNR
from invviz.risk import ideal
from invviz.scenario import Scenario

ROUNDS = (1, 2, 4, 8, 16)
DATA = ("digits", "photos(size=16)")
MODELS = ("convnet(act='tanh')", "lenet")
DEFENSES = (
    "gaussian_noise(sigma=0.1)",
    "gaussian_noise(sigma=0.3)",
    "gaussian_noise(sigma=1.0)",
    "pruning(fraction=0.99)",
    "pruning(fraction=0.99)&protocol=hfl(lr=1.0)",  # the net moves, so other entries are the largest
)
DRAWS = 4  # of the ideal attacker


def best(scenario: Scenario, site: Site) -> float:
    """The ideal attacker's PSNR at this very picture; nan where no noise bounds it."""
    if not any(d.noisy for d in scenario.defense):
        return np.nan
    found = assess(scenario, site)
    sigma = risk_summary(scenario, found.decomposition, found.size, found.stages)["sigma"]
    drawn = [ideal(found.decomposition, sigma, seed).clip(0, 1) for seed in range(DRAWS)]
    return float(np.mean([PSNR().score(guess, found.truth).mean() for guess in drawn]))


def row(data: str, model: str, defense: str, count: int, seeds: int, steps: int, site: Site) -> None:
    """One line of the table."""
    got: dict[str, list[float]] = {"unaware": [], "aware": [], "ideal": []}
    seconds = []
    for seed in range(seeds):
        text = f"data={data}&model={model}&defense={defense}&attack=dlg(steps={steps},restarts=1)&rounds={count}&seed={seed}"
        scenario = Scenario.parse(text + "&prior=natural&floor=0&method=exact")
        scenario = scenario.replace(data=scenario.data.replace(index=seed))
        for who in ("unaware", "aware"):
            result = run(scenario.replace(attacker=who), site)
            got[who].append(float(np.mean(result.scores["psnr"])))
            seconds.append(result.seconds)
        got["ideal"].append(best(scenario, site))
    cells = ["" if np.isnan(v).any() else f"{np.mean(v):.1f} ({min(v):.1f})" for v in got.values()]
    print(f"| {data} | {model} | {defense} | {count} | " + " | ".join(cells) + f" | {np.mean(seconds):.1f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=80)
    parser.add_argument("--least", type=int, default=1)
    parser.add_argument("--most", type=int, default=16)
    parser.add_argument("--only", default="", help="rows whose data, model and defense, separated by blanks, contain this")
    args = parser.parse_args()
    torch.set_num_threads(1)
    print("| data | model | defense | rounds | unaware, mean (least) | aware | ideal attacker | seconds an attack |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for data in DATA:
        for model in MODELS:
            for defense in DEFENSES:
                for count in ROUNDS:
                    if args.only in f"{data} {model} {defense}" and args.least <= count <= args.most:
                        row(data, model, defense, count, args.seeds, args.steps, Site.from_env())


if __name__ == "__main__":
    main()
