"""Federated training with one sample a client: what a defense leaves of the accuracy."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from ...core.rng import derive
from ...core.tree import map_tree
from ...engine.accuracy import accuracy, class_scores
from ...engine.client import meet_client
from ...engine.training import Round

if TYPE_CHECKING:
    from ...engine.client import Site
    from ...scenario import Scenario


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
    net, samples, messages = client.net, client.samples, Round(scenario, client)
    test = client.batch.like(*samples.victims.take(range(len(samples.victims))))
    order = np.random.default_rng(derive(scenario.seed, "order of clients"))
    shuffled: list[int] = []
    seen = []
    for number in range(1, rounds + 1):
        if len(shuffled) < clients:
            shuffled = order.permutation(len(samples.public)).tolist()
        now, shuffled = shuffled[:clients], shuffled[clients:]
        held = client.batch.like(*samples.public.take(now))
        mean = messages.mean(net, range(clients), held.image, held.label, number - 1)
        net = dataclasses.replace(net, params=map_tree(lambda p, g: p - lr * g, net.params, mean))
        if number > rounds - last * every and (rounds - number) % every == 0:
            seen.append(accuracy(class_scores(net, test), test.label))
    return float(np.mean(seen))
