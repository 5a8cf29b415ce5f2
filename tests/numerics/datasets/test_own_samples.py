"""A sentence or a row of one's own: what is read, and that everything else is refused in words, with nothing lost."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from invviz import cli
from invviz.core.errors import UploadError
from invviz.datasets import DATASETS, digest, read_own
from invviz.datasets._own_samples import MAX_LINES, MAX_TEXT, read_rows, read_sentences
from invviz.engine.attack import run
from invviz.engine.bits import count
from invviz.engine.client import Site
from invviz.scenario import Scenario

NOTES, WINE, ADULT = (DATASETS[name]() for name in ("notes", "wine", "adult"))
OWN = "elif novak aged 4 2 has gout"


def table(dataset, **other):
    """A table with one row: the middle of every number's range, the last word of every choice."""
    cells = {c.name: c.choices[-1] if c.choices else f"{(c.low + c.high) / 2:.6f}" for c in dataset.columns} | other
    return "\n".join([",".join(cells), ",".join(f'"{cell}"' for cell in cells.values())]).encode()


def test_the_first_sentence_is_read_word_by_word():
    found = read_own(f"{OWN.upper()}\nanna baker must not take aspirin\n\n".encode(), NOTES)
    assert NOTES.vocabulary.sentence(found) == OWN and found.shape == (12,) and found.dtype == np.int64
    assert len(read_sentences(f"{OWN}\r\n{OWN}".encode(), NOTES.vocabulary, 12)) == 2


@pytest.mark.parametrize("dataset", [WINE, ADULT], ids=["wine", "adult"])
def test_a_row_is_encoded_column_by_column_in_any_order(dataset):
    found = read_own(table(dataset), dataset)
    assert found.shape == dataset.shape
    for column in dataset.columns:
        part = found[0, 0, column.part]
        assert part == pytest.approx([0.0] * (column.width - 1) + [1.0] if column.choices else [0.5], abs=1e-4)
    head, row = csv.reader(table(dataset).decode().splitlines())
    turned = "\n".join(";".join(reversed(line)) for line in (head, row)).encode()
    assert np.array_equal(read_own(turned, dataset), found)
    beyond = next(c for c in dataset.columns if not c.choices)
    assert read_own(table(dataset, **{beyond.name: str(beyond.high + 10)}), dataset)[0, 0, beyond.start] == 1.0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "there is no sentence"),
        (b"   \n", "there is no sentence"),
        (b"anna has gout\n\nben has gout", "Sentence 2 is empty"),
        (b"anna has covid", "none of the 1"),
        (b"anna has gout.", "no punctuation"),
        ("anna hat gicht \u00fc".encode("latin-1"), "no text in UTF-8"),
        (b"anna \0 has gout", "bytes that stand in no text"),
        (b"\x80\x04\x95cos\nsystem", "no text in UTF-8"),
        (b" ".join([b"gout"] * 13), "at most 12"),
        (b"gout\n" * (MAX_LINES + 1), f"at most {MAX_LINES}"),
        (b"gout " * MAX_TEXT, f"at most {MAX_TEXT:,}"),
    ],
)
def test_what_is_no_sentence_is_refused_in_words(text, words):
    with pytest.raises(UploadError) as err:
        read_own(text, NOTES)
    assert words in str(err.value) and str(err.value).rstrip().endswith(".")


def changed(**other):
    return table(WINE, **other)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "the columns are"),
        (b"alcohol\n13", "lacks malic acid"),
        (changed(sulphites="1"), "has 'sulphites' beside them"),
        (changed().replace(b"malic acid", b"alcohol", 1), "lacks malic acid"),
        (changed(alcohol="nan"), "line 2, column alcohol: the cell is empty"),
        (changed(alcohol=""), "line 2, column alcohol: the cell is empty"),
        (changed(alcohol="inf"), "is no finite number"),
        (changed(alcohol="much"), "column alcohol: 'much' is no finite number"),
        (changed() + b",1", "line 2 has 14 cells, the first one 13"),
        (changed().splitlines()[0], "there is no row"),
        (changed() + b"\n" * MAX_TEXT, f"at most {MAX_TEXT:,}"),
    ],
)
def test_what_is_no_row_is_refused_in_words(text, words):
    with pytest.raises(UploadError) as err:
        read_own(text, WINE)
    assert words in str(err.value), str(err.value)


def test_a_word_that_is_no_choice_names_its_column_and_what_is_allowed():
    column = next(c for c in ADULT.columns if c.choices)
    with pytest.raises(UploadError, match=f"{column.name}: 'astronaut' is none of {column.choices[0]}"):
        read_rows(table(ADULT, **{column.name: "astronaut"}), ADULT.columns)


def test_series_take_none():
    with pytest.raises(UploadError, match="ecg is a set of time series"):
        read_own(b"1,2,3", DATASETS["ecg"]())


def test_ones_own_sentence_is_what_is_attacked_and_counted(tmp_path: Path):
    own = read_own(OWN.encode(), NOTES)
    s = Scenario.parse(f"data=notes(index=3)&model=tiny_lm(width=32)&attack=dager&dtype=float64&upload={digest(own)}")
    site = Site(None, tmp_path, "cpu")
    found = run(s, site, picture=own.astype(np.float32))  # as it comes through the pipe of a private worker
    assert NOTES.vocabulary.sentence(found.truth[0]) == OWN == NOTES.vocabulary.sentence(found.guess[0])
    assert count(s, site, picture=own).facts()["sentences"] == [OWN]
    with pytest.raises(UploadError, match="gone by now"):
        count(s, site)


def test_from_the_command_line(tmp_path: Path, capsys):
    text, rows = tmp_path / "own.txt", tmp_path / "own.csv"
    text.write_text(OWN)
    rows.write_bytes(table(WINE))
    note = "data=notes&model=tiny_lm(width=32)&attack=dager&dtype=float64"
    places = ["--set", f"store={tmp_path / 'store'}"]
    assert cli.main(["run", note, "--own", str(text), "--json", *places]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["sentences"] == {"truth": [OWN], "guess": [OWN]} and f"upload={digest(read_own(OWN.encode(), NOTES))}" in found["scenario"]
    assert cli.main(["risk", note, "--own", str(text), "--json", *places]) == 0
    assert json.loads(capsys.readouterr().out)["sentences"] == [OWN]
    assert cli.main(["run", "data=wine&model=mlp(width=8)&attack=linear_layer&dtype=float64", "--own", str(rows), "--json", *places]) == 0
    assert json.loads(capsys.readouterr().out)["scores"]["cells"] == [1.0]
    rows.write_bytes(changed(alcohol="nan"))
    assert cli.main(["run", "data=wine&model=mlp(width=8)&attack=linear_layer", "--own", str(rows), *places]) == 2
    assert "column alcohol: the cell is empty" in capsys.readouterr().err
