"""The messages behind a sum over clients: whose they are, how each goes into it, how big it is, and their Jacobians side by side."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from ..core.errors import InvvizError
from ..core.lazy import torch
from ..core.rng import derive
from ..core.tree import map_tree
from ..core.types import Batch, Size
from ..risk import Jacobian, SumJacobian, moved, only, over_rounds
from .adaptive import of_sum
from .summary import own_variance, pace_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from typing import Any

    from torch import Generator, Tensor

    from ..core.types import Net, Observation, Release, Tree, World
    from ..scenario import Scenario
    from .client import Client


def held_by_others(scenario: Scenario, count: int) -> list[int]:
    """Where the batches of the other clients begin among `count` private samples, drawn by the scenario's seed: no sample is the victim's, and none is held twice.

    Raises:
        InvvizError: there are not so many.
    """
    wanted, places = len(scenario.aggregation.members(scenario.rounds)) - 1, count // scenario.batch - 1
    if wanted > places:
        needed = (1 + wanted) * scenario.batch
        raise InvvizError(
            f"{1 + wanted} clients with {scenario.batch} of their own each need {needed:,} private {scenario.data.modality.many}; {scenario.data.name} has {count:,} here. "
            f"At most {max(places, 0) + 1} clients that do not collude fit: lower clients or batch, or use a larger data set."
        )
    chosen = np.random.default_rng(derive(scenario.seed, "other clients")).permutation(places)[:wanted]
    return [(scenario.data.index + (1 + int(place)) * scenario.batch) % count for place in chosen]


def sent(scenario: Scenario, release: Release) -> Release:
    """One client's message as it goes into what the server sees: with its share of the noise, and as the aggregation carries it."""
    aggregation, pace = scenario.aggregation, pace_of(scenario)
    if not aggregation.alters:
        return release

    def carried(net: Net, batch: Batch, rng: Generator | None) -> Tree:
        message = release(net, batch, rng)
        if rng is not None and aggregation.noise_share < 1:
            share = aggregation.noise_share**0.5
            message = map_tree(lambda noisy, clean: clean + share * (noisy - clean), message, release(net, batch, None))
        return aggregation.carried(message, net, pace, rng)

    return carried


def of_round(scenario: Scenario, client: Client, shift: Mapping[str, Tensor], now: int) -> Release:
    """What the server sees in one of several rounds: the sum over those who are in it, each with its net of that round; asked with the victim's net and batch."""
    there = _present(scenario, now)
    moving = [dataclasses.replace(one, net=moved(one.net, shift)).fixed for place, one in enumerate(client.others, 1) if place in there]
    return summed(scenario, [client.alone(scenario)] * (0 in there) + moving)


def _present(scenario: Scenario, now: int) -> list[int]:
    """Places of the clients whose messages are in a round's sum; 0 is the victim."""
    return [place for place, its in enumerate(scenario.aggregation.members(scenario.rounds)) if its[now]]


def summed(scenario: Scenario, messages: Sequence[Release]) -> Release:
    """What the server sees of several clients' messages, each with noise of its own."""
    return lambda net, batch, rng: scenario.aggregation.seen([message(net, batch, rng) for message in messages])


def jacobian_of(
    scenario: Scenario, client: Client, names: Collection[str] | None = None, shifts: Sequence[Mapping[str, Tensor]] = ()
) -> SumJacobian:
    """How the sum, or the sums of several rounds side by side, move with the batches of all clients whose messages are in them, the victim's first.

    Each round is scaled to the noise of the first. A client who is not in a round adds nothing to it, so that two rounds with and without the victim hold their difference. Source: [D] T7, T8.

    Args:
        scenario: what is summed.
        client: the victim, with the others.
        names: parts of the message that are read; None: all of it.
        shifts: how far the net has moved by each round, of several.
    """
    releases = [client.alone(scenario), *(one.release for one in client.others)]
    read = [release if names is None else only(release, names) for release in releases]
    if shifts:
        scales, members = _scales(scenario, client, shifts), scenario.aggregation.members(len(shifts))
        read = [
            over_rounds(r, shifts, [s * there for s, there in zip(scales, its, strict=True)]) for r, its in zip(read, members, strict=True)
        ]
    return SumJacobian.of_parts([Jacobian.of(r, c.net, c.batch) for r, c in zip(read, (client, *client.others), strict=True)])


def read_as_one(scenario: Scenario) -> bool:
    """Whether an attacker takes a sum for the message of one batch, that of all its clients: where all were sent the same net."""
    return scenario.aggregation.others > 0 and not scenario.malicious


