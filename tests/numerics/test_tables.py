"""Tables: rows, cells, the columns of parties, and attacks and risk of rows; the files are read a second time by pandas."""

from __future__ import annotations

import html
import json
import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from invviz.charts.pictures import squared, to_png
from invviz.charts.rows import table_html
from invviz.core.errors import DataMissing, InvvizError
from invviz.core.table import UNDECIDED, Column, between, cells, decode, edges, laid, right
from invviz.core.tree import flatten
from invviz.core.types import Batch
from invviz.datasets import DATASETS, adult
from invviz.engine.assess import assess
from invviz.engine.attack import run
from invviz.engine.client import Site, meet_client
from invviz.engine.results import score
from invviz.engine.summary import risk_summary
from invviz.metrics import METRICS
from invviz.risk import TAU, Components, Prior
from invviz.scenario import PARTS, Scenario, problems, risk_problems

TABLES = [name for name, kind in DATASETS.items() if kind.columns]
FOLDER = Path(os.environ.get("INVVIZ_DATA", "/nonexistent"))
real = pytest.mark.skipif(not (FOLDER / "adult/adult.data").is_file(), reason="needs Adult in the folder INVVIZ_DATA")
NAMES = [
    "age",
    "workclass",
    "fnlwgt",
    "education",
    "education-num",
    "marital",
    "occupation",
    "relationship",
    "race",
    "sex",
    "gain",
    "loss",
    "hours",
    "country",
    "income",
]
COLUMNS = laid((Column("age", 20, 60, "years"), Column("colour", choices=("red", "green", "blue")), Column("pay", -5, 5, "$", 1)))


@pytest.fixture
def site(tmp_path):
    return Site(None, tmp_path, "cpu")


def raw(file):
    """The published file as pandas reads it, one row a person."""
    frame = pd.read_csv(FOLDER / "adult" / file, names=NAMES, skipinitialspace=True, comment="|", na_filter=False)
    return frame.assign(income=frame.income.str.rstrip("."))


def lay(folder, lines, name="adult.data"):
    (folder / "adult").mkdir(exist_ok=True)
    for file in ("adult.data", "adult.test"):
        (folder / "adult" / file).write_text("\n".join(lines if file == name else LINES) + "\n")


LINES = [
    "39, State-gov, 77516, Bachelors, 13, Never-married, Adm-clerical, Not-in-family, White, Male, 2174, 0, 40, United-States, <=50K",
    "95, ?, 83311, HS-grad, 9, Divorced, ?, Husband, Black, Female, 0, 0, 13, ?, >50K.",
]


@real
@pytest.mark.parametrize(("part", "file"), [("victims", "adult.test"), ("public", "adult.data")])
def test_adult_is_what_pandas_reads(part, file):
    data = DATASETS["adult"]()
    samples, frame = data.load(FOLDER), raw(file)
    rows, labels = getattr(samples, part).take(range(len(frame)))
    assert rows.shape == (len(frame), 1, 1, 106) and rows.dtype == np.float32 and samples.note == ""
    assert np.array_equal(labels, frame.income == ">50K")
    assert samples.class_names[1] == "more than $50,000"
    rows = rows[:, 0, 0]
    words = {"workclass": adult.WORK, "education": adult.EDUCATION, "marital": adult.MARRIAGE, "occupation": adult.OCCUPATION}
    words |= {"relationship": adult.RELATIONSHIP, "race": adult.RACE, "sex": adult.SEX, "country": adult.COUNTRY}
    kept = [name for name in NAMES if name not in ("fnlwgt", "education-num", "income")]
    for column, name in zip(data.columns, kept, strict=True):
        entries = rows[:, column.part]
        if name in words:
            assert ((entries == 1).sum(1) == 1).all() and (entries.sum(1) == 1).all()
            assert [column.choices[k] for k in entries.argmax(1)] == [words[name][code] for code in frame[name]]
        else:
            assert np.allclose(column.low + entries[:, 0] * (column.high - column.low), frame[name], rtol=1e-6, atol=1e-2)
    for index in (0, 17):
        person = frame.iloc[index]
        told = dict(decode(data.columns, rows[index]))
        assert (
            told["age"] == f"{person.age} years"
            and told["capital gain"] == f"${person.gain:,}"
            and told["hours per week"] == f"{person.hours} h"
        )
        assert told["native country"] == adult.COUNTRY[person.country]


