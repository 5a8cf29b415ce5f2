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
