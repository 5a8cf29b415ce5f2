"""Sentences that a visitor hands over for a net that reads words: texts or numbers of words, and their vocabulary."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

import numpy as np

from ...core.component import parse_component, shown
from ...core.errors import InvvizError, UploadError
from ...core.modality import TOKENS
from ...core.vocabulary import Vocabulary, check_tokens
from ...datasets import DATASETS, read_sentences, read_vocabulary
from ...datasets.own import FORMS, read_file, records_and_targets
from ...models import MODELS
from ...models.own import read_layers
from ._limits import DATA, RECORDS

LABELS = ("label", "labels", "y", "target", "targets", "class")  # what targets may be called
VOCABULARY = ("vocabulary.txt", "vocab.txt")  # files that hold one
LONGEST, MOST_WORDS = 64, 2_000  # words of a sentence; words that are taken out of sentences
Files = Sequence[tuple[str, bytes]]


def reads_words(net: dict[str, Any]) -> tuple[bool, int]:
    """Whether a net that was handed over reads numbers of words, and how many rows its embedding has, 0 where it does not say.

    Raises:
        UploadError: it is none that is taken.
    """
    if "layers" in net:
        first = next((layer for layer in read_layers(net["layers"]).whole.inner), None)
        return (True, first.knobs["num_embeddings"]) if first is not None and first.kind == "embedding" else (False, 0)
    return parse_component(str(net["registry"]), MODELS, "model").modalities == (TOKENS.name,), 0


def words_of(files: Files, rows: int, length: int) -> tuple[np.ndarray, np.ndarray | None, Vocabulary, list[str]]:
    """Numbers of words (n, length) int64, targets where the file has some, the vocabulary, and what is to be said.

    Args:
        files: one with sentences, .txt or .npz, .npy, .csv, and perhaps one with the vocabulary.
        rows: numbers that the net knows; 0 where it does not say.
        length: of the sentences that the net takes; 0 where it does not say.

    Raises:
        UploadError: they cannot be read, or do not go together; says what was given and what is allowed.
    """
    lists = [one for one in files if one[0].lower() in VOCABULARY]
    others = [one for one in files if one not in lists]
    if len(others) != 1 or len(lists) > 1:
        raise UploadError(
            f"There are {len(others)} files with sentences and {len(lists)} with a vocabulary; allowed: one with sentences, and one named {VOCABULARY[0]}."
        )
    known = Vocabulary.of(read_vocabulary(lists[0][1])) if lists else None
    name, data = others[0]
    ending = PurePath(name).suffix.lower()
    if ending == ".txt":
        tokens, known, said = _text(data, known, length)
        return tokens, None, known, said
    if ending not in FORMS:
        raise UploadError(
            f"{shown(name, 60)}: this net reads sentences. Allowed: .txt, one sentence a line, or whole numbers of words as .npz, .npy or .csv."
        )
    found = read_file(io.BytesIO(data), name, DATA)
    inputs, targets = records_and_targets(found, next((one for one in found if one.lower() in LABELS), None), ending == ".csv")
    if len(inputs) != 1:
        raise UploadError(
            f"The file holds {', '.join(shown(one, 30) for one in list(found)[:8])}; allowed: numbers of words as x, and labels as y."
        )
    tokens = _whole(next(iter(inputs.values())))
    most, said = int(tokens.max()), list[str]()
    count = len(known) if known else rows or most + 1
    if not known:
        known = Vocabulary.of(f"[{k}]" for k in range(1, count))
        said.append(
            f"There was no {VOCABULARY[0]}: words are shown as their numbers{'' if rows else f', and {most:,}, the largest, counts as the last one'}."
        )
    if most >= max(len(known), rows):
        raise UploadError(
            f"The sentences hold the number {most:,}, and the largest that is known is {max(len(known), rows) - 1:,}. Give the vocabulary that the net was made for."
        )
    return tokens, targets, known, said


def _text(data: bytes, known: Vocabulary | None, length: int) -> tuple[np.ndarray, Vocabulary, list[str]]:
    """Sentences of a text; without a vocabulary in that of the notes of invviz where it has all their words, else in their own."""
    said = []
    if known is None:
        notes = DATASETS["notes"]().vocabulary
        words = data.decode("utf-8", "replace").lower().split()
        assert notes is not None
        if all(word in notes.numbers for word in words):
            known = notes
            said.append(f"Words are those of the data set notes ({len(notes) - 1}), which has all of these.")
        else:
            own = sorted(set(words))
            if len(own) > MOST_WORDS:
                raise UploadError(
                    f"The sentences have {len(own):,} different words; at most {MOST_WORDS:,} are taken. Give fewer sentences: an audit looks at a batch."
                )
            known = Vocabulary.of(own)
            said.append(
                f"There was no {VOCABULARY[0]}: the vocabulary is made of these sentences' own {len(own):,} words; a net knows more, and then each tells more bits."
            )
    tokens = read_sentences(data, known, length or LONGEST)
    return tokens if length else tokens[:, : int((tokens != 0).sum(1).max())], known, said


def _whole(value: np.ndarray) -> np.ndarray:
    """Numbers of words (n, length) int64.

    Raises:
        UploadError: other numbers, another shape, a sentence without a word or with a 0 before one.
    """
    if value.ndim != 2 or 0 in value.shape or len(value) > RECORDS:
        raise UploadError(
            f"The sentences have shape {' x '.join(map(str, value.shape))}; allowed: (sentences, length), both at least 1, and at most {RECORDS:,} sentences. Fill up with 0 behind the last word."
        )
    if value.dtype.kind not in "iu" and not (value.dtype.kind == "f" and np.isfinite(value).all() and (value == np.round(value)).all()):
        raise UploadError(
            "The sentences are no whole numbers. This net reads numbers of words: 1, 2 and so on, and 0 behind the last word."
        )
    if value.min() < 0 or value.max() > 10**9:
        raise UploadError(
            f"The sentences hold {value.min():g} to {value.max():g}; allowed: numbers of words from 1 on, and 0 behind the last word."
        )
    tokens = value.astype(np.int64)
    try:
        check_tokens(tokens, int(tokens.max()) + 1)
    except InvvizError as err:
        raise UploadError(str(err)) from err
    return tokens
