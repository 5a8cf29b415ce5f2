"""A party of vertical FL as a server meets it: what it sends of its other private pictures, and its training by whatever comes back."""

from __future__ import annotations

import copy
import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.lazy import torch
from ..core.rng import stream
from ..core.tree import map_tree
from ..core.types import Net, Step

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Generator as Talk

    from torch import Generator

    from ..core.planted import Plan
    from ..core.types import Batch, Progress, Release, Tree
    from ..datasets import Samples
    from ..scenario import Scenario

MOST = 1_000  # private pictures whose messages are collected, at most ...
FEW = 20  # ... and with noise that has a shape, each of which takes a spectrum of its own
TRAINING = 5_000  # private pictures that a party trains on, at most
EVERY = 5  # training rounds between two reports


@dataclasses.dataclass(frozen=True, eq=False)
class Party:
    """The private side: net, pictures other than the victims, and the release in its defenses, given the present net."""

    scenario: Scenario
    samples: Samples
    net: Net
    batch: Batch  # the victims
    bare: Release
    wrap: Callable[[Net], Release]

    def others(self, most: int) -> Batch | None:
        """Private pictures beside the victims, evenly spread over those that there are; None where there are none."""
        index, count = self.scenario.data.index, len(self.samples.victims)
        victims = {(index + i) % count for i in range(self.scenario.batch)}
        rest = [k for k in range(count) if k not in victims]
        if not rest:
            return None
        image, label = self.samples.victims.take([rest[k] for k in np.linspace(0, len(rest) - 1, min(most, len(rest))).astype(int)])
        return self.batch.like(self.scenario.protocol.part(image), label)

    def collected_messages(self) -> Tree | None:
        """What the party has sent of other private pictures, in batches as large as the victims', each with noise of its own; None where there are none."""
        others = self.others(FEW if self.scenario.coloured else MOST)
        if others is None:
            return None
        size = self.scenario.batch
        whole = _cut(others, torch.arange(len(others.label) // size * size or len(others.label)))
        return self._send(self.wrap(self.net), self.net, whole, stream(self.scenario.seed, "noise of other pictures"))

    def _send(self, release: Release, net: Net, batch: Batch, rng: Generator) -> Tree:
        """Messages of many pictures, in batches as large as the victims'; a defense that looks at a whole message then does to each what it does to the victims'."""
        places = torch.arange(len(batch.label)).split(self.scenario.batch)
        with torch.no_grad():
            found = [release(net, _cut(batch, some), rng) for some in places]
        return {name: torch.cat([tree[name] for tree in found]).detach() for name in found[0]}

    def obey(self, server: Any, talk: Talk[Any, Tree | None, Plan], progress: Progress) -> tuple[Net, bool]:
        """Train by a server's answers with the party's own optimiser (Adam).

        The embeddings pass the defense with noise of their own, in messages as large as the victims', and what it changes is taken as added: gradients go back through the bottom net alone, as in joint
        training (`utility`).

        Args:
            server: its knobs `party_batch` and `party_lr` say how the party trains.
            talk: the server's part (`Server.converse`).
            progress: told what the server would make of the victim's message by now, which the server itself is not told.

        Returns:
            The net afterwards, with the server's notes on it, and whether it was stopped.
        """
        s, stopped = self.scenario, False
        params = {name: p.clone().requires_grad_(True) for name, p in self.net.params.items()}
        others, draw = self.others(TRAINING), stream(s.seed, "training pictures")
        optimiser = torch.optim.Adam(list(params.values()), lr=server.party_lr)
        next(talk)
        while others is not None and not stopped:
            batch = _cut(others, torch.randperm(len(others.label), generator=draw)[: server.party_batch])
            frozen = dataclasses.replace(self.net, params=map_tree(lambda p: p.detach(), params))
            release, clean = self.wrap(frozen), self.bare(dataclasses.replace(self.net, params=params), batch, None)
            sent = map_tree(lambda leaf: leaf.detach().clone(), clean)
            answer = talk.send(self._send(release, frozen, batch, draw) if s.defense else sent)
            assert answer is not None
            optimiser.zero_grad()
            torch.autograd.backward(list(clean.values()), [answer.gradient[name] for name in clean])
            optimiser.step()
            last = answer.number >= answer.total
            if last or answer.number % EVERY == 0:
                with torch.no_grad():
                    shown = answer.decode(release(frozen, self.batch, stream(s.seed, "defense")))
                stopped = not progress(Step(answer.number, answer.total, answer.loss, shown))
            if last:
                break
        module = copy.deepcopy(self.net.module)
        module.load_state_dict(map_tree(lambda p: p.detach(), params), strict=False)
        try:
            talk.send(None)
        except StopIteration as end:
            return Net.of(module, self.net.task, end.value), stopped
        raise RuntimeError("the conversation goes on after its end")


def _cut(batch: Batch, places: torch.Tensor) -> Batch:
    return type(batch).of(batch.private[places], batch.label[places])