def template(client: Client, obs: Observation) -> Batch:
    """What is known of that batch: shapes, and the labels of all clients where labels are known."""
    blank = lambda one: one.batch.label.clone() if obs.knowledge.labels else torch.zeros_like(one.batch.label)  # noqa: E731
    return Batch.joined([obs.template, *(one.batch.at(torch.zeros_like(one.batch.private), blank(one)) for one in client.others)])


def heard(scenario: Scenario, client: Client, world: World, message: Tree, obs: Observation, now: int = 0) -> dict[str, Any]:
    """What an attacker makes of a sum, of rounded weights or of shared noise: fields of an `Observation`.

    Who knows how many clients are in a sum knows their mean, which is that of one batch of all their samples: every attack on a batch then reads it as it is. Of nets that differ the sum is
    left as it came, for a server that arranged for the others' part. Of several rounds each is the mean of that part of the batch whose clients are in it.

    Args:
        scenario: what is attacked.
        client: the victim.
        world: the net as the attacker knows it.
        message: as it came.
        obs: what the attacker has before; its template is that of `template`.
        now: which of several rounds; `world` then holds the net of that round.
    """
    there = _present(scenario, now)
    aware = scenario.attacker == "aware" and (bool(scenario.defense) or scenario.aggregation.rounding_variance(1.0) > 0)
    told = of_sum(scenario, client.bare, world, message, len(there)) if aware else {"message": message, "release": obs.release}
    if not read_as_one(scenario):
        return told
    found = {"message": map_tree(lambda leaf: leaf / len(there), message), "release": _mean(told["release"], there, scenario)}
    return found | ({"noise": told["noise"] / len(there)} if aware else {})


def _mean(release: Release, there: Sequence[int], scenario: Scenario) -> Release:
    """The mean of the messages of those of a batch's equal parts that are there; where a message is the mean gradient of its samples that is the message of these parts as one batch."""
    clients = len(scenario.aggregation.members(scenario.rounds))
    of_one = scenario.protocol.sends_gradient and not scenario.defense
    if of_one and len(there) == clients:
        return release

    def mean(net: Net, batch: Batch, rng: Generator | None) -> Tree:
        pieces = batch.pieces([len(batch.private) // clients] * clients)
        pieces = [pieces[place] for place in there]
        messages = [release(net, piece, rng) for piece in ([Batch.joined(pieces)] if of_one else pieces)]
        return {name: sum(message[name] for message in messages) / len(messages) for name in messages[0]}  # type: ignore[misc]

    return mean


def _scales(scenario: Scenario, client: Client, shifts: Sequence[Mapping[str, Tensor]]) -> list[float]:
    """What the sum of every round is multiplied with, so that its noise is as loud as that of the first: floor, and the noise of those who are in it."""
    members, sigmas = scenario.aggregation.members(len(shifts)), []
    for now, shift in enumerate(shifts):
        there = [dataclasses.replace(one, net=moved(one.net, shift), others=()) for one in (client, *client.others)]
        own = [client.alone(scenario), *(one.release for one in client.others)]
        sizes = [Size.of(release(one.net, one.batch, None)) for release, one in zip(own, there, strict=True)]
        present = [place for place, its in enumerate(members) if its[now]]
        noise = sum(own_variance(scenario, sizes[k], _stages(scenario, there[k])) for k in present)
        sigmas.append((scenario.floor**2 * sizes[0].rms ** 2 + noise) ** 0.5)
    return [sigmas[0] / max(sigma, 1e-30) for sigma in sigmas]


def size_of(scenario: Scenario, client: Client) -> Size:
    """Of the victim's own message, without noise; it knows those of the others of a sum, of several rounds of the first."""
    own = client.alone(scenario) if client.others else client.release
    others = tuple(Size.of(one.release(one.net, one.batch, None)) for one in client.others[: scenario.aggregation.others])
    return dataclasses.replace(Size.of(own(client.net, client.batch, None)), others=others)


def stages_of(scenario: Scenario, client: Client) -> tuple[Size, ...]:
    """Sizes of the noise-free message before and after each defense that adds no noise; each knows those of the others of a sum at the same place."""
    alone = [_stages(scenario, one) for one in (client, *client.others[: scenario.aggregation.others])]
    return tuple(dataclasses.replace(own, others=tuple(theirs)) for own, *theirs in zip(*alone, strict=True))


def _stages(scenario: Scenario, client: Client) -> list[Size]:
    world = dataclasses.replace(client.world, net=client.net)
    return [Size.of(release(client.net, client.batch, None)) for release in scenario.defense.between(client.bare, world)]
