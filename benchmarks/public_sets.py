"""What a decoder is trained on: the victim's data set, a similar one, drawn textures, noise. INVVIZ_DATA=... python benchmarks/public_sets.py [WIDTH] [PICTURES] [SEEDS] [TRAINED ON]."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

SETS = ("same", "similar", "textures", "noise")
DEPTHS = (("ReLU22", "cut=4"), ("conv11", "cut=1,activated=False"))
ATTACK = "inverse_network(public='{}',epochs=10,width=16,pictures={})"


def main() -> None:
    """One row a depth: mean PSNR over the batch, for every seed of the decoder and of the choice of its pictures; the net is one and the same."""
    import torch

    from invviz.core.rng import stream
    from invviz.engine.client import Site, meet_client
    from invviz.engine.observe import observe
    from invviz.metrics import PSNR
    from invviz.scenario import Scenario

    torch.set_num_threads(1)
    given = [int(v) for v in sys.argv[1:]]
    width, pictures, seeds, most = given + [16, 4, 3, 500][len(given) :]
    site = Site.from_env()
    print(f"| cut | {' | '.join(SETS)} |\n|---|{'---|' * len(SETS)}")
    for name, cut in DEPTHS:
        cells = []
        for kind in SETS:
            base = f"data=cifar10&model=vgg6(init='trained',width={width})&batch={pictures}&protocol=vfl(parties=1,{cut})"
            s = Scenario.parse(f"{base}&attack={ATTACK.format(kind, most)}")
            client = meet_client(s, site)
            obs, truth = observe(s, client), client.batch.image.numpy()
            found = [s.attack.reconstruct(obs, stream(seed, "attack"), lambda step: True) for seed in range(1, seeds + 1)]
            cells.append(" ".join(f"{PSNR().score(one.batch.image.numpy(), truth).mean():.1f}" for one in found))
            print(name, kind, cells[-1], file=sys.stderr, flush=True)
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
