"""Which words occur, and of one sentence in which order, read off the gradients of the embeddings."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.lazy import torch
from ..core.types import Knowledge, Reconstruction, Step
from ._base import Attack, Unreadable, nothing_read
from ._matching import up_to_length
from ._soft_words import place_rows, word_rows

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..core.types import Batch, Observation, Progress

EXACT = 300.0  # times the message's precision: what one sentence may leave of the message by rounding
QUARTER = 0.25  # of the rows are taken to be of words that do not occur: the noise is read off the shortest
TIMES = 6.0  # standard deviations by which a row's energy must lie above what noise has
ZERO = 1e-12  # times the largest row: below this a row is zero


@dataclasses.dataclass(frozen=True)
class EmbeddingRows(Attack):
    """Reads the words off the rows of the word embedding's gradient, and of one sentence their order off that of the positions.

    Only words that occur have a row that is not zero, whatever the batch. A word's row is the sum of the slopes at its places, and a place's row is its slope: of one sentence
    the words' rows are A times the places' rows with A of zeros and ones, which is solved for where the places' rows are independent. Of several sentences the places' rows
    are sums, and the words are laid out by how much of each place's row theirs hold: the set is certain, the order is a guess. Ours, after what TAG and LAMP make of the zero rows
    (key balunovic2022lamp).
    """

    name: ClassVar[str] = "embedding_rows"
    title: ClassVar[str] = "Embedding rows (words that occur)"
    paper: ClassVar[str] = "balunovic2022lamp"
    modalities: ClassVar[tuple[str, ...]] = ("tokens",)
    exact: ClassVar[str] = (
        "one sentence with no more places than the net is wide, embeddings of words and of places that are added and nothing else shares, and an undisturbed gradient; "
        "of a batch the set of its words"
    )
    needs_gradient: ClassVar[bool] = True
    solves: ClassVar[bool] = True
    one_round: ClassVar[bool] = True

    def wants(self) -> Knowledge:
        """How many sentences there are, and their classes where the net tells classes."""
        return Knowledge(labels=True, batch_size=True)

    def reconstruct(self, obs: Observation, rng: Generator, progress: Progress) -> Reconstruction:
        """The words; `rng` is not used. No words where the embeddings' gradients are not there, or zero."""
        like = obs.template.private
        try:
            words, places = _rows(obs)
        except Unreadable as why:
            return nothing_read(obs, why)
        occurs = _above_noise(words)
        occurs[0] = False
        if not len(places):
            return _set_alone(obs, occurs.nonzero().flatten(), progress)
        held = _above_noise(places, least=0.0)
        held[0] = False  # the mark's place
        if not (occurs.any() and held.any()):
            note = "No row of the word embedding's gradient stands out: no word is told."
            return nothing_read(obs, note)
        share = torch.linalg.lstsq(places.T, words.T, driver="gelsd").solution.T  # (words, places): of every word how much of each place
        used = int(held.nonzero().max())  # the last place that holds a word
        share[~occurs] = -torch.inf
        found = torch.zeros_like(like)
        best = share[:, 1 : used + 1].topk(min(len(like), int(occurs.sum())), 0).indices  # (sentences, places)
        found[: len(best), : best.shape[1]] = best.to(found)
        batch = obs.template.at(found)
        square, _ = up_to_length(obs.simulate(batch), obs.message)
        left = max(square, 0.0) ** 0.5
        stopped = not progress(Step(1, 1, left, found))
        note, failed = _certificate(obs, batch, left, int(occurs.sum()))
        return Reconstruction(batch, left, ((1, left),), note, failed and not stopped, stopped)


def _set_alone(obs: Observation, words: Tensor, progress: Progress) -> Reconstruction:
    """The words that occur, in the order of their numbers: which sentence holds which, and where, nothing tells."""
    if not len(words):
        return nothing_read(obs, "No row of the word embedding's gradient stands out: no word is told.")
    found = torch.zeros_like(obs.template.private)
    found.view(-1)[: len(words)] = words[: found.numel()].to(found)
    batch = obs.template.at(found)
    left = max(up_to_length(obs.simulate(batch), obs.message)[0], 0.0) ** 0.5
    stopped = not progress(Step(1, 1, left, found))
    note, failed = _certificate(obs, batch, left, len(words))
    alone = "" if note.startswith("Exact") else " There is no embedding of places: words stand in the order of their numbers."
    return Reconstruction(batch, left, ((1, left),), f"{note}{alone}", failed and not stopped, stopped)


def _rows(obs: Observation) -> tuple[Tensor, Tensor]:
    """Gradients by the word embedding (words, width) and by the positions (places, width), in float64; no places where the net has no embedding of them.

    Raises:
        Unreadable: they are not in the message, not finite, or zero.
    """
    given, laid = word_rows(obs), place_rows(obs)
    if given is None:
        raise Unreadable("It reads the gradient of an embedding of words that nothing else shares; this message has none.")
    words = given.detach().double().cpu()
    places = words.new_zeros(0, words.shape[1]) if laid is None else laid.detach().double().cpu()
    if not (torch.isfinite(words).all() and torch.isfinite(places).all()):
        raise Unreadable("The embeddings' gradients are not finite: nothing can be read off them.")
    if not (words.any() and (places.any() or not len(places))):
        raise Unreadable("The embeddings' gradients are zero: they were held back, or nothing was trained.")
    return words, places


def _above_noise(rows: Tensor, least: float = QUARTER) -> Tensor:
    """Which rows hold more than noise, (n,); the noise is that of the shortest rows, a quarter of them (or the shortest alone)."""
    energy, width = rows.square().sum(1), rows.shape[1]
    quiet = energy.sort().values[: max(1, int(least * len(rows)))].mean()
    return energy > (quiet * (1 + TIMES * (2 / width) ** 0.5)).clamp(min=ZERO**2 * float(energy.max()))


def _certificate(obs: Observation, found: Batch, left: float, count: int) -> tuple[str, bool]:
    """Whether the answer gives the message; in words, and whether it does not."""
    rounding = max(torch.finfo(leaf.dtype).eps for leaf in obs.message.values())
    told = f"{count} different words occur, if nothing was held back: their rows of the embedding's gradient stand out, all others are zero or noise"
    if left <= EXACT * rounding:
        return f"Exact: this batch gives the same message (to {max(left, rounding):.0e} of its size). {told}.", False
    several = (
        "which sentence holds which, and in which order, they do not tell" if len(found.private) > 1 else "the order is the most likely one"
    )
    return f"{told}; {several} (as they stand here they leave {left:.2g} of the message).", True
