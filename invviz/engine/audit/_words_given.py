"""Sentences and their vocabulary as a user hands them over, read and checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.errors import InvvizError
from ...core.lazy import torch
from ...core.vocabulary import NONE, Vocabulary

if TYPE_CHECKING:
    from torch import Tensor

MOST_WORDS = 20_000  # in a vocabulary


def vocabulary_of(given: Any, rows: int) -> tuple[Vocabulary, list[str]]:
    """The words by their numbers, and what is to be said of them.

    Args:
        given: words in the order of their numbers, from 1 on (0 is no word); how many numbers there are, with 0; a Vocabulary; None: as many as the net has rows.
        rows: that the net's embedding has; 0 where nobody can tell.

    Raises:
        InvvizError: none can be made of it; says what was given and what is allowed.
    """
    known: Sequence[str]
    if given is None or (isinstance(given, (int, np.integer)) and not isinstance(given, bool)):
        count = int(given) if given is not None else rows
        if count == 0:
            raise InvvizError(
                "How many words there are cannot be read off this net: its words enter no torch.nn.Embedding. Give vocabulary=, a list of words in the order of their numbers, from 1 on, or a count."
            )
        known = [f"[{k}]" for k in range(1, count)]
    elif isinstance(given, Vocabulary):
        known = given.words[1:]
    elif isinstance(given, (list, tuple)) and all(isinstance(word, str) for word in given):
        known = list(given)
    else:
        raise InvvizError(
            f"vocabulary is {type(given).__name__}; allowed: words in the order of their numbers, from 1 on (0 stands for no word), or how many numbers there are."
        )
    if repeated := sorted({word for word in known if known.count(word) > 1})[:3] if len(set(known)) < len(known) else []:
        raise InvvizError(
            f"The vocabulary has {', '.join(map(repr, repeated))} more than once. Give every word once, in the order of their numbers."
        )
    if wrong := [word for word in known if not word or word == NONE or len(word.split()) != 1]:
        raise InvvizError(
            f"The vocabulary holds {wrong[0]!r}, which is no word. Leave the mark for no word out: its number, 0, has no entry; words hold no blanks."
        )
    said = []
    if rows and len(known) + 1 > rows:
        raise InvvizError(
            f"The vocabulary has {len(known):,} words and the mark for none; the net's embedding has {rows:,} rows, one a number. Give the words that it was made for."
        )
    if rows > len(known) + 1:
        said.append(
            f"The net's embedding has {rows:,} rows, the vocabulary {len(known):,} words: the others count as words, too, and are shown as numbers."
        )
        known = [*known, *(f"[{k}]" for k in range(len(known) + 1, rows))]
    if not 2 <= len(known) <= MOST_WORDS:
        raise InvvizError(f"The vocabulary has {len(known):,} words; allowed are 2 to {MOST_WORDS:,}.")
    return Vocabulary(("∅", *known)), said


def tokens_of(given: Any, known: Vocabulary | None = None, length: int = 0) -> Tensor:
    """Numbers of words (b, length) int64: of sentences in words, or as they were handed over.

    Args:
        given: sentences as texts, words with blanks between them; or whole numbers (b, length).
        known: the words, for sentences as texts.
        length: to which those are filled up with 0; 0: the longest one's.

    Raises:
        InvvizError: no whole numbers, another shape, an empty sentence, unknown words, a 0 before a word; says which.
    """
    if isinstance(given, (list, tuple)) and given and all(isinstance(line, str) for line in given):
        if known is None:
            raise InvvizError(
                "Sentences in words need vocabulary=, the words in the order of their numbers, from 1 on. Or give numbers of words."
            )
        longest = length or max(1, *(len(line.split()) for line in given))
        return torch.as_tensor(known.encode(list(given), longest))
    try:
        found = torch.as_tensor(given).detach()
    except (TypeError, ValueError, RuntimeError) as err:
        raise InvvizError(
            f"The sentences are {type(given).__name__}, of which no table of whole numbers can be made; rows of different length are filled up with 0 behind the last word."
        ) from err
    if found.is_floating_point() or found.dtype == torch.bool or found.is_complex():
        raise InvvizError(
            f"The sentences are {str(found.dtype).removeprefix('torch.')}; allowed: whole numbers of words. Rows of real numbers are audited by invviz.audit."
        )
    if found.ndim != 2 or 0 in found.shape:
        raise InvvizError(
            f"The sentences have shape {tuple(found.shape)}; allowed: (sentences, length), both at least 1. One sentence is x[None]."
        )
    return found.long().clone()
