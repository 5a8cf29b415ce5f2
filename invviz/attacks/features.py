"""Features of a linear layer, read off its gradient, and the picture that has them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.lazy import torch
from ..core.types import Batch, Knowledge, Reconstruction
from ._base import Attack
from ._features import Features, Unreadable, features_of
from ._labels import infer_label
from ._lbfgs import lbfgs
from ._matching import CLOSE, UNMATCHED, Watch, in_double, is_smooth, search, squared_error
from ._priors import total_variation
from ._space import Space

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..core.types import Observation, Progress


@dataclasses.dataclass(frozen=True)
class FeatureInversion(Attack):
    """Divides the gradient of the first linear layer by that of its bias, which gives the layer's input h exactly, and searches the picture with f(x) = h by L-BFGS.

    The input of any linear layer can be read that way [P] (key geiping2020inverting, proposition 3.1; the division: phong2018additively). Ours: the search for the picture
    behind convolutions, which minimises |f(x) - h|^2 / |h|^2 and takes single backward passes where matching a gradient takes double ones; it ends where the
    misfit is what the noise in h explains. The loss that is reported is that of the whole gradient. Features that are fewer than the pixels leave the picture open; total variation then fills in.
    """

    name: ClassVar[str] = "features"
    title: ClassVar[str] = "Features of a linear layer"
    paper: ClassVar[str] = "geiping2020inverting"
    max_batch: ClassVar[int | None] = 1
    needs_gradient: ClassVar[bool] = True
    one_round: ClassVar[bool] = True

    steps: int = knob(500, "most evaluations of the misfit per start", low=1, high=100_000, unit="steps")
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

    def wants(self) -> Knowledge:
        """That the batch holds one sample; the label is read off the gradient."""
        return Knowledge(batch_size=True)

    def reconstruct(self, obs: Observation, rng: Generator, progress: Progress) -> Reconstruction:
        """The picture with the least misfit of all starts, and the misfit of its whole gradient."""
        given = obs.template.image
        try:
            found = Features.of(obs)
        except Unreadable as why:
            return Reconstruction(Batch.of(obs.grey, obs.template.label), float("inf"), note=str(why), failed=True)
        smooth = is_smooth(obs.net)
        label = infer_label(obs.sent or obs.message)
        own = in_double(obs) if smooth else obs
        like, misfit = own.template.image, found.misfit()
        space = Space.of(self.space, like, obs.bounds)
        weight = self.tv if found.count < given.numel() else 0.0
        watch = Watch(progress, self.steps, max(self.tolerance, found.disturbance), max(UNMATCHED, 2 * found.disturbance))

        def attempt() -> None:
            def evaluate(v: Tensor) -> tuple[Tensor, Batch]:
                image = space.picture(v.view(like.shape))
                batch = Batch.of(image, label)
                error = misfit(features_of(own.net, found.name, batch))
                return (error + weight * total_variation(image) if weight else error), batch

            lbfgs(space.start(rng, like).flatten(), evaluate, watch, smooth)

        answer = search(own, watch, self.restarts, attempt, every=False)
        whole = squared_error(own.simulate(answer.batch), own.message) if own.message else torch.tensor(float("inf"))
        batch = Batch.of(answer.batch.image.to(given.dtype), label)
        note = " ".join(filter(None, (self._verdict(found, float(whole), given.numel()), answer.note)))
        return dataclasses.replace(answer, batch=batch, loss=float(whole), note=note)

    def _verdict(self, found: Features, whole: float, pixels: int) -> str:
        """Whether the features can determine the picture, and whether it explains the whole gradient."""
        parts = [f"{found.name} shows {found.count:,} features of {pixels:,} pixel values"]
        if found.count < pixels:
            parts[0] += ", too few to determine the picture"
        if found.unexplained > CLOSE**2:
            parts.append(f"{found.unexplained:.1e} of that layer's gradient fits no features, so the message was altered")
        parts.append(f"the whole gradient of the answer differs by {whole:.1e} of its square")
        note = "; ".join(parts)
        return note[:1].upper() + note[1:] + "."
