"""Embeddings of CIFAR-10 after he2019inversion: rMLE and decoders over the depth of the cut. INVVIZ_DATA=... python benchmarks/depths.py [WIDTH] [PICTURES]."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

# Their names, our cuts, the weight of total variation in our units, their PSNR and SSIM: rMLE, inverse network on the same set, on random pictures of another set.
DEPTHS = (
    ("conv11", "cut=1,activated=False", 0.0, ("37.6 / 1.00", "49.9 / 1.00", "48.6")),
    ("ReLU22", "cut=4", 1e-3, ("19.5 / 0.69", "19.8 / 0.69", "12.8")),
    ("ReLU32", "cut=6", 1e-2, ("13.4 / 0.16", "15.4 / 0.31", "12.4")),
)


def main() -> None:
    """One row a depth, ours beside theirs."""
    import torch

    from invviz.engine.attack import run
    from invviz.engine.baseline import mean_picture
    from invviz.engine.client import Site
    from invviz.metrics import PSNR
    from invviz.scenario import Scenario

    torch.set_num_threads(1)
    width, pictures = (int(v) for v in [*sys.argv[1:], "32", "8"][:2])
    site = Site.from_env()
    base = f"data=cifar10&model=vgg6(init='trained',width={width})&batch={pictures}&protocol=vfl(parties=1,{{}})&attack={{}}"
    print(
        "| cut | rMLE | theirs | decoder, same set | theirs | decoder, textures | decoder, noise | theirs, random set | accuracy | seconds |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name, cut, tv, theirs in DEPTHS:
        cells, seconds = [], 0.0
        for attack in (
            f"rmle(tv={tv},steps=1500)",
            *(f"inverse_network(public='{kind}',epochs=10)" for kind in ("same", "textures", "noise")),
        ):
            found = run(Scenario.parse(base.format(cut, attack)), site)
            psnr, ssim = (float(np.mean(found.scores[k] or [np.nan])) for k in ("psnr", "ssim"))
            cells.append(f"{psnr:.1f} / {ssim:.2f}")
            seconds += found.seconds
        print(
            f"| {name} | {cells[0]} | {theirs[0]} | {cells[1]} | {theirs[1]} | {cells[2]} | {cells[3]} | {theirs[2]} | {found.accuracy:.3f} | {seconds:.0f} |",
            flush=True,
        )
    s = Scenario.parse(base.format("cut=1", "rmle"))
    mean = np.repeat(mean_picture(s, s.data.load(site.data_dir)), pictures, 0)
    truth = s.data.victims(s.data.load(site.data_dir), pictures)[0]
    print(f"mean picture: {PSNR().score(mean, truth).mean():.1f} dB")


if __name__ == "__main__":
    main()
