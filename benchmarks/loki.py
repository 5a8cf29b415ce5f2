"""What LOKI reads of a sum over 10 clients with 16 pictures of CIFAR-10 each: `python benchmarks/loki.py`. FedSGD and FedAvg, in both precisions; no timing."""

from __future__ import annotations

import sys

import torch

from invviz.attacks._bins import read
from invviz.engine.client import Site, meet_client
from invviz.scenario import Scenario, check

PROTOCOLS = (
    "hfl",
    "hfl(local_steps=4,lr=0.000001)",
    "hfl(local_steps=4,lr=0.0001)",
    "hfl(local_steps=4,lr=0.01)",
)


def counted(text: str, site: Site) -> tuple[int, int, int, int]:
    """Pictures of all clients, those read above 60 dB, those above 30 dB, and those alone in a bin of their client's."""
    client = meet_client(check(Scenario.parse(text)), site)
    message = client.release(client.net, client.batch, None)
    total = exact = seen = alone = 0
    for one in (client, *client.others):
        found, samples = read(message, one.net.plan), one.batch.private.flatten(1).double()  # type: ignore[arg-type]
        shown = found.values[:, : samples.shape[1]]
        best = torch.stack([((shown - sample) ** 2).mean(1).min() for sample in samples])
        total, exact, seen = total + len(samples), exact + int((best < 1e-6).sum()), seen + int((best < 1e-3).sum())
        alone += alone_in_bins(one)
    return total, exact, seen, alone


def alone_in_bins(client) -> int:
    """By a plain loop over pictures and rows of the planted layer."""
    net = client.net
    bins, active = len(net.plan.counts), []
    layer = net.module[0]
    for picture in client.batch.private:
        z = layer.binning.rows(layer.apart(picture[None]).flatten(1))[0, :bins]
        on = (z > 0) & (z < 1 / 1.0) if not net.plan.cumulative else z > 0
        active.append(int(on.nonzero()[-1]) if on.any() else -1)
    return sum(active.count(k) == 1 for k in active)


def main() -> None:
    """Print the table."""
    for dtype in ("float64", "float32"):
        for protocol in PROTOCOLS:
            base = f"data=cifar10&model=lenet&batch=16&dtype={dtype}&protocol={protocol}&server=loki&aggregation=secure(clients=10)"
            total, exact, seen, alone = counted(base, Site.from_env())
            print(
                f"{dtype} {protocol}: {exact} of {total} read above 60 dB ({100 * exact / total:.0f} %), {seen} above 30 dB; {alone} alone",
                flush=True,
            )


if __name__ == "__main__":
    sys.exit(main())
