"""How often tangent search reads a picture behind noise in the tangent space: digits and LeNet, every strength; with --photos also one 16x16 photograph.

`PYTHONPATH=. python benchmarks/tangent.py [--photos]`
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

from invviz.run import Site, run
from invviz.scenario import Scenario

DEFENSES = ("invl_gnp(scale=0.2)", "invl_gnp(scale=1.0)", "invl_gnp(scale=10.0)", "water_filling(sigma=0.1)", "water_filling(sigma=1.0)")
BENEATH = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # of isotropic Gaussian noise, relative
PICTURES = 20
READ = 100.0  # dB


def main() -> None:
    site = Site(None, Path("/nonexistent"), "cpu")
    attack = "seed={seed}&dtype=float64&attack=tangent&attacker=aware"
    print("| defense | read (100 dB and more) | least dB | certified | wrongly certified | median seconds |\n|---|---|---|---|---|---|")
    for defense in DEFENSES:
        found = [
            run(Scenario.parse(f"data=digits(index={37 * k % 300})&model=lenet&defense={defense}&{attack.format(seed=k)}"), site)
            for k in range(PICTURES)
        ]
        psnr = [float(one.scores["psnr"][0]) for one in found]
        sure = [p for p, one in zip(psnr, found, strict=True) if one.note.startswith("Exact") or " Exact:" in one.note]
        seconds = statistics.median(one.seconds for one in found)
        print(
            f"| {defense} | {sum(p >= READ for p in psnr)} of {PICTURES} | {min(psnr):.0f} | {len(sure)} | {sum(p < READ for p in sure)} | {seconds:.1f} |"
        )
    print("\n| isotropic noise beneath invl_gnp(scale=1.0) | dB, mean (worst) of 5 |\n|---|---|")
    for sigma in BENEATH:
        text = f"&model=lenet&defense=gaussian_noise(sigma={sigma})&defense=invl_gnp(scale=1.0)&"
        psnr = [
            float(run(Scenario.parse(f"data=digits(index={37 * k}){text}{attack.format(seed=k)}"), site).scores["psnr"][0])
            for k in range(5)
        ]
        print(f"| {100 * sigma:g} % | {statistics.mean(psnr):.1f} ({min(psnr):.1f}) |")
    if "--photos" in sys.argv:
        one = run(Scenario.parse(f"data=photos(size=16)&model=lenet&defense=invl_gnp(scale=1.0)&{attack.format(seed=7)}"), site)
        print(f"\nphotos(size=16), invl_gnp(scale=1.0): {float(one.scores['psnr'][0]):.0f} dB in {one.seconds:.0f} s. {one.note}")


if __name__ == "__main__":
    main()
