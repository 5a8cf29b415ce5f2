"""A decoder, trained on public pictures, that turns embeddings back into pictures."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.errors import InvvizError
from ..core.lazy import torch
from ..core.tree import joined, rand_like
from ..core.types import Knowledge, Reconstruction, Step
from ._base import Attack
from ._decoding import Fit, decoder, embed, fresh, message_size
from ._matching import UNMATCHED, squared_error
from ._priors import textures

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..core.types import Observation, Progress

PUBLIC = ("same", "textures", "noise", "similar")


@dataclasses.dataclass(frozen=True)
class InverseNetwork(Attack):
    """Trains a net x' = d(f(x)) on the embeddings of public pictures, then applies it to the observed one.

    The paper's black-box attack: it needs answers of the bottom net, no look inside. The decoder is ours: convolutions that grow to the picture's size, fully connected
    layers for a table's row. It gives the mean of what fits, so it blurs where the embedding does not tell, and it works where a search gets lost. The paper also trains
    on other sets of pictures. For those of the same kind ('similar') we take another data set, brought to the same size; for those of another kind we draw ours: textures with the
    spectrum of natural pictures, or noise, which take no data at all.
    """

    name: ClassVar[str] = "inverse_network"
    title: ClassVar[str] = "Inverse network (decoder)"
    paper: ClassVar[str] = "he2019inversion"
    needs_embedding: ClassVar[bool] = True
    decodes: ClassVar[bool] = True

    epochs: int = knob(20, "passes over the training pictures", low=1, high=1000, unit="epochs")
    width: int = knob(32, "channels of the decoder (a table's row: an eighth of its neurons)", low=4, high=256, unit="channels")
    lr: float = knob(2e-3, "Adam's learning rate at the start; falls to 0 along a cosine", low=1e-6, high=1.0, log=True)
    pictures: int = knob(2000, "pictures that it is trained on, at most", low=10, high=2_000, unit="pictures")
    public: str = knob(
        "same",
        "what it is trained on: public pictures of the same data set, drawn textures (1/f spectrum), drawn noise, or pictures of another data set of the same kind (similar)",
        choices=PUBLIC,
    )

    def wants(self) -> Knowledge:
        """Public pictures, unless it draws its own."""
        return Knowledge(batch_size=True, public_data=self.public in ("same", "similar"), similar=self.public == "similar")

    def reconstruct(self, obs: Observation, rng: Generator, progress: Progress) -> Reconstruction:
        """What the decoder makes of the message.

        Raises:
            InvvizError: there are no public pictures.
        """
        size = len(obs.template.private)  # a defense may look at the whole message, so it gets as many pictures as the client sent
        public = self._pictures(obs, rng)
        public = public[: len(public) // size * size]
        message = joined(obs.message)
        with torch.no_grad():
            sent = embed(obs, obs.net, public, message_size(obs))
        fit = Fit(fresh(lambda: decoder(sent[:1], public[:1], self.width), rng, public), sent.std() + 1e-12)
        report = lambda number, steps, error: progress(Step(number, steps, error, fit(message)))  # noqa: E731
        fit.train(sent, public, self.epochs, self.lr, rng, report)
        image = fit(message).nan_to_num(sum(obs.bounds) / 2).clamp(*obs.bounds)
        with torch.no_grad():
            loss = float(squared_error(obs.simulate(obs.template.at(image)), obs.message))
        kind = {"textures": "drawn textures", "noise": "pictures of noise", "similar": "pictures of another data set"}.get(
            self.public, "public pictures"
        )
        note = f"Trained on {len(public):,} {kind}; their mean squared error at the end: {fit.trace[-1][1] if fit.trace else float('nan'):.4f}."
        if loss > UNMATCHED:
            note += f" Its picture has another embedding (matching loss {loss:.1e}): it is a blend of what fits."
        failed = not math.isfinite(loss)
        return Reconstruction(obs.template.at(image), loss, tuple(fit.trace), note, failed=failed, stopped=fit.stopped)

    def _pictures(self, obs: Observation, rng: Generator) -> Tensor:
        """What it is trained on, (n, c, h, w)."""
        like = obs.template.private
        if self.public == "noise":
            return rand_like(like.new_empty((self.pictures, *like.shape[1:])), rng)
        if self.public == "textures":
            return textures(self.pictures, like, rng).clamp(*obs.bounds)
        if obs.public is None or not len(obs.public):
            raise InvvizError("inverse_network is trained on public pictures, and there are none here. Use public='textures' or rmle.")
        return obs.public[torch.randperm(len(obs.public), generator=rng)[: self.pictures]]  # evenly spaced ones may skip classes
