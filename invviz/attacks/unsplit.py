"""UnSplit: search picture and bottom net at once, by an attacker who knows the architecture alone."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.lazy import torch
from ..core.types import Knowledge
from ._base import Attack
from ._decoding import live
from ._matching import Watch, search, squared_error
from ._priors import total_variation
from ._space import Space

if TYPE_CHECKING:
    from torch import Generator

    from ..core.types import Observation, Progress, Reconstruction

BLIND = "The clone's own weights fit as well, so a low matching loss does not say that the picture is right"


@dataclasses.dataclass(frozen=True)
class UnSplit(Attack):
    """Minimises |f'(x') - m|^2 / |m|^2 + tv TV(x') in turns: some steps over the picture x', some over the weights of a clone f' with fresh weights.

    The paper's search: two Adams (AMSGrad), from grey, no data at all. Ours are the division by |m|^2, pictures that are kept inside [0, 1], and fewer, larger steps in shorter
    turns with less smoothing (10 steps and tv=0.01, in place of 100 and 0.1; measured on four photographs, one seed: 19.7 against 16.3 dB). It works for shallow cuts of nets with ReLU: elsewhere many pairs of picture and weights have the same embedding,
    and it finds one of those.
    """

    name: ClassVar[str] = "unsplit"
    title: ClassVar[str] = "UnSplit (architecture only)"
    paper: ClassVar[str] = "erdogan2022unsplit"
    needs_embedding: ClassVar[bool] = True

    steps: int = knob(4000, "steps per start, over picture and weights together", low=1, high=1_000_000, unit="steps")
    turn: int = knob(10, "steps over the picture before as many over the weights", low=1, high=10_000, unit="steps")
    restarts: int = knob(1, "starts; the best is chosen by the matching loss", low=1, high=50)
    lr: float = knob(0.01, "Adam's learning rate over the picture", low=1e-6, high=10.0, log=True)
    clone_lr: float = knob(1e-3, "Adam's learning rate over the clone's weights", low=1e-7, high=1.0, log=True)
    tv: float = knob(0.01, "weight of the total variation", low=0.0, high=10.0, log=True)

    def wants(self) -> Knowledge:
        """How many pictures there are; no weights."""
        return Knowledge(batch_size=True, weights=False)

    def reconstruct(self, obs: Observation, rng: Generator, progress: Progress) -> Reconstruction:
        """The picture with the least matching loss of all starts."""
        like = obs.template.private
        space, watch = Space.of("pixels", like, obs.bounds), Watch(progress, self.steps)

        def attempt() -> None:
            image = space.picture(space.start(rng, like)).requires_grad_()
            clone = live(obs.net)
            optimisers = (
                torch.optim.Adam([image], lr=self.lr, amsgrad=True),
                torch.optim.Adam(list(clone.params.values()), lr=self.clone_lr, amsgrad=True),
            )
            step = 0
            while True:
                batch = obs.template.at(image)
                error = squared_error(obs.release(clone, batch, None), obs.message)
                optimiser = optimisers[step // self.turn % 2]
                optimiser.zero_grad()
                (error + self.tv * total_variation(image)).backward()
                watch.see(float(error.detach()), batch, shown=batch)
                optimiser.step()
                with torch.no_grad():
                    image.clamp_(*obs.bounds)
                step += 1

        found = search(obs, watch, self.restarts, attempt)
        return dataclasses.replace(found, note=f"{found.note} {BLIND}.".strip())
