"""Bits that the audited message tells of every word, within a time: alternatives are counted one word after the other."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ...core.errors import Cancelled, InvvizError
from ...core.lazy import torch
from ...core.tree import numel
from ...core.types import Size
from ...risk.discrete import Alternatives
from ...scenario import bits_problems
from ..bits import LEVELS, noise_share, sent
from ..results import Event
from ..sums import stages_of

if TYPE_CHECKING:
    from ...core.types import Tree
    from .settings import Case

MOST_NUMBERS = 150_000_000  # in the messages of all alternatives of one word: 1.2 GB
ROOT = 2.0**-6  # of a level: to what the least noise is found


class Uncounted(InvvizError):
    """Why words are not counted."""


@dataclasses.dataclass(frozen=True, eq=False)
class Bits:
    """Of every word of the batch, in its order.

    Attributes:
        size: of the noise-free message.
        stages: as of `Stack.variance`.
        sigma: standard deviation of all noise on an entry, floor included.
        places: (sentence, place) of each.
        entropy: bits of a word before any message.
        bits: learned at sigma, (n,).
        right: how often the most likely word is the true one, (n,).
        likely: numbers of the most likely words, (n,).
        sure: their probabilities, on average over the noise, (n,).
        curve: bits at LEVELS, (n, levels).
        least: noise over the message's root mean square from which on at most the wanted share is learned, (n,); infinite where no level is enough.
    """

    size: Size
    stages: tuple[Size, ...]
    sigma: float
    places: list[tuple[int, int]]
    entropy: float
    bits: np.ndarray
    right: np.ndarray
    likely: np.ndarray
    sure: np.ndarray
    curve: np.ndarray
    least: np.ndarray


def counted(case: Case, wanted: float, seconds: float | None, report: Callable[[Event], bool] | None) -> Bits:
    """Count.

    Args:
        case: net, sentences, defenses.
        wanted: share of a word's bits that may be learned, for the least noise.
        seconds: after which it is given up; None: no limit.
        report: progress over the words; answering False stops the audit.

    Raises:
        Uncounted: too many words for the net, or too little time; says what helps.
        Cancelled: `report` answered False.
    """
    scenario, client = case.scenario, case.client
    if said := bits_problems(scenario):
        raise Uncounted(" ".join(said))
    words, begun = scenario.data.num_classes - 1, time.monotonic()
    whole: Tree = client.release(client.net, client.batch, None)
    if words * numel(whole) > MOST_NUMBERS:
        raise Uncounted(
            f"Bits are counted by the messages of all {words:,} words at a place, {words * numel(whole):,} numbers; at most {MOST_NUMBERS:,} are taken. Audit a smaller net, or one with fewer words."
        )
    size, stages = Size.of(whole), stages_of(scenario, client)
    sigma = noise_share(scenario, size, stages) * size.rms
    places = [(row, place) for row, place in (client.batch.private != 0).nonzero().tolist()]
    rows = []
    for number, (row, place) in enumerate(places):
        spent = time.monotonic() - begun
        if report is not None and not report(Event("alternatives", number, len(places), spent)):
            raise Cancelled("stopped")
        if seconds is not None and spent > seconds:
            raise Uncounted(
                f"There was no time for it: {number} of {len(places)} words were counted in {spent:.0f} s. Give more time (within=), or fewer or shorter sentences."
            )
        rows.append(_word(case, row, place, words, sigma, size.rms, wanted))
    one, found = Alternatives(np.zeros((words, words)), np.full(words, 1 / words), 0), list(zip(*rows, strict=True))
    return Bits(size, stages, sigma, places, one.entropy, *(np.array(part) for part in found))


def _word(
    case: Case, row: int, place: int, words: int, sigma: float, rms: float, wanted: float
) -> tuple[float, float, int, float, list[float], float]:
    """Bits, how often right, the most likely word and its probability, bits at LEVELS, and the least noise, of one word."""
    tokens = case.client.batch.private
    tried = tokens.repeat(words, 1, 1)
    tried[:, row, place] = torch.arange(1, words + 1, device=tokens.device)
    true = int(tokens[row, place]) - 1
    one = Alternatives.of(sent(case.client, tried).cpu().numpy(), true)
    drawn = one.draws()
    here = one.learned(sigma, drawn)
    curve = [one.learned(level * rms, drawn).bits for level in LEVELS]
    least = _least(lambda level: one.learned(level * rms, drawn).bits / one.entropy, [bits / one.entropy for bits in curve], wanted)
    return here.bits, here.right, 1 + int(here.shares.argmax()), float(here.shares.max()), curve, least


def _least(share: Callable[[float], float], curve: list[float], wanted: float) -> float:
    """Between LEVELS the level from which on at most the wanted share is learned, by bisection; of the first one 0, infinite beyond the last."""
    above = [k for k, value in enumerate(curve) if value > wanted]
    if not above:
        return 0.0
    if above[-1] == len(LEVELS) - 1:
        return math.inf
    low, high = (math.log(LEVELS[above[-1] + k]) for k in (0, 1))
    while high - low > ROOT:
        middle = (low + high) / 2
        low, high = (middle, high) if share(math.exp(middle)) > wanted else (low, middle)
    return math.exp(high)


__all__ = ["Bits", "Uncounted", "counted"]
