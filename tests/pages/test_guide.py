"""The tour: a guess before each answer, everything prepared, few words, each term explained before it is used, all of it in the address."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from visits import address, asked_for, leave_address, press, said

from invviz.attacks._priors import smoothness
from invviz.metrics import EXACT, PSNR, SSIM, _words
from invviz.servers import SERVERS
from invviz.studies.gallery import broken
from invviz.ui import glossary, language
from invviz.ui.defend import story
from invviz.ui.guide import page, pictures, scenes
from invviz.ui.guide.scale import GUESS
from invviz.ui.guide.stops import MOST, STOPS, compared, count, filled, places, told
from invviz.ui.pages import PAGES

LANGUAGES = ("en", "de")
KEYS = [stop.key for stop in STOPS]


def text(at) -> str:
    """All words on the page, HTML among them."""
    return said(at) + " ".join(re.sub(r"<[^>]*>", " ", without_entries(e.proto.body)) for e in at.get("html"))


def without_entries(body: str) -> str:
    """HTML without what opens on a click: each entry up to the end of its own span."""
    head, *rest = body.split("<span popover")
    kept = [head]
    for one in rest:
        depth, end = 1, 0
        for tag in re.finditer(r"<(/?)span\b", one):
            depth += -1 if tag[1] else 1
            if depth == 0:
                end = one.index(">", tag.end()) + 1
                break
        kept.append(one[end:])
    return " ".join(kept)


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
    assert noisy.word(noisy.real.pixels) == "hidden" and noisy.word(noisy.ideal.pixels) != "hidden", "the attack fails, shapes are left"
    assert noisy.scene.scenario.attacker == "unaware", "it is not told"
    assert noisy.word(noisy.scene.ideal(10 * noisy.sigma)) == "hidden", "ten times the noise hides them"
    values, floor, _ = scenes.directions().spectrum
    decomposition = noisy.view.decomposition
    weight, heard = decomposition.weights, decomposition.gains / (decomposition.gains + noisy.sigma**2)
    score = noisy.view.figures(noisy.sigma).score
    assert (weight * heard).sum() / decomposition.trace == pytest.approx(score, abs=1e-6), "the weights are those by which InvRE counts"
    assert decomposition.prior == "natural" and scenes.directions().figures["above"] == "97"
    assert scenes.directions().figures["carried"] == "54.7 %" and weight[:97].sum() / decomposition.trace == pytest.approx(0.547, abs=5e-4)
    assert values[scenes.COARSE] > floor > values[scenes.FINE], "one of the two is above the floor"
    assert trained.word(trained.real.pixels) == "hidden" and trained.word(trained.ideal.pixels) == "readable", (
        "it failed, and it is no safety"
    )
    assert float(trained.scene.result["scores"]["psnr"][0]) < 15 and trained.scene.result["failed"], "the search got stuck"
    assert linear.scores(linear.real.pixels)[0][0] > EXACT, "read off the layer"
    fooled = scenes.fooled()
    assert "hidden" in fooled.figures["unaware"] and "hidden" in fooled.figures["law"] and fooled.figures["solved"] == "exact"
    cost = scenes.cost()
    assert not any("hidden" in cost.figures[who] for who in ("unaware", "aware"))
    assert "hidden" in cost.figures["least"] and float(cost.figures["points"]) > 1
    assert scenes.open_().built == any(server.malicious for server in SERVERS.values()), (
        "what is not built yet is said to be so only until then"
    )


def test_the_defense_that_fools_is_told_as_on_the_page_that_it_opens():
    """The same three attackers under the same names and marks, with the same figures."""
    kept, fooled = language.words("en")["pictures"], scenes.fooled()
    tiles = [*fooled.before[1:], *fooled.after]
    assert [kept[one.role] for one in tiles] == [title for title, _ in story.TILES.values()]
    assert [one.role for one in fooled.after] == ["law", "solves"] and fooled.answer == len(fooled.scale) - 1
    cell = story.broken.load().at(scenes.STRENGTH)[scenes.DIGIT]
    for one, name in zip(tiles, story.TILES, strict=True):
        got = cell.got[name].psnr
        assert one.said == "exact" if got >= 60 else one.said.endswith(f", {got:.1f} dB")
    assert "broken" not in glossary.terms("en")["gnp"].text and "gebrochen" not in glossary.terms("de")["gnp"].text, (
        "no answer before the guess"
    )


def test_figures_of_rounding_are_called_exact():
    """From 60 dB on a picture differs by rounding alone; no stop says more decibels than that."""
    for stop in STOPS:
        scene = stop.scene()
        shown = [*scene.figures.values(), *(one.said for one in (*scene.before, *scene.after, *scene.scale, *scene.options))]
        assert not [one for one in shown for found in re.findall(r"([\d.]+) dB", one) if float(found) >= 60]
    assert scenes.in_short(59.9) == "59.9 dB" and scenes.in_short(60.0) == "exact"


def test_what_was_got_stands_on_the_scale_itself():
    back = scenes.back()
    assert np.array_equal(back.scale[back.answer].pixels, back.after[0].pixels) and back.after[0].said.endswith(
        back.scale[back.answer].said
    )
    cost = scenes.cost()
    assert [one.role for one in cost.after] == ["aware"] and np.array_equal(cost.scale[cost.answer].pixels, cost.after[0].pixels)


def test_who_knows_the_noise_gets_no_less_than_who_does_not():
    """It may run either program, so the better counts; both figures are told. The worse one expects pictures that are softer than digits, twice as soft as this one."""
    cost = scenes.cost()
    decibels_ = {who: float(re.search(r"([\d.]+) dB", cost.figures[who])[1]) for who in ("unaware", "aware", "best")}
    assert decibels_["aware"] < decibels_["unaware"] == decibels_["best"] and cost.after[0].said == cost.figures["best"]
    note = filled(language.words("en")["stops"]["cost"]["note"], cost, "en").replace("\u00a0", " ")
    assert cost.figures["unaware"] in note and cost.figures["aware"] in note and "softer pictures than digits are" in note
    truth = torch.from_numpy(cost.before[0].pixels[:, :1].astype("float64"))
    chance = np.sqrt(2 * truth.numel())  # under the expectation the sum of squares of n standard normal numbers: n, give or take this
    assert smoothness(truth, 0.5) > 2 * truth.numel() > truth.numel() + 5 * chance
    face = torch.from_numpy(scenes.case("no_noise").truth.pixels.astype("float64") / 255)
    assert face.max() <= 1 and smoothness(face, 0.5) < face.numel(), "a photograph is as soft as expected"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_words_for_pictures_follow_the_rule_that_stands_beneath_them(lang):
    """Limits in decibels from the picture's own baseline; what is a word by its structure alone says so; the ends of each scale are what they are called."""
    seen = set()
    for stop in STOPS:
        scene = stop.scene()
        base = scene.without
        if base is None:
            assert stop.key in ("leaves", "directions", "open") and not pictures.rule(scene, lang)
            continue
        limits = dict(zip(_words.WORDS[1:], (base.psnr[0] + 1, base.plain_psnr[0] + 6, base.plain_psnr[0] + 10), strict=True))
        line = pictures.rule(scene, lang)
        for limit in limits.values():
            assert language.figure(f"{limit:.1f} dB", lang) in line, stop.key
        for one in (*scene.before, *scene.after):
            if not (found := re.fullmatch(r"(\w+)( by structure)?, ([\d.]+) dB", one.said)):
                continue
            name, structure, level = found[1], bool(found[2]), float(found[3])
            by_psnr = ([name_ for name_, limit in limits.items() if level >= limit] or ["hidden"])[-1]
            assert (name != by_psnr) is structure and _words.WORDS.index(name) >= _words.WORDS.index(by_psnr), (stop.key, one.said)
            seen.add((name, structure))
    assert {("hidden", False), ("readable", False), ("readable", True)} <= seen
    for scene in (scenes.back(), scenes.noise(), scenes.fooled(), scenes.cost()):
        truth = next(one for one in scene.before if one.role == "truth").pixels
        score = lambda one, truth=truth: (PSNR().score(_unit(one.pixels), _unit(truth)), SSIM().score(_unit(one.pixels), _unit(truth)))  # noqa: E731
        ends = [_words.word(*score(one), scene.without) for one in (scene.scale[0], scene.scale[-1])]
        assert ends == ["hidden", "readable"], "nothing and everything"


