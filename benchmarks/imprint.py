"""What the imprint server reads beside what it says before: `python benchmarks/imprint.py [DATA] [BATCHES]`, and of its certificates: `... certificates [BATCHES]`. No timing.

Who is alone in a bin is counted by a plain loop over thresholds; what was read is compared with the truth pixel by pixel. float64.
"""

from __future__ import annotations

import bisect
import dataclasses
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from invviz.attacks._bins import read
from invviz.engine.client import Client, Site, meet_client
from invviz.scenario import Scenario

if TYPE_CHECKING:
    from collections.abc import Iterator

    from invviz.core.types import Batch

READ, EXACT = (
    60.0,
    120.0,
)  # dB. Of two samples in a bin one may weigh so much more (99.6 %) that their mean is within the first of it; none was within the second


class Count(NamedTuple):
    """Of one batch: samples; those alone in a bin; those read above 60 dB; whether the two are the same ones, and at 120 dB; certificates, and wrong ones."""

    samples: int
    alone: int
    read: int
    same: bool
    exactly: bool
    certain: int
    wrong: int


def batches(client: Client, size: int, many: int, seed: int = 0) -> Iterator[Batch]:
    """Private batches, drawn without repetition within each."""
    victims, draw = client.samples.victims, np.random.default_rng(seed)
    for _ in range(many):
        image, label = victims.take(draw.choice(len(victims), size, replace=False).tolist())
        yield client.batch.like(image, label)


def counted(client: Client, batch: Batch) -> Count:
    """One batch: the plain count beside what was read."""
    plan, params = client.net.plan, client.net.params
    found = read(client.release(client.net, batch, None), plan)  # type: ignore[arg-type]
    bins = len(plan.counts)  # type: ignore[union-attr]
    rows, bias = params[plan.weight][:bins], params[plan.bias][:bins]  # type: ignore[union-attr]
    row = rows[0] / rows[0].norm()
    edges = (-bias / (rows @ row)).tolist()
    samples = batch.private.flatten(1)
    place = [bisect.bisect_left(edges, float(row @ sample)) - 1 for sample in samples]
    alone = {i for i, k in enumerate(place) if place.count(k) == 1}
    error = lambda i: float(((found.values[place[i]] - samples[i]) ** 2).mean())  # noqa: E731
    read_at = lambda psnr: {i for i in range(len(samples)) if found.filled[place[i]] and -10 * np.log10(max(error(i), 1e-300)) > psnr}  # noqa: E731
    seen = read_at(READ)
    certain = set(found.certain.nonzero().flatten().tolist())
    return Count(
        len(samples), len(alone), len(seen), alone == seen, alone == read_at(EXACT), len(certain), sum(place.count(k) != 1 for k in certain)
    )


def main(arguments: list[str]) -> None:
    """Print the table."""
    site = dataclasses.replace(Site.from_env(), cache_dir=Path(tempfile.mkdtemp()))
    if arguments[:1] == ["certificates"]:
        many = int(arguments[1]) if len(arguments) > 1 else 1000
        client = meet_client(Scenario.parse("data=digits&model=mlp&server=imprint(measure='random')&batch=64&dtype=float64"), site)
        found = [counted(client, batch) for batch in batches(client, 64, many)]
        print(
            f"{many} batches of 64 digits: {sum(c.certain for c in found):,} bins certified, {sum(c.wrong for c in found)} wrong; {sum(c.alone for c in found):,} samples alone"
        )
        return
    data, many = arguments[0] if arguments else "cifar10", int(arguments[1]) if len(arguments) > 1 else 40
    for layout in ("cumulative", "sparse"):
        for bins in (128, 256, 512):
            text = f"data={data}&model=lenet&server=imprint(bins={bins},layout='{layout}',twins=False)&batch=64&dtype=float64"
            client = meet_client(Scenario.parse(text), site)
            found = [counted(client, batch) for batch in batches(client, 64, many)]
            share = sum(c.alone for c in found) / sum(c.samples for c in found)
            same, exactly = sum(c.same for c in found), sum(c.exactly for c in found)
            print(
                f"{data} {layout} K={bins}: the ones read are the ones alone in {same} of {many} batches at 60 dB, {exactly} at 120 dB; share alone {100 * share:.1f} %, "
                f"said before {100 * client.net.plan.expected(64):.1f} %",  # type: ignore[union-attr]
                flush=True,
            )


if __name__ == "__main__":
    main(sys.argv[1:])
