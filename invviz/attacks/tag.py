"""TAG: gradients of a language net matched by shares of words, squares and absolute values together."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.types import Knowledge
from ._base import Attack, Unreadable, nothing_read
from ._soft_words import SoftWords
from ._text_search import TextSearch

if TYPE_CHECKING:
    from torch import Generator

    from ..core.types import Observation, Progress, Reconstruction


@dataclasses.dataclass(frozen=True)
class TAG(Attack):
    """Gradient matching for sentences: minimises |m - t|^2 + alpha |m - t|_1 over what stands at every place, and then takes the nearest words.

    [P] (key deng2021tag) the loss, Adam. Ours: the search moves shares of words, not free embeddings, so that the embedding's own gradient is matched, too; the message's length is left free, because clipping
    changes it; words whose row of that gradient is zero are left out where a zero tells something; whole words are tried whenever the nearest ones change, and the best start is chosen by what those leave of the message.
    Who knows what was held back or rounded matches the rest, or the intervals. Cost: one double backward pass per step.
    """

    name: ClassVar[str] = "tag"
    title: ClassVar[str] = "TAG (text by matching)"
    paper: ClassVar[str] = "deng2021tag"
    modalities: ClassVar[tuple[str, ...]] = ("tokens",)

    steps: int = knob(200, "most steps per start", low=1, high=100_000, unit="steps")
    restarts: int = knob(2, "most starts; the next one is made only where the last ones did not explain the message", low=1, high=50)
    lr: float = knob(0.1, "Adam's learning rate, of the scores of words", low=1e-4, high=10.0, log=True)
    alpha: float = knob(0.01, "weight of the absolute values beside the squares", low=0.0, high=10.0)

    def wants(self) -> Knowledge:
        """How many sentences there are, and their classes where the net tells classes."""
        return Knowledge(labels=True, batch_size=True)

    def reconstruct(self, obs: Observation, rng: Generator, progress: Progress) -> Reconstruction:
        """The nearest words of the start whose words leave least of the message."""
        try:
            soft = SoftWords.of(obs)
        except Unreadable as why:
            return nothing_read(obs, why)
        search = TextSearch(soft, progress, self.steps * self.restarts)
        for search.start in range(self.restarts):
            soft.descend(soft.start(rng), self.steps, self.lr, self.alpha, search.see)
            if search.over:
                break
        return search.answer()
