"""Sentences as lists of words' numbers, and what scores of text are made of."""

from __future__ import annotations

from collections import Counter

import numpy as np


def words(tokens: np.ndarray) -> list[list[int]]:
    """Of sentences (n, length) their words, without the places that hold none."""
    return [[int(number) for number in row if number] for row in np.asarray(tokens)]


def rouge(guess: list[int], truth: list[int], size: int) -> float:
    """ROUGE-N (lin2004rouge): F1 of the runs of so many words that both have, each counted as often as in the one that has it less; of sentences too short for one, whether they are alike."""
    ours, theirs = (Counter(tuple(s[k : k + size]) for k in range(len(s) - size + 1)) for s in (guess, truth))
    if not (ours or theirs):
        return float(guess == truth)
    return 2 * (ours & theirs).total() / (ours.total() + theirs.total())


def edits(guess: list[int], truth: list[int]) -> int:
    """Levenshtein distance: fewest words to put in, take out or replace."""
    above = list(range(len(truth) + 1))
    for row, word in enumerate(guess, 1):
        here = [row]
        for column, other in enumerate(truth, 1):
            here.append(min(above[column] + 1, here[-1] + 1, above[column - 1] + (word != other)))
        above = here
    return above[-1]
