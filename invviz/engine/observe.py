"""What the server hands to the attacker: messages, nets, and what it is told beside them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from ..attacks._statistics import remembering
from ..core.lazy import torch
from ..core.rng import stream
from ..core.task import CLASSIFICATION
from ..core.tree import map_tree
from ..core.types import Knowledge, Net, Observation
from ..risk import moved
from . import adaptive, sums
from . import rounds as several
from .client import Client, defended, public_pictures
from .malicious import Party

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from ..core.types import Progress, World
    from ..defenses import Stack
    from ..scenario import Scenario


def observe(scenario: Scenario, client: Client) -> Observation:
    """What the server hands to the attacker: copies, and nothing from which the batch could be reached.

    Of several rounds the messages lie side by side, each from the net of its round and with its own draw of the defenses.
    """
    knowledge = _knowledge(scenario, client.net)
    rng = stream(scenario.seed, "defense")
    world = client.world if knowledge.weights else dataclasses.replace(client.world, net=adaptive.surrogate(scenario, client.net))
    obs = _overhears(scenario, client, knowledge, world, scenario.defense.on_net)

    def told(now: int, shift: Mapping[str, Tensor]) -> dict[str, Any]:
        release = sums.of_round(scenario, client, shift, now) if scenario.rounds > 1 and client.others else client.release
        message = map_tree(lambda leaf: leaf.detach().clone(), release(moved(client.net, shift), client.batch, rng))
        there = dataclasses.replace(world, net=moved(world.net, shift))
        if scenario.aggregation.alters:
            return sums.heard(scenario, client, there, message, obs, now)
        if scenario.attacker == "aware" and scenario.defense:
            return adaptive.adaptive_view(scenario, client.bare, there, message, obs.template)
        return {"message": message, "release": obs.release}

    if sums.read_as_one(scenario):
        obs = dataclasses.replace(obs, template=sums.template(client, obs))
    shifts = moves(scenario, client)
    heard = [told(now, shift) for now, shift in enumerate(shifts)]
    found = heard[0] if len(heard) == 1 else several.joined(heard, shifts)
    if knowledge.collected_messages:
        found["collected_messages"] = party_of(scenario, client).collected_messages()
    return dataclasses.replace(obs, **found)


def moves(scenario: Scenario, client: Client) -> list[dict[str, Tensor]]:
    """How far the net has moved by each round, for attacks and risk alike."""
    return several.moves(scenario, client.net, client.batch, client.samples)


def _knowledge(scenario: Scenario, net: Net) -> Knowledge:
    """What the attack asks for, as far as there is such a thing here, and what goes with the protocol."""
    knowledge = dataclasses.replace(
        scenario.attack.wants(), rounds=scenario.rounds, planted=scenario.server.plants, clients=1 + scenario.aggregation.others
    )
    if scenario.server.steers:
        knowledge = dataclasses.replace(knowledge, malicious=True, public_data=knowledge.public_data or scenario.server.uses_public)
    if getattr(scenario.protocol, "local_steps", 1) > 1:
        knowledge = dataclasses.replace(knowledge, training=True)  # simulating the update takes the number of steps and their rate
    if scenario.protocol.sends_embedding:
        knowledge = dataclasses.replace(knowledge, labels=False)  # they play no part
    elif net.task.of_inputs:
        knowledge = dataclasses.replace(knowledge, labels=False)  # its targets are the private words themselves
    elif net.task is not CLASSIFICATION:
        knowledge = dataclasses.replace(knowledge, labels=True)  # nothing tells the targets of other losses off a message
    if not (scenario.protocol.sends_statistics or remembering(net)):
        knowledge = dataclasses.replace(knowledge, bn_statistics=False)  # no batch norm, or none that has seen a picture
    if scenario.attacker == "aware" and scenario.defense:
        knowledge = knowledge.of_defense(public=scenario.defense.uses_public)
    return knowledge


def _overhears(scenario: Scenario, client: Client, knowledge: Knowledge, world: World, believed: Stack) -> Observation:
    """What an attacker has before any message: `world` holds the net as it knows it, `believed` are the defenses that it simulates."""
    public, labels = _public(scenario, client, knowledge)
    label = client.batch.label.clone() if knowledge.labels else torch.zeros_like(client.batch.label)
    return Observation(
        message={},
        net=world.net,
        release=defended(scenario, client.bare, believed, world),
        template=client.batch.at(torch.zeros_like(client.batch.private), label),
        knowledge=knowledge,
        num_classes=scenario.data.num_classes,
        bounds=scenario.data.modality.bounds,
        columns=scenario.columns,
        pace=scenario.protocol.local_steps * scenario.protocol.lr if knowledge.training else 1.0,  # type: ignore[attr-defined]
        public=public,
        public_labels=labels,
    )


def _public(scenario: Scenario, client: Client, knowledge: Knowledge) -> tuple[Tensor | None, Tensor | None]:
    """The public pictures that an attacker has, and their labels where they are of the same data set."""
    if knowledge.similar:
        return client.similar, None
    return public_pictures(scenario, client.batch, client.samples) if knowledge.public_data else (None, None)


def party_of(scenario: Scenario, client: Client) -> Party:
    """The client as a party of vertical FL that has other private pictures, too."""
    wrap = lambda net: defended(scenario, client.bare, scenario.defense, dataclasses.replace(client.world, net=net))  # noqa: E731
    return Party(scenario, client.samples, client.net, client.batch, client.bare, wrap)


def misled(scenario: Scenario, client: Client, progress: Progress) -> tuple[Client, bool]:
    """The party after the training rounds that a malicious server has steered, and whether that was stopped; the victim's message then comes from the net that this has made."""
    knowledge, surrogate = _knowledge(scenario, client.net), adaptive.surrogate(scenario, client.net)
    believed = scenario.defense if knowledge.defense else scenario.defense.on_net
    before = _overhears(scenario, client, knowledge, dataclasses.replace(client.world, net=surrogate), believed)
    talk = scenario.server.converse(before, stream(scenario.seed, "attack"))  # the attacker's own stream: the read-out draws nothing
    net, stopped = party_of(scenario, client).obey(scenario.server, talk, progress)
    world = dataclasses.replace(client.world, net=net)
    return dataclasses.replace(client, net=net, world=world, release=defended(scenario, client.bare, scenario.defense, world)), stopped
