"""Scenarios whose numbers must not move by accident. `python tests/golden/scores.py` writes scores.json anew.

If they move on purpose, raise the version of that kind of work in invviz/scenario/kinds.py and say in the changelog which numbers moved and why.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
RUNS = [
    "data=photos&model=mlp&attack=linear_layer&dtype=float64",
    "data=photos(index=2)&model=mlp&defense=gaussian_noise(sigma=0.1)&attack=linear_layer",
    "data=photos(index=2)&model=mlp&defense=laplace_noise(scale=0.1)&attack=linear_layer",
    "data=photos(index=2)&model=mlp&defense=clipping(clip_norm=0.1)&attack=linear_layer",
    "data=photos(index=2)&model=mlp&defense=pruning(fraction=0.5)&attack=linear_layer",
    "data=photos(index=2)&model=mlp&defense=quantisation(bits=6)&attack=linear_layer",
    "data=digits(index=4)&model=mlp(init='trained')&attack=linear_layer",
    "data=digits&model=lenet&attack=dlg(steps=200)",
    "data=digits&model=lenet&attack=idlg(steps=200)",
    "data=digits&model=convnet&attack=inverting_gradients(steps=200)",
    "data=digits&model=lenet&protocol=hfl(local_steps=2,lr=0.1)&attack=dlg(steps=200)",
]
RISKS = [
    "data=digits&model=lenet",
    "data=digits&model=mlp&defense=gaussian_noise(sigma=0.5)",
    "data=digits&model=lenet&defense=laplace_noise(scale=0.3)&prior=natural",
    "data=digits&model=lenet&defense=clipping(clip_norm=0.5)",
    "data=digits&model=lenet&defense=pruning(fraction=0.95)",
    "data=digits&model=convnet&defense=quantisation(bits=6)&batch=2",
    "data=digits&model=mlp&protocol=hfl(local_steps=3,lr=0.1)",
    "data=photos(size=16)&model=lenet&defense=clipping(clip_norm=0.5)&defense=gaussian_noise(sigma=0.1)&prior=natural",
]


def measured() -> dict[str, dict[str, float]]:
    import torch

    from invviz.engine.assess import assess
    from invviz.engine.attack import run
    from invviz.engine.client import Site
    from invviz.engine.summary import risk_summary
    from invviz.scenario import Scenario

    torch.set_num_threads(1)
    found = {}
    with tempfile.TemporaryDirectory() as cache:
        site = Site(None, Path(cache), "cpu")
        for text in RUNS:
            result = run(Scenario.parse(text), site)
            found[text] = {k: result.scores[k][0] for k in ("psnr", "ssim")}
        for text in RISKS:
            scenario = Scenario.parse(text)
            risk = assess(scenario, site)
            summary = risk_summary(scenario, risk.decomposition, risk.size)
            found[text] = {k: summary[k] for k in ("invre", "psnr_ceiling", "sigma")} | {"s_1": summary["singular_values"][0]}
    return found


if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parents[1]))
    (HERE / "scores.json").write_text(json.dumps(measured(), indent=1) + "\n")
