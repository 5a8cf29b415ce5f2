"""What the natural prior gives attackers behind masks: eight victims of the issue, then 40 others against the best attack in the house.

`PYTHONPATH=. python benchmarks/masks.py [--others | --house [ATTACK ...] | --small [ATTACK ...]]`; needs INVVIZ_DATA with CIFAR-10. `--others`: the forty against the quick rivals; `--house`: one of
the forty a mask, then a second, and so on, against these attacks, or every one that fits (some minutes each, most of it Gauss-Newton's); `--small`: the same of forty pictures of 16x16, which need no data.
"""

from __future__ import annotations

import os
import statistics
import sys
from pathlib import Path
from unittest import mock

from invviz.attacks._lbfgs import LBFGSMatching
from invviz.engine.attack import run
from invviz.engine.client import Site
from invviz.engine.results import Result
from invviz.scenario import Scenario
from invviz.scenario.families.attacks import everyone

VICTIMS = ("photos(index=0)", "cifar10(index=5)", "cifar10(index=21)", "photos(index=9)")
MASKS = ("random_pruning(fraction=0.9)", "pruning(fraction=0.9)")
OTHERS = (
    *(f"photos(index={k})" for k in (2, 4, 6, 11)),
    *(f"cifar10(index={k})" for k in (1, 8, 13, 34)),
)
SMALL = tuple(f"photos(index={k},size=16)" for k in (1, 2, 3, 4, 5, 6, 8, 11))
OTHER_MASKS = (
    "random_pruning(fraction=0.8)",
    "random_pruning(fraction=0.95)",
    "pruning(fraction=0.8)",
    "optimal_pruning(fraction=0.9)",
    "selective_encryption(fraction=0.5)",
)
QUICK = ("plug_and_play", "inverting_gradients", "deep_image_prior", "pca_prior")
SITE = Site(Path(os.environ.get("INVVIZ_DATA", "/nonexistent")), Path("/nonexistent"), "cpu")


def reached(data: str, mask: str, attack: str, seed: int) -> Result:
    """An aware attack on LeNet."""
    return run(Scenario.parse(f"data={data}&model=lenet&defense={mask}&attack={attack}&attacker=aware&seed={seed}"), SITE)


def psnr(found: Result) -> float:
    """In dB."""
    return float((found.scores["psnr"] or [0.0])[0])


def without_prior() -> mock._patch:
    """The search as it was."""
    return mock.patch.object(LBFGSMatching, "_masked_map", lambda self, obs, known, watch: None)


def issue() -> None:
    """The eight victims."""
    print("| mask | victim | without prior, dB | with it, dB | seconds |\n|---|---|---|---|---|", flush=True)
    for mask in MASKS:
        for data in VICTIMS:
            with without_prior():
                before = psnr(reached(data, mask, "dlg", 7))
            after = reached(data, mask, "dlg", 7)
            print(f"| {mask} | {data} | {before:.1f} | {psnr(after):.1f} | {after.seconds:.1f} |", flush=True)


def others() -> None:
    """Forty more, each against what every other attack reaches."""
    print("\n| mask | victim | dlg without prior | best other | its dB | dlg, dB |\n|---|---|---|---|---|---|", flush=True)
    gaps = []
    for i, mask in enumerate(OTHER_MASKS):
        for k, data in enumerate(OTHERS):
            seed = 100 + 8 * i + k
            after = psnr(reached(data, mask, "dlg", seed))
            with without_prior():
                found = {"dlg without prior": psnr(reached(data, mask, "dlg", seed))}
            before = found["dlg without prior"]
            found |= {name: psnr(reached(data, mask, name, seed)) for name in QUICK}
            best = max(found, key=found.__getitem__)
            gaps.append(after - found[best])
            print(f"| {mask} | {data} | {before:.1f} | {best} | {found[best]:.1f} | {after:.1f} |", flush=True)
    print(f"\n{len(gaps)} cases: {statistics.mean(gaps):+.1f} dB on average, {min(gaps):+.1f} in the worst, against the best other.")


def house(pictures: tuple[str, ...], rivals: list[str]) -> None:
    """Forty, one of each mask after the other, each against these attacks, or every one that fits."""
    print("| mask | victim | dlg, dB | s | best other | its dB | s | gap so far, dB |\n|---|---|---|---|---|---|---|---|", flush=True)
    gaps: list[float] = []
    for turn in range(len(pictures)):
        for i, mask in enumerate(OTHER_MASKS):
            k = (3 * i + turn) % len(pictures)  # other pictures and seeds for every mask
            s = Scenario.parse(f"data={pictures[k]}&model=lenet&defense={mask}&attack=dlg&attacker=aware&seed={100 + 8 * i + k}")
            own, others = run(s, SITE), {name: one for name, one in everyone(s).items() if name != "dlg" and (not rivals or name in rivals)}
            found = {name: run(one, SITE) for name, one in others.items()}
            best = max(found, key=lambda name: psnr(found[name]))
            gaps.append(psnr(own) - psnr(found[best]))
            ours, theirs = (f"{psnr(one):.1f} | {one.seconds:.0f}" for one in (own, found[best]))
            print(f"| {mask} | {pictures[k]} | {ours} | {best} | {theirs} | {statistics.mean(gaps):+.2f} of {len(gaps)} |", flush=True)


if __name__ == "__main__":
    for option, pictures in (("--house", OTHERS), ("--small", SMALL)):
        if option in sys.argv:
            house(pictures, sys.argv[sys.argv.index(option) + 1 :])
            sys.exit()
    issue()
    if "--others" in sys.argv:
        others()
