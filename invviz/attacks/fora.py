"""Feature-oriented reconstruction: a substitute bottom net whose embeddings are spread as the party's, and a decoder for it."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.errors import InvvizError
from ..core.lazy import torch
from ..core.tree import joined
from ..core.types import Knowledge, Reconstruction, Step
from ._base import Attack
from ._critic import adversarial, critic, mean_discrepancy
from ._decoding import CHUNK, Fit, decoder, embed, fresh, live, message_size
from ._matching import squared_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Generator, Tensor

    from ..core.types import Net, Observation, Progress

TOLD = 10  # steps between two reports


@dataclasses.dataclass(frozen=True)
class FORA(Attack):
    """Trains a substitute of the party's bottom net on public pictures, so that its embeddings are spread as those that came; then a decoder on the substitute.

    The paper's: the distance between the two spreads is share x MK-MMD + (1 - share) x what a discriminator says, and no picture is paired with an embedding. Ours: the
    substitute has the party's architecture and fresh weights, the discriminator is a Wasserstein critic with gradient penalty (gulrajani2017wgangp), kernels are scaled by
    the mean distance, steps are fewer and larger.
    """

    name: ClassVar[str] = "fora"
    title: ClassVar[str] = "Feature-oriented reconstruction (FORA)"
    paper: ClassVar[str] = "xu2024fora"
    needs_embedding: ClassVar[bool] = True
    one_round: ClassVar[bool] = True

    steps: int = knob(500, "training steps of the substitute", low=1, high=100_000, unit="steps")
    share: float = knob(0.8, "weight of MK-MMD; the discriminator has the rest", low=0.0, high=1.0)
    lr: float = knob(1e-3, "Adam's learning rate for substitute and discriminator", low=1e-6, high=1.0, log=True)
    epochs: int = knob(20, "passes of the decoder over the public pictures", low=1, high=1000, unit="epochs")
    decoder_lr: float = knob(
        2e-3, "Adam's learning rate for the decoder at the start; falls to 0 along a cosine", low=1e-6, high=1.0, log=True
    )
    width: int = knob(32, "channels of decoder and discriminator", low=4, high=256, unit="channels")
    pictures: int = knob(2000, "public pictures that it is trained on, at most", low=10, high=2_000, unit="pictures")

    def wants(self) -> Knowledge:
        """Public pictures and what the party has sent of others; no weights."""
        return Knowledge(batch_size=True, weights=False, collected_messages=True, public_data=True)

    def reconstruct(self, obs: Observation, rng: Generator, progress: Progress) -> Reconstruction:
        """What the substitute's decoder makes of the message.

        Raises:
            InvvizError: no public pictures, or nothing else that the party has sent.
        """
        if obs.public is None or not len(obs.public) or obs.collected_messages is None:
            raise InvvizError("fora needs public pictures and embeddings of other private ones, and they are not there. Use unsplit.")
        size = message_size(obs)
        public, message = obs.public[torch.randperm(len(obs.public), generator=rng)[: self.pictures]], joined(obs.message)
        public = public[: max(1, len(public) // size) * size]  # a simulated defense is fed whole messages
        crowd, grey = joined(obs.collected_messages), obs.grey
        total = self.steps + self.epochs * -(-len(public) // CHUNK)
        substitute, trace, stopped = self._substitute(
            obs, public, crowd, rng, lambda number, apart: progress(Step(number, total, apart, grey))
        )
        with torch.no_grad():
            sent = embed(obs, substitute, public, message_size(obs))
        fit = Fit(fresh(lambda: decoder(sent[:1], public[:1], self.width), rng, public), sent.std() + 1e-12)
        if not stopped:
            report = lambda number, _, error: progress(Step(self.steps + number, total, error, fit(message)))  # noqa: E731
            fit.train(sent, public, self.epochs, self.decoder_lr, rng, report)
        image = fit(message).nan_to_num(sum(obs.bounds) / 2).clamp(*obs.bounds)
        with torch.no_grad():
            loss = float(squared_error(obs.release(substitute, obs.template.at(image), None), obs.message))
        note = (
            f"The substitute was trained on {len(public):,} public pictures against {len(crowd):,} embeddings of other private ones. The matching loss is by the substitute: "
            "one that maps pictures otherwise than the party fits as well."
        )
        trace += [(self.steps + number, error) for number, error in fit.trace]
        failed = not math.isfinite(loss)
        return Reconstruction(obs.template.at(image), loss, tuple(trace), note, failed, stopped or fit.stopped)

    def _substitute(
        self, obs: Observation, public: Tensor, crowd: Tensor, rng: Generator, report: Callable[[int, float], bool]
    ) -> tuple[Net, list[tuple[int, float]], bool]:
        """The trained substitute, how far the two spreads were apart by step, and whether it was stopped."""
        net, scale, trace = live(obs.net), crowd.std() + 1e-12, []
        judge = fresh(lambda: critic(crowd[:1], self.width), rng, crowd)
        optimiser = torch.optim.Adam(list(net.params.values()), self.lr)
        judging = torch.optim.Adam(judge.parameters(), self.lr, betas=(0.5, 0.9))
        for number in range(1, self.steps + 1):
            theirs = crowd[torch.randint(len(crowd), (CHUNK,), generator=rng)] / scale
            count = -(-CHUNK // len(obs.template.private)) * len(obs.template.private)
            mine = embed(obs, net, public[torch.randint(len(public), (count,), generator=rng)], message_size(obs)) / scale
            fooled = adversarial(judge, judging, theirs, mine, rng)
            apart = self.share * mean_discrepancy(mine.flatten(1), theirs.flatten(1)) + (1 - self.share) * fooled
            optimiser.zero_grad()
            apart.backward()
            optimiser.step()
            if number % TOLD == 0 or number == self.steps:
                trace.append((number, float(apart.detach())))
                if not report(*trace[-1]):
                    return net, trace, True
        return net, trace, False
