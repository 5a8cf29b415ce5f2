"""How far the last layer's gradient is taken apart: `INVVIZ_DATA=... python benchmarks/unmixing.py [--seeds 4]`.

Every seed is another net and another batch of CIFAR-10. Error: of the features of the sample that came out worst, relative to its features; *said*: what the attack says of it without
seeing the truth. Labels are counted by the attacker.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import torch
from scipy.optimize import linear_sum_assignment

from invviz.attacks._features import features_of
from invviz.attacks._unmix import unmix
from invviz.core.rng import stream
from invviz.engine.client import Site, meet_client
from invviz.engine.observe import observe
from invviz.scenario import Scenario

MODELS = ("lenet", "convnet", "convnet(init='trained')", "resnet18", "vit")


def row(model: str, batch: int, seeds: int, site: Site) -> str:
    errors, said, sure, right, seconds = [], [], 0, 0, []
    for seed in range(seeds):
        scenario = Scenario.parse(f"data=cifar10(index={seed * batch})&model={model}&attack=features&batch={batch}&seed={seed}")
        client = meet_client(scenario, site)
        obs, begin = observe(scenario, client), time.process_time()
        found = unmix(obs, stream(seed, "attack"), None)
        seconds.append(time.process_time() - begin)
        name, size = found.features[0].name, range(batch)
        true = torch.stack([features_of(client.net, name, client.batch.single(k)) for k in size]).double()
        made = torch.stack([f.value for f in found.features])
        rows, order = linear_sum_assignment(torch.cdist(made, true).numpy())
        off = (made[rows] - true[order]).norm(dim=1) / true[order].norm(dim=1)
        errors.append(float(off.max()))
        said.append(max(f.disturbance for f in found.features) ** 0.5)
        sure += found.certain
        right += sorted(found.labels.tolist()) == sorted(client.batch.label.tolist())
    cells = [f"{sure} of {seeds}", f"{right} of {seeds}", " ".join(f"{e:.0e}" for e in errors), " ".join(f"{e:.0e}" for e in said)]
    return f"| {model} | {batch} | {' | '.join(cells)} | {max(seconds):.1f} |"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--batches", type=int, nargs="*", default=(2, 4, 8, 9))
    parser.add_argument("--models", nargs="*", default=MODELS)
    given = parser.parse_args()
    torch.set_num_threads(1)
    print("| model | batch | certain | labels right | error of the worst sample, a seed each | said | CPU s, most |")
    print("|---" * 7 + "|")
    with tempfile.TemporaryDirectory() as cache:
        here = Site(Site.from_env().data_dir, Path(cache), "cpu")
        for model in given.models:
            for batch in given.batches:
                print(row(model, batch, given.seeds, here), flush=True)
