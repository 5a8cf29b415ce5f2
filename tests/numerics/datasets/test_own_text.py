"""A folder of one's own texts: what is read of it, that other texts are never taken for it, and that everything else is refused in words."""

from __future__ import annotations

import numpy as np
import pytest

from invviz.core.errors import DataMissing, InvvizError
from invviz.datasets import DATASETS, check, own_text
from invviz.engine.attack import run
from invviz.engine.client import Site
from invviz.scenario import Scenario, problems

KIND = DATASETS["own_text"]
LETTERS = "\ufeffDear MARIA, call 0151-2345!\n\n - - \nIt costs 3.50 (or more); O'Neil pays.\r\ndear maria: call 0151-2345\nSchöne Grüße\n"
ORDERS = "ship 20 boxes\nship 4 boxes\nship no boxes\nship 20 boxes\nwe pay\nwe call\nwe cancel"


def folder(place, **texts):
    """The folder with data sets, with these files in it; bytes are written as they are."""
    own = place / "own_text"
    own.mkdir(exist_ok=True)
    for name, text in texts.items():
        (own / f"{name}.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
    return place


def test_lines_become_words_files_classes_and_the_second_of_five_is_hidden(tmp_path):
    site = folder(tmp_path, letters=LETTERS, orders=ORDERS)
    (site / "own_text" / "notes.md").write_text("not read")
    data = KIND().as_found(site)
    samples, known = data.load(site), data.vocabulary
    said = lambda part: [known.sentence(row) for row in part.take(range(len(part)))[0]]  # noqa: E731
    assert said(samples.victims) == ["it costs 3.50 or more o'neil pays", "ship 4 boxes"]
    assert said(samples.public) == [
        "dear maria call 0151-2345", "schöne grüße", "ship 20 boxes", "ship no boxes", "we pay", "we call", "we cancel",
    ]  # fmt: skip
    assert samples.victims.take([0, 1])[1].tolist() == [0, 1] and samples.public.take(range(7))[1].tolist() == [0, 0, 1, 1, 1, 1, 1]
    assert samples.class_names == ("letters", "orders") and "9 sentences in 2 files; 2 that were there twice" in samples.note
    words = {word for part in (samples.victims, samples.public) for line in said(part) for word in line.split()}
    assert sorted(known.words[1:]) == sorted(words) and (data.words, data.num_classes) == (len(words), len(words) + 1)
    assert data.shape == (7,) == samples.victims.take([0])[0].shape[1:] and samples.victims.take([0])[0].dtype == np.int64
    assert check("own_text", site)[1] == "2 victims and 7 public sentences in 2 classes"


def test_what_names_other_texts_is_refused_with_what_to_write(tmp_path):
    site = folder(tmp_path, letters=LETTERS, orders=ORDERS)
    first = KIND(index=1).as_found(site)
    assert first.index == 1 and Scenario.parse(f"data={first.text()}&model=tiny_lm").data == first
    for name in (KIND(), KIND(texts=7, words=3)):
        with pytest.raises(InvvizError) as err:
            name.load(site)
        right = str(err.value).partition(" are data=")[2].removesuffix(". Write that.")
        assert Scenario.parse(f"data={right}&model=tiny_lm").data == first.replace(index=0)
    folder(tmp_path, letters=LETTERS.replace("!", "!!!"))
    assert KIND().as_found(site) == first.replace(index=0), "punctuation is no part of them"
    folder(tmp_path, letters=LETTERS.replace("costs", "costed"))
    other = KIND().as_found(site)
    assert other.texts != first.texts and Scenario.parse(f"data={other.text()}").key("run") != Scenario.parse(f"data={first.text()}").key(
        "run"
    )
    with pytest.raises(InvvizError, match=f"names other texts; those in .*texts={other.texts}"):
        first.load(site)
    assert first.vocabulary.words[1] == "0151-2345" and KIND(texts=7, words=3).vocabulary.words[1:] == ("[1]", "[2]", "[3]")


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ({}, "holds no .txt file"),
        ({"a": "one line\nanother", "b": "...\n\n"}, "b.txt has no sentence of its own"),
        ({"a": b"fine\nna\xefve"}, "a.txt, line 2: this is no UTF-8"),
        ({"a": "a\0b\nc"}, "bytes that stand in no text"),
        ({"a": "one\n" + "far " * 65}, "a.txt, line 2 has 65 words; at most 64"),
        ({"a": "x" * 41 + "\nshort"}, "a.txt, line 1 has a word of more than 40"),
        ({"a": "alone", "b": "alone too"}, "no file in .* has two different sentences"),
        ({"a": "\n".join(f"w{k} w{k + 1}" for k in range(2_001))}, "2,002 different words; at most 20,000 and 2,000"),
        ({"a": "word " * 400_001}, "2,000,005 bytes; at most 2,000,000"),
        ({f"f{k}": "a b\nc d" for k in range(101)}, "101 text files; at most 100"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_place(tmp_path, texts, words):
    site = folder(tmp_path, **texts)
    with pytest.raises(InvvizError, match=words) as err:
        KIND().load(site)
    assert str(err.value).endswith(".") and KIND().as_found(site) == KIND()


def test_where_there_is_none_it_says_how_to_lay_it_out(tmp_path):
    for place in (None, tmp_path):
        with pytest.raises(DataMissing, match=r"own_text.*UTF-8.*data=notes"):
            KIND().load(place)


def test_own_sentences_are_read_off_a_gradient_and_one_file_has_no_classes(tmp_path):
    site = Site(folder(tmp_path, letters=LETTERS, orders=ORDERS), tmp_path / "store", "cpu")
    data = KIND().as_found(site.data_dir)
    found = run(Scenario.parse(f"data={data.text()}&model=tiny_lm(width=16)&attack=dager&batch=2&dtype=float64"), site)
    assert np.array_equal(found.truth, found.guess) and data.vocabulary.sentence(found.guess[1]) == "ship 4 boxes"
    assert not problems(Scenario.parse(f"data={data.text()}&model=tiny_bert&attack=tag"))
    (tmp_path / "own_text" / "orders.txt").unlink()
    alone = KIND().as_found(site.data_dir)
    assert alone.files == 1 and not problems(Scenario.parse(f"data={alone.text()}&model=tiny_lm&attack=dager"))
    assert "Give it two" in problems(Scenario.parse(f"data={alone.text()}&model=tiny_bert&attack=tag"))[0]


def test_a_process_forgets_old_vocabularies(tmp_path):
    for k in range(own_text.KEPT + 2):
        last = KIND().as_found(folder(tmp_path, a=f"only {k}\nand more"))
        assert last.texts in own_text._words and len(own_text._words) <= own_text.KEPT
