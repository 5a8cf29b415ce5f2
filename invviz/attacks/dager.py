"""DAGER: the sentences of a batch read off the gradients of the first two attentions of a language net."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.lazy import torch
from ..core.tree import flatten, numel
from ..core.types import Knowledge, Reconstruction, Step
from ._base import Attack, Unreadable, nothing_read
from ._matching import up_to_length
from ._prefixes import Prefixes
from ._span import Span
from ._whole_sentences import whole_sentences

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..core.types import Batch, Observation, Progress

SOLVED = 20_000  # numbers at the end of the message from which it is told how often each sentence is in the batch
EXACT = 300.0  # times the message's precision: what the sentences found may leave of it by rounding
SCALED = 1e-3  # distance from one at which the message's scale is told
ALIKE = 1.2  # times the noise: what they may leave of it by noise
NOISE = "noise has moved the span"
MARK = "noise has moved the span, or the second attention is the last and a class read off the mark shows little of its inputs"
SPURIOUS = 2  # times as many beginnings as the span has dimensions, of which each takes one: more of them pass by chance


@dataclasses.dataclass(frozen=True)
class Dager(Attack):
    """Reads every sentence of a batch off two weight gradients, exactly, where there are fewer words than the net is wide.

    The gradient by a linear map of attention is a sum of outer products with what goes in, so its rows span all inputs of that map and, at fewer tokens than numbers in one, nothing else.
    In the first block the input depends on one word and its place: every word is tried at every place (sums of such inputs may be others, so more words pass than there are). In the second it depends on all words before: sentences grow from the left, and a
    beginning is kept as long as it lies in the span. In an encoder it depends on all words, so whole sentences of the words that passed are tried, at most 50,000 of them. How often each one is in the batch, and where it ends, is solved for, because a batch's gradient is the mean of its sentences'.
    [P] (key petrov2024dager). Ours: thresholds come from the noise that further singular values show; the counts. In float64.
    """

    name: ClassVar[str] = "dager"
    title: ClassVar[str] = "DAGER (exact text)"
    paper: ClassVar[str] = "petrov2024dager"
    modalities: ClassVar[tuple[str, ...]] = ("tokens",)
    exact: ClassVar[str] = (
        "a decoder whose attention is wider than the batch has different beginnings of sentences (at most one for every word, and one for the mark before all), "
        "or an encoder whose attention is wider than its different sentences have words and marks, whose second attention is not the last before a class is read off the mark, and of whose words "
        "that pass at most 50,000 sentences can be made; and an undisturbed gradient of one step"
    )
    needs_gradient: ClassVar[bool] = True
    solves: ClassVar[bool] = True
    one_round: ClassVar[bool] = True

    def wants(self) -> Knowledge:
        """How many sentences there are, and their classes where the net tells classes."""
        return Knowledge(labels=True, batch_size=True)

    def reconstruct(self, obs: Observation, rng: Generator, progress: Progress) -> Reconstruction:
        """The sentences; `rng` is not used. No words where the span tells nothing."""
        if not all(torch.isfinite(leaf).all() for leaf in obs.message.values()):
            return nothing_read(obs, "The message is not finite: nothing can be read off it.")
        try:
            prefixes = Prefixes(obs)
        except Unreadable as why:
            return nothing_read(obs, why)
        rounding = max(torch.finfo(leaf.dtype).eps for leaf in obs.message.values())
        spans = [Span.of(prefixes.gradient(layer), rounding) for layer in (0, 1)]
        told = " and ".join(f"{len(span.basis)} of {span.basis.shape[1]}" for span in spans)
        ranks = f"The gradients by the first two attentions have rank {told}"
        if any(span.full for span in spans):
            note = f"{ranks}: as many different words as the net is wide, or more, or noise in their place; any word passes the test."
            return nothing_read(obs, note)
        words = _words(prefixes, spans[0])
        tried = f"{ranks}; of {prefixes.words - 1} words {float(words.sum(1).double().mean()):.1f} pass at a place"
        whole = prefixes.looks_ahead
        try:
            grown, stopped = (whole_sentences if whole else _grown)(prefixes, spans[1], words, progress)
        except Unreadable as why:
            return nothing_read(obs, f"{tried}. {why}")
        if not grown or sum(map(len, grown)) > SPURIOUS * len(spans[1].basis):
            what = "whole sentence" if whole else "beginning of a sentence"
            why = (
                f"no {what} passes"
                if not grown
                else f"too many {what.replace('sentence', 'sentences').replace('beginning of a', 'beginnings of')} pass"
            )
            return nothing_read(obs, f"{tried}; {why}: {MARK if whole and not grown else NOISE}.", stopped)
        found, left, scale = _counted(obs, grown, EXACT * rounding, whole)
        progress(Step(prefixes.length + 1, prefixes.length + 1, left, found.private))
        said, failed = _certificate(obs, left, spans[1].noise, rounding)
        scaled = (
            f" The message is {scale:.4g} times their gradient, which does not matter here."
            if abs(scale - 1) > SCALED and not failed
            else ""
        )
        return Reconstruction(found, left, ((1, left),), f"{said}{scaled} {tried}.", failed=failed and not stopped, stopped=stopped)


def _certificate(obs: Observation, left: float, sigma: float, rounding: float) -> tuple[str, bool]:
    """Whether the batch found gives the message, up to its length and but for rounding or for noise as the singular values show it; in words, and whether it does not."""
    if left <= EXACT * rounding:
        return f"Exact: the batch of these sentences gives the same message (to {max(left, rounding):.0e} of its size).", False
    noise = sigma * (numel(obs.message) / float(flatten(obs.message).double().square().sum())) ** 0.5
    if left <= ALIKE * noise:
        return (
            f"All but noise: the batch of these sentences leaves {left:.2g} of the message, and the noise in it is about {noise:.2g}.",
            False,
        )
    return f"Not these sentences alone: they leave {left:.2g} of the message, and the noise in it is about {noise:.2g}.", True


def _grown(prefixes: Prefixes, span: Span, words: Tensor, progress: Progress) -> tuple[list[Tensor], bool]:
    """Beginnings of every length from 1 that lie in the span of the second attention, (n, length) each; and whether it was asked to stop."""
    grown, begun = list[torch.Tensor](), torch.zeros(1, 0, dtype=torch.long)
    for place in range(prefixes.length):
        following = words[place].nonzero().flatten()
        tried = torch.cat([begun.repeat_interleave(len(following), 0), following.repeat(len(begun))[:, None]], 1)
        if not len(tried):
            break
        begun = tried[span.holds(prefixes.inputs(tried, 1)[:, -1])]
        if not len(begun):
            break
        grown.append(begun)
        if sum(map(len, grown)) > SPURIOUS * len(span.basis):
            break
        if not progress(Step(place + 1, prefixes.length + 1, float("nan"), _rows(_filled(begun, prefixes.length), prefixes.size))):
            return grown, True
    return grown, False


def _words(prefixes: Prefixes, span: Span) -> Tensor:
    """Which words may stand at which place, (places, words): number 0 is none."""
    every = torch.arange(prefixes.words)[:, None].expand(-1, prefixes.length)
    given = prefixes.inputs(every, 0)[:, 1:]
    passed = span.holds(given.flatten(0, 1)).view(prefixes.words, prefixes.length).T.clone()
    passed[:, 0] = False
    return passed


def _filled(begun: Tensor, length: int) -> Tensor:
    """Beginnings (n, t) with no words behind them, (n, length)."""
    return torch.nn.functional.pad(begun, (0, length - begun.shape[1]))


def _rows(sentences: Tensor, size: int) -> Tensor:
    """So many of them, (size, length): none where there are fewer."""
    return torch.nn.functional.pad(sentences[:size], (0, 0, 0, max(0, size - len(sentences))))


def _counted(obs: Observation, grown: list[Tensor], enough: float, whole: bool) -> tuple[Batch, float, float]:
    """The batch that explains the message best, of sentences that end where no beginning goes on or, where those do not do, anywhere; and the share of the message that it leaves, up to the message's length, and that length over its own."""
    length, best = obs.template.private.shape[1], None
    every = torch.cat([_filled(begun, length) for begun in grown])
    for sentences in (every,) if whole else (_leaves(grown, length), every):
        found = _most_likely(obs, sentences)
        square, scale = up_to_length(obs.simulate(found), obs.message)
        left = max(square, 0.0) ** 0.5
        if best is None or left < best[1]:
            best = found, left, scale
        if best[1] <= enough:
            break
    assert best is not None
    return best


