"""Federated training with one sample a client: what a defense leaves of the accuracy."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from ...core.lazy import torch
from ...core.rng import derive, stream
from ...core.tree import map_tree
from ...core.types import Batch
from ...engine.client import meet_client

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Generator

    from ...core.types import Net, Release
    from ...datasets import Samples
    from ...engine.client import Site
    from ...scenario import Scenario


def step(net: Net, release: Release, batches: Sequence[Batch], rngs: Sequence[Generator | None], lr: float) -> Net:
    """One round of FedSGD: every client releases its own message, the server averages them and steps.

    Args:
        net: before the round.
        release: in its defenses; each client gets noise of its own.
        batches: one a client.
        rngs: one a client.
        lr: of the server.
    """
    messages = [release(net, batch, rng) for batch, rng in zip(batches, rngs, strict=True)]
    mean = map_tree(lambda *leaves: torch.stack(leaves).mean(0), *messages)
    return dataclasses.replace(net, params=map_tree(lambda p, g: p - lr * g, net.params, mean))


def accuracy(net: Net, samples: Samples) -> float:
    """Share of the held-out pictures that are classified correctly."""
    image, label = (torch.as_tensor(a) for a in samples.victims.take(range(len(samples.victims))))
    batch = Batch.of(image.to(next(iter(net.params.values()))), label)
    return float((net.outputs(net.params, batch).argmax(1) == label).double().mean())


def learn(scenario: Scenario, site: Site, rounds: int, clients: int, lr: float, last: int, every: int) -> float:
    """Accuracy that training through the scenario's defended release reaches from its fresh weights.

    The order of the public pictures and the weights hang on the seed alone, so that two defenses differ in nothing else.

    Args:
        scenario: its data, model, defense, seed and precision count; one sample a client.
        site: where.
        rounds: of FedSGD.
        clients: a round, each with one public picture that no other client of the round has.
        lr: of the server.
        last: evaluations at the end whose mean is taken, because single ones jump.
        every: rounds between two of those.
    """
    client = meet_client(scenario, site)
    net, samples, like = client.net, client.samples, client.batch.image
    order = np.random.default_rng(derive(scenario.seed, "order of clients"))
    shuffled: list[int] = []
    seen = []
    for number in range(1, rounds + 1):
        if len(shuffled) < clients:
            shuffled = order.permutation(len(samples.public)).tolist()
        now, shuffled = shuffled[:clients], shuffled[clients:]
        image, label = samples.public.take(now)
        batches = [Batch.of(torch.as_tensor(image[k : k + 1]).to(like), torch.as_tensor(label[k : k + 1])) for k in range(clients)]
        rngs = [stream(scenario.seed, f"noise of client {k} in round {number}") for k in range(clients)]
        net = step(net, client.release, batches, rngs, lr)
        if number > rounds - last * every and (rounds - number) % every == 0:
            seen.append(accuracy(net, samples))
    return float(np.mean(seen))
