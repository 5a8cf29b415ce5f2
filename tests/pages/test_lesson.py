"""What a teacher's link switches off, and the class it is for."""

from __future__ import annotations

import math
import re
import threading

import pytest
from visits import address, is_meaning, leave_address

from invviz.core.errors import LimitError, StoreError
from invviz.jobs.store import Store, class_name, class_problem
from invviz.jobs.store._classes import CLASSES, DAY, SEATS
from invviz.scenario import Scenario
from invviz.ui import lesson
from invviz.ui.lesson import Lesson

START = Scenario.parse("data=digits(index=3)&model=lenet&defense=gaussian_noise(sigma=0.01)&attack=dlg&seed=7")


@pytest.fixture
def link(monkeypatch):
    """A tab with this lesson, outside of a page."""
    state = {}
    monkeypatch.setattr(lesson.st, "session_state", state)
    return lambda **given: state.update({"lesson": Lesson(**given)})


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


# The board


def test_a_class_sees_its_numbers_and_no_other_class_does(store):
    for who, value in [("a", 3), ("b", 1), ("c", 2.5)]:
        store.guess("7b", "noise", who, value)
    store.guess("8c", "noise", "a", 9)
    store.guess("7b", "cost", "a", 0)
    assert store.guesses("7b", "noise") == [1, 2.5, 3] and store.guesses("8c", "noise") == [9]
    assert store.guesses("7b", "other") == []


def test_the_last_guess_of_a_tab_counts(store):
    store.guess("7b", "noise", "a", 3)
    store.guess("7b", "noise", "a", 5)
    assert store.guesses("7b", "noise") == [5]


@pytest.mark.parametrize("value", ["3", "<b>3</b>", None, True, math.nan, math.inf, [3], 1j, b"3"])
def test_what_is_no_number_is_refused(store, value):
    with pytest.raises(StoreError, match="finite number"):
        store.guess("7b", "noise", "a", value)
    assert store.guesses("7b", "noise") == []


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("7b", "7b"),
        ("7 b", "7-b"),
        ("  Bio (Kurs 2) ", "Bio-Kurs-2"),
        ("Größe ÄÖÜ", "Groesse-AeOeUe"),
        ("Gro\u0308ße", "Groesse"),
        ("Año de física", "Ano-de-fisica"),
        ("7b'; DROP TABLE guesses", "7b-DROP-TABLE-guesses"),
        ("٧ب", ""),
        ("!?", ""),
        ("a " * 40, "-".join("a" * 20)),
        ("-_-", ""),
    ],
)
def test_a_name_that_a_teacher_types_becomes_one_that_an_address_holds(typed, name):
    assert class_name(typed) == name
    assert not name or not class_problem(name)


@pytest.mark.parametrize("name", ["", "a" * 41, "7 b", "7b'; DROP TABLE guesses", "<i>", "7b\n"])
def test_a_name_that_is_none_is_refused(store, name):
    with pytest.raises(StoreError, match="1 to 40 letters"):
        store.guess(name, "noise", "a", 1)


def test_a_guess_is_kept_for_a_day(store):
    store.guess("7b", "noise", "a", 1, now=1000.0)
    store.guess("7b", "noise", "b", 2, now=1000.0 + DAY / 2)
    assert store.guesses("7b", "noise", now=999.0 + DAY) == [1, 2]
    assert store.guesses("7b", "noise", now=1001.0 + DAY) == [2]
    store.guess("7b", "noise", "c", 3, now=1001.0 + DAY)
    with store._db.read() as con:
        assert con.execute("SELECT COUNT(*) FROM guesses").fetchone()[0] == 2, "what is older is gone from the file, too"


