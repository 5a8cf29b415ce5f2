"""Feature-space hijacking: a malicious server trains the party's bottom net to be an encoder whose decoder it has."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.errors import InvvizError
from ..core.lazy import torch
from ..core.tree import joined
from ..core.types import Knowledge, Reconstruction
from ._base import MaliciousAttack, ServerGradient
from ._critic import adversarial, critic
from ._decoding import CHUNK, decoder, embed, fresh, live, message_size
from ._matching import squared_error

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..core.types import Observation, Tree
    from ._base import Conversation


@dataclasses.dataclass(frozen=True)
class Hijacking(MaliciousAttack):
    """During training the server answers embeddings with gradients of its own: the party's bottom net learns to send what the server's encoder would.

    The paper's (FSHA): encoder and decoder are trained on public pictures, a critic tells the encoder's embeddings from the party's, and its gradient goes to the party. Ours: the
    server's encoder has the party's architecture and fresh weights, and the critic is a Wasserstein one with gradient penalty (gulrajani2017wgangp). The party trains on its
    private pictures other than the victim's; the victim's message is then read by the decoder. A party that watches its gradients would notice.
    """

    name: ClassVar[str] = "hijacking"
    title: ClassVar[str] = "Feature-space hijacking (malicious server)"
    paper: ClassVar[str] = "pasquini2021tiger"
    needs_embedding: ClassVar[bool] = True

    steps: int = knob(500, "training rounds of the party that the server answers", low=1, high=100_000, unit="rounds")
    lr: float = knob(1e-3, "Adam's learning rate for the server's encoder, decoder and critic", low=1e-6, high=1.0, log=True)
    width: int = knob(32, "channels of decoder and critic", low=4, high=256, unit="channels")

    def wants(self) -> Knowledge:
        """Public pictures, and to be the server of the training rounds; no weights."""
        return Knowledge(batch_size=True, weights=False, public_data=True, malicious=True)

    def converse(self, obs: Observation, rng: Generator) -> Conversation:
        """Arguments and answers as of `MaliciousAttack.converse`.

        Raises:
            InvvizError: there are no public pictures.
        """
        if obs.public is None or not len(obs.public):
            raise InvvizError("hijacking is trained on public pictures, and there are none here. Use unsplit.")
        public, pilot = obs.public, live(obs.net)
        with torch.no_grad():
            like = embed(obs, pilot, public[:1], 1)
        decode = fresh(lambda: decoder(like, public[:1], self.width), rng, public)
        judge = fresh(lambda: critic(like, self.width), rng, public)
        coding = torch.optim.Adam([*pilot.params.values(), *decode.parameters()], self.lr)
        judging = torch.optim.Adam(judge.parameters(), self.lr, betas=(0.5, 0.9))
        trace: list[tuple[int, float]] = []

        def read(message: Tree) -> Tensor:
            with torch.no_grad():
                return decode(joined(message)).nan_to_num(sum(obs.bounds) / 2).clamp(*obs.bounds)

        def finish(after: Observation) -> Reconstruction:
            batch = after.template.at(read(after.message))
            with torch.no_grad():
                loss = float(squared_error(obs.release(pilot, batch, None), after.message))
            failed = not (trace and math.isfinite(loss))
            return Reconstruction(batch, loss, tuple(trace), _note(trace, len(public)), failed)

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
            trace.append((len(trace) + 1, float(error.detach())))
            sent = yield ServerGradient(gradient, len(trace), self.steps, trace[-1][1], read)
        return finish


def _note(trace: list[tuple[int, float]], pictures: int) -> str:
    if not trace:
        return "The server has answered no training round: the party's net is as it was, and this decoder knows nothing of it."
    return (
        f"A malicious server answered {len(trace):,} training rounds; its decoder's mean squared error on {pictures:,} public pictures was {trace[-1][1]:.4f} at the end. The "
        "message comes from the hijacked net: spectrum and InvRE, wherever they are shown, are those of the honest one."
    )