def _unit(pixels: np.ndarray) -> np.ndarray:
    unit = pixels / 255 if pixels.dtype == np.uint8 else pixels
    return unit[:, :1] if unit.shape[1] == 3 and np.ptp(unit, axis=1).max() == 0 else unit


def test_no_sign_stands_for_words_that_were_not_said():
    """Signs come after words, in the names of pictures alone."""
    for lang in LANGUAGES:
        for stop in STOPS:
            kept = language.words(lang)["stops"][stop.key]
            assert not [one for one in kept.values() if isinstance(one, str) and re.search("[○●◆]", one)]
        assert all(re.match(r"\w", name) for name in language.words(lang)["pictures"].values() if not name.startswith("{"))


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("answered", [False, True])
@pytest.mark.parametrize("stop", STOPS, ids=KEYS)
def test_every_sign_that_a_stop_shows_is_explained_there_and_no_other(visit, stop, answered, lang):
    """Signs of the visual language (hollow: not told of a defense; filled: told): beside the pictures, on the scale too."""
    scene = stop.scene()
    views = {GUESS + stop.key: "0", "shown": stop.key} if answered else {}
    at = tour(visit, STOPS.index(stop) + 1, lang=lang, **views)
    drawn = [e.proto.body for e in at.get("html") if 'class="guide' in e.proto.body]
    names = set(re.findall("[○●◆]", " ".join(re.findall(r"<(?:b|figcaption)>([^<]*)<", " ".join(drawn)))))
    line = [body for body in drawn if '<p class="rule">' in body and re.search("[○●◆]", body)]
    assert {"fooled": {"○"} | ({"●", "◆"} if answered else set()), "cost": {"●"} if answered else set()}.get(stop.key, set()) == names
    assert len(line) == bool(names) and set(re.findall("[○●◆]", line[0].split('class="rule"')[1] if line else "")) == names
    if names:
        assert pictures.signs(scene, answered, lang) in line[0]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_each_picture_of_the_scale_of_two_attackers_says_whose_it_is(lang):
    """The last alone is of the one who solves for the noise; the program that knows nothing made all others."""
    story, scene = broken.load(), scenes.fooled()
    got = {id(cell.got[who].guess): sign for cell in story.cells for who, sign in (("unaware", "○"), ("tangent", "◆"))}
    shown = [pictures.figure(one, lang)[-1] for one in scene.scale]
    assert shown == [got[id(one.pixels)] for one in scene.scale] == ["○"] * (len(scene.scale) - 1) + ["◆"]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("stop", STOPS, ids=KEYS)