@real
def test_adult_is_scaled_by_public_people_alone():
    public, frames = raw("adult.data"), [raw("adult.data"), raw("adult.test")]
    numbers = {c.name: c for c in DATASETS["adult"].columns if not c.choices}
    for title, name in {"age": "age", "capital gain": "gain", "capital loss": "loss", "hours per week": "hours"}.items():
        assert (numbers[title].low, numbers[title].high) == (public[name].min(), public[name].max())
    names = {"work": "workclass", "education": "education", "marriage": "marital", "native country": "country"}
    for title, name in names.items():
        column = next(c for c in DATASETS["adult"].columns if c.name == title)
        assert {code for frame in frames for code in frame[name]} <= set(adult.WORDS[NAMES.index(name)])
        assert len(column.choices) == len(set(column.choices)) == len(adult.WORDS[NAMES.index(name)])
    assert public.groupby("education")["education-num"].nunique().max() == 1, "it says the same"


@real
def test_words_are_those_of_adult_names():
    """In its order, whatever a copy of the data happens to hold."""
    listed = dict(re.findall(r"^([a-z-]+): (.*)\.$", (FOLDER / "adult/adult.names").read_text(), re.MULTILINE))
    fields = [
        "age",
        "workclass",
        "fnlwgt",
        "education",
        "education-num",
        "marital-status",
        "occupation",
        "relationship",
        "race",
        "sex",
        "gain",
        "loss",
        "hours",
        "native-country",
    ]
    for field, words in adult.WORDS.items():
        assert [code for code in words if code != "?"] == listed[fields[field]].split(", ")


@pytest.mark.parametrize(("name", "loader", "victims"), [("breast_cancer", "load_breast_cancer", 150), ("wine", "load_wine", 50)])
def test_tables_of_scikit_learn(name, loader, victims):
    from sklearn import datasets

    table, samples, data = getattr(datasets, loader)(), DATASETS[name]().load(None), DATASETS[name]()
    order = np.random.default_rng(0).permutation(len(table.target))
    private, public = table.data[order[:victims]], table.data[order[victims:]]
    low, high = np.array([(c.low, c.high) for c in data.columns]).T
    assert np.array_equal(low, public.min(0)) and np.array_equal(high, public.max(0))
    assert (private.max(0) > high).any(), "or public and all rows would have the same scale"
    assert [c.name.lower().replace(" ", "_")[:9] for c in data.columns] == [n.lower().replace(" ", "_")[:9] for n in table.feature_names]
    for rows, own, labels in ((samples.victims, private, order[:victims]), (samples.public, public, order[victims:])):
        entries, found = rows.take(range(len(rows)))
        assert np.array_equal(found, table.target[labels])
        assert np.allclose(low + entries[:, 0, 0] * (high - low), own.clip(low, high), rtol=1e-5)
    written = np.array([float(text.split()[0].replace(",", "")) for _, text in decode(data.columns, samples.public.take([3])[0])])
    assert np.allclose(written, public[3], atol=0.001 * (high - low).max() + 0.001, rtol=0.01)


@pytest.mark.parametrize("name", TABLES)
def test_a_row_has_a_fixed_shape(name):
    data = DATASETS[name]()
    assert data.shape == (1, 1, sum(len(c.choices) or 1 for c in data.columns)) == (1, 1, data.edges[-1])
    assert data.modality.many == "rows" and len(data.columns) == len(data.edges) - 1 == len({c.name for c in data.columns})


