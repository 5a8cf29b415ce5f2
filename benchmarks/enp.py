"""What InvL-ENP costs in accuracy and against whom it helps, beside Gaussian noise: digits among two parties. python benchmarks/enp.py [PICTURES]."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

BASE = "data=digits(index={})&model=mlp(width=32,act='tanh')&protocol=vfl&attack=rmle(steps=300)&prior=dataset"
TRAIN = "&batch=4&train=federated(rounds=100,clients=4,lr=0.01)"
DEFENSES = (
    "",
    *(f"gaussian_noise(sigma={v})" for v in (0.3, 1.0, 3.0)),
    *(f"invl_enp(scale={v})" for v in (0.03, 0.1, 0.3, 1.0)),
)


def main() -> None:
    """One row a defense: accuracy after training through it, and what each attacker gets."""
    import torch

    from invviz.engine.assess import assess
    from invviz.engine.attack import run
    from invviz.engine.client import Site
    from invviz.engine.summary import risk_summary
    from invviz.engine.training import train
    from invviz.scenario import Scenario

    torch.set_num_threads(1)
    pictures = int([*sys.argv[1:], "10"][0])
    print("| defense | accuracy | unaware rMLE | aware rMLE | ceiling | noise's share of the message's energy |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        site = Site(None, Path(folder), "cpu")
        for text in DEFENSES:
            part = f"&defense={text}" if text else ""
            accuracy = train(Scenario.parse(BASE.format(0) + TRAIN + part), site).accuracy
            found = []
            for place in range(pictures):
                s = Scenario.parse(BASE.format(place) + part)
                a = assess(s, site)
                got = [float(np.mean(run(s.replace(attacker=who), site).scores["psnr"] or [0])) for who in ("unaware", "aware")]
                found.append([*got, risk_summary(s, a.decomposition, a.size, a.stages)["psnr_ceiling"], a.energy])
            means = np.mean(found, axis=0)
            energy = f"{100 * means[3]:.0f} %" if "enp" in text else f"{100 * float(text.split('=')[1][:-1]) ** 2:.0f} %" if text else ""
            print(
                f"| {text or 'none'} | {100 * accuracy:.1f} % | {means[0]:.1f} dB | {means[1]:.1f} dB | {means[2]:.1f} dB | {energy} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