def test_sentences_begin_as_sentences_do(stop, lang):
    words = told(stop, lang, stop.scene())
    for text_ in (words.text, words.ask, words.reveal, words.found):
        plain = glossary.MARK.sub(lambda mark: mark[1], text_)
        assert not [one for one in re.split(r"(?<=[.?!])\s+", plain) if one[0].islower()]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_words_for_pictures_come_with_their_order_and_limits(lang):
    text_ = glossary.terms(lang)["words"].text
    names = [language.words(lang)["quality"][name] for name in _words.WORDS]
    places_ = [text_.index(name) for name in names]
    assert places_ == sorted(places_) and all(f"{gain:g} dB" in text_ for gain in (*_words.GAINS, EXACT))
    assert all(f"{100 * share:g} %" in text_ for share in _words.SHARES)
    assert not any("recognisable" in " ".join(stop.scene().figures.values()) for stop in STOPS), "the tour shows, and does not lean on it"


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
    assert said_ == ["More than you guessed."] * 4 + ["Close to your guess.", "As you guessed."]
    lower = STOPS[2].scene()
    assert compared(STOPS[2], "en", lower, lower.answer + 2) == "Less than you guessed."
    assert (
        compared(two, "en", two.scene(), 0) == "You guessed: Yes, nothing came back."
        and compared(two, "en", two.scene(), 1) == "As you guessed."
    )