def test_a_cut_down_copy_has_the_same_entries_and_says_so(tmp_path):
    lay(tmp_path, LINES)
    samples = DATASETS["adult"]().load(tmp_path)
    rows = samples.public.take([0, 1])[0]
    assert rows.shape == (2, 1, 1, 106) and "cut-down copy: 2 of 16,281 test and 2 of 32,561 training rows" in samples.note
    told = dict(decode(DATASETS["adult"].columns, rows[1]))
    assert told["age"] == "90 years", "beyond the public range: its end"
    assert told["work"] == told["occupation"] == told["native country"] == "unknown"
    assert samples.public.take([0, 1])[1].tolist() == [0, 1], "with and without a full stop"
    with pytest.raises(ValueError, match="read-only"):
        samples.public.rows[0, 0] = 1.0


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("39, State-gov", "15 fields"),
        (LINES[0].replace("State-gov", "Pirate"), "'Pirate' is none of private company"),
        (LINES[0].replace("White", "?"), "race: '\\?' is none of"),
        (LINES[0].replace("39", "old"), "broken"),
        (LINES[0].replace("39", "nan"), "age: a value is not a finite number"),
        (LINES[0].replace("<=50K", "rich"), "'rich' is neither"),
        ("", "no lines"),
    ],
)
def test_a_broken_copy_says_what_is_wrong(tmp_path, line, words):
    lay(tmp_path, [line])
    with pytest.raises(InvvizError, match=words):
        DATASETS["adult"]().load(tmp_path)


@pytest.mark.parametrize("folder", [None, Path("/nonexistent")])
def test_missing_says_how_to_get_it(folder):
    with pytest.raises(DataMissing, match="data download adult") as err:
        DATASETS["adult"]().load(folder)
    assert "INVVIZ_DATA" in str(err.value)


def test_the_download_has_address_and_checksum():
    from invviz.datasets._files import REMOTES

    assert [(r.file, r.urls[0].rsplit("/", 1)[1], r.md5) for r in REMOTES["adult"](None)] == [
        ("adult.data", "adult.data", "5d7c39d7b8804f071cdd1f2a7c460872"),
        ("adult.test", "adult.test", "35238206dfdf7f1fe215bbb874adecdc"),
    ]


def test_cells_by_hand():
    truth = np.array([0.5, 0.0, 1.0, 0.0, 0.25])
    guess = np.array([0.5499, -0.2, 0.6, 0.2, 0.31])
    known = np.array([0.9, 0.2, 0.4, 0.9, 0.1])
    age, colour, pay = cells(COLUMNS, truth, guess[None, None], known, np.array([1.0, 1.0, 2.0, 1.0, 1.0]))
    assert (age.true, age.guess, age.right, age.sure) == ("40 years", "42 years", True, pytest.approx(0.9))
    assert np.isnan(age.weight)
    assert [column.tolerance for column in COLUMNS] == ["2.0 years", "", "$0.50"]
    assert (colour.true, colour.guess, colour.right) == ("green", "green", True)
    assert (colour.weight, colour.sure) == (pytest.approx(0.75), pytest.approx((0.2 + 2 * 0.4 + 0.9) / 4))
    assert (pay.true, pay.guess, pay.right) == ("$-2.5", "$-1.9", False), "6 % of the range"
    assert cells(COLUMNS, truth, guess, known)[1].sure == pytest.approx(0.5), "without variances entries count alike"
    assert np.isnan(cells(COLUMNS, truth, guess)[0].sure)
    assert right(COLUMNS, truth[None], guess[None]).tolist() == [[True, True, False]]


@pytest.mark.parametrize("guess", [[0.5, 0.5, 0.5, 0.5, 0.5], [0.5, 0.0, 0.7, 0.7, 0.5], [0.5, np.nan, 1.0, 0.0, 0.5]])
def test_a_word_that_is_not_singled_out_is_not_right(guess):
    found = cells(COLUMNS, np.array([0.5, 0.0, 1.0, 0.0, 0.5]), np.array(guess))
    assert [c.right for c in found] == [True, False, True] and found[1].guess == UNDECIDED
    first = cells(COLUMNS, np.array([0.5, 1.0, 0.0, 0.0, 0.5]), np.array(guess))
    assert not first[1].right, "nor by being the first of equals"


def test_what_is_not_a_number_is_wrong_and_undecided():
    (age, *_), nothing = cells(COLUMNS, np.full(5, 0.5), np.full(5, np.nan)), Column("x", -1, 1)
    assert (age.guess, age.right) == (UNDECIDED, False)
    assert nothing.text(np.array([0.4999])) == "0", "no minus before nothing"


