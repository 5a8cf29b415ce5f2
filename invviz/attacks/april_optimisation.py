"""APRIL by optimisation: match the gradient of a vision transformer, and the direction of its position embeddings' gradient once more."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.tree import norm, without_round
from ..core.types import Batch, Knowledge
from ._base import Attack
from ._latent import descend
from ._matching import UNMATCHED, Watch, cosine_distance, in_double, search
from ._misfit import misfit
from ._priors import smoothness
from ._space import Space
from ._tokens import POSITIONS

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..core.types import Observation, Progress, Reconstruction, Tree

GUIDED = 0.5  # share of the steps with the extra term where the noise is known: it finds the way, and then only weighs the noise of few entries double


@dataclasses.dataclass(frozen=True)
class APRILOptimisation(Attack):
    """Minimises |G(x') - m|^2 / |m|^2 plus a weight times the cosine distance of the two gradients by the position embeddings, over pictures.

    That gradient is the one by the tokens, one row a patch, so it tells where things are, which the other gradients, sums over patches, hardly do. [P] (lu2022april):
    both terms, the squared one there without the division. Ours: L-BFGS in float64 over frequencies from near grey, as in `dlg`; and with known noise the
    most likely picture, where the extra term leads only the first half of the search. Unlike `april` it takes batches and knows no exact case. Cost: one double backward pass a step.
    """

    name: ClassVar[str] = "april_optimisation"
    title: ClassVar[str] = "APRIL by optimisation (vision transformer)"
    paper: ClassVar[str] = "lu2022april"
    needs_classes: ClassVar[bool] = True
    needs_gradient: ClassVar[bool] = True
    needs_positions: ClassVar[bool] = True

    steps: int = knob(500, "most evaluations of the matching loss per start", low=1, high=100_000, unit="steps")
    restarts: int = knob(
        2,
        "most starts; another one is made only when the last was stuck or diverged, the best is chosen by the matching loss",
        low=1,
        high=50,
    )
    positions: float = knob(
        10.0, "weight of the cosine distance of the gradients by position embeddings; 0 leaves it out", low=0.0, high=1e4, log=True
    )
    tolerance: float = knob(1e-8, "relative matching loss, with the extra term, at which the search ends", low=0.0, high=1.0, log=True)

    def wants(self) -> Knowledge:
        """Labels."""
        return Knowledge(labels=True, batch_size=True)

    def reconstruct(self, obs: Observation, rng: Generator, progress: Progress) -> Reconstruction:
        """The pictures with the least matching loss of all starts; the note says where the extra term could not be used."""
        given, obs = obs.template.private, in_double(obs)
        like, label = obs.template.private, obs.template.label
        space = Space.of("frequencies", like, obs.bounds)
        loss_of, known, truth = misfit(obs)
        watch = Watch(progress, self.steps, 0.0 if known else self.tolerance, max(UNMATCHED, 2 * truth))
        target = _of_positions(obs.message)
        use = self.positions > 0 and bool(target) and 0 < float(norm(target)) < math.inf

        def judged(v: Tensor, guided: bool) -> tuple[Tensor, Batch]:
            image = space.picture(v.view(like.shape))
            batch = obs.template.at(image, label)
            message = obs.simulate(batch)
            loss = loss_of(message)
            loss = loss + known * smoothness(image, space.middle) if known else loss
            return (loss + self.positions * cosine_distance(_of_positions(message), target) if guided else loss), batch

        def attempt() -> None:
            v, first = space.start(rng, like).flatten(), (round(GUIDED * self.steps) if known else self.steps) if use else 0
            for guided, steps in ((True, first), (False, self.steps - first)):
                v = descend(watch, lambda u, guided=guided: judged(u, guided), v, steps, 0.0, smooth=True) if steps else v

        found = search(obs, watch, self.restarts, attempt, every=False)
        note = (
            found.note
            if use or not self.positions
            else f"The gradient by the positions says nothing, so it was not used. {found.note}".strip()
        )
        return dataclasses.replace(found, batch=found.batch.at(found.batch.private.to(given.dtype), label), note=note)


def _of_positions(message: Tree) -> Tree:
    """The parts of a message that belong to position embeddings."""
    return {name: leaf for name, leaf in message.items() if without_round(name).split(".")[-1] == POSITIONS}
