"""The class board, the sheets to print, and the links that a teacher makes."""

from __future__ import annotations

import base64
import html
import io
import re
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
import segno
from PIL import Image
from streamlit.testing.v1 import AppTest
from visits import new_server, opened, press

from invviz.jobs.store import Store
from invviz.scenario import Scenario
from invviz.ui import class_link, language, lesson
from invviz.ui.guide import board, handout
from invviz.ui.guide.stops import STOPS, filled, places, told
from invviz.ui.lesson import Lesson

LANGUAGES = tuple(language.languages())
NOISE = next(stop for stop in STOPS if stop.key == "noise")


def bars(at) -> list[int]:
    """What the board says, bar by bar; empty where there is none."""
    found = [e.proto.body for e in at.get("html") if 'class="board"' in e.proto.body]
    return [int(count) for count in re.findall(r"<b>(\d+)</b>", found[0])] if found else []


def test_thirty_guesses_come_together_on_the_teachers_screen(visit, store_dir):
    store, number, words = Store(store_dir), places(NOISE, NOISE.scene()), language.words("en")["page"]
    for seat in range(29):
        store.guess("7b", "noise", f"tab {seat}", seat % number)
    student = visit("guide", stop="3", guess_noise="2", **{"class": "7b"})
    assert bars(student) == [], "nobody sees the others before the own answer"
    assert "Class 7b" in [one.value for one in student.caption]
    assert words["show"] not in labels(student)
    press(student, words["send"])
    want = [len(range(place, 29, number)) + (place == 2) for place in range(number)]
    assert not student.exception and bars(student) == [] and words["sent"] in [one.value for one in student.caption]
    assert student.select_slider[0].disabled and words["send"] not in labels(student), "one guess a tab"
    assert store.guesses("7b", "noise") == sorted(place for place in range(number) for _ in range(want[place])) and sum(want) == 30

    store.reveal("7b", "noise")  # as the teacher's screen does, which is another tab
    student.run()
    assert bars(student) == want and words["again"] not in labels(student), "who has seen the answer guesses no more for the class"
    new_server()


def test_the_teachers_screen_shows_the_answer_to_the_class_without_a_guess(visit, store_dir):
    store, number, words = Store(store_dir), places(NOISE, NOISE.scene()), language.words("en")["page"]
    store.guess("7b", "noise", "a", 4)
    teacher = visit("guide", stop="3", board="on", **{"class": "7b"})
    assert bars(teacher) == [int(place == 4) for place in range(number)] and not store.revealed("7b", "noise")
    press(teacher, words["show"])
    assert not teacher.exception and store.revealed("7b", "noise") and not store.revealed("7b", "cost")
    assert sum(bars(teacher)) == 1, "looking is no guess"
    press(teacher, words["round"])
    assert bars(teacher) == [0] * number and not store.revealed("7b", "noise")
    new_server()


def test_a_board_is_that_of_its_class_and_stop(visit, store_dir):
    Store(store_dir).guess("7b", "noise", "a", 4)
    number = places(NOISE, NOISE.scene())
    assert bars(opened("guide", "", {"stop": "4", "class": "7b", "board": "on"})) == [0, 0]
    assert bars(opened("guide", "", {"stop": "3", "class": "8c", "board": "on"})) == [0] * number
    assert bars(opened("guide", "", {"stop": "3", "guess_noise": "2", "shown": "noise"})) == [], "no class, no board"
    new_server()


def labels(at) -> list[str]:
    return [one.label for one in at.button]


def test_what_is_no_place_of_a_scale_is_not_counted():
    assert board.counted([0, 0, 2, 7, -1, 1.5], 3) == [2, 0, 1]


def test_a_class_name_is_shown_as_text():
    shown = board.bars([1, 0], ["<b>A</b>", "B"], 0, "7b", "en")
    assert "&lt;b&gt;A" in shown and shown.count('class="right"') == 1


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_sheet_for_students_has_a_page_a_stop_and_no_answer(lang):
    page = handout.students(lang)
    assert page.count("<section>") == len(STOPS) == 8
    for stop in STOPS:
        scene = stop.scene()
        said = told(stop, lang, scene)
        answer = handout._plain(said.reveal)
        assert answer not in page and said.title in page.replace("&#x27;", "'")
    assert page.count("<li>") == sum(places(stop, stop.scene()) for stop in STOPS)
    assert "[[" not in page and "{" not in page.split("</style>")[1] and "http" not in page


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_sheet_for_teachers_has_ten_minutes_and_every_answer(lang):
    page, kept = handout.teachers(lang), language.words(lang)["teach"]["stops"]
    assert sum(int(kept[stop.key]["minutes"]) for stop in STOPS) == 10
    assert page.count("<tr>") == len(STOPS) + 1 and "[[" not in page and "{" not in page.split("</style>")[-1]
    assert all(len(kept[stop.key]["wrong"]) >= 2 for stop in STOPS)
    for stop in STOPS:  # the answer and the way on in words of the sheet's own, figures filled in
        scene = stop.scene()
        answer = filled(kept[stop.key]["answer"], scene, lang)
        assert html.escape(answer) in page and html.escape(kept[stop.key]["then"]) in page
        assert handout._plain(told(stop, lang, scene).reveal) not in page, "a reveal speaks of what is on the screen beside it"
        options = ("A", "B") if stop.kind == "pictures" else told(stop, lang).options
        right = f" {scene.answer + 1}" if stop.kind == "scale" else options[scene.answer].split(",")[0]
        assert right in answer.split(":")[0].split(".")[0], "the right one is named"