def test_metrics_of_rows():
    rng = np.random.default_rng(0)
    truth = np.zeros((40, 1, 1, 5))
    truth[..., [0, 4]] = rng.random((40, 1, 1, 2))
    truth[np.arange(40), 0, 0, rng.integers(1, 4, 40)] = 1
    guess = truth + 0.3 * rng.standard_normal(truth.shape)
    found, _ = score(guess, truth, COLUMNS)
    t, g = truth[:, 0, 0], guess[:, 0, 0]
    expected = ((abs(t - g)[:, [0, 4]] <= 0.05).sum(1) + (t[:, 1:4].argmax(1) == g[:, 1:4].argmax(1))) / 3
    assert found["cells"] == pytest.approx(expected) and 0 < expected.mean() < 1
    assert np.isnan(found["ssim"]).all() and np.isnan(found["lpips"]).all()
    assert found["psnr"] == pytest.approx(-10 * np.log10(((t - g) ** 2).mean(1)))
    assert score(truth, truth, COLUMNS)[0]["cells"] == [1.0] * 40
    pictures, _ = score(np.zeros((2, 1, 8, 8)), np.ones((2, 1, 8, 8)))
    assert "cells" not in pictures and np.isnan(METRICS["cells"]().score(guess, truth)).all()


@pytest.mark.parametrize("name", ["breast_cancer", "wine"])
def test_the_first_layer_gives_a_row_away(site, name):
    found = run(Scenario.parse(f"data={name}(index=3)&model=mlp&attack=linear_layer"), site)
    assert found.scores["cells"] == [1.0] and found.scores["psnr"][0] > 100
    told = json.loads(json.dumps(found.to_json()["scores"]))
    assert told["ssim"] == [None]


@pytest.mark.parametrize("prior", ["white", "dataset"])
def test_risk_of_a_party_s_columns_against_a_dense_posterior(site, prior):
    text = f"data=breast_cancer&model=mlp(width=8)&protocol=vfl(parties=2,party=1,cut=1,activated=False)&dtype=float64&prior={prior}"
    s = Scenario.parse(text)
    client, found = meet_client(s, site), assess(s, site)
    risk = risk_summary(s, found.decomposition, found.size, found.stages)
    weight = next(p for n, p in client.net.params.items() if n.startswith("bottoms.1.") and n.endswith("weight")).numpy()
    send = lambda x: flatten(client.release(client.net, Batch.of(x, client.batch.label), None))  # noqa: E731
    assert np.allclose(torch.func.jacrev(send)(client.batch.image).flatten(1).numpy(), weight)
    message = send(client.batch.image).numpy()
    sigma2 = 0.01**2 * message @ message / len(message)
    public = s.protocol.part(client.samples.public.take(range(419))[0])
    own = np.eye(15) * TAU**2 if prior == "white" else Prior("dataset", (1, 1, 15), 1, Components.fit(public)).dense()
    posterior = np.linalg.inv(np.linalg.inv(own) + weight.T @ weight / sigma2)
    assert risk["invre"] == pytest.approx(1 - np.trace(posterior) / np.trace(own), rel=1e-4)
    assert (risk["n"], risk["p"]) == (15, 8)


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("parties", [1, 2, 3, 4, 5])
def test_parties_hold_whole_columns(name, parties):
    data, held = DATASETS[name](), []
    for party in range(parties):
        s = Scenario.parse(f"data={name}&model=mlp&protocol=vfl(parties={parties},party={party},activated=False)&attack=least_squares")
        assert not problems(s) and s.protocol.edges == data.edges
        assert s.shape[2] == edges(s.columns)[-1] and s.columns[0].start == 0
        held.append(s.columns)
    assert [c.name for columns in held for c in columns] == [c.name for c in data.columns]
    assert [c.choices for columns in held for c in columns] == [c.choices for c in data.columns]
    assert max(map(len, held)) - min(map(len, held)) <= 1


def test_the_scenario_binds_its_protocol_whoever_builds_it():
    s = Scenario.parse("data=wine&model=mlp&protocol=vfl")
    digits = s.replace(data=DATASETS["digits"]())
    assert digits.protocol.edges == () and digits.columns == () and digits.replace(data=s.data) == s
    assert (
        digits.replace(data=s.data).protocol.edges == s.only("train").protocol.edges == s.only("weights").protocol.edges == tuple(range(14))
    )
    assert s.replace(protocol=PARTS["protocol"]["vfl"](parties=3)).protocol.edges == tuple(range(14))
    assert "edges" not in s.text(full=True)
    assert Scenario.parse("data=wine&model=mlp").columns == DATASETS["wine"].columns


