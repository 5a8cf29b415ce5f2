"""What searches for words have in common: the best whole words so far, what is reported, and what is said of the answer."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from ..core.lazy import torch
from ..core.types import Reconstruction, Step
from ._matching import CLOSE, UNMATCHED

if TYPE_CHECKING:
    from torch import Tensor

    from ..core.types import Progress
    from ._soft_words import SoftWords

EXACT = 300.0  # times the message's precision: what the right words may leave of it by rounding


@dataclasses.dataclass(eq=False)
class TextSearch:
    """Keeps the whole words with the least score, tells of every step, and ends where the message is explained or it is asked to stop.

    Args:
        soft: the problem.
        progress: called once a step.
        total: steps at most.
    """

    soft: SoftWords
    progress: Progress
    total: int
    best: Tensor | None = None
    loss: float = math.inf
    score: float = math.inf
    trace: list[tuple[int, float]] = dataclasses.field(default_factory=list)
    stopped: bool = False
    start: int = 0
    _last: Tensor | None = None

    @property
    def enough(self) -> float:
        """Matching loss at which nothing is left but rounding; below 0 where rounding by a defense is what is matched."""
        obs = self.soft.obs
        return -1.0 if obs.interval is not None else (EXACT * max(torch.finfo(leaf.dtype).eps for leaf in obs.message.values())) ** 2

    @property
    def over(self) -> bool:
        """Whether there is nothing left to do."""
        return self.stopped or self.loss <= self.enough

    def see(self, loss: float, scores: Tensor) -> bool:
        """A step: its loss between words; the nearest whole words are looked at where they are new ones."""
        tokens = self.soft.nearest(scores)
        if self._last is None or not torch.equal(tokens, self._last):
            self._last = tokens
            found = float(self.soft.matches(tokens[None])[0])
            self.keep(tokens, found, found)
        return self.tell(loss)

    def keep(self, tokens: Tensor, loss: float, score: float) -> bool:
        """Whether these words (b, length) have the least score so far; then they are kept."""
        better = score < self.score
        if better:
            self.best, self.loss, self.score = tokens.clone(), loss, score
        return better

    def tell(self, loss: float) -> bool:
        """One more step; whether to go on."""
        self.trace.append((len(self.trace) + 1, loss))
        shown = self.soft.obs.template.private if self.best is None else self.best
        self.stopped = not self.progress(Step(len(self.trace), max(self.total, len(self.trace)), loss, shown, self.start))
        return not self.over

    def answer(self) -> Reconstruction:
        """The best words, and what there is to say of them."""
        obs = self.soft.obs
        batch = obs.template if self.best is None else obs.template.at(self.best)
        if obs.interval is not None:
            return Reconstruction(batch, self.loss, tuple(self.trace), self._stop(), False, self.stopped)
        left, failed = max(self.loss, 0.0) ** 0.5, not self.loss <= UNMATCHED
        if self.loss <= self.enough:
            said = f"Exact: this batch gives the same message (to {left:.0e} of its size, up to its length)."
        elif failed:
            said = f"Not converged: the best words leave {left:.2g} of the message (a stuck search, or a message that noise or a defense has altered)."
        else:
            said = f"The best words leave {left:.1e} of the message{', not exact' if self.loss > CLOSE else ''}."
        return Reconstruction(batch, self.loss, tuple(self.trace), f"{said}{self._stop()}", failed and not self.stopped, self.stopped)

    def _stop(self) -> str:
        return " Stopped on request." if self.stopped else ""
