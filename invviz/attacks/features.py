"""Features of a linear layer, read off its gradient, and the pictures that have them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.lazy import torch
from ..core.types import Batch, Knowledge, Reconstruction, Step
from ._base import Attack, Unreadable, nothing_read
from ._features import Features, Reading, features_of
from ._labels import infer_label
from ._lbfgs import lbfgs
from ._matching import UNMATCHED, Watch, in_double, is_smooth, search, squared_error
from ._priors import total_variation
from ._space import Space
from ._unmix import unmix

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..core.types import Observation, Progress


@dataclasses.dataclass(frozen=True)
class FeatureInversion(Attack):
    """Reads the input h of a linear layer off its gradient, exactly, and searches the picture with f(x) = h by L-BFGS; of a batch for one sample after the other.

    One sample: the gradient of the first linear layer divided by that of its bias [P] (key geiping2020inverting, proposition 3.1; the division: phong2018additively).
    A batch: the last layer's gradient is a mixture of its samples' features (key kariyappa2023cocktail, who take it apart by statistics). Ours: softmax's own equations take it apart
    exactly, for any net and fewer samples than classes, repeated labels included; they have b^2 unknowns, however large the net. Ours, too: the search behind
    convolutions, which minimises |f(x) - h|^2 / |h|^2 and takes single backward passes where matching a gradient takes double ones; features move continuously with the
    picture where a gradient jumps at ReLU's kinks. The loss that is reported is that of the whole gradient. Features that are fewer than the pixels leave the picture open; total
    variation then fills in.
    """

    name: ClassVar[str] = "features"
    title: ClassVar[str] = "Features of a linear layer"
    paper: ClassVar[str] = "geiping2020inverting"
    fewer_than_classes: ClassVar[bool] = True
    needs_classes: ClassVar[bool] = True
    needs_gradient: ClassVar[bool] = True
    one_round: ClassVar[bool] = True

    steps: int = knob(500, "most evaluations of the misfit per start and picture", low=1, high=100_000, unit="steps")
    restarts: int = knob(
        2, "most starts; another one is made only when the last was stuck or diverged, the best is chosen by the misfit", low=1, high=50
    )
    space: str = knob(
        "frequencies", "coordinates of the search: frequencies (low ones scaled up) or plain pixels", choices=("frequencies", "pixels")
    )
    tv: float = knob(
        1e-4, "weight of the total variation, where the features are fewer than the values of the picture", low=0.0, high=10.0, log=True
    )
    tolerance: float = knob(1e-10, "relative misfit of the features at which the search ends", low=0.0, high=1.0, log=True)
    labels: str = knob(
        "counted",
        "counted: the attacker reads the labels off the gradient, and of a batch tries those that solve its equations; known: it is told them",
        choices=("counted", "known"),
        late=True,
    )

    def wants(self) -> Knowledge:
        """How many samples the batch holds, and labels unless it reads them off the gradient."""
        return Knowledge(labels=self.labels == "known", batch_size=True)

    def reconstruct(self, obs: Observation, rng: Generator, progress: Progress) -> Reconstruction:
        """For every sample the picture with the least misfit of all starts, and the misfit of the whole gradient."""
        given = obs.template.private
        try:
            read = self._read(obs, rng)
        except Unreadable as why:
            return nothing_read(obs, why)
        smooth = is_smooth(obs.net)
        own, filling, answers = in_double(obs) if smooth else obs, Filling(progress, obs.grey, self.steps), list[Reconstruction]()
        for number, features in enumerate(read.features):
            alone = dataclasses.replace(own, template=own.template.at(own.template.private[:1], read.labels[number : number + 1]))
            answers.append(self._search(alone, features, rng, filling.of(number), smooth))
            if answers[-1].stopped:
                break
        found = torch.cat([answer.batch.private for answer in answers] + [own.grey[len(answers) :]])
        whole = squared_error(own.simulate(own.template.at(found, read.labels)), own.message) if own.message else torch.tensor(float("inf"))
        remarks = [answer.note if len(given) == 1 else f"Picture {n}: {answer.note}" for n, answer in enumerate(answers, 1) if answer.note]
        return Reconstruction(
            own.template.at(found.to(given.dtype), read.labels),
            float(whole),
            tuple(filling.trace),
            " ".join([read.note(given[0].numel(), float(whole)), *remarks]),
            any(answer.failed for answer in answers) or not read.certain,
            any(answer.stopped for answer in answers),
        )

    def _read(self, obs: Observation, rng: Generator) -> Reading:
        """The features of every sample."""
        if len(obs.template.private) > 1:
            return unmix(obs, rng, obs.template.label if self.labels == "known" else None)
        label = obs.template.label if self.labels == "known" else infer_label(obs.sent or obs.message)
        return Reading((Features.of(obs),), label)

    def _search(self, obs: Observation, found: Features, rng: Generator, progress: Progress, smooth: bool) -> Reconstruction:
        """The picture of one sample; the loss is the misfit of its features."""
        like, misfit = obs.template.private, found.misfit()
        space = Space.of(self.space, like, obs.bounds)
        weight = self.tv if found.count < like.numel() else 0.0
        watch = Watch(progress, self.steps, max(self.tolerance, found.disturbance), max(UNMATCHED, 2 * found.disturbance))

        def attempt() -> None:
            def evaluate(v: Tensor) -> tuple[Tensor, Batch]:
                image = space.picture(v.view(like.shape))
                batch = obs.template.at(image)
                error = misfit(features_of(obs.net, found.name, batch))
                return (error + weight * total_variation(image) if weight else error), batch

            lbfgs(space.start(rng, like).flatten(), evaluate, watch, smooth)

        return search(obs, watch, self.restarts, attempt, every=False)


@dataclasses.dataclass(eq=False)
class Filling:
    """Reports of searches for one picture after the other as those of one search for the batch.

    Args:
        progress: told of every step, with the batch as far as it has come and the mean misfit (1 for pictures that are still to come).
        pictures: grey ones, (b, c, h, w).
        steps: of one start for one picture.
    """

    progress: Progress
    pictures: Tensor
    steps: int
    trace: list[tuple[int, float]] = dataclasses.field(default_factory=list)

    def of(self, place: int) -> Progress:
        """What the search for the picture at `place` reports to."""
        before, size = len(self.trace), len(self.pictures)
        later = size - place - 1

        def report(step: Step) -> bool:
            self.pictures[place] = step.guess[0].to(self.pictures)
            self.losses[place] = step.loss
            loss = sum(self.losses) / size
            self.trace.append((before + step.number, loss))
            total = before + step.total + later * self.steps
            return self.progress(Step(before + step.number, total, loss, self.pictures.clone(), step.restart))

        return report

    def __post_init__(self) -> None:
        self.losses = [1.0] * len(self.pictures)
