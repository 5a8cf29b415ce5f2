"""Closed forms with certificates, where their conditions hold and where they do not: `python benchmarks/exact.py [--seeds 5]`.

Worst PSNR over the seeds, how often the attack's own note says that it is exact, and CPU seconds. Every seed is another net and another picture (or batch).
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import torch

from invviz.engine.attack import run
from invviz.engine.client import Site
from invviz.scenario import Scenario

CASES = (
    *(f"data={data}&model=mlp&attack=spear&batch={b}&dtype={dtype}" for data in ("digits", "photos(size=16)") for dtype in ("float64", "float32") for b in (2, 4, 8, 10)),
    "data=digits&model=mlp(act='tanh')&attack=gauss_newton&batch=4",
    "data=digits&model=mlp&attack=spear&batch=4&defense=clipping",
    "data=digits&model=mlp&attack=spear&batch=4&defense=gaussian_noise(sigma=0.001)",
    *(f"data={data}&model=vit({net})&attack=april(equations='{equations}')&dtype={dtype}" for data in ("digits", "photos") for net, equations in (("skip='off',norm='none'", "attention"), ("", "attention"), ("", "embedding")) for dtype in ("float64", "float32")),
    "data=photos&model=vit&attack=april(equations='embedding')&defense=gaussian_noise(sigma=0.001)",
    "data=photos&model=lenet&attack=peeling&dtype=float64",
    "data=photos&model=lenet&attack=peeling",
    "data=photos&model=lenet&attack=peeling&defense=gaussian_noise(sigma=0.001)",
)  # fmt: skip


def main(seeds: int, site: Site) -> None:
    print("| scenario | worst picture of every seed, dB | said exact | CPU s, most |")
    print("|---|---|---|---|")
    for text in CASES:
        base, rows = Scenario.parse(text), []
        for seed in range(seeds):
            scenario = base.replace(data=base.data.replace(index=seed * base.batch), seed=seed)
            start = time.process_time()
            found = run(scenario, site)
            rows.append((min(found.scores["psnr"]), _certain(found.note), time.process_time() - start))
        psnr = " ".join(f"{p:.0f}" for p, _, _ in rows)
        print(f"| `{text}` | {psnr} | {sum(c for _, c, _ in rows)} of {seeds} | {max(s for _, _, s in rows):.1f} |", flush=True)


def _certain(note: str) -> bool:
    said = note.lower()
    return "exact" in said and "not exact" not in said


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as cache:
        main(given.seeds, Site(None, Path(cache), "cpu"))
