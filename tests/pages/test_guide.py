"""The tour: a guess before each answer, everything prepared, few words, each term explained before it is used, all of it in the address."""

from __future__ import annotations

import re

import pytest
from visits import address, asked_for, leave_address, press, said

from invviz.metrics import EXACT
from invviz.ui import glossary, language
from invviz.ui.guide import page, scenes
from invviz.ui.guide.stops import MOST, STOPS, compared, count, places, told
from invviz.ui.pages import PAGES

LANGUAGES = ("en", "de")
KEYS = [stop.key for stop in STOPS]


def text(at) -> str:
    """All words on the page, HTML among them."""
    return said(at) + " ".join(re.sub(r"<span popover.*?(</details>|</span>)</span>|<[^>]*>", " ", e.proto.body) for e in at.get("html"))


def tour(visit, stop: int, **views):
    return visit("guide", stop=str(stop), **views)


def test_eight_stops_in_their_order():
    assert KEYS == ["leaves", "back", "noise", "directions", "failed", "fooled", "cost", "open"]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("stop", STOPS, ids=KEYS)
def test_a_stop_has_few_words_with_its_figures_and_the_longest_comparison(stop, lang):
    scene = stop.scene()
    words = told(stop, lang, scene)
    longest = max((compared(stop, lang, scene, guess) for guess in range(places(stop, scene))), key=count)
    number = sum(map(count, (words.title, words.text, words.ask, words.reveal, longest)))
    assert 25 < number <= MOST
    assert words.title.endswith("?") and len(words.options) == (0 if stop.kind == "scale" else 2)


def test_words_are_counted_as_people_do():
    assert count("In [[federated learning]] it is [[{got}|words]] (PSNR), **not 3.2 dB**.") == 10


def uses(words: str, lang: str) -> list[tuple[int, str]]:
    """Every term in plain words, longest forms first, with its place."""
    forms = {form.lower(): term.name for term in glossary.terms(lang).values() for form in term.forms if len(form) > 1}
    pattern = "|".join(sorted(map(re.escape, forms), key=len, reverse=True))
    return [(found.start(), forms[found[0].lower()]) for found in re.finditer(rf"(?i)\b({pattern})\b", words)]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("stop", STOPS, ids=KEYS)
def test_no_term_is_used_on_a_stop_before_it_was_introduced_there(stop, lang):
    scene = stop.scene()
    words, kept = told(stop, lang, scene), language.words(lang)["pictures"]
    figures = lambda pictures: " ".join(language.figure(one.said, lang) for one in pictures)  # noqa: E731
    titles = lambda pictures: " ".join(kept[one.role] for one in pictures if one.role in kept)  # noqa: E731
    order = [
        words.text,
        titles(scene.before),
        figures(scene.before),
        words.ask,
        *words.options,
        words.reveal,
        titles(scene.after),
        figures(scene.after),
    ]
    introduced, seen = set(), 0
    for one in order:
        last = 0
        for mark in [*glossary.MARK.finditer(one), None]:
            for _, name in uses(one[last : mark.start() if mark else None], lang):
                assert name in introduced, f"{name} in {one!r}"
                seen += 1
            if mark:
                introduced.add(glossary.meant(mark, lang).name)
                last = mark.end()
    assert introduced, "a stop explains something"
    assert seen or stop.key in ("leaves", "failed", "fooled"), "terms are found where they are used"


def test_a_term_that_is_used_too_early_would_be_found():
    assert [name for _, name in uses("No ideal attacker hears the noise floor.", "en")] == ["ideal", "floor"]
    assert [name for _, name in uses("Kein idealer Angreifer kennt den Rauschpegel.", "de")] == ["ideal", "floor"]


def test_what_the_stops_say_is_so():
    """The sentences hold of what is shipped; each is said without a condition on the page."""
    noisy, trained, linear = scenes.case("heavy_noise"), scenes.case("trained"), scenes.case("linear")
    none = scenes.case("no_noise")
    assert none.word(none.scene.arrays["guess"]) == "readable" and none.scene.arrays["frames"][0].std() < 8, "it starts from grey"
    assert noisy.sigma / noisy.scene.size.rms == pytest.approx(1.0, abs=1e-6), "as large as the typical entry"
    assert noisy.word(noisy.real.pixels) == "hidden" and noisy.word(noisy.ideal.pixels) != "hidden", (
        "the attack gets nothing, the ideal attacker something"
    )
    values, floor, _ = scenes.directions().spectrum
    assert values[scenes.COARSE] > floor > values[scenes.FINE], "one of the two is above the floor"
    assert trained.word(trained.real.pixels) == "hidden" and trained.word(trained.ideal.pixels) == "readable", (
        "it failed, and it is no safety"
    )
    assert float(trained.scene.result["scores"]["psnr"][0]) < 15 and trained.scene.result["failed"], "the search got stuck"
    assert linear.scores(linear.real.pixels)[0][0] > EXACT, "read off the layer"
    fooled = scenes.fooled()
    assert "hidden" in fooled.figures["unaware"] and "(exact)" in fooled.figures["aware"]
    cost = scenes.cost()
    assert "hidden" not in cost.figures["got"] and float(cost.figures["points"]) > 1