def _leaves(grown: list[Tensor], length: int) -> Tensor:
    """Beginnings that no longer one begins with."""
    found = []
    for shorter, longer in zip(grown, [*grown[1:], None], strict=True):
        on = set() if longer is None else set(map(tuple, longer[:, :-1].tolist()))
        found += [row for row in shorter.tolist() if tuple(row) not in on]
    return torch.tensor([row + [0] * (length - len(row)) for row in found])


def _most_likely(obs: Observation, sentences: Tensor) -> Batch:
    """The batch whose sentences are these as often as the message says: least squares of its last numbers, rounded to whole counts of as many as the batch has."""
    like, size = obs.template.private, len(obs.template.private)
    one, classes = obs.template.single(0), obs.template.label.unique()
    each = [(row, label) for row in sentences for label in classes]
    take = min(SOLVED, numel(obs.message))
    columns = [flatten(obs.simulate(one.at(row[None].to(like), label[None])))[-take:].double() for row, label in each]
    seen = flatten(obs.message)[-take:].double()
    counts = torch.linalg.lstsq(torch.stack(columns, 1), seen[:, None]).solution[:, 0].clamp(min=0).cpu()
    counts = counts * size / counts.sum().clamp(min=1e-300)
    whole = counts.floor()
    missing = size - int(whole.sum())
    if missing > 0:
        whole[(counts - whole).topk(min(missing, len(whole))).indices] += 1
    chosen = torch.arange(len(each)).repeat_interleave(whole.long())[:size]
    chosen = torch.cat([chosen, chosen.new_full((size - len(chosen),), int(counts.argmax()))])
    rows, labels = (torch.stack(part) for part in zip(*(each[k] for k in chosen.tolist()), strict=True))
    return obs.template.at(rows.to(like), labels)
