"""See through gradients: several starts side by side that pull each other towards what they agree on."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.lazy import torch
from ..core.tree import randn_like
from ..core.types import Knowledge
from ._base import Attack
from ._labels import Count, with_count
from ._matching import Watch, cosine_distance, search, squared_error
from ._priors import total_variation
from ._space import Space
from ._starts import Registration, disagreement, loss_of_each
from ._statistics import remembering, statistics_distance

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..core.types import Observation, Progress, Reconstruction

REACH = 2  # most pixels by which starts are shifted onto each other
REGISTER = 25  # steps between two registrations
TOGETHER = 0.5  # share of the steps from which on the starts pull each other
LOW = "A low matching loss is no proof of right pictures: other batches have nearly the same gradient, the more so the more samples there are."
DISTANCES = {"l2": squared_error, "cosine": cosine_distance}


@dataclasses.dataclass(frozen=True)
class SeeThrough(Attack):
    """Gradient matching of a whole batch from several starts at once, with total variation, batch-norm statistics and group consistency.

    [P] (key yin2021see): squared error of the gradients, the three image priors, the pull of every start towards the mean of all registered ones, Langevin noise, Adam with
    cosine decay. Ours: all starts of a small batch in one vectorised call; the loss relative to the message; a start near grey; registration by whole pixels (theirs: RANSAC-flow) and by
    label; the pull begins halfway; labels are counted, repeats included (theirs: labels distinct). Statistics are the running ones of the net, only of a
    trained net, and off by default.
    Cost: one double backward pass per step and start.
    """

    name: ClassVar[str] = "see_through"
    title: ClassVar[str] = "See through gradients (GradInversion)"
    paper: ClassVar[str] = "yin2021see"
    modalities: ClassVar[tuple[str, ...]] = ("picture", "row")  # its starts are moved down and across onto each other

    steps: int = knob(500, "steps, of all starts together", low=1, high=100_000, unit="steps")
    restarts: int = knob(4, "starts, searched side by side; the best is chosen by the matching loss", low=1, high=50)
    lr: float = knob(0.1, "Adam's learning rate at the start; falls to 0 along a cosine", low=1e-5, high=10.0, log=True)
    labels: str = knob(
        "counted", "counted: the attacker counts them off the last layer's gradient; known: it is told them", choices=("counted", "known")
    )
    distance: str = knob(
        "l2", "matching loss: l2 (squared error relative to the message) or cosine (blind to its length)", choices=tuple(DISTANCES)
    )
    tv: float = knob(1e-4, "weight of the total variation", low=0.0, high=10.0, log=True)
    l2: float = knob(1e-6, "weight of the mean squared distance from grey", low=0.0, high=10.0, log=True)
    bn: float = knob(
        0.0,
        "weight of the batch-norm statistics, where a trained net has some; 0: the attacker does not use them (it did best so on resnet18)",
        low=0.0,
        high=10.0,
        log=True,
    )
    group: float = knob(
        1e-2, "weight of the distance to the mean of all registered starts, from half of the steps on", low=0.0, high=10.0, log=True
    )
    noise: float = knob(0.0, "Langevin noise per step, relative to the learning rate", low=0.0, high=1.0)

    def wants(self) -> Knowledge:
        """Batch-norm statistics where it uses them, and labels unless it counts them."""
        return Knowledge(labels=self.labels == "known", batch_size=True, bn_statistics=self.bn > 0)

    def reconstruct(self, obs: Observation, rng: Generator, progress: Progress) -> Reconstruction:
        """The batch of the start with the least matching loss."""
        like, count = obs.template.private, Count(obs.template.label, True, "")
        if self.labels == "counted":
            count = Count.of(obs, rng)
        space = Space.of("pixels", like, obs.bounds)
        images = torch.stack([space.picture(space.start(rng, like)) for _ in range(self.restarts)]).requires_grad_()
        watch, least = Watch(progress, self.steps), torch.full((self.restarts,), torch.inf)

        def attempt() -> None:
            pull = Pull(self, obs, count.labels)
            optimiser = torch.optim.Adam([images], lr=self.lr)
            schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, self.steps)
            for step in range(self.steps):
                losses = loss_of_each(pull.match, images)
                own = losses.detach().nan_to_num(torch.inf).cpu()
                torch.minimum(least, own, out=least)
                (slope,) = torch.autograd.grad(losses.sum() + pull.prior(images, step, int(own.argmin())), images)
                batch = obs.template.at(images[own.argmin()], count.labels)
                watch.see(float(own.min()), batch, shown=batch)
                images.grad = slope.nan_to_num(0.0, 0.0, 0.0)  # a start that diverged stays where it is
                optimiser.step()
                with torch.no_grad():
                    if self.noise:
                        images.add_(self.noise * schedule.get_last_lr()[0] * randn_like(images, rng))
                    images.clamp_(*obs.bounds)
                schedule.step()

        found = search(obs, watch, 1, attempt)
        starts = (
            f"{self.restarts} starts: matching losses {float(least.min()):.1e} to {float(least.max()):.1e}." if self.restarts > 1 else ""
        )
        note = " ".join(part for part in (found.note, starts, LOW if len(like) > 1 and not found.failed else "") if part)
        return dataclasses.replace(found, note=with_count(note, count))


class Pull:
    """What draws the starts: the message, the priors, and from halfway on each other."""

    def __init__(self, attack: SeeThrough, obs: Observation, labels: Tensor) -> None:
        """Look which statistics the net has."""
        self.attack, self.obs, self.labels = attack, obs, labels
        self.layers = remembering(obs.net) if attack.bn > 0 else []
        self.registration: Registration | None = None

    def match(self, image: Tensor) -> Tensor:
        """Matching loss of one start, a scalar."""
        return DISTANCES[self.attack.distance](self.obs.simulate(self.obs.template.at(image, self.labels)), self.obs.message)

    def prior(self, images: Tensor, step: int, best: int) -> Tensor:
        """All other terms, summed over starts; `best` is the start that the others are registered to."""
        a, starts = self.attack, len(images)
        total = a.tv * starts * total_variation(images) + a.l2 * starts * (images - sum(self.obs.bounds) / 2).square().mean()
        if self.layers:
            total = total + a.bn * statistics_distance(self.obs.net, self.layers, images).sum()
        since = step - int(TOGETHER * a.steps)
        if a.group > 0 and starts > 1 and since >= 0:
            if self.registration is None or since % REGISTER == 0:
                self.registration = Registration.of(images, images[best].detach(), self.labels, REACH)
            total = total + a.group * disagreement(images, self.registration)
        return total
