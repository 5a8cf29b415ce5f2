"""What jobs take beside what `invviz.jobs.price` says before they are queued: `python benchmarks/price.py`. Seconds of the processor, so that neighbours do not count."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from invviz.engine.client import Site
from invviz.jobs import price
from invviz.jobs.worker import execute, warm_up
from invviz.scenario import Scenario

JOBS = (
    ("run", "data=digits&model=lenet&defense=gaussian_noise(sigma=0.1)&attack=dlg&attacker=aware"),
    ("run", "data=photos&model=lenet&attack=dlg"),
    ("run", "data=photos&model=lenet&defense=gaussian_noise(sigma=0.1)&attack=see_through&attacker=aware"),
    ("run", "data=photos&model=convnet&attack=inverting_gradients"),
    ("run", "data=photos(size=16)&model=convnet&attack=inverting_gradients&batch=4"),
    ("run", "data=photos(size=16)&model=resnet18(width=16)&attack=inverting_gradients(steps=200)"),
    ("run", "data=digits&model=lenet&defense=invl_gnp&attack=tangent&attacker=aware&dtype=float64"),
    ("run", "data=photos(size=16)&model=lenet&attack=gauss_newton"),
    ("run", "data=photos&model=vit&attack=april"),
    ("run", "data=photos&model=mlp&attack=linear_layer"),
    ("run", "data=digits&model=mlp&protocol=vfl&attack=rmle"),
    ("run", "data=digits&model=mlp&protocol=vfl&attack=inverse_network"),
    ("run", "data=digits&model=convnet(init='trained')&attack=inverting_gradients"),
    ("run", "data=digits&model=lenet&protocol=hfl(local_steps=4)&attack=dlg"),
    ("risk", "data=digits&model=lenet"),
    ("risk", "data=photos(size=16)&model=convnet"),
    ("risk", "data=photos(size=16)&model=resnet18(width=16)"),
    ("sketch", "data=photos&model=lenet&prior=natural"),
    ("train", "data=digits&model=mlp&train=federated(rounds=100)"),
    ("train", "data=digits&model=convnet&train=federated(rounds=50)"),
    ("clients", "data=digits&model=lenet&train=federated"),
)


def main() -> None:
    site = Site(None, Path(tempfile.mkdtemp()), "cpu")
    warm_up(site)
    ratios = []
    for kind, text in JOBS:
        scenario, start = Scenario.parse(text), time.process_time()
        execute(kind, scenario, site, lambda event: True)
        took, said = time.process_time() - start, price.seconds(kind, scenario)
        ratios.append(said / max(took, 0.5))
        print(f"{kind:8} took {took:7.1f} s, said {said:7.1f} s, {ratios[-1]:5.2f} times  {text}", flush=True)
    low, middle, high = statistics.quantiles(ratios, n=4)
    within = sum(0.25 <= r <= 4 for r in ratios)
    print(
        f"said over taken: least {min(ratios):.2f}, quartiles {low:.2f}, {middle:.2f}, {high:.2f}; {within} of {len(ratios)} within a factor of four; this machine {price.slower():.2f} times the reference"
    )


if __name__ == "__main__":
    main()
