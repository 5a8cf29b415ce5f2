"""Matching a message by a generator of pictures that was trained on public ones."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.lazy import torch
from ..core.tree import flatten, randn_like, unflatten
from ..core.types import Batch, Knowledge, Reconstruction, Step
from ._base import Attack
from ._generator import Painter
from ._latent import DISTANCES, STARTS, Aim, aim, closest, descend, known_pictures
from ._matching import Watch, search
from ._nearest_public import verdict

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..core.types import Observation, Progress

AROUND = 0.1  # deviation of a start around the mean latent variables
LATER = 0.1  # of `lr`: the rate of the latent variables while weights are searched


@dataclasses.dataclass(frozen=True)
class GenerativePrior(Attack):
    """Trains a small generator on public pictures, searches its latent variables for the message, and then its weights too.

    Latent variables alone keep to what the generator has learned (GGL, li2022auditing); weights as well reach further pictures, still drawn by the same net (GIAS,
    jeon2021gradient). Both papers take large generators that others have trained, on faces or ImageNet; ours is a small decoder of principal coefficients (an autoencoder
    with a linear reader, so that codes have mean 0 and covariance 1), trained in seconds on at most 2,000 public pictures, and Adam takes the place of GGL's search without gradients. A wrong picture
    looks as real as a right one: the note says what the attacker can compute about that.
    """

    name: ClassVar[str] = "generative_prior"
    modalities: ClassVar[tuple[str, ...]] = ("picture", "row")
    title: ClassVar[str] = "Generative prior (GIAS, GGL)"
    paper: ClassVar[str] = "jeon2021gradient"

    steps: int = knob(500, "steps per start, over both phases", low=1, high=100_000, unit="steps")
    restarts: int = knob(1, "starts; the best is chosen by the matching loss", low=1, high=50)
    tuned: float = knob(
        0.5,
        "share of the steps, the last ones, that search the generator's weights too (GIAS); 0: latent variables alone (GGL)",
        low=0.0,
        high=1.0,
    )
    latent: int = knob(32, "latent variables of a picture, at most as many as the public pictures have components", low=1, high=512)
    prior: float = knob(
        1e-3,
        "weight of the mean of their squares where the noise is not known; where it is, it gives the weight",
        low=0.0,
        high=10.0,
        log=True,
    )
    lr: float = knob(0.1, "Adam's learning rate over latent variables; falls along a cosine", low=1e-5, high=10.0, log=True)
    weight_lr: float = knob(3e-3, "Adam's learning rate over the generator's weights; falls along a cosine", low=1e-7, high=1.0, log=True)
    distance: str = knob("cosine", "matching loss for gradients where the defense is not known", choices=DISTANCES)
    start: str = knob(
        "mean", "the mean of the latent variables, or those of the public picture, of 200, with the least matching loss", choices=STARTS
    )
    epochs: int = knob(15, "passes over the public pictures in training", low=1, high=1000, unit="epochs")
    width: int = knob(32, "channels of the generator (a table's row: an eighth of its neurons)", low=4, high=256, unit="channels")
    train_lr: float = knob(5e-3, "Adam's learning rate in training; falls to 0 along a cosine", low=1e-6, high=1.0, log=True)

    def wants(self) -> Knowledge:
        """Labels and public pictures."""
        return Knowledge(labels=True, batch_size=True, public_data=True)

    def reconstruct(self, obs: Observation, rng: Generator, progress: Progress) -> Reconstruction:
        """The pictures with the least loss of all starts; the note compares them with public ones.

        Raises:
            InvvizError: there are no public pictures.
        """
        public, like, label = known_pictures(obs, self.name, 3), obs.template.private, obs.template.label
        painter = Painter.of(public, self.latent, self.width, rng)
        latent = len(painter.components.rows)
        total = self.steps * self.restarts
        before = 0  # steps of the training

        def report(number: int, steps: int, error: float) -> bool:
            nonlocal before
            before = number
            return progress(Step(number, steps + total, error, painter(like.new_zeros(len(like), latent)).detach()))

        painter.train(public, self.epochs, self.train_lr, rng, report)
        error = f"Generator of {latent} latent variables, trained on {len(public):,} public pictures to a mean squared error of {painter.trace[-1][1]:.4f}."
        if painter.stopped:
            grey = obs.grey
            return Reconstruction(
                obs.template.at(grey, label), float("inf"), note="Stopped on request, in the generator's training.", stopped=True
            )
        later = lambda step: progress(dataclasses.replace(step, number=before + step.number, total=before + total))  # noqa: E731
        found, target = self._search(obs, painter, public, rng, later)
        return dataclasses.replace(found, note=f"{error} {verdict(obs, target, found, public)} {found.note}".strip())

    def _search(self, obs: Observation, painter: Painter, public: Tensor, rng: Generator, progress: Progress) -> tuple[Reconstruction, Aim]:
        """The search proper, with a trained generator."""
        like, label = obs.template.private, obs.template.label
        shape = (len(like), len(painter.components.rows))
        few = shape[0] * shape[1]
        target = aim(obs, self.distance, self.prior / few)
        watch = Watch(progress, self.steps, unmatched=target.unmatched)
        last = round(self.tuned * self.steps)
        weights = {name: p.detach() for name, p in painter.net.named_parameters()}

        def judged(image: Tensor, a: Tensor) -> tuple[Tensor, Batch]:
            batch = obs.template.at(image, label)
            return target.loss(obs.simulate(batch)) + target.weight * a.square().sum(), batch

        def attempt() -> None:
            a = AROUND * randn_like(like.new_empty(shape), rng)
            if self.start == "public":
                a = painter.components.code(closest(obs, target, painter(0 * a).detach(), public, rng))
            a = descend(watch, lambda v: judged(painter(v.view(shape)), v), a.flatten(), self.steps - last, self.lr)
            rate = self.lr / self.weight_lr  # one vector, one rate: latent variables are stretched so that theirs is `lr`

            def both(v: Tensor) -> tuple[Tensor, Batch]:
                code = a + rate * LATER * v[:few]
                net = torch.func.functional_call(painter.net, dict(unflatten(v[few:], weights)), (code.view(shape),), tie_weights=False)
                return judged(net, code)

            descend(watch, both, torch.cat([a.new_zeros(few), flatten(weights)]), last, self.weight_lr)

        return search(obs, watch, self.restarts, attempt), target
