"""The table of marriages, read a second time by pandas; and what is said where its package is missing or another one."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from invviz.core.errors import InvvizError, MissingExtra
from invviz.core.table import decode
from invviz.datasets import DATASETS, fair

there = pytest.mark.skipif(importlib.util.find_spec("statsmodels") is None, reason="needs statsmodels, whose file it reads")


@pytest.fixture
def fresh():
    fair._load.cache_clear()
    yield
    fair._load.cache_clear()


@there
def test_it_is_what_pandas_reads(fresh):
    frame = pd.read_csv(fair._file())
    order = np.random.default_rng(0).permutation(len(frame))
    data, samples = DATASETS["fair"](), DATASETS["fair"]().load(None)
    assert (len(samples.victims), len(samples.public), data.shape) == (1_366, 5_000, (1, 1, 29))
    numbers = {"age": "age", "years married": "yrs_married", "children": "children"}
    words = {"religious": ("religious", fair.RELIGIOUS), "education": ("educ", fair.EDUCATION), "work": ("occupation", fair.WORK)}
    words["husband's work"] = ("occupation_husb", fair.WORK)
    public = frame.iloc[order[1_366:]]
    for part, own in ((samples.victims, frame.iloc[order[:1_366]]), (samples.public, public)):
        rows, labels = part.take(range(len(own)))
        assert np.array_equal(labels, own.rate_marriage - 1)
        for column in data.columns:
            entries = rows[:, 0, 0, column.part]
            if column.name in numbers:
                name = numbers[column.name]
                assert (column.low, column.high) == (public[name].min(), public[name].max())
                assert np.allclose(column.low + entries[:, 0] * (column.high - column.low), own[name], atol=1e-4)
            elif column.name in words:
                name, told = words[column.name]
                assert [column.choices[k] for k in entries.argmax(1)] == [told[code] for code in own[name]]
            else:
                spans = pd.cut(own.affairs, [-1, 0, 1, 4, np.inf], labels=list(column.choices))
                assert [column.choices[k] for k in entries.argmax(1)] == spans.tolist()
    first = dict(decode(data.columns, samples.victims.take([0])[0]))
    person = frame.iloc[order[0]]
    assert first["age"] == f"{person.age} years" and first["work"] == fair.WORK[int(person.occupation)]


def test_without_its_package_it_says_how_to_get_it(fresh, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"pip install statsmodels.*wine, breast_cancer"):
        DATASETS["fair"]().load(None)


def test_another_file_is_refused_in_words(fresh, monkeypatch, tmp_path):
    (tmp_path / "fair.csv").write_text("age,children\n30,2\n")
    monkeypatch.setattr(fair, "_file", lambda: Path(tmp_path / "fair.csv"))
    with pytest.raises(InvvizError, match=r"not the one that is known here \(1 rows of age, children\)"):
        DATASETS["fair"]().load(None)
