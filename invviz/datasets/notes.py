"""Notes of a hospital with invented persons, made from templates: text that is there without any network."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from ..core.modality import TOKENS, Modality
from ..core.vocabulary import Vocabulary
from ._base import Dataset, Samples
from ._sentences import Sentences

VICTIMS, PUBLIC = 400, 2_000
LENGTH = 12  # words of a sentence, at most
SLOTS: dict[str, tuple[str, ...]] = {
    "first": (
        "anna",
        "ben",
        "clara",
        "david",
        "elif",
        "frank",
        "grace",
        "hugo",
        "irene",
        "jonas",
        "karin",
        "lukas",
        "maria",
        "nadia",
        "oscar",
        "paula",
    ),
    "last": (
        "adler",
        "baker",
        "costa",
        "diaz",
        "ekberg",
        "fischer",
        "garcia",
        "hansen",
        "ivanov",
        "jensen",
        "keller",
        "lopez",
        "meyer",
        "novak",
        "okoye",
        "petrov",
    ),
    "illness": (
        "asthma",
        "diabetes",
        "anaemia",
        "migraine",
        "epilepsy",
        "gout",
        "arthritis",
        "eczema",
        "hepatitis",
        "malaria",
        "measles",
        "scoliosis",
    ),
    "drug": ("aspirin", "insulin", "ibuprofen", "heparin", "morphine", "codeine", "penicillin", "cortisone", "lithium", "warfarin"),
    "town": ("bern", "oslo", "porto", "graz", "turku", "ghent", "lyon", "bergen", "zadar", "split"),
    "month": ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"),
    "digit": tuple("0123456789"),
}
TEMPLATES = (
    "{first} {last} aged {digit} {digit} has {illness}",
    "patient {first} {last} from {town} takes {drug} for {illness}",
    "{first} {last} lives in {town} and has {illness} since {month}",
    "please call {first} {last} at {digit} {digit} {digit} {digit} about {illness}",
    "{first} {last} must not take {drug}",
    "the test of {first} {last} in {month} shows {illness}",
    "give {first} {last} {digit} {digit} units of {drug}",
    "{first} {last} left room {digit} {digit} in {month}",
)


@functools.lru_cache(maxsize=1)
def _vocabulary() -> Vocabulary:
    plain = {word for template in TEMPLATES for word in template.split() if not word.startswith("{")}
    return Vocabulary.of([*sorted(plain), *(word for words in SLOTS.values() for word in words)])


@dataclasses.dataclass(frozen=True)
class Notes(Dataset):
    """Short notes with invented names, ages, telephone numbers, towns, drugs and diagnoses; word tokens, 2,000 public sentences and 400 private ones.

    Eight templates and lists of words, filled with a fixed seed. A class is a word of the vocabulary; that of a note is what it is about: its diagnosis, without one its drug, else its month.
    """

    name: ClassVar[str] = "notes"
    title: ClassVar[str] = "Notes (text)"
    modality: ClassVar[Modality] = TOKENS
    vocabulary: ClassVar[Vocabulary | None] = _vocabulary()
    channels: ClassVar[int] = 1
    num_classes: ClassVar[int] = len(_vocabulary())
    side: ClassVar[int] = LENGTH
    citation: ClassVar[str] = "Made here; every person in it is invented."

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]
        """Words of the longest sentence."""
        return (LENGTH,)

    def load(self, data_dir: Path | None) -> Samples:
        """Make the sentences; needs no folder."""
        return _load()


@functools.lru_cache(maxsize=1)
def _load() -> Samples:
    rng = np.random.default_rng(0)
    private, public = (_made(count, rng) for count in (VICTIMS, PUBLIC))
    return Samples(private, public, _vocabulary().words)


def _made(count: int, rng: np.random.Generator) -> Sentences:
    """So many sentences."""
    filled = [" ".join(_word(part, rng) for part in TEMPLATES[rng.integers(len(TEMPLATES))].split()) for _ in range(count)]
    tokens = _vocabulary().encode(filled, LENGTH)
    labels = np.array([_about(row) for row in tokens.tolist()])
    return Sentences.locked(tokens, labels)


def _about(tokens: Sequence[int]) -> int:
    """The number of the diagnosis in a note; without one that of its drug, else of its month."""
    numbers = _vocabulary().numbers
    kinds = [{numbers[word] for word in SLOTS[slot]} for slot in ("illness", "drug", "month")]
    return next(token for kind in kinds for token in tokens if token in kind)


def _word(part: str, rng: np.random.Generator) -> str:
    choices = SLOTS.get(part.strip("{}")) if part.startswith("{") else None
    return choices[rng.integers(len(choices))] if choices else part
