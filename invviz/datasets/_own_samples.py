"""A sentence or a row of a table that a person hands over: plain text that is read word by word, and nothing of it is run."""

from __future__ import annotations

import csv
import io

import numpy as np

from ..core.component import shown
from ..core.errors import UploadError
from ..core.modality import PICTURE
from ..core.table import Column
from ..core.vocabulary import TextData, Vocabulary
from ._base import Dataset
from ._decode import decoded

MAX_TEXT = 100_000  # bytes of a text or a table
MAX_LINES = 500  # of either
MAX_VOCABULARY = 400_000  # bytes
MARKS = (",", ";", "\t")


def read_own(data: bytes, dataset: Dataset) -> np.ndarray:
    """What a person's own file holds, as a sample of a data set: a picture, the first sentence of a text, or the first row of a table.

    Args:
        data: the bytes of the file; its name is not looked at.
        dataset: whose shape, vocabulary and columns it has.

    Returns:
        Shaped as a sample of the data set: (channels, height, width) float32 in [0, 1], of rows (1, 1, d) likewise, of sentences (length,) int64.

    Raises:
        UploadError: it cannot be read as that; says what was given, what is allowed, what to do.
    """
    if dataset.vocabulary is not None:
        return read_sentences(data, dataset.vocabulary, dataset.shape[0])[0]
    if dataset.columns:
        return read_rows(data, dataset.columns)[0]
    if dataset.modality is not PICTURE:
        raise UploadError(
            f"{dataset.name} is {dataset.modality.a_set}, of which none is read here. Choose a data set of pictures, sentences or rows."
        )
    return decoded(data, dataset.shape)


def read_sentences(data: bytes, vocabulary: Vocabulary, length: int) -> np.ndarray:
    """The sentences of a text, one a line, (n, length) int64; capitals count as small letters where the vocabulary has small ones alone, empty lines at its end as none.

    Raises:
        UploadError: too large, no text, an empty line, an unknown word, a sentence that is too long; says which.
    """
    text = _text(data, "sentence").rstrip()
    lines = (text if any(word != word.lower() for word in vocabulary.words) else text.lower()).splitlines()
    try:
        return vocabulary.encode(_few(lines, "sentence"), length)
    except TextData as err:
        raise UploadError(f"{err} One sentence a line, words with blanks between them, no punctuation.") from err


def read_vocabulary(data: bytes) -> tuple[str, ...]:
    """The words of a vocabulary, one a line, in the order of their numbers from 1 on.

    Raises:
        UploadError: no text, too many words, an empty line, a line with several words, a word that is there twice; says which line.
    """
    if len(data) > MAX_VOCABULARY:
        raise UploadError(
            f"The vocabulary has {len(data):,} bytes; at most {MAX_VOCABULARY:,} are read. Give the words that the net was made for, one a line."
        )
    try:
        lines = data.decode("utf-8-sig").rstrip().splitlines()
    except UnicodeDecodeError as err:
        line = err.object.count(b"\n", 0, err.start) + 1
        raise UploadError(f"The vocabulary is no UTF-8 in line {line}. Save it as plain text in UTF-8, one word a line.") from None
    seen: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        word = line.strip()
        if len(word.split()) != 1 or not word.isprintable():
            raise UploadError(
                f"The vocabulary holds {shown(line, 40)} in line {number}; allowed: one word a line, in the order of their numbers from 1 on (0 is no word)."
            )
        if word in seen:
            raise UploadError(
                f"The vocabulary has {shown(word, 40)} in line {seen[word]} and in line {number}. Give every word once, in the order of their numbers."
            )
        seen[word] = number
    if not seen:
        raise UploadError("The vocabulary is empty. Write one word a line, in the order of their numbers from 1 on.")
    return tuple(seen)


def read_rows(data: bytes, columns: tuple[Column, ...]) -> np.ndarray:
    """The rows of a table with names of columns in its first line, (n, 1, 1, d) float32 in [0, 1]; columns may stand in any order.

    Raises:
        UploadError: too large, columns that are missing, unknown or there twice, cells that are empty or no finite number, words that are no choice of their column; says which.
    """
    text = _text(data, "row")
    start = text.partition("\n")[0]
    try:
        lines = [row for row in csv.reader(io.StringIO(text), delimiter=max(MARKS, key=start.count)) if any(cell.strip() for cell in row)]
    except csv.Error as err:
        raise UploadError(f"the file is no table ({shown(str(err), 80)}). Save it as CSV, one row a line, and give that.") from err
    names = [name.strip() for name in lines[0]] if lines else []
    wanted = [column.name for column in columns]
    absent, strange = [name for name in wanted if name not in names], [name for name in names if name not in wanted]
    if absent or strange or len(set(names)) < len(names):
        lacks = (
            f"lacks {', '.join(absent[:5])}"
            if absent
            else f"has {shown(strange[0], 40)} beside them"
            if strange
            else "has one of them twice"
        )
        raise UploadError(f"the columns are {', '.join(wanted)}; the first line of this table {lacks}. Name exactly these, in any order.")
    rows = _few(lines[1:], "row")
    for place, row in enumerate(rows, 2):
        if len(row) != len(names):
            raise UploadError(f"line {place} has {len(row)} cells, the first one {len(names)}. Give every row the same number of cells.")
    found = [_column(column, [row[names.index(column.name)].strip() for row in rows]) for column in columns]
    return np.concatenate(found, 1)[:, None, None]


def _column(column: Column, cells: list[str]) -> np.ndarray:
    """The cells of a column as entries, (n, width)."""
    if empty := [k for k, cell in enumerate(cells, 2) if not cell or cell.lower() in ("nan", "na", "null", "none", "?")]:
        raise UploadError(f"line {empty[0]}, column {column.name}: the cell is empty. Fill it in, or leave the row out.")
    if not column.choices:
        for place, cell in enumerate(cells, 2):
            try:
                good = np.isfinite(float(cell)) and "_" not in cell
            except ValueError:
                good = False
            if not good:
                raise UploadError(f"line {place}, column {column.name}: {shown(cell, 40)} is no finite number. Write numbers as 1.5.")
    try:
        return column.encode(cells if column.choices else [float(cell) for cell in cells])
    except ValueError as err:
        raise UploadError(f"column {shown(str(err), 400)}. Use one of these words.") from err


def _text(data: bytes, thing: str) -> str:
    if len(data) > MAX_TEXT:
        raise UploadError(f"the file has {len(data):,} bytes; at most {MAX_TEXT:,} are read. Give fewer {thing}s.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise UploadError("the file is no text in UTF-8. Save it as plain text, and give that.") from err
    if "\0" in text:
        raise UploadError("the file holds bytes that stand in no text. Save it as plain text, and give that.")
    return text


def _few(lines: list, thing: str) -> list:
    if not lines:
        raise UploadError(f"there is no {thing} in the file. Write at least one, one {thing} a line.")
    if len(lines) > MAX_LINES:
        raise UploadError(f"the file has {len(lines):,} {thing}s; at most {MAX_LINES} are read. Give fewer.")
    return lines