def test_columns_between():
    assert [(c.name, c.start) for c in between(COLUMNS, 1, 5)] == [("colour", 0), ("pay", 3)]
    assert [c.name for c in between(COLUMNS, 0, 3)] == ["age"], "a choice that is cut is nobody's"
    assert edges(COLUMNS) == (0, 1, 4, 5) and edges(()) == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model=lenet", "Use model=mlp"),
        ("model=mlp&attack=inverting_gradients", "tv=0.0001"),
        ("model=mlp&protocol=vfl&attack=rmle", "Set tv=0"),
        ("model=mlp&protocol=vfl(split='rows')&attack=least_squares", "split='columns'"),
        ("model=mlp&defense=ats", "Use another defense"),
        ("model=mlp&defense=learnable_perturbation", "Use another defense"),
        ("model=mlp&protocol=vfl(parties=8,party=7)&attack=linear_layer", "reads a gradient"),
    ],
)
def test_what_does_not_fit_a_table_says_why(text, words):
    assert any(words in reason for reason in problems(Scenario.parse(f"data=breast_cancer&{text}")))


def test_the_natural_prior_is_not_for_tables():
    s = Scenario.parse("data=wine&model=mlp&prior=natural")
    assert not problems(s) and "prior=dataset" in risk_problems(s)[0]
    assert not risk_problems(s.replace(prior="dataset"))
    for text in ("attack=inverting_gradients(tv=0)", "protocol=vfl&attack=rmle(tv=0)"):
        assert not problems(Scenario.parse(f"data=wine&model=mlp&{text}"))


def test_too_large_an_index_counts_rows(site):
    with pytest.raises(InvvizError, match="wine has 50 private rows"):
        run(Scenario.parse("data=wine(index=50)&model=mlp&attack=linear_layer"), site)


def test_html_of_a_row():
    odd = laid((Column("<b>", choices=("<i>", "&")), Column("age", 0, 100, "years")))
    truth, guess = np.array([1.0, 0.0, 0.4]), np.array([0.6, 0.4, 0.9])
    text = table_html(odd, truth, truth, {"real attack": guess}, np.array([0.2, 0.4, 1.0]))
    assert "<b>" not in text and "<i>" not in text and html.escape("<i>") in text
    cell = re.findall(r'<td class="(hit|miss)">(.*?)</td>', text)
    assert [kind for kind, _ in cell] == ["hit", "hit", "hit", "miss"]
    assert all(("right: " in body) == (kind == "hit") and ("wrong: " in body) == (kind == "miss") for kind, body in cell)
    assert "30 %" in text and "100 %" in text and "60 %" in text, "how sure, and the weight of the guessed word"
    assert "ideal attacker (2 of 2 right)" in text and "real attack (1 of 2 right)" in text
    assert "right: " not in table_html(odd, truth), "nothing is guessed yet"
    told = table_html(odd, truth, truth, {"a": guess}, np.array([0.2, 0.4, 1.0]), bits={"<b>": (0.75, 1.0)}, agree={"a": [1.0, 0.25]})
    assert "0.8 of 1.0 bits" in told and "width:75%" in told and "100 %" in told and "30 %" not in told, (
        "bits of words, the share of numbers"
    )
    assert re.findall(r'class="weight">(.*?)<', told) == ["certain", "25 % agree"], "in place of the weight"


def test_rows_are_drawn_as_tiles():
    row = np.arange(10, dtype=np.uint8).reshape(1, 1, 1, 10)
    tile = squared(row)
    assert tile.shape == (1, 1, 3, 4) and tile.ravel().tolist() == [*range(10), 209, 209]
    strip, picture = row[..., :8], np.zeros((2, 3, 8, 8), np.uint8)
    assert squared(strip) is strip and squared(picture) is picture
    assert to_png(np.random.default_rng(0).random((2, 1, 1, 106)), "#000000")[:4] == b"\x89PNG"
