"""A round of vertical training: every party sends its embedding through the defense, the server's loss sends gradients back."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from ...core.lazy import torch
from ...core.rng import stream
from ...core.types import Batch, Net, World
from ...defenses import Penalties
from ...protocols import VFL
from ..accuracy import pieces
from ..client import world_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ...core.types import Tree
    from ...scenario import Scenario
    from ..client import Client

TESTED = 1  # held-out pictures that are sent at a time, as when the net is used: a defense that is relative to its message sees one
FEW = 100  # held-out pictures that are sent with noise that has a shape


class VerticalRound:
    """What a round says about the joint net's weights.

    Each batch's embeddings pass the defense as in the attack, with noise of their own. What the defense changes is taken as it is: gradients go back
    as if it had been added (so rounding and pruning pass them on; Source: [P] the straight-through estimator of bengio2013straight). A defense that
    acts in training adds its penalty to the loss: once for each party, over all pictures of the round, of embeddings before other defenses.
    """

    def __init__(self, scenario: Scenario, client: Client) -> None:
        assert isinstance(scenario.protocol, VFL)
        self._scenario, self._client = scenario, client
        self._parties = [scenario.protocol.of(k) for k in range(scenario.protocol.parties)]
        self._worlds = [self._world(how) for how in self._parties]  # public pictures are read once, not every round
        self._defenses = scenario.defense.on_messages
        self._penalties = Penalties(scenario.defense.in_training.live, scenario.seed)

    def state(self) -> dict[str, Any]:
        """What later rounds take over from this one, for a checkpoint: decoders of penalties."""
        return self._penalties.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """What `state` gave."""
        self._penalties.restore(state)

    def mean(self, net: Net, chosen: Sequence[int], images: torch.Tensor, labels: torch.Tensor, done: int) -> Tree:
        """The gradient of the mean loss over all pictures of the round; arguments as of `Round.mean`."""
        params = {name: p.detach().requires_grad_(True) for name, p in net.params.items()}
        live = dataclasses.replace(net, params=params)
        clean = self.embeddings(live, images, labels)
        sent = self.sent(clean, net, images, labels, [f"batch {k} in round {done + 1}" for k in chosen], self._scenario.batch)
        loss = torch.nn.functional.cross_entropy(self.top(live, sent), labels)
        if self._penalties:
            loss = loss + self._penalties([how.part(images) for how in self._parties], clean)
        return dict(zip(params, torch.autograd.grad(loss, list(params.values())), strict=True))

    def embeddings(self, net: Net, images: torch.Tensor, labels: torch.Tensor) -> list[torch.Tensor]:
        """What every party's bottom net makes of its part of whole pictures (n, c, h, w): one tensor (n, ...) for each party."""
        return [how.release(net, Batch.of(how.part(images), labels), None)["embedding"] for how in self._parties]

    def sent(
        self, clean: Sequence[torch.Tensor], net: Net, images: torch.Tensor, labels: torch.Tensor, names: Sequence[str], size: int
    ) -> list[torch.Tensor]:
        """What the server gets of every party's embeddings; gradients go back to these as if what defenses change had been added.

        Args:
            clean: the embeddings, party by party, (n, ...) each.
            net: that made them, frozen.
            images: whole pictures.
            labels: of them; some defenses ask for them.
            names: of the noise of every batch.
            size: pictures in a batch.
        """
        if not self._defenses:
            return list(clean)
        return [
            one + (self._defended(how, net, images, labels, names, size) - one).detach()
            for how, one in zip(self._parties, clean, strict=True)
        ]

    def top(self, net: Net, sent: Sequence[torch.Tensor]) -> torch.Tensor:
        """Class scores (n, classes) that the server makes of all parties' embeddings, (n, ...) each."""
        joined = sent[0] if len(sent) == 1 else torch.cat([one.flatten(1) for one in sent], 1)
        top = {name.removeprefix("top."): p for name, p in net.params.items() if name.startswith("top.")}
        return torch.func.functional_call(net.module.get_submodule("top"), top, (joined,), tie_weights=False)

    def tested(self, net: Net, test: Batch) -> torch.Tensor:
        """Class scores of held-out pictures, whose embeddings pass the defense, too: using the net is sending them.

        Of noise with a shape only the first pictures, as each takes a spectrum of its own; the others are left out of the answer.
        """
        if self._scenario.coloured:
            test = Batch.of(test.image[:FEW], test.label[:FEW])
        names = [f"held-out batch {k}" for k in range(0, len(test.label), TESTED)]
        with torch.no_grad():
            clean = self.embeddings(net, test.image, test.label)
            return self.top(net, self.sent(clean, net, test.image, test.label, names, TESTED))

    def _world(self, how: VFL) -> World:
        """What the defenses of a party may use."""
        client = self._client
        like = client.batch.image.new_zeros((1, *how.shape(self._scenario.data.shape)))
        return world_of(self._scenario.replace(protocol=how), client.net, Batch.of(like, client.batch.label[:1]), client.samples)

    def _defended(self, how: VFL, net: Net, images: torch.Tensor, labels: torch.Tensor, names: Sequence[str], size: int) -> torch.Tensor:
        """A party's embeddings after its defenses, batch by batch."""
        parts = pieces(Batch.of(how.part(images), labels), size)
        release = self._defenses.wrap(how.release, dataclasses.replace(self._worlds[how.party], net=net))
        rngs = [stream(self._scenario.seed, f"noise of party {how.party}, {name}") for name in names]
        with torch.no_grad():
            return torch.cat([release(net, part, rng)["embedding"] for part, rng in zip(parts, rngs, strict=True)])
