"""What a decoder is trained on: the victim's data set, a similar one, drawn textures, noise. INVVIZ_DATA=... python benchmarks/public_sets.py [WIDTH] [PICTURES] [SEEDS]."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

SETS = ("same", "similar", "textures", "noise")
DEPTHS = (("conv11", "cut=1,activated=False"), ("ReLU22", "cut=4"), ("ReLU32", "cut=6"))
ATTACK = "inverse_network(public='{}',epochs=10,width=16,pictures=1000)"


def main() -> None:
    """One row a depth: mean PSNR of the batch for every seed (which draws net, decoder and pictures' order)."""
    import torch

    from invviz.run import Site, run
    from invviz.scenario import Scenario

    torch.set_num_threads(1)
    width, pictures, seeds = (int(v) for v in [*sys.argv[1:], *("8", "4", "3")[len(sys.argv) - 1 :]])
    site = Site.from_env()
    print(f"| cut | {' | '.join(SETS)} |\n|---|{'---|' * len(SETS)}")
    for name, cut in DEPTHS:
        cells = []
        for kind in SETS:
            text = f"data=cifar10&model=vgg6(init='trained',width={width})&batch={pictures}&protocol=vfl(parties=1,{cut})&attack={ATTACK.format(kind)}"
            found = [run(Scenario.parse(f"{text}&seed={seed}"), site) for seed in range(1, seeds + 1)]
            cells.append(" ".join(f"{np.mean(one.scores['psnr']):.1f}" for one in found))
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
