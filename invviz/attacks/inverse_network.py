"""A decoder, trained on public pictures, that turns embeddings back into pictures."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.errors import InvvizError
from ..core.lazy import torch
from ..core.types import Batch, Knowledge, Reconstruction, Step
from ._base import Attack
from ._matching import UNMATCHED, squared_error

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn

    from ..core.types import Observation, Progress

CHUNK = 64


@dataclasses.dataclass(frozen=True)
class InverseNetwork(Attack):
    """Trains a net x' = d(f(x)) on the embeddings of public pictures, then applies it to the observed one.

    The paper's black-box attack: it needs answers of the bottom net, no look inside. The decoder is ours: convolutions that grow to the picture's size. It gives the mean
    of what fits, so it blurs where the embedding does not tell, and it works where a search gets lost.
    """

    name: ClassVar[str] = "inverse_network"
    title: ClassVar[str] = "Inverse network (decoder)"
    paper: ClassVar[str] = "he2019inversion"
    needs_embedding: ClassVar[bool] = True

    epochs: int = knob(20, "passes over the public pictures", low=1, high=1000, unit="epochs")
    width: int = knob(32, "channels of the decoder", low=4, high=256, unit="channels")
    lr: float = knob(2e-3, "Adam's learning rate at the start; falls to 0 along a cosine", low=1e-6, high=1.0, log=True)
    pictures: int = knob(2000, "public pictures that it is trained on, at most", low=10, high=2_000, unit="pictures")

    def wants(self) -> Knowledge:
        """Public pictures."""
        return Knowledge(batch_size=True, public_data=True)

    def reconstruct(self, obs: Observation, rng: Generator, progress: Progress) -> Reconstruction:
        """What the decoder makes of the message.

        Raises:
            InvvizError: there are no public pictures.
        """
        if obs.public is None or not len(obs.public):
            raise InvvizError("inverse_network is trained on public pictures, and there are none here. Use rmle.")
        public = obs.public[torch.randperm(len(obs.public), generator=rng)[: self.pictures]]  # evenly spaced ones may skip classes
        with torch.no_grad():
            size = len(obs.template.image)  # a defense may look at the whole message, so it gets as many pictures as the client sent
            public = public[: len(public) // size * size]
            sent = torch.cat([self._embed(obs, part) for part in public.split(size if obs.knowledge.defense else 256)])
        scale = sent.std() + 1e-12
        message = next(iter(obs.message.values()))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(torch.randint(2**31, (), generator=rng)))
            decoder = _decoder(sent[:1], public[:1], self.width).to(public)
        optimiser = torch.optim.Adam(decoder.parameters(), self.lr)
        steps = self.epochs * -(-len(public) // CHUNK)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
        number, stopped, trace = 0, False, []
        while number < steps and not stopped:
            for places in torch.randperm(len(public), generator=rng).split(CHUNK):
                number += 1
                error = ((decoder(sent[places] / scale) - public[places]) ** 2).mean()
                optimiser.zero_grad()
                error.backward()
                optimiser.step()
                schedule.step()
                if number % 10 == 0 or number == steps:
                    with torch.no_grad():
                        guess = decoder(message / scale)
                    trace.append((number, float(error.detach())))
                    if not progress(Step(number, steps, float(error.detach()), guess)):
                        stopped = True
                        break
        with torch.no_grad():
            image = decoder(message / scale).nan_to_num(sum(obs.bounds) / 2).clamp(*obs.bounds)
            loss = float(squared_error(obs.simulate(Batch.of(image, obs.template.label)), obs.message))
        note = f"Trained on {len(public):,} public pictures; their mean squared error at the end: {trace[-1][1] if trace else float('nan'):.4f}."
        if loss > UNMATCHED:
            note += f" Its picture has another embedding (matching loss {loss:.1e}): it is a blend of what fits."
        return Reconstruction(
            Batch.of(image, obs.template.label), loss, tuple(trace), note, failed=not math.isfinite(loss), stopped=stopped
        )

    @staticmethod
    def _embed(obs: Observation, pictures: Tensor) -> Tensor:
        label = torch.zeros(len(pictures), dtype=torch.int64, device=pictures.device)
        return next(iter(obs.simulate(Batch.of(pictures, label)).values()))


def _decoder(embedding: Tensor, picture: Tensor, width: int) -> nn.Module:
    """Embedding (maps or a list of numbers) to a picture in [0, 1]."""
    nn = torch.nn
    channels, height, width_out = picture.shape[1:]
    if embedding.ndim == 2:
        low = max(1, -(-height // 4)), max(1, -(-width_out // 4))
        first = [nn.Linear(embedding.shape[1], width * low[0] * low[1]), nn.Unflatten(1, (width, *low)), nn.ReLU()]
    else:
        first = [nn.Conv2d(embedding.shape[1], width, 3, padding=1), nn.ReLU()]
    return nn.Sequential(
        *first,
        nn.Conv2d(width, width, 3, padding=1),
        nn.ReLU(),
        nn.Upsample((height, width_out), mode="nearest"),
        nn.Conv2d(width, width, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(width, width, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(width, channels, 3, padding=1),
        nn.Sigmoid(),
    )