def test_a_link_says_all_that_was_chosen():
    now = Scenario.parse("data=digits(index=3)&model=lenet&defense=gaussian_noise(sigma=0.01)&attack=dlg")
    what = Lesson("7b", frozenset({"ideal"}), frozenset({"defense", "data"}))
    parts = urlsplit(class_link.link("http://10.0.0.7:8501/guide?stop=3", "lab", now, what))
    pairs = parse_qsl(parts.query)
    assert (parts.scheme, parts.netloc, parts.path) == ("http", "10.0.0.7:8501", "/")
    assert Scenario.from_pairs([pair for pair in pairs if pair[0] not in lesson.NAMES]) == now
    assert [pair for pair in pairs if pair[0] in lesson.NAMES] == [("class", "7b"), ("hide", "ideal"), ("lock", "data,defense")]
    assert class_link.link("http://10.0.0.7:8501/", "guide", now, Lesson("7b")) == "http://10.0.0.7:8501/guide?class=7b"


def dialog():
    """The inside of the dialog: a tester runs no part of a page alone, so a dialog would close at the first touch."""
    import streamlit as st

    from invviz.scenario import Scenario
    from invviz.ui import class_link

    st.session_state["scenario"] = Scenario.parse("data=digits&model=mlp&attack=linear_layer")
    class_link.form()


def test_a_teacher_makes_a_link():
    at = AppTest.from_function(dialog, default_timeout=30).run()
    at.text_input(key="class name").set_value("7b").run()
    links = lambda: [one.value.partition("/guide?")[2] for one in at.code]  # noqa: E731
    assert links() == ["class=7b", "class=7b&board=on&present=on"] and not at.error
    at.text_input(key="class name").set_value("Klasse 7 b, Frau Müller").run()
    assert links() == ["class=Klasse-7-b-Frau-Mueller", "class=Klasse-7-b-Frau-Mueller&board=on&present=on"] and not at.error
    assert any("the class is called **Klasse-7-b-Frau-Mueller**" in one.value.replace("\\", "") for one in at.caption)
    at.text_input(key="class name").set_value("七年二班").run()
    assert links()[0] == "class=Klasse-7-b-Frau-Mueller", "the links stay"
    assert "1 to 40 letters" in at.error[0].value and "as before" in at.error[0].value
    at.text_input(key="class name").set_value(" 7b ").run()
    assert links()[0] == "class=7b" and not at.error and not any("is called" in one.value for one in at.caption)
    at.text_input(key="class name").set_value("").run()
    assert not any("class=" in one.value for one in at.code)
    at.text_input(key="class name").set_value("7b").run()
    at.button_group(key="class where").set_value("lab").run()
    at.button_group(key="class hide").set_value(["ideal", "score"]).run()
    pairs = dict(parse_qsl(urlsplit(at.code[0].value).query))
    assert pairs["hide"] == "ideal,score" and pairs["data"] == "digits" and "hide=ideal" in at.code[1].value
    assert any("edits the address gets everything back" in one.value for one in at.caption)


@pytest.mark.parametrize(
    ("base", "there"),
    [
        ("http://10.0.0.7:8501/guide", True),
        ("https://lab.school.example/", True),
        ("http://localhost:8501/", False),
        ("http://127.0.0.1:8611/", False),
        ("http://[::1]:8501/", False),
        ("http://0.0.0.0:8501/", False),
    ],
)
def test_a_code_stands_where_another_device_can_follow_the_link(base, there):
    assert class_link.reachable(base) is there


def test_the_code_is_that_of_the_link():
    """Its modules, read off the picture, are those of a code made apart; dark on white, with the quiet zone of four modules that the standard asks for."""
    address = "http://10.0.0.7:8501/guide?class=7b"
    source = re.search(r'src="data:image/png;base64,([^"]+)" alt="([^"]+)"', class_link.code(address))
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(source[1]))).convert("L"))
    wanted = np.array([list(row) for row in segno.make_qr(address, error="m").matrix])
    side = len(wanted) + 8
    assert picture.shape == (8 * side, 8 * side) and source[2]
    modules = picture[4::8, 4::8]
    assert (modules[:4] == 255).all() and (modules[:, -4:] == 255).all()
    assert ((modules[4:-4, 4:-4] == 0) == (wanted == 1)).all() and 0.3 < wanted.mean() < 0.7
    assert class_link.code(address + "2") != class_link.code(address)


def test_the_dialog_shows_the_code_where_it_leads_somewhere(monkeypatch):
    at = AppTest.from_function(dialog, default_timeout=30).run()
    assert not at.exception and not at.get("html") and any("this machine alone" in one.value for one in at.caption)
    monkeypatch.setattr(class_link, "reachable", lambda base: True)
    at = AppTest.from_function(dialog, default_timeout=30).run()
    assert not at.exception and [one.proto.body for one in at.get("html")] == [class_link.code(at.code[0].value)]


def test_a_class_has_no_button_for_teachers(visit):
    at = visit("guide", **{"class": "7b"})
    assert language.words("en")["teach"]["link"] not in [one.label for one in at.button]
