"""Words and their numbers: what a sentence of a text is made of."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Sequence

import numpy as np

from .component import shown
from .errors import InvvizError

NONE = "∅"  # stands for no word: before a sentence and behind it


class TextData(InvvizError):
    """A sentence that cannot be read: an unknown word, no word at all, too many; says which."""


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """The words that a data set knows, by their numbers; number 0 stands for no word.

    Example:
        >>> few = Vocabulary.of(["anna", "has", "gout"])
        >>> few.encode(["anna has gout", "gout"], 3).tolist()
        [[1, 2, 3], [3, 0, 0]]
        >>> few.sentence(np.array([1, 2, 3, 0])), few.sentence(np.array([1, 0, 3]))
        ('anna has gout', 'anna ∅ gout')
    """

    words: tuple[str, ...]

    @classmethod
    def of(cls, words: Iterable[str]) -> Vocabulary:
        """Of these words, each once, in their order."""
        return cls((NONE, *dict.fromkeys(words)))

    def __len__(self) -> int:
        return len(self.words)

    @functools.cached_property
    def numbers(self) -> dict[str, int]:
        """Of every word its number."""
        return {word: number for number, word in enumerate(self.words)}

    def encode(self, sentences: Sequence[str], length: int) -> np.ndarray:
        """Sentences, words with blanks between them, as numbers (n, length) int64, filled up with 0.

        Raises:
            TextData: an unknown word, an empty sentence, or one that is too long; says which and what is allowed.
        """
        found = np.zeros((len(sentences), length), np.int64)
        for row, sentence in enumerate(sentences):
            words = sentence.split()
            where = f"sentence {row + 1} ({shown(sentence, 40)})"
            if not words:
                raise TextData(f"Sentence {row + 1} is empty; write at least one word, or leave the line out.")
            if len(words) > length:
                raise TextData(f"{where} has {len(words)} words; at most {length} are read. Shorten it, or cut it in two.")
            if strange := [word for word in words if word not in self.numbers or word == NONE]:
                raise TextData(
                    f"{where} has {shown(strange[0], 40)}, which is none of the {len(self) - 1} words known here. Use words of the vocabulary."
                )
            found[row, : len(words)] = [self.numbers[word] for word in words]
        return found

    def sentence(self, tokens: np.ndarray) -> str:
        """Numbers (length,) as words with blanks between them; a sign for each place without a word, but not behind the last one."""
        given = np.asarray(tokens).astype(int).tolist()
        while given and not given[-1]:
            given.pop()
        return " ".join(self.word(number) for number in given)

    def word(self, number: int) -> str:
        """The word of a number; the sign for none where there is no such word."""
        return self.words[number] if 0 <= number < len(self.words) else NONE


def check_tokens(tokens: np.ndarray, numbers: int) -> None:
    """Refuse numbers that stand for no word, sentences without a word, and places without one before the last.

    Args:
        tokens: whole numbers (n, length).
        numbers: how many there are, with 0.

    Raises:
        TextData: names sentence, place and number.

    Example:
        >>> check_tokens(np.array([[3, 0, 1]]), 4)
        Traceback (most recent call last):
            ...
        invviz.core.vocabulary.TextData: Sentence 0 has a 0 at place 1, before a word; 0 stands for no word and fills up behind the last one. Move its words to the front, or renumber a word that has the number 0.
    """
    there = tokens != 0
    if len(wrong := np.argwhere((tokens < 0) | (tokens >= numbers))):
        row, place = wrong[0].tolist()
        raise TextData(
            f"Sentence {row} holds {int(tokens[row, place])} at place {place}, and the numbers of words are 0 to {numbers - 1:,}. Encode it with the words of this net, or give the whole vocabulary."
        )
    if len(empty := np.flatnonzero(~there.any(1))):
        raise TextData(f"Sentence {empty[0]} has no word, only 0. Leave it out: nothing of it can be told.")
    before = np.logical_or.accumulate(there[:, ::-1], 1)[:, ::-1]
    if len(holes := np.argwhere(before & ~there)):
        row, place = holes[0].tolist()
        raise TextData(
            f"Sentence {row} has a 0 at place {place}, before a word; 0 stands for no word and fills up behind the last one. Move its words to the front, or renumber a word that has the number 0."
        )
