"""Feature-space hijacking: a malicious server trains the party's bottom net to be an encoder whose decoder it has."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..attacks._critic import adversarial, critic
from ..attacks._decoding import CHUNK, decoder, embed, fresh, live, message_size
from ..core.component import knob
from ..core.errors import InvvizError
from ..core.lazy import torch
from ..core.planted import Decoder
from ..core.tree import joined
from ._base import Server, ServerGradient

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Generator, Tensor

    from ..core.types import Net, Observation, Tree, World
    from ._base import Conversation


@dataclasses.dataclass(frozen=True)
class Hijacking(Server):
    """During training it answers embeddings with gradients of its own: the party's bottom net learns to send what the server's encoder would.

    The paper's (FSHA): encoder and decoder are trained on public pictures, a critic tells the encoder's embeddings from the party's, and its gradient goes to the party. Ours: the
    server's encoder has the party's architecture and fresh weights, and the critic is a Wasserstein one with gradient penalty (gulrajani2017wgangp). The party trains on its
    private pictures other than the victim's; the victim's message, which comes after that, is then read by the decoder. A party that watches its gradients would notice.
    """

    name: ClassVar[str] = "hijacking"
    title: ClassVar[str] = "Feature-space hijacking"
    paper: ClassVar[str] = "pasquini2021tiger"
    attack: ClassVar[str] = "decoder"
    plan: ClassVar[str] = "decoder"
    steers: ClassVar[bool] = True
    uses_public: ClassVar[bool] = True
    for_embeddings: ClassVar[bool] = True

    party_batch: int = knob(64, "private pictures in a training batch of the party", low=1, high=1024, unit="pictures")
    party_lr: float = knob(
        1e-3, "learning rate of the party's own optimiser (Adam), which the server does not choose", low=1e-6, high=1.0, log=True
    )
    steps: int = knob(500, "training rounds of the party that the server answers", low=1, high=100_000, unit="rounds")
    lr: float = knob(1e-3, "Adam's learning rate for the server's encoder, decoder and critic", low=1e-6, high=1.0, log=True)
    width: int = knob(32, "channels of decoder and critic", low=4, high=256, unit="channels")

    def plant(self, net: Net, world: World, clients: int, rng: Generator) -> Sequence[Net]:
        """Nothing: a party's net is its own."""
        return (net,) * clients

    def converse(self, obs: Observation, rng: Generator) -> Conversation:
        """Arguments and answers as of `Server.converse`.

        Raises:
            InvvizError: there are no public pictures.
        """
        if obs.public is None or not len(obs.public):
            raise InvvizError("hijacking is trained on public pictures, and there are none here. Use server=honest and attack=unsplit.")
        public, pilot = obs.public, live(obs.net)
        with torch.no_grad():
            like = embed(obs, pilot, public[:1], 1)
        decode = fresh(lambda: decoder(like, public[:1], self.width), rng, public)
        judge = fresh(lambda: critic(like, self.width), rng, public)
        coding = torch.optim.Adam([*pilot.params.values(), *decode.parameters()], self.lr)
        judging = torch.optim.Adam(judge.parameters(), self.lr, betas=(0.5, 0.9))
        errors: list[tuple[int, float]] = []

        def read(message: Tree) -> Tensor:
            with torch.no_grad():
                return decode(joined(message)).nan_to_num(sum(obs.bounds) / 2).clamp(*obs.bounds)

        sent = yield None
        while sent is not None:
            chosen = public[torch.randint(len(public), (CHUNK,), generator=rng)]
            own = embed(obs, pilot, chosen, message_size(obs))
            error = ((decode(own) - chosen) ** 2).mean()
            coding.zero_grad()
            error.backward()
            coding.step()
            theirs = {name: leaf.detach().requires_grad_(True) for name, leaf in sent.items()}
            apart = adversarial(judge, judging, own.detach(), joined(theirs), rng)
            gradient = dict(zip(theirs, torch.autograd.grad(apart, list(theirs.values())), strict=True))
            errors.append((len(errors) + 1, float(error.detach())))
            sent = yield ServerGradient(gradient, len(errors), self.steps, errors[-1][1], read)
        return Decoder(read, lambda batch: obs.release(pilot, batch, None), tuple(errors), len(public))
