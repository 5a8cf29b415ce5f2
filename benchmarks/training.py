"""Simulated federated training beside a plain PyTorch loop: `INVVIZ_DATA=... python benchmarks/training.py [MODEL ...]`.

Both train the same net on the public part of CIFAR-10 with the same optimiser, schedule and number of pictures, in one process, in turns, on one thread;
the plain loop knows nothing of clients: shuffled epochs, one batch of all that a round's clients hold. Printed: accuracy of both (mean and range over
seeds), and CPU time per picture of the simulation over that of the plain loop, for FedSGD (one step a round) and FedAvg (several local steps; the plain
loop then takes the same steps at a client's batch size). Wanted: at most 1.3.
"""

from __future__ import annotations

import copy
import math
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from invviz.engine.client import Client, Site, meet_client
from invviz.engine.training import train
from invviz.scenario import Scenario

MODELS = {  # model: rounds, learning rate of Adam
    "lenet(width=12)": (600, 0.003),
    "convnet(width=16)": (150, 0.001),
    "resnet18(width=16,norm='group')": (40, 0.003),
}
CLIENTS, BATCH, SEEDS = 10, 32, (0, 1, 2)
STEPS, LOCAL = 5, 0.05  # of FedAvg


def batches(client: Client, size: int, count: int, seed: int):
    """Shuffled epochs."""
    rng, order = np.random.default_rng(seed), np.array([], int)
    for _ in range(count):
        if len(order) < size:
            order = np.concatenate([order, rng.permutation(len(client.samples.public))])
        now, order = order[:size], order[size:]
        yield tuple(map(torch.as_tensor, client.samples.public.take(now.tolist())))


def accuracy(module: torch.nn.Module, client: Client) -> float:
    image, label = map(torch.as_tensor, client.samples.victims.take(range(min(1000, len(client.samples.victims)))))
    with torch.no_grad():
        return float((torch.cat([module(x) for x in image.split(250)]).argmax(1) == label).double().mean())


def plain(client: Client, rounds: int, lr: float, seed: int) -> tuple[float, float]:
    """Accuracy, and CPU seconds per picture; the accuracy is the mean of three looks near the end, as the simulation's."""
    module = copy.deepcopy(client.net.module).requires_grad_(True)
    optimiser, seen, spent = torch.optim.Adam(module.parameters(), lr), [], 0.0
    looks = {rounds - k * max(1, rounds // 25) for k in range(3)}
    for done, (image, label) in enumerate(batches(client, CLIENTS * BATCH, rounds, seed)):
        start = time.process_time()
        optimiser.param_groups[0]["lr"] = lr * (1 + math.cos(math.pi * done / rounds)) / 2
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(module(image), label).backward()
        optimiser.step()
        spent += time.process_time() - start
        if done + 1 in looks:
            seen.append(accuracy(module, client))
    return statistics.mean(seen), spent / (rounds * CLIENTS * BATCH)


def local(client: Client, steps: int, seed: int) -> float:
    """CPU seconds per picture of plain SGD at a client's batch size."""
    module = copy.deepcopy(client.net.module).requires_grad_(True)
    optimiser, spent = torch.optim.SGD(module.parameters(), LOCAL), 0.0
    for image, label in batches(client, BATCH, steps, seed):
        start = time.process_time()
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(module(image), label).backward()
        optimiser.step()
        spent += time.process_time() - start
    return spent / (steps * BATCH)


def simulated(model: str, how: str, protocol: str, site: Site, seed: int) -> tuple[float, float]:
    text = f"data=cifar10&model={model}&train=federated(clients={CLIENTS},{how})&batch={BATCH}&seed={seed}{protocol}"
    found = train(Scenario.parse(text), site)
    return found.accuracy, found.cpu_seconds / found.trained_on


def main(models: list[str]) -> None:
    torch.set_num_threads(1)
    data = Site.from_env().data_dir
    if data is None:
        sys.exit("Set INVVIZ_DATA to the folder that holds CIFAR-10.")
    print("| model | plain loop, % | FedSGD, % | FedSGD: time over plain | FedAvg: time over plain |\n|---|---|---|---|---|")
    for model in models:
        rounds, lr = MODELS[model]
        rows = []
        for seed in SEEDS:
            with tempfile.TemporaryDirectory() as folder:
                site = Site(data, Path(folder), "cpu")
                client = meet_client(Scenario.parse(f"data=cifar10&model={model}&seed={seed}"), site)
                reached, each = plain(client, rounds, lr, seed)
                fed = simulated(model, f"rounds={rounds},lr={lr}", "", site, seed)
                few = max(2, rounds // STEPS // 3)
                avg = simulated(model, f"rounds={few},optimiser='sgd',lr=1.0", f"&protocol=hfl(local_steps={STEPS},lr={LOCAL})", site, seed)
                rows.append((reached, fed[0], fed[1] / each, avg[1] / local(client, few * CLIENTS * STEPS, seed)))
        p, f, *ratios = zip(*rows, strict=True)
        spread = lambda v: f"{100 * statistics.mean(v):.1f} ({100 * min(v):.1f} to {100 * max(v):.1f})"  # noqa: E731
        print(f"| {model} | {spread(p)} | {spread(f)} | {' | '.join(f'{statistics.median(r):.2f}' for r in ratios)} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or list(MODELS))
