"""Texts of one's own: a folder of .txt files, one sentence a line, with a vocabulary made of their words."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import os
import re
import unicodedata
from pathlib import Path
from typing import ClassVar

import numpy as np

from ..core.component import knob
from ..core.errors import DataMissing, InvvizError
from ..core.modality import TOKENS, Modality
from ..core.vocabulary import Vocabulary
from ._base import Dataset, Samples
from ._sentences import Sentences

WORD = re.compile(r"[^\W_]+(?:['’.,:/-][^\W_]+)*")  # letters and digits, and what stands between them: o'neil, 3.5, 12:30
MOST_FILES, MOST_BYTES, MOST_LINES, MOST_WORDS, LONGEST, LONGEST_WORD = 100, 2_000_000, 20_000, 2_000, 64, 40
EVERY = 5  # of so many sentences of a file, the second one is a victim
KEPT = 8  # vocabularies that a process remembers

_words: dict[int, Vocabulary] = {}  # by the number of their texts


@dataclasses.dataclass(frozen=True)
class OwnText(Dataset):
    """Texts of your own: every .txt file (UTF-8, one sentence a line) in the folder `own_text` of the folder with data sets. A file is a class.

    Words are runs of letters and digits, in small letters; punctuation around them is left out, and so are lines without a word and those that stood before. The second of every five sentences of a
    file is a victim, the others are public. The knobs say which texts are meant, so that nothing that was computed of others is taken for theirs: `python -m invviz data check own_text` writes
    them down, and the Lab fills them in. At most 2,000 different words, 64 in a line, 20,000 lines, 100 files, 2 MB.
    """

    name: ClassVar[str] = "own_text"
    title: ClassVar[str] = "Own texts (folder)"
    modality: ClassVar[Modality] = TOKENS
    channels: ClassVar[int] = 1
    needs_folder: ClassVar[bool] = True
    citation: ClassVar[str] = "Texts of whoever runs this server."
    how_to_get: ClassVar[str] = (
        "Put text files (.txt, UTF-8, one sentence a line; each file is a class) into DIR/own_text, DIR being the folder that INVVIZ_DATA or "
        "--set data_dir=DIR names. Without any, data=notes is a set of sentences that is always there."
    )

    texts: int = knob(0, "a number that stands for the texts, the first 40 bits of their SHA-256; 0: none named yet", low=0, high=2**40 - 1)
    words: int = knob(100, "how many different words they have; the net has a score for each", low=1, high=MOST_WORDS, unit="words")
    length: int = knob(12, "words of the longest sentence", low=1, high=LONGEST, unit="words")
    files: int = knob(2, "how many files, each of which is a class", low=1, high=MOST_FILES, unit="files")

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]
        """Words of the longest sentence."""
        return (self.length,)

    @property
    def num_classes(self) -> int:  # type: ignore[override]
        """Every word, and the sign for none."""
        return self.words + 1

    @property
    def labelled(self) -> bool:  # type: ignore[override]
        """Whether there are two files or more."""
        return self.files > 1

    @property
    def vocabulary(self) -> Vocabulary:  # type: ignore[override]
        """The words, where these texts were read in this process or lie in INVVIZ_DATA; else numbers in their place."""
        if self.texts and self.texts not in _words and (place := os.environ.get("INVVIZ_DATA")):
            self.as_found(Path(place).expanduser())
        known = _words.get(self.texts)
        return known if known and len(known) == self.num_classes else Vocabulary.of(f"[{k}]" for k in range(1, self.num_classes))

    @classmethod
    def find(cls, data_dir: Path | None) -> Path:
        """The folder with the texts, DIR/own_text.

        Raises:
            DataMissing: no such folder, or no text in it; says where it looked and how to lay it out.
        """
        if data_dir is None:
            raise DataMissing(f"{cls.name} needs a folder with data sets, and none was named. {cls.how_to_get}")
        folder = Path(data_dir).expanduser().absolute() / cls.name
        if not folder.is_dir():
            raise DataMissing(f"There is no folder {folder}. {cls.how_to_get}")
        return folder

    def as_found(self, data_dir: Path | None) -> OwnText:
        """The same, with the knobs of the texts that lie there; itself where none do, or where they cannot be read."""
        try:
            return self.replace(**_read(*_seen(self.find(data_dir))).facts)
        except InvvizError:
            return self

    def load(self, data_dir: Path | None) -> Samples:
        """Read the texts; a second call in the same process is instant.

        Raises:
            DataMissing: there are none; says how to lay them out.
            InvvizError: they cannot be read, are too many, or others than the knobs name; says which and what to write.
        """
        found = _read(*_seen(folder := self.find(data_dir)))
        there = self.replace(**found.facts)
        if there != self:
            asked = "names other texts" if self.texts else "does not say which texts are meant"
            raise InvvizError(f"data={self.text()} {asked}; those in {folder} are data={there.text()}. Write that.")
        return found.samples


@dataclasses.dataclass(frozen=True, eq=False)
class Found:
    """Texts of a folder, and the knobs that name them."""

    samples: Samples
    facts: dict[str, str | int]


def _seen(folder: Path) -> tuple[Path, tuple[tuple[str, int, int], ...]]:
    """The folder and its text files with time and size: changes when they do.

    Raises:
        DataMissing: no text file.
        InvvizError: it cannot be listed, or there are too many files, or too large ones.
    """
    try:
        files = sorted(p for p in folder.iterdir() if p.suffix.lower() == ".txt" and not p.name.startswith(".") and p.is_file())
        states = tuple((p.name, (state := p.stat()).st_mtime_ns, state.st_size) for p in files)
    except OSError as err:
        raise InvvizError(f"{folder} cannot be read ({err.strerror}). Check who may read it.") from None
    if not states:
        raise DataMissing(f"{folder} holds no .txt file. {OwnText.how_to_get}")
    if len(states) > MOST_FILES:
        raise InvvizError(
            f"{folder} holds {len(states):,} text files; at most {MOST_FILES} are read. Put several into one, or take some away."
        )
    if (size := sum(state[2] for state in states)) > MOST_BYTES:
        raise InvvizError(f"the texts in {folder} have {size:,} bytes; at most {MOST_BYTES:,} are read. Take some away.")
    return folder, states


@functools.lru_cache(maxsize=4)
def _read(folder: Path, states: tuple[tuple[str, int, int], ...]) -> Found:
    names = [state[0] for state in states]
    texts, seen, repeated = [], set(), 0
    for name in names:
        lines = [line for line in _lines(folder / name) if line]
        fresh = [line for line in dict.fromkeys(lines) if line not in seen]
        seen.update(fresh)
        repeated += len(lines) - len(fresh)
        if not fresh:
            raise InvvizError(f"{folder / name} has no sentence of its own. Write one a line, or take the file away.")
        texts.append(fresh)
    words = list(dict.fromkeys(word for text in texts for line in text for word in line))
    if len(seen) > MOST_LINES or len(words) > MOST_WORDS:
        raise InvvizError(
            f"the texts in {folder} have {len(seen):,} sentences and {len(words):,} different words; at most {MOST_LINES:,} and {MOST_WORDS:,} are read. "
            "Take some away."
        )
    if max(map(len, texts)) < 2:
        raise InvvizError(
            f"no file in {folder} has two different sentences; one is to be hidden, and others to be known. Write at least two a file."
        )
    vocabulary, length = Vocabulary.of(sorted(words)), max(map(len, seen))
    parts: list[list[tuple[str, int]]] = [[], []]
    for label, text in enumerate(texts):
        for place, line in enumerate(text):
            parts[place % EVERY != 1].append((" ".join(line), label))
    victims, public = (
        Sentences.locked(vocabulary.encode([line for line, _ in part], length), np.array([label for _, label in part])) for part in parts
    )
    told = int(hashlib.sha256(repr(list(zip(names, texts, strict=True))).encode()).hexdigest()[:10], 16)
    if told not in _words and len(_words) >= KEPT:
        del _words[next(iter(_words))]
    _words[told] = vocabulary
    left = f"; {repeated:,} that were there twice left out" if repeated else ""
    note = f"own texts: {len(seen):,} sentences in {len(texts):,} file{'s' * (len(texts) > 1)}{left}"
    classes = tuple("".join(c if c.isprintable() else "?" for c in Path(name).stem[:40]) for name in names)
    return Found(Samples(victims, public, classes, note), {"texts": told, "words": len(words), "length": length, "files": len(texts)})


def _lines(path: Path) -> list[tuple[str, ...]]:
    """The words of every line.

    Raises:
        InvvizError: no text, or a line that is too long; names file and line.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as err:
        line = err.object.count(b"\n", 0, err.start) + 1
        raise InvvizError(f"{path}, line {line}: this is no UTF-8. Save the file as plain text in UTF-8.") from None
    except OSError as err:
        raise InvvizError(f"{path} cannot be read ({err.strerror}). Check who may read it.") from None
    if "\0" in text:
        raise InvvizError(f"{path} holds bytes that stand in no text. Save it as plain text in UTF-8.")
    found = [tuple(WORD.findall(unicodedata.normalize("NFC", line).lower())) for line in text.splitlines()]
    for number, words in enumerate(found, 1):
        if len(words) > LONGEST:
            raise InvvizError(
                f"{path}, line {number} has {len(words)} words; at most {LONGEST} are read. Cut it in two, one sentence a line."
            )
        if any(len(word) > LONGEST_WORD for word in words):
            raise InvvizError(f"{path}, line {number} has a word of more than {LONGEST_WORD} letters. Put blanks between words.")
    return found
