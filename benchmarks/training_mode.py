"""Inference mode against training mode: `python benchmarks/training_mode.py [--seeds 2] [--steps 200] [--widths 8 32]`.

Mean PSNR of a batch of 4 pictures of CIFAR-10 (INVVIZ_DATA; the packaged photos without it), by order of the norm, skip connections and width of model=preact. Seeds move
weights, start and pictures. The batch-norm weight was chosen on other pictures (index=500, seed=31).
"""

from __future__ import annotations

import argparse
import itertools
import os
import tempfile
from pathlib import Path

from invviz.engine.attack import run
from invviz.engine.client import Site
from invviz.scenario import Scenario

WAYS = {
    "inference mode": "hfl&attack=inverting_gradients(steps={steps},tv={tv})",
    "training mode": "hfl_training(statistics='kept')&attack=inverting_gradients(steps={steps},tv={tv})",
    "statistics sent": "hfl_training&attack=gia_running(steps={steps},tv={tv},bn={bn})",
    "statistics of public pictures": "hfl_training(statistics='kept')&attack=gia_estimate(steps={steps},tv={tv},bn={bn})",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--widths", type=int, nargs="+", default=[8, 32])
    parser.add_argument("--tv", type=float, default=0.05)
    parser.add_argument("--bn", type=float, default=1e-3)
    parser.add_argument("--grid", type=int, default=4)
    asked = parser.parse_args()
    real = os.environ.get("INVVIZ_DATA")
    data = "cifar10(index={})" if real else "photos(size=32,index={})"
    print("| order | skip | width | " + " | ".join(f"{way}, dB" for way in WAYS) + " |")
    print("|---" * (3 + len(WAYS)) + "|")
    with tempfile.TemporaryDirectory() as folder:
        site = Site(Path(real) if real else None, Path(folder), "cpu")
        for width, order, skip in itertools.product(asked.widths, ("pre", "post"), ("on", "off")):
            row = []
            for way in WAYS.values():
                found = []
                for seed in range(asked.seeds):
                    model = f"preact(width={width},order='{order}',skip='{skip}',grid={asked.grid})"
                    how = way.format(steps=asked.steps, tv=asked.tv, bn=asked.bn)
                    scores = run(
                        Scenario.parse(f"data={data.format(4 * seed)}&model={model}&protocol={how}&batch=4&seed={seed}"), site
                    ).scores
                    found.append(sum(scores["psnr"]) / 4)  # type: ignore[arg-type]
                row.append(" ".join(f"{psnr:.1f}" for psnr in found))
            print(f"| {order} | {skip} | {width} | " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    main()
