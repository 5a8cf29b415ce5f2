"""Matching a message by principal components of public pictures."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.lazy import torch
from ..core.types import Batch, Knowledge
from ._base import Attack
from ._generator import Components
from ._latent import DISTANCES, STARTS, aim, closest, descend, known_pictures
from ._matching import Watch, in_double, is_smooth, search
from ._nearest_public import verdict
from ._priors import total_variation

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..core.types import Observation, Progress, Reconstruction


@dataclasses.dataclass(frozen=True)
class PCAPrior(Attack):
    """Searches x = mean + sum a_i s_i v_i, with the principal components v_i of public pictures and their deviations s_i, and likes small |a|^2.

    That is the Gaussian prior a ~ N(0, 1): with known noise the answer is the most likely picture under it, in closed form (ridge) where the message is linear in the
    picture. In the last steps all pixels are free: x + r e with e ~ N(0, 1) and r the deviation that the components leave over (probabilistic PCA, tipping1999ppca),
    with total variation. All of it is ours, from textbook parts. Nets without kinks are searched by L-BFGS in float64, others by Adam.
    """

    name: ClassVar[str] = "pca_prior"
    title: ClassVar[str] = "Principal components of public pictures"
    paper: ClassVar[str] = "tipping1999ppca"

    steps: int = knob(500, "steps per start, over both phases", low=1, high=100_000, unit="steps")
    restarts: int = knob(1, "starts; the best is chosen by the matching loss", low=1, high=50)
    components: int = knob(64, "principal components, at most as many as the public pictures have", low=1, high=2000)
    freed: float = knob(
        0.5, "share of the steps, the last ones, in which all pixels are free; 0 stays among the components", low=0.0, high=1.0
    )
    prior: float = knob(
        1e-3,
        "weight of the mean of a^2 (each e^2 counts as an a^2) where the noise is not known; where it is, it gives the weight",
        low=0.0,
        high=10.0,
        log=True,
    )
    tv: float = knob(1e-4, "weight of the total variation while pixels are free", low=0.0, high=10.0, log=True)
    lr: float = knob(0.1, "Adam's learning rate over a and e (nets with kinks); falls along a cosine", low=1e-5, high=10.0, log=True)
    distance: str = knob("cosine", "matching loss for gradients where the defense is not known", choices=DISTANCES)
    start: str = knob("mean", "the mean picture, or the public picture, of 200, with the least matching loss", choices=STARTS)

    def wants(self) -> Knowledge:
        """Labels and public pictures."""
        return Knowledge(labels=True, batch_size=True, public_data=True)

    def reconstruct(self, obs: Observation, rng: Generator, progress: Progress) -> Reconstruction:
        """The pictures with the least loss of all starts; the note compares them with public ones.

        Raises:
            InvvizError: there are no public pictures.
        """
        given = obs.template.private
        public, smooth = known_pictures(obs, self.name, 3), is_smooth(obs.net)
        basis = Components.of(public, self.components)
        obs = dataclasses.replace(in_double(obs), public=None) if smooth else obs
        like, label = obs.template.private, obs.template.label
        basis = dataclasses.replace(basis, mean=basis.mean.to(like), rows=basis.rows.to(like))
        few = len(like) * len(basis.rows)
        target = aim(obs, self.distance, self.prior / few)
        watch = Watch(progress, self.steps, unmatched=target.unmatched)
        last = round(self.freed * self.steps)

        def evaluate(v: Tensor) -> tuple[Tensor, Batch]:
            image = basis.picture(v[:few].view(len(like), -1), v[few:])
            loss = target.loss(obs.simulate(obs.template.at(image, label))) + target.weight * v.square().sum()
            return (loss + self.tv * total_variation(image) if len(v) > few else loss), obs.template.at(image, label)

        def attempt() -> None:
            a = like.new_zeros(few)
            if self.start == "public":
                grey = basis.mean.expand_as(like)
                a = basis.code(closest(obs, target, grey, public.to(like), rng)).flatten()
            a = descend(watch, evaluate, a, self.steps - last, self.lr, smooth)
            descend(watch, evaluate, torch.cat([a, like.new_zeros(like.numel())]), last, self.lr, smooth)

        found = search(obs, watch, self.restarts, attempt)
        found = dataclasses.replace(found, batch=found.batch.at(found.batch.private.to(given.dtype), label))
        words = verdict(obs, target, dataclasses.replace(found, batch=found.batch.at(found.batch.private.to(like), label)), public)
        return dataclasses.replace(found, note=f"{words} {found.note}".strip())
