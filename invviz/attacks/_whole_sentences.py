"""Sentences of an encoder, which have no beginnings: every one that can be made of words that passed is tried as a whole."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

from ..core.lazy import torch
from ..core.types import Step
from ._base import Unreadable

if TYPE_CHECKING:
    from torch import Tensor

    from ..core.types import Progress
    from ._prefixes import Prefixes
    from ._span import Span

MOST = 50_000  # sentences that are tried at most


def whole_sentences(prefixes: Prefixes, span: Span, words: Tensor, progress: Progress) -> tuple[list[Tensor], bool]:
    """Of every length the sentences all of whose places lie in the span of the second attention, (n, length) each; and whether it was asked to stop.

    Args:
        prefixes: what attentions are given.
        span: of the second one.
        words: which may stand at which place, (places, words).
        progress: called once for every length.

    Raises:
        Unreadable: there are too many; says how many, and why.
    """
    fit = [places.nonzero().flatten().tolist() for places in words]
    longest = next((place for place, some in enumerate(fit) if not some), len(fit))
    counts = [math.prod(len(some) for some in fit[:length]) for length in range(1, longest + 1)]
    if sum(counts) > MOST:
        raise Unreadable(
            f"It does not fit: an encoder's words look at all others, so sentences do not grow from the left, and of the words that pass {sum(counts):.2g} whole sentences can be made; "
            f"at most {MOST:,} are tried. A smaller batch has fewer."
        )
    found = []
    for length in range(1, longest + 1):
        tried = torch.tensor(list(itertools.product(*fit[:length])))
        filled = torch.nn.functional.pad(tried, (0, prefixes.length - length))
        given = prefixes.inputs(filled, 1)[:, : length + 1]
        passed = tried[span.holds(given.flatten(0, 1)).view(-1, length + 1).all(1)]
        found += [passed] * bool(len(passed))
        shown = torch.zeros(prefixes.size, prefixes.length, dtype=torch.long)
        shown[: len(passed), :length] = passed[: prefixes.size]
        if not progress(Step(length, prefixes.length + 1, float("nan"), shown)):
            return found, True
    return found, False