@pytest.mark.parametrize("place", range(len(STOPS)), ids=KEYS)
def test_the_answer_comes_after_a_guess_and_nothing_is_computed(visit, store_dir, place):
    stop = STOPS[place]
    scene = stop.scene()
    reveal = re.sub(r"\*\*", "", glossary.MARK.sub(lambda m: m[1], told(stop, "en", scene).reveal))
    at = tour(visit, place + 1)
    assert not at.exception and told(stop, "en").title in text(at)
    assert reveal not in re.sub(r"\s+", " ", text(at)) and next(b for b in at.button if b.label == "Show the answer").disabled
    guess = (scene.answer + 1) % places(stop, scene)
    if stop.kind == "scale":
        at.select_slider[0].set_value(guess).run()
    else:
        at.segmented_control[2].set_value(str(guess)).run()
    assert address(at, f"guess_{stop.key}") == str(guess) and not address(at, "shown")
    press(at, "Show the answer")
    words = re.sub(r"\s+", " ", text(at))
    assert not at.exception and address(at, "shown") == stop.key
    assert re.sub(r"\W", "", reveal) in re.sub(r"\W", "", words) and compared(stop, "en", scene, guess) in words
    press(at, "Guess again")
    assert not address(at, "shown") and not address(at, f"guess_{stop.key}")
    assert not asked_for(store_dir)


def test_comparisons_do_not_scold_and_say_how_far_off():
    scale, two = STOPS[1], STOPS[4]
    scene = scale.scene()
    said_ = [compared(scale, "en", scene, guess) for guess in range(places(scale, scene))]
    assert scene.answer == 5
    assert said_ == ["More than you guessed."] * 4 + ["Close to your guess.", "You said so."]
    lower = STOPS[2].scene()
    assert compared(STOPS[2], "en", lower, lower.answer + 2) == "Less than you guessed."
    assert (
        compared(two, "en", two.scene(), 0) == "You said: Yes, nothing came back." and compared(two, "en", two.scene(), 1) == "You said so."
    )


def test_the_address_holds_everything_and_only_that(visit):
    at = tour(visit, 3, guess_noise="4", shown="noise", guess_back="1", lang="de")
    assert "Wie viel Rauschen verbirgt es?" in text(at) and "Weniger, als Sie tippten." in text(at)
    assert set(at.query_params) == {"stop", "guess_noise", "shown", "guess_back", "lang"}, "no scenario: none is shown"
    at.segmented_control[0].set_value("2").run()
    assert address(at, "stop") == "2" and "Kommt das Bild zurück?" in text(at) and at.select_slider[0].value == 1
    at.segmented_control[1].set_value("en").run()
    assert "Can the picture come back?" in text(at) and "lang" not in at.query_params


def test_who_leaves_and_comes_back_goes_on(visit):
    at = tour(visit, 5, guess_failed="0", shown="failed")
    leave_address(at)
    at.switch_page("pages/lab.py").run()
    assert not at.exception
    leave_address(at)
    at.switch_page("pages/guide.py").run()
    assert address(at, "stop") == "5" and "Does a failed attack mean safety?" in text(at) and "The search got stuck" in text(at)


@pytest.mark.parametrize("views", [{"guess_noise": "99"}, {"guess_noise": "-1"}, {"guess_noise": "x"}, {}])
def test_an_answer_without_a_guess_that_can_be_made_is_not_shown(visit, views):
    at = tour(visit, 3, shown="noise,nonsense", **views)
    assert not at.exception and "Below, the same at other noise" not in text(at)


@pytest.mark.parametrize(("stop", "title"), [("0", "What leaves"), ("99", "What is still open"), ("x", "What leaves"), ("", "What leaves")])
def test_a_stop_that_is_none_is_the_nearest(visit, stop, title):
    at = visit("guide", stop=stop, lang="xx")
    assert not at.exception and title in text(at)


@pytest.mark.parametrize("place", range(len(STOPS)), ids=KEYS)
def test_each_stop_leads_to_its_page_with_its_scene(visit, place):
    stop = STOPS[place]
    at = tour(visit, place + 1)
    press(at, "Try it yourself")
    assert not at.exception and PAGES[stop.opens.page].question in said(at)
    for name, value in stop.opens.views.items():
        assert at.session_state[f"view {name}"] == value
    assert at.session_state["scenario"].text() == type(at.session_state["scenario"]).parse(stop.opens.scenario).text()


def test_the_lab_invites_those_who_were_never_there(visit):
    at = visit("lab")
    links = list(at.get("page_link"))
    assert len(links) == 1 and "Take the tour" in links[0].proto.label
    leave_address(at)
    at.switch_page("pages/guide.py").run()
    leave_address(at)
    at.switch_page("pages/lab.py").run()
    assert not at.exception and not at.get("page_link")


def test_a_scene_that_is_not_here_is_said_to_be_and_the_tour_goes_on(visit, monkeypatch, tmp_path):
    from invviz.studies.gallery import messages

    monkeypatch.setattr(messages, "FOLDER", tmp_path)
    messages.load.cache_clear()
    at = tour(visit, 1)
    messages.load.cache_clear()
    assert not at.exception and "python -m invviz.gallery guide" in said(at)
    press(at, "Next stop")
    assert "Can the picture come back?" in text(at)


def test_views_of_the_address_are_named_after_stops():
    assert set(page.VIEWS) == {"stop", "lang", "shown", *(f"guess_{key}" for key in KEYS)}
