"""The most likely picture under the law of public pictures of the same class, by all that the message says: values, intervals, ranks, equations."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.lazy import torch
from ..core.types import Knowledge, Reconstruction, Step
from ._base import Attack, Unreadable
from ._classes import directions, law_of_class
from ._latent import known_pictures
from ._laws import laws_of
from ._matching import in_double
from ._misfit import misfit

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Generator, Tensor

    from ..core.types import Observation, Progress
    from ._laws import Law

AT_ONCE = 64  # tangents that go through the net together
DAMPING, BETTER, WORSE, TRIALS = 1e-2, 0.3, 5.0, 8
LITTLE = 1e-6  # gain of an objective below which a stage is over


@dataclasses.dataclass(frozen=True)
class ClassPrior(Attack):
    """Takes public pictures of the class for normally distributed, and searches the most likely picture that says what the message says. Ours [D].

    Prior: mean and covariance of the public pictures with the same label, with a little of all of them; of all alone where labels play no part. Message: exact
    entries, noise of known size, intervals that rounding leaves; and where the defense is known, what it cannot help telling: which entries are the largest (Outpost
    hides values behind noise, not their rank), that every part keeps its norm and its angle to what is sent (CENSOR), with what chance an entry is rounded up.
    Damped steps of Gauss and Newton over principal directions, through stages in which exact laws grow sharp, from the mean picture.

    Where the message says nothing, the answer is the mean picture of the class, which is the bar for every attack that is told the label: 9 to 20 dB on digits.
    A picture unlike its class is drawn towards it. Cost: a Jacobian in `components` directions per step.
    """

    name: ClassVar[str] = "class_prior"
    title: ClassVar[str] = "Most likely picture of the class"
    paper: ClassVar[str] = "tipping1999ppca"
    needs_classes: ClassVar[bool] = True
    knows_classes: ClassVar[bool] = True

    steps: int = knob(25, "most steps per stage (a stage of exact laws is ten times sharper than the last)", low=1, high=1000, unit="steps")
    components: int = knob(256, "principal directions that are searched, at most the pixels", low=1, high=2000)
    whose: str = knob("class", "public pictures of the same class, or all of them", choices=("class", "all"))

    def wants(self) -> Knowledge:
        """Labels and public pictures with theirs."""
        return Knowledge(labels=True, batch_size=True, public_data=True)

    def reconstruct(self, obs: Observation, rng: Generator, progress: Progress) -> Reconstruction:
        """The most likely picture of the last stage that was reached.

        Raises:
            InvvizError: there are no public pictures.
        """
        public, given = known_pictures(obs, self.name, 3), obs.template.private
        rounding = max(torch.finfo(leaf.dtype).eps for leaf in obs.message.values())
        obs = in_double(obs)
        alike = obs.public_labels if self.whose == "class" and obs.knowledge.labels else None
        try:
            loss, (laws, stages) = misfit(obs)[0], laws_of(obs, rounding)
            most = directions(obs, self.components)
        except Unreadable as why:
            means, _, whose = law_of_class(public.double(), alike, obs.template.label, 1)
            mean = obs.template.at(means.view(given.shape).clamp(*obs.bounds).to(given.dtype))
            return Reconstruction(mean, math.inf, note=f"{why}. The answer is the mean of {whose}.", failed=True)
        search = _Search(obs, laws, *law_of_class(public.double(), alike, obs.template.label, most))
        v = search.start()
        trace: list[tuple[int, float]] = []
        total, stopped = self.steps * len(stages), False

        def seen(v: Tensor) -> bool:
            image = search.picture(v).detach()
            with torch.no_grad():
                value = float(loss(obs.simulate(obs.template.at(image))))
            trace.append((len(trace) + 1, value))
            return progress(Step(len(trace), total, value, image, 0))

        for soft in stages:
            v, stopped = search.stage(v, soft, self.steps, seen)
            if stopped:
                break
        image = search.picture(v).detach()
        image = image if bool(torch.isfinite(image).all()) else search.picture(search.start())
        note = f"Most likely picture by the law of {search.whose}. Where the message says little it is their mean."
        if obs.rules is not None:
            note += " Judged by what is sure of the message in spite of the defense, not by how like it the answer's own would be."
        image = image.clamp(*obs.bounds).to(given.dtype)
        return Reconstruction(obs.template.at(image), trace[-1][1] if trace else math.inf, tuple(trace), note, False, stopped)


@dataclasses.dataclass(eq=False)
class _Search:
    """Coordinates v: of every picture its own along the prior's directions, (b, k), then the laws' own unknowns."""

    obs: Observation
    laws: list[Law]
    means: Tensor  # (b, n)
    roots: Tensor  # (b, n, k); a picture is mean + root z with z ~ N(0, 1)
    whose: str

    def picture(self, v: Tensor) -> Tensor:
        """The pictures at v."""
        b, _, k = self.roots.shape
        z = v[: b * k].view(b, k, 1)
        return (self.means + (self.roots @ z)[..., 0]).view(self.obs.template.private.shape)

    def start(self) -> Tensor:
        """The mean pictures."""
        b, _, k = self.roots.shape
        still = self.means.new_zeros(b * k)
        own = [law.own(self.picture(still)).detach() for law in self.laws]
        self.splits = [len(one) for one in own]
        return torch.cat([still, *own])

    def features(self, v: Tensor) -> Tensor:
        """The numbers of all laws, one after the other."""
        image = self.picture(v)
        return torch.cat([law.of(image, own) for law, own in zip(self.laws, self._own(v), strict=True)])

    def _own(self, v: Tensor) -> tuple[Tensor, ...]:
        return v[len(v) - sum(self.splits) :].split(self.splits)

    def jacobian(self, v: Tensor) -> Tensor:
        """(p, len(v))."""
        push = torch.func.vmap(lambda one: torch.func.jvp(self.features, (v,), (one,))[1], chunk_size=AT_ONCE)
        return push(torch.eye(len(v)).to(v)).detach().T

    def judge(self, numbers: Tensor, v: Tensor, soft: float, cuts: list[int]) -> tuple[float, Tensor, Tensor]:
        """Objective, and slope and curvature by every number."""
        each = [law.like(part, soft) for law, part in zip(self.laws, numbers.split(cuts), strict=True)]
        z = v[: len(v) - sum(self.splits)]
        value = float(sum(one[0] for one in each)) + 0.5 * float(z @ z)
        return value, torch.cat([one[1] for one in each]), torch.cat([one[2] for one in each])

    def stage(self, v: Tensor, soft: float, steps: int, seen: Callable[[Tensor], bool]) -> tuple[Tensor, bool]:
        """Damped steps at one softness; the last point, and whether the search is to stop."""
        cuts = [len(law.of(self.picture(v), own)) for law, own in zip(self.laws, self._own(v), strict=True)]
        prior = torch.ones_like(v)
        prior[len(v) - sum(self.splits) :] = 1e-6
        still = (prior == 1).to(v)
        damping = DAMPING
        for _ in range(steps):
            with torch.no_grad():
                value, slope, bend = self.judge(self.features(v), v, soft, cuts)
            rows = self.jacobian(v)
            down = -(rows.T @ slope + still * v)
            curve = rows.T @ (bend[:, None] * rows) + torch.diag(prior)
            moved, there = None, value
            for _ in range(TRIALS):
                trial = v + torch.linalg.solve(curve + damping * torch.diag(curve.diagonal()), down)
                with torch.no_grad():
                    there = self.judge(self.features(trial), trial, soft, cuts)[0]
                if there < value:
                    moved = trial
                    break
                damping *= WORSE
            if moved is None:
                break
            v, damping = moved, max(BETTER * damping, 1e-9)
            if not seen(v):
                return v, True
            if value - there < LITTLE * abs(value):
                break
        return v, False