def test_thirty_visitors_at_once(store):
    def guess(number):
        store.guess("7b", "noise", f"tab {number}", number)

    threads = [threading.Thread(target=guess, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.guesses("7b", "noise") == list(range(30))


def test_a_board_has_an_end(store):
    with store._db.write() as con:
        con.executemany("INSERT INTO guesses VALUES (?, 'q', ?, 1, 1e12)", [("full", str(n)) for n in range(SEATS)])
        con.executemany("INSERT INTO guesses VALUES (?, 'q', 'a', 1, 1e12)", [(str(n),) for n in range(CLASSES - 1)])
    store.guess("full", "q", "0", 2)  # one's own may be changed
    with pytest.raises(LimitError, match="500 guesses"):
        store.guess("full", "q", "one more", 2)
    with pytest.raises(LimitError, match="200 classes"):
        store.guess("late", "q", "a", 2)
    store.guess("0", "q", "b", 2)


# What is locked


def test_nothing_is_locked_without_a_link(link):
    link()
    other = START.replace(seed=8)
    assert lesson.kept(START, other) is other and lesson.kept(None, other) is other


@pytest.mark.parametrize(
    ("lock", "tried", "left"),
    [
        ("data", "data=digits(index=4)&model=mlp&attack=dlg&seed=7", "data=digits(index=3)&model=mlp&attack=dlg&seed=7"),
        ("model", "data=digits(index=4)&model=mlp&attack=dlg&seed=7", "data=digits(index=4)&model=lenet&attack=dlg&seed=7"),
        (
            "attack",
            "data=digits(index=3)&model=lenet&defense=gaussian_noise(sigma=0.01)&attack=idlg&attacker=aware&seed=7",
            START.text(),
        ),
        ("more", "data=digits(index=3)&model=mlp&attack=dlg&seed=8&batch=2", "data=digits(index=3)&model=mlp&attack=dlg&seed=7"),
        ("defense", "data=digits(index=3)&model=lenet&attack=dlg&seed=7", START.text()),
        ("defense", "data=digits(index=3)&model=lenet&defense=laplace_noise&attack=dlg&seed=7", START.text()),
        (
            "defense",
            "data=digits(index=3)&model=lenet&defense=gaussian_noise(sigma=0.1)&attack=dlg&seed=7",
            "data=digits(index=3)&model=lenet&defense=gaussian_noise(sigma=0.1)&attack=dlg&seed=7",
        ),
        ("strength", "data=digits(index=3)&model=lenet&defense=gaussian_noise(sigma=0.1)&attack=dlg&seed=7", START.text()),
        (
            "strength",
            "data=digits(index=3)&model=lenet&defense=laplace_noise&attack=dlg&seed=7",
            "data=digits(index=3)&model=lenet&defense=laplace_noise&attack=dlg&seed=7",
        ),
        ("all", "data=digits(index=4)&model=mlp&defense=laplace_noise&attack=idlg&seed=8", START.text()),
        ("defense,strength", "data=digits(index=3)&model=lenet&defense=gaussian_noise(sigma=0.1)&attack=dlg&seed=7", START.text()),
    ],
)
def test_what_is_locked_stays(link, lock, tried, left):
    link(lock=frozenset(lock.split(",")))
    assert lesson.kept(START, Scenario.parse(tried)) == Scenario.parse(left)


# The link


def test_a_lesson_is_read_from_an_address_and_written_as_it_was(monkeypatch):
    monkeypatch.setattr(lesson.st, "session_state", {})
    pairs = [("class", "7b"), ("hide", "ideal,score"), ("lock", "data,defense"), ("board", "on")]
    lesson.read([("data", "digits"), *pairs])
    assert lesson.misread() == ""
    assert lesson.lesson() == Lesson("7b", frozenset({"ideal", "score"}), frozenset({"data", "defense"}), True, False)
    assert lesson.lesson().pairs() == pairs
    lesson.read([("data", "photos")])
    assert lesson.misread() == "" and lesson.hidden("ideal"), "another page's address says nothing of it"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("class", "7 b", "1 to 40 letters"),
        ("hide", "ideal,truth", "'truth'"),
        ("lock", "seed", "knows data, model"),
        ("board", "yes", "on or absent"),
    ],
)
def test_what_cannot_be_read_of_it_is_said(monkeypatch, name, value, said):
    monkeypatch.setattr(lesson.st, "session_state", {})
    lesson.read([(name, value)])
    assert said in lesson.misread() and lesson.misread() == "", "once"
    assert lesson.lesson().pairs() == ([("hide", "ideal")] if name == "hide" else [])


def test_a_link_stays_in_the_address_and_holds_on_every_page(visit):
    text = "data=digits&model=mlp&defense=gaussian_noise(sigma=0.01)&attack=linear_layer"
    at = visit("lab", text, **{"lock": "data,defense", "class": "7b"})
    assert not at.exception and not at.error and "no part of a scenario" not in " ".join(e.value for e in at.caption)
    assert address(at, "lock") == "data,defense" and address(at, "class") == "7b"
    locked = {one.label: one.disabled for one in at.selectbox}
    assert locked["Data"] and locked["Defense"] and not locked["Model"]
    # a message that is sent by hand changes nothing, either
    box = next(one for one in at.selectbox if one.label == "Data")
    box.proto.disabled = False
    box.set_value("Photographs").run()
    assert at.session_state["scenario"].data.name == "digits"
    leave_address(at)
    at.switch_page("pages/risk.py").run()
    assert address(at, "lock") == "data,defense" and not at.exception
    assert {one.label: one.disabled for one in at.selectbox}["Data"]


@pytest.mark.parametrize("what", ["ideal", "attack", "score", "spectrum"])
def test_what_is_hidden_is_nowhere_on_the_page(visit, what):
    """Looked for in everything that is sent to the browser. Each figure is there without the link."""
    signs = {
        "ideal": r"InvRE \d|ideal attacker's picture is|Expected best",
        "attack": r"The attack's picture:|Matching loss over the steps|Run the attack|Finished",
        "score": r"\d dB|matching loss \d|InvRE \d|InvLoss \d|SSIM 0?\.\d|\*\*(readable|recognisable|blurred|hidden|exact)\b",
        "spectrum": r"directions lie above|InvLoss \d",
    }
    assert re.search(signs[what], sent(visit("lab"))), "it would be seen"
    at = visit("lab", hide=what)
    assert not at.exception and not at.error
    assert not re.search(signs[what], sent(at)) and lesson.HIDDEN.split()[0] in sent(at)
    assert at.session_state["lesson"].hide == {what}


def test_where_something_is_hidden_no_other_page_shows_it(visit):
    at = visit("risk", hide="ideal")
    assert "Which pictures, models and directions are exposed" not in sent(at)


def sent(at) -> str:
    """All that a browser gets, as text, but for the glossary; bytes of pictures have none."""
    every = [str(getattr(element, "proto", "")) for element in at.main]
    return " ".join(one for one in every if not is_meaning(one))
