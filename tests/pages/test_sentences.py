"""The Lab shows sentences: the truth, what is known of each word, which words an attack has right."""

from __future__ import annotations

import functools
import re

import pytest
from visits import address, press, said

from invviz.engine.client import Site
from invviz.jobs.store import Store
from invviz.jobs.worker import work
from invviz.scenario import Scenario

TEXT = "data=notes&model=tiny_lm(width=16)&attack=dager&defense=gaussian_noise(sigma=0.001)"


@pytest.fixture
def lab(visit):
    return functools.partial(visit, "lab")


def blocks(at):
    """Every block of a sentence as its words, with what is said of each to those who do not see the marks."""
    found = [e.proto.body for e in at.get("html") if 'class="sentences' in e.proto.body]
    return [re.sub(r"<[^>]+>", "", body).strip() for body in found]


def test_truth_ideal_and_real_stand_side_by_side(lab, store_dir):
    at = lab(TEXT)
    assert not at.exception
    assert (
        blocks(at) == ["give karin ivanov 2 3 units of aspirin"]
        and "The client's sentence" in said(at)
        and "every person in it is invented" in said(at)
        and "picture of" not in said(at)
    )
    store = Store(store_dir)
    store.submit("run", Scenario.parse(TEXT), "test")
    work(store, Site(None, store_dir, "cpu"), once=True)
    at.run()
    assert not at.exception, at.exception
    truth, ideal, real = blocks(at)
    assert truth == ideal == "give karin ivanov 2 3 units of aspirin"
    assert real == "right: give right: karin right: ivanov right: 2 right: 3 right: units right: of right: aspirin"
    assert "6.79 of 6.79 bits of a word are learned: InvRE 1.00" in said(at) and "8 of 8 words certain" in said(at)
    assert "100 % of the words right" in said(at) and "All but noise" in said(at)


def test_wrong_words_are_said_to_be_wrong(lab, store_dir):
    text = TEXT.replace("sigma=0.001", "sigma=1.0")
    store = Store(store_dir)
    store.submit("run", Scenario.parse(text), "test")
    work(store, Site(None, store_dir, "cpu"), once=True)
    at = lab(text)
    assert not at.exception
    assert "wrong: " in blocks(at)[-1] and "0 % of the words right" in said(at)


def test_a_card_opens_them(lab):
    at = lab()
    press(at, "Two sentences, one gradient")
    assert not at.exception and blocks(at)[0].split() == [
        "give",
        "karin",
        "ivanov",
        "2",
        "3",
        "units",
        "of",
        "aspirin",
        "anna",
        "costa",
        "aged",
        "8",
        "6",
        "has",
        "measles",
    ]


@pytest.mark.parametrize("page", ["risk", "defend", "attacks", "curves", "vertical"])
def test_other_pages_say_what_they_have_not(visit, page):
    at = visit(page, TEXT)
    assert not at.exception
    assert "nan" not in re.findall(r"[a-z]+", said(at).lower())


def test_a_report_tells_of_words(store_dir):
    from invviz.report import collect, to_html, to_md

    store, s = Store(store_dir), Scenario.parse(TEXT)
    keys = [store.submit(kind, s, "test") for kind in ("run", "bits")]
    work(store, Site(None, store_dir, "cpu"), once=True)
    assert [store.job(key).state for key in keys] == ["done", "done"], [store.job(key).error for key in keys]
    page = to_html(collect(store, keys))
    assert "The attack has 100 % of the words right" in page and "give karin ivanov 2 3 units of aspirin" in page
    assert "6.79 of 6.79 bits of a word are learned" in to_md(collect(store, keys))


def test_risk_serves_bits_over_the_noise_and_which_words_drown_first(visit, store_dir):
    store, s = Store(store_dir), Scenario.parse(TEXT)
    store.submit("bits", s, "test")
    work(store, Site(None, store_dir, "cpu"), once=True)
    at = visit("risk", TEXT)
    assert not at.exception and "6.79 of 6.79 bits of a word are learned" in said(at) and "Half of a word drowns at" in said(at)
    tables = [e.proto.body for e in at.get("html") if "Half of them drown at" in e.proto.body]
    assert len(tables) == 1 and tables[0].count("<tr>") == 9 and "aspirin" in tables[0]


def test_attacks_and_defenses_are_told_by_right_words(visit, store_dir):
    store, s = Store(store_dir), Scenario.parse(TEXT)
    store.submit("run", s, "test")
    work(store, Site(None, store_dir, "cpu"), once=True)
    at = visit("attacks", TEXT)
    assert not at.exception and "DAGER: 100 % of the words right" in said(at)
    assert any("Run all attacks (3 left" in button.label for button in at.button)
    table = next(e.proto.body for e in at.get("html") if "Words right" in e.proto.body)
    assert "100 %" in table and "not run yet" in table and "never guaranteed" in table and "All but noise" in table
    at = visit("defend", TEXT)
    assert not at.exception and "Behind 0 of 1 defenses DAGER has less than half of the words right" in said(at)
    table = next(e.proto.body for e in at.get("html") if "attacker aware" in e.proto.body)
    assert "100 %" in table


def test_defend_says_why_where_the_attack_reads_no_words(visit):
    """It spoke of -1 defenses."""
    at = visit("defend", "data=notes&model=tiny_lm&attack=dlg")
    assert not at.exception and "-1 defenses" not in said(at)
    assert any("dlg" in one.value for one in at.info)


def test_choosing_texts_of_ones_own_names_those_that_lie_there(lab, tmp_path, monkeypatch):
    monkeypatch.setenv("INVVIZ_DATA", str(tmp_path))
    (tmp_path / "own_text").mkdir()
    (tmp_path / "own_text" / "a.txt").write_text("you see this\nnobody must see this\n")
    at = lab("data=notes&model=tiny_lm&attack=dager")
    next(b for b in at.selectbox if b.label == "Data").set_value("own_text").run()
    assert not at.exception and not at.error and blocks(at)[0] == "nobody must see this"
    assert "person in it is invented" not in said(at) and "texts=" in address(at, "data") and "words=5" in address(at, "data")