def test_the_address_holds_everything_and_only_that(visit):
    at = tour(visit, 3, guess_noise="4", shown="noise", guess_back="1", lang="de")
    assert "Wie viel Rauschen verbirgt es?" in text(at) and "Weniger, als Sie vermutet haben:" in text(at)
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
    assert address(at, "stop") == "5" and "What does a failed attack tell us?" in text(at) and "A stuck search proves nothing" in text(at)


@pytest.mark.parametrize("views", [{"guess_noise": "99"}, {"guess_noise": "-1"}, {"guess_noise": "x"}, {}])
def test_an_answer_without_a_guess_that_can_be_made_is_not_shown(visit, views):
    at = tour(visit, 3, shown="noise,nonsense", **views)
    assert not at.exception and "Tenfold noise hides them" not in text(at)


@pytest.mark.parametrize(
    ("stop", "title"), [("0", "What leaves"), ("99", "What if the server lies"), ("x", "What leaves"), ("", "What leaves")]
)
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
    if stop.key == "cost":
        assert next(one.value for one in at.selectbox if one.label == "Open point") == "gaussian_noise@0.9146"
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


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_tour_ends_with_what_each_stop_found_and_only_then(visit, lang):
    words = language.words(lang)["page"]
    before = tour(visit, 8, guess_open="0", lang=lang)
    assert words["end"] not in text(before)
    at = tour(visit, 8, guess_open="1", shown="open", lang=lang)
    lines = [f"{place}. {told(stop, lang).found}" for place, stop in enumerate(STOPS, 1)]
    assert not at.exception and words["end"] in text(at) and [one.label for one in at.button if one.label in lines] == lines
    assert not set(glossary.used(" ".join(lines))) - {"net", "message", "attack", "noise", "defense", "server", "accuracy"}, (
        "in plain words"
    )
    assert not before.exception and len(at.get("page_link")) == 4 and words["limits"] in text(at)
    press(at, lines[3])
    assert address(at, "stop") == "4" and told(STOPS[3], lang).title in text(at)


def test_a_press_on_a_picture_of_the_scale_is_a_guess(visit):
    at = tour(visit, 3)
    press(at, "4")
    assert address(at, "guess_noise") == "3" and at.select_slider[0].value == 3
    press(at, "Show the answer")
    assert "4" not in [one.label for one in at.button], "afterwards nothing looks as if it could be pressed"


@pytest.mark.parametrize("guess", ["0", "1"])
def test_the_right_one_of_two_is_marked_wherever_the_guess_was(visit, guess):
    at = tour(visit, 1, guess_leaves=guess, shown="leaves")
    (tiles,) = [e.proto.body for e in at.get("html") if "attacks tiles" in e.proto.body]
    kinds = re.findall(r'<figure class="([^"]*)"><b>([^<]*)', tiles)
    right = scenes.leaves().answer
    marked = [title for kind, title in kinds if "right" in kind.split()]
    assert marked == ["AB"[right] + " ✓"] and ["AB"[int(guess)]] == [title[0] for kind, title in kinds if "chosen" in kind.split()]
