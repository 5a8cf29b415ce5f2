"""LAMP: shares of words moved by slopes, whole words moved by trying, and both judged by the message and by how likely a sentence is."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.lazy import torch
from ..core.tree import flatten, numel
from ..core.types import Knowledge
from ._base import Attack, Unreadable, nothing_read
from ._soft_words import SPREAD, SoftWords
from ._text_search import TextSearch
from ._word_prior import Language

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Generator, Tensor

    from ..core.types import Observation, Progress, Reconstruction

LIKELIER = 4.0  # score of a word that was chosen, above all others: the slopes go on from there
NOTHING = 1e-30  # least that a message leaves, for its logarithm


@dataclasses.dataclass(frozen=True)
class LAMP(Attack):
    """TAG's search in turn with moves of whole words: words change places, within a sentence and between sentences, sentences are drawn anew, and at the end every word is tried at every place, and every two exchanged, as long as that helps.

    [P] (key balunovic2022lamp) the alternation, random moves, perplexity of a language model in their score, unused words by zero rows. Ours: the score is minus the log of the posterior, which needs no weight: what is left of the
    message over the noise's variance (known, or read off what is left), and the sentence's surprise by which words follow each other in the public sentences that nets here are trained on, or by the decoder's own; drawn sentences; the last
    sweeps. Who knows what was held back or rounded matches the rest, or the intervals. Cost: a double backward pass per step, one message per move.
    """

    name: ClassVar[str] = "lamp"
    title: ClassVar[str] = "LAMP (text by matching and language)"
    paper: ClassVar[str] = "balunovic2022lamp"
    modalities: ClassVar[tuple[str, ...]] = ("tokens",)

    steps: int = knob(150, "steps by slopes, in all", low=1, high=100_000, unit="steps")
    every: int = knob(50, "steps by slopes after which moves are tried", low=1, high=10_000, unit="steps")
    moves: int = knob(100, "random moves that are tried each time", low=1, high=10_000, unit="moves")
    sweeps: int = knob(4, "most times that every word is tried at every place", low=0, high=100)
    lr: float = knob(0.1, "Adam's learning rate, of the scores of words", low=1e-4, high=10.0, log=True)
    alpha: float = knob(0.01, "weight of the absolute values beside the squares", low=0.0, high=10.0)
    language: float = knob(1.0, "weight of a sentence's surprise; 1 is the posterior's, 0 leaves language out", low=0.0, high=1000.0)
    prior: str = knob(
        "public",
        "which sentences are likely: by pairs of words in public sentences, or by the net's own scores (a decoder's; fresh weights know nothing)",
        choices=("public", "net"),
    )

    def wants(self) -> Knowledge:
        """How many sentences there are, their classes where the net tells classes, and public sentences where it counts words in them."""
        return Knowledge(labels=True, batch_size=True, public_data=self.prior == "public")

    def reconstruct(self, obs: Observation, rng: Generator, progress: Progress) -> Reconstruction:
        """The words with the best score."""
        try:
            soft, language = SoftWords.of(obs), Language(obs, self.prior)
        except Unreadable as why:
            return nothing_read(obs, why)
        turns = -(-self.steps // self.every)
        search = TextSearch(soft, progress, self.steps + turns + self.sweeps * obs.template.private.numel())
        judge = _judge(obs, language, self.language)
        scores, now = soft.start(rng), None
        for _ in range(turns):
            soft.descend(scores, self.every, self.lr, self.alpha, lambda loss, at: search.tell(loss))
            now = _best(search, judge, torch.stack([soft.nearest(scores.detach()), *([] if now is None else [now])]))
            if search.stopped:
                break
            now = _best(search, judge, _moved(now, self.moves, rng, language.drawn(self.moves // 2, soft.words, rng)))
            if not search.tell(search.loss):
                break
            scores = SPREAD * torch.randn(scores.shape, generator=rng).to(scores) + LIKELIER * (soft.words == now[..., None])
        for _ in range(self.sweeps):
            if search.over or not _swept(search, judge):
                break
        return search.answer()


def _judge(obs: Observation, language: Language, weight: float) -> Callable[[Tensor, Tensor], Tensor]:
    """Minus the log of the posterior, up to a constant, of sentences (n, b, length) that leave so much (n,) of the message."""
    count = float(flatten(obs.seen).sum()) if obs.seen else float(numel(obs.message))
    square = float(flatten(obs.message).double().square().sum())

    def score(tokens: Tensor, losses: Tensor) -> Tensor:
        losses = losses.double()
        if obs.interval is not None:
            wrong = count / 2 * losses
        elif obs.noise > 0:
            wrong = square / (2 * obs.noise**2) * losses
        else:  # the noise's size is read off what is left
            wrong = count / 2 * losses.clamp(min=NOTHING).log()
        return wrong + weight * language.surprise(tokens) if weight else wrong

    return score


def _best(search: TextSearch, judge: Callable[[Tensor, Tensor], Tensor], tried: Tensor) -> Tensor:
    """The best of sentences (n, b, length), and of those that were the best before."""
    losses = search.soft.matches(tried)
    scores = judge(tried, losses)
    at = int(scores.argmin())
    search.keep(tried[at], float(losses[at]), float(scores[at]))
    assert search.best is not None
    return search.best


def _moved(tokens: Tensor, count: int, rng: Generator, drawn: Tensor) -> Tensor:
    """The batch (b, length) after random moves, (count, b, length): a drawn sentence stands for one of its own, two words change places, a word goes elsewhere, two sentences exchange what stands behind a place."""
    found = tokens.repeat(count, 1, 1)
    rows, length = tokens.shape
    found[range(len(drawn)), torch.randint(rows, (len(drawn),), generator=rng)] = drawn
    found, kept = found[len(drawn) :], found[: len(drawn)]
    for one in found:
        row, other = (int(k) for k in torch.randint(rows, (2,), generator=rng))
        a, b = sorted(int(k) for k in torch.randint(length, (2,), generator=rng))
        kind = int(torch.randint(3, (1,), generator=rng))
        if kind == 0:
            one[row, a], one[other, b] = one[other, b].clone(), one[row, a].clone()
        elif kind == 1:
            one[row, a : b + 1] = one[row, a : b + 1].roll(1 if int(torch.randint(2, (1,), generator=rng)) else -1)
        else:
            one[row, a:], one[other, a:] = one[other, a:].clone(), one[row, a:].clone()
    return torch.cat([kept, found])


def _swept(search: TextSearch, judge: Callable[[Tensor, Tensor], Tensor]) -> bool:
    """Try every word at every place, and every two words of a sentence exchanged; what is best stays. Whether any was better."""
    better = False
    assert search.best is not None
    rows, length = search.best.shape
    for row in range(rows):
        for place in range(length):
            tried = search.best.repeat(len(search.soft.words), 1, 1)
            tried[:, row, place] = search.soft.words
            before = search.score
            _best(search, judge, tried)
            better |= search.score < before - 1e-9 * abs(before)
            if not search.tell(search.loss):
                return False
    before = search.score
    _best(search, judge, _exchanged(search.best))
    return better or search.score < before - 1e-9 * abs(before)


def _exchanged(tokens: Tensor) -> Tensor:
    """The batch (b, length) as it is, and with every two words of a sentence exchanged, (n, b, length)."""
    rows, length = tokens.shape
    found = [tokens]
    for row in range(rows):
        for a in range(length):
            for b in range(a + 1, length):
                one = tokens.clone()
                one[row, [a, b]] = tokens[row, [b, a]]
                found.append(one)
    return torch.stack(found)
