"""Words between words: every place holds shares of words, which are moved until their message matches; and how badly whole words match."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING

from ..core.lazy import torch
from ..core.tree import dot, flatten, map_tree
from ._base import Unreadable
from ._misfit import rounding

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Generator, Tensor

    from ..core.types import Batch, Observation, Tree

AT_ONCE = 16  # messages that are made together
SPREAD = 0.1  # standard deviation of the scores that a search starts from: all words about equally likely
ZEROS = (
    0.01  # of the other entries of a message: where more are zero, a zero row of the embedding need not mean that its word does not occur
)
ABSENT = 1e-24  # of the largest row's energy: below this a row is zero


@dataclasses.dataclass(frozen=True, eq=False)
class SoftWords:
    """The search for words as a matching problem.

    Attributes:
        obs: what the attacker sees.
        words: numbers of those that may occur, 0 (none) first, (k,).
        fit: how badly a simulated message matches, a scalar; |s m - t|^2 / |t|^2 for the best s, because clipping and learning rates change a length, over what was sent; or by the
            intervals of rounding, where they are known.
        spread: the sum of |s m - t| over that of |t|, likewise.
    """

    obs: Observation
    words: Tensor
    fit: Callable[[Tree], Tensor]
    spread: Callable[[Tree], Tensor]

    @classmethod
    def of(cls, obs: Observation) -> SoftWords:
        """The problem that an observation poses.

        Raises:
            Unreadable: the message is zero or not finite.
        """
        kept = _kept(obs)
        target = kept(obs.message)
        square, size = dot(target, target), flatten(target).abs().sum()
        if not (torch.isfinite(square) and square > 0):
            raise Unreadable("The message is all zeros, or holds numbers that are not finite: nothing can be matched.")

        def off(message: Tree) -> Tree:
            message = kept(message)
            scale = dot(message, target) / dot(message, message).clamp(min=1e-30)
            return map_tree(lambda sent, came: scale * sent - came, message, target)

        def squared(message: Tree) -> Tensor:
            left = off(message)
            return dot(left, left) / square

        fit = rounding(obs.message, *obs.interval) if obs.interval is not None else squared
        return cls(obs, occurring(obs), fit, lambda message: flatten(off(message)).abs().sum() / size)

    def start(self, rng: Generator) -> Tensor:
        """Scores of words (b, length, k) to begin with."""
        rows, length = self.obs.template.private.shape
        like = next(iter(self.obs.net.params.values()))
        return (SPREAD * torch.randn(rows, length, len(self.words), generator=rng)).to(like)

    def shares(self, scores: Tensor) -> Batch:
        """The batch whose places hold every word to its share, (b, length, vocabulary)."""
        found = scores.new_zeros(*scores.shape[:2], self.obs.num_classes)
        return self.obs.template.at(found.scatter(2, self.words.expand(*scores.shape[:2], -1), scores.softmax(-1)))

    def nearest(self, scores: Tensor) -> Tensor:
        """The likeliest word at every place, (b, length)."""
        return self.words[scores.argmax(-1)]

    def matches(self, tokens: Tensor) -> Tensor:
        """How badly batches of whole words (n, b, length) match, (n,)."""
        one = lambda tried: self.fit(self.obs.simulate(self.obs.template.at(tried)))  # noqa: E731
        with torch.no_grad():
            if self.obs.interval is None:  # intervals have no rule for many at once
                with contextlib.suppress(RuntimeError):  # a defense that cannot be traced so
                    return torch.func.vmap(one, chunk_size=AT_ONCE)(tokens).detach()
            return torch.stack([one(tried).detach() for tried in tokens])

    def descend(self, scores: Tensor, steps: int, lr: float, alpha: float, see: Callable[[float, Tensor], bool]) -> None:
        """Move scores (b, length, k) by Adam against fit + alpha * spread, in place; `see` is told the loss and the scores before every step, and answers whether to go on."""
        scores.requires_grad_()
        optimiser = torch.optim.Adam([scores], lr=lr)
        for _ in range(steps):
            message = self.obs.simulate(self.shares(scores))
            loss = self.fit(message)
            total = loss + alpha * self.spread(message) if alpha else loss
            if not torch.isfinite(total) or not see(float(loss.detach()), scores.detach()):
                return
            optimiser.zero_grad()
            total.backward()
            optimiser.step()


def word_rows(obs: Observation) -> Tensor | None:
    """The gradient by the embedding of words, (words, width): of nets here a parameter `words`, else the weight of a torch.nn.Embedding that nothing else shares; None where there is none."""
    own = [leaf for name, leaf in obs.message.items() if name.rpartition(".")[2] == "words" and len(leaf) == obs.num_classes]
    return own[0] if own else next((leaf for leaf in _embedded(obs) if len(leaf) == obs.num_classes), None)


def place_rows(obs: Observation) -> Tensor | None:
    """The same by the embedding of places, that of the mark before a sentence first, (length + 1, width); zeros for the mark where there is none. None where there is no such embedding."""
    length = obs.template.private.shape[1]
    own = [leaf for name, leaf in obs.message.items() if name.rpartition(".")[2] == "positions" and len(leaf) == length + 1]
    if own:
        return own[0]
    words = word_rows(obs)
    leaf = next((leaf for leaf in _embedded(obs) if leaf is not words and len(leaf) >= length), None)
    if leaf is None or words is None or leaf.shape[1] != words.shape[1]:
        return None
    marked = len(leaf) > length and bool(leaf[length].any())
    return leaf[: length + 1] if marked else torch.cat([torch.zeros_like(leaf[:1]), leaf[:length]])


def _embedded(obs: Observation) -> list[Tensor]:
    """Gradients by the weights of torch's embeddings that nothing else shares, in the net's order."""
    every = [id(p) for _, p in obs.net.module.named_parameters(remove_duplicate=False)]
    parts = [(f"{name}.weight".lstrip("."), part) for name, part in obs.net.module.named_modules() if isinstance(part, torch.nn.Embedding)]
    return [obs.message[name] for name, part in parts if name in obs.message and every.count(id(part.weight)) == 1]


def _kept(obs: Observation) -> Callable[[Tree], Tree]:
    """Of a message the parts that came, with zeros for entries that are known to have been held back."""
    seen = obs.seen
    if not seen:
        return lambda message: {name: message[name] for name in obs.message}
    return lambda message: map_tree(lambda leaf, sent: leaf * sent, {name: message[name] for name in obs.message}, seen)


def occurring(obs: Observation) -> Tensor:
    """Numbers of the words that may occur: those whose row of the embedding's gradient is not zero, where a zero tells something; all elsewhere. 0 stands first."""
    every = torch.arange(obs.num_classes, device=obs.template.private.device)
    rows = word_rows(obs)
    if rows is None or obs.seen or not rows.any():
        return every
    others = flatten({name: leaf for name, leaf in obs.message.items() if leaf is not rows and not name.endswith("positions")})
    if float((others == 0).double().mean()) > ZEROS:
        return every
    energy = rows.double().square().sum(1)
    energy[0] = energy.max()
    return every[energy > ABSENT * energy.max()]
