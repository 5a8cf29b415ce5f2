"""Matching a message by the weights of an untrained net that draws the pictures."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.lazy import torch
from ..core.tree import flatten, rand_like, unflatten
from ..core.types import Batch, Knowledge
from ._base import Attack
from ._decoding import fresh
from ._latent import DISTANCES, aim, descend
from ._matching import Watch, search

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn

    from ..core.types import Observation, Progress, Reconstruction

ROUGHLY = 1.02  # of the matching loss that known noise leaves to the truth: where a search ends
INPUT = 0.1  # largest number of the fixed input (ulyanov2018deep)


@dataclasses.dataclass(frozen=True)
class DeepImagePrior(Attack):
    """The pictures are what a small convolutional net makes of a fixed random input; its weights, fresh ones, are searched by matching the message with Adam.

    Such a net draws smooth shapes long before noise, with no data at all [P] (ulyanov2018deep, there for noise and holes in pictures). The net is ours and smaller: no
    skip connections, one for all pictures of the batch with an input for each. The search ends at the matching loss that known noise leaves to the truth; where
    the noise is not known it ends with its steps, so many steps fit the noise.
    """

    name: ClassVar[str] = "deep_image_prior"
    title: ClassVar[str] = "Deep image prior"
    paper: ClassVar[str] = "ulyanov2018deep"
    modalities: ClassVar[tuple[str, ...]] = ("picture",)

    steps: int = knob(500, "steps per start", low=1, high=100_000, unit="steps")
    restarts: int = knob(1, "starts with other weights; the best is chosen by the matching loss", low=1, high=50)
    width: int = knob(32, "channels of the net", low=4, high=256, unit="channels")
    lr: float = knob(0.01, "Adam's learning rate; falls along a cosine", low=1e-6, high=1.0, log=True)
    distance: str = knob("cosine", "matching loss for gradients where the defense is not known", choices=DISTANCES)

    def wants(self) -> Knowledge:
        """Labels; no public pictures."""
        return Knowledge(labels=True, batch_size=True)

    def reconstruct(self, obs: Observation, rng: Generator, progress: Progress) -> Reconstruction:
        """The pictures with the least matching loss of all starts."""
        like, label = obs.template.private, obs.template.label
        target = aim(obs, self.distance, 0.0)
        watch = Watch(progress, self.steps, unmatched=target.unmatched)
        low, high = obs.bounds

        def attempt() -> None:
            net = fresh(lambda: untrained(like, self.width), rng, like)
            noise = INPUT * rand_like(like.new_empty(source(like, self.width)), rng)
            weights = {name: p.detach() for name, p in net.named_parameters()}

            def evaluate(v: Tensor) -> tuple[Tensor, Batch]:
                image = low + (high - low) * torch.func.functional_call(net, dict(unflatten(v, weights)), (noise,), tie_weights=False)
                batch = obs.template.at(image, label)
                return target.loss(obs.simulate(batch)), batch

            descend(watch, evaluate, flatten(weights), self.steps, self.lr, enough=ROUGHLY * target.level)

        return search(obs, watch, self.restarts, attempt)


def source(like: Tensor, width: int) -> tuple[int, ...]:
    """Shape of the fixed input for pictures (b, c, h, w): a quarter of their sides."""
    return len(like), width, -(-like.shape[2] // 4), -(-like.shape[3] // 4)


def untrained(like: Tensor, width: int) -> nn.Module:
    """A net that grows its input by bilinear steps to pictures in [0, 1]."""
    nn = torch.nn
    height, across = like.shape[2:]
    layers: list[nn.Module] = []
    for size in ((-(-height // 4), -(-across // 4)), (-(-height // 2), -(-across // 2)), (height, across)):
        layers += [nn.Upsample(size, mode="bilinear"), nn.Conv2d(width, width, 3, padding=1), nn.GroupNorm(1, width), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Conv2d(width, like.shape[1], 3, padding=1), nn.Sigmoid())
