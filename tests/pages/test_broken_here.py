"""The section "Broken here" of the Defend page: prepared figures, the slider, what each sentence asks for, and the way into the Lab."""

from __future__ import annotations

import dataclasses
import functools
import re

import pytest
from visits import address, alts, html, press, said

from invviz.defenses import DEFENSES
from invviz.metrics import decibels
from invviz.scenario import Scenario, problems
from invviz.scenario.families import defenses
from invviz.studies.gallery import broken
from invviz.ui.defend import story, story_words

QUICK = "data=digits&model=mlp&attack=linear_layer&defense=gaussian_noise(sigma=0.1)"


@pytest.fixture
def defend(visit, monkeypatch):
    monkeypatch.setattr(defenses, "usual", lambda: [DEFENSES[name]() for name in ("gaussian_noise", "invl_gnp")])
    return functools.partial(visit, "defend", QUICK)


@pytest.fixture
def made():
    """A story whose figures are chosen: every attacker gets `got`, tangent search certifies, others miss by the strength."""

    def make(exact=True, tangent=200.0, ideal=lambda s: 20 - s / 10, missed=lambda s: s, beneath=lambda s: 20 + s):
        cells = []
        for real in broken.load().cells:
            got = {name: dataclasses.replace(one, psnr=10.0) for name, one in real.got.items()}
            got["tangent"] = dataclasses.replace(real.got["tangent"], psnr=tangent, exact=exact)
            got |= {name: dataclasses.replace(real.got[name], psnr=beneath(real.scale)) for name in broken.BENEATH}
            cells.append(dataclasses.replace(real, got=got, ideal=ideal(real.scale), missed=missed(real.scale)))
        return broken.Story(cells, broken.load().truths, broken.load().baselines)

    return make


def heading(at):
    return next(h.value for h in at.header if h.anchor == story.PLACE)


def test_the_section_shows_three_attackers_at_the_strength_of_the_slider(defend):
    at = defend(gnp="10", digit="2")
    assert not at.exception and heading(at) == story_words.headline(broken.load())
    cell = broken.load().at(10.0)[2]
    tiles = html(at, "attacks tiles broken")
    for name in story.TILES:
        assert decibels(cell.got[name].psnr) in tiles and f"SSIM {cell.got[name].ssim:.2f}" in tiles
    assert tiles.count("<img") == 4 and tiles.index("the truth") < tiles.index("does not know it")
    assert story.DRAWN in [alt.replace("&#x27;", "'") for alt in alts(at)]
    assert "Why more of this noise tells more" in said(at)
    slider = next(s for s in at.select_slider if s.label.startswith("Strength of InvL-GNP"))
    slider.set_value(0.3).run()
    assert address(at, "gnp") == "0.3" and decibels(broken.load().at(0.3)[2].got["law"].psnr) in html(at, "attacks tiles broken")


@pytest.mark.parametrize("strange", ["7", "nan", "<b>"])
def test_a_strange_strength_of_the_address_is_the_first_that_is_shown(defend, strange):
    at = defend(gnp=strange, digit=strange)
    assert not at.exception and decibels(broken.load().at(broken.SHOWN)[0].got["law"].psnr) in html(at, "attacks tiles broken")


def test_the_border_is_stated(defend):
    words = said(defend())
    for part in (
        "derived here",
        "knows the defense",
        "smooth",
        "twice as long",
        "ReLU",
        "messages of at most as many numbers as the picture",
        "none exactly",
        "Isotropic noise beneath",
        "A share that holds",
        "no clear difference",
    ):
        assert part in words, part


def test_the_digit_is_opened_in_the_lab_at_the_strength_that_is_shown(defend):
    at = press(defend(gnp="10", digit="1"), "Try it on this digit")
    assert not at.exception
    wanted = broken.scenario("tangent", 10.0, *broken.PICTURES[1])
    assert Scenario.parse("&".join(f"{k}={v}" for k, v in at.session_state["scenario"].pairs())) == wanted


@pytest.mark.parametrize(
    ("now", "data"),
    [
        ("data=digits(index=3)&model=mlp", "digits(index=3)"),
        ("data=photos(index=2)&model=resnet18", "photos(index=2, size=16)"),
        ("data=photos(index=2,size=64)", "photos(index=2, size=16)"),
        ("data=wine&model=mlp", "photos(size=16)"),
        ("data=cifar10", "photos(size=16)"),
        ("data=mnist(index=4)", "mnist(index=4)"),
    ],
)
def test_an_own_picture_is_tried_where_tangent_search_reads_it_in_time(now, data):
    scenario = story.own(Scenario.parse(now), 3.0)
    assert (
        repr(scenario.data).replace("'", "").lower().replace(" ", "") == data.replace(" ", "")
        or f"data={data.replace(' ', '')}" in scenario.text()
    )
    assert not problems(scenario) and scenario.attack.name == "tangent" and scenario.attacker == "aware"
    assert scenario.defense[0].scale == 3.0 and scenario.model.name == "lenet"


def test_every_picture_is_said_to_be_read_where_every_answer_is_certified_and_exact(made):
    assert "every picture, at every strength tried" in story_words.headline(made())
    assert "tangent search stays exact" in story_words.lesson(made())
    for weaker in (made(exact=False), made(tangent=59.0)):
        assert f"reads 0 of {len(weaker.cells)}" in story_words.headline(weaker) and "stays exact" not in story_words.lesson(weaker)
    assert "every" in story_words.headline(made(tangent=60.0))


def test_the_ideal_attacker_is_said_to_fall_where_it_does(made):
    assert "falls from 20 to 17 dB" in story_words.lesson(made())
    assert "falls" not in story_words.lesson(made(ideal=lambda s: 20 - s / 40))


def test_more_noise_is_said_to_tell_more_where_others_miss_by_more_at_every_step(made):
    assert "more noise tells more" in story_words.reasons(made())[2]
    assert "more noise tells more" not in story_words.reasons(made(missed=lambda s: min(s, 10.0)))[2]
    assert len(story_words.reasons(made())) == 3


def test_noise_beneath_is_said_to_be_overcome_where_it_is(made):
    assert "there, too, more noise tells more" in story_words.border(made())
    assert "there, too" not in story_words.border(made(beneath=lambda s: 20.0))


def test_what_is_shipped_bears_the_story_out():
    kept = broken.load()
    assert sum(cell.got["tangent"].exact for cell in kept.cells) >= 29 and all(
        (kept.psnr("tangent", s) >= 100).all() for s in broken.SCALES[1:]
    )
    assert all(cell.got["tangent"].psnr >= 100 for cell in kept.cells if cell.got["tangent"].exact), "no false certificate"
    for name in broken.BENEATH:
        mean = [kept.psnr(name, scale).mean() for scale in broken.SCALES]
        assert mean[-1] > mean[2] + 20 > mean[0] + 20, "more noise tells more"
    for name in ("unaware", "law", "isotropic"):
        assert kept.psnr(name, 30.0).mean() < kept.psnr(name, 0.1).mean() - 15
    assert "more noise tells more" in story_words.reasons(kept)[2] and "there, too" in story_words.border(kept)


def test_the_worst_is_named(made):
    assert "not certified" in story_words.worst(made(exact=False)) and "not certified" not in story_words.worst(made())
    kept = broken.load()
    least = min(float(kept.psnr("tangent", scale).min()) for scale in broken.SCALES)
    assert re.search(rf"Worst of {len(kept.cells)}: {least:.0f} dB \(digit \d+, seed \d, strength", story_words.worst(kept))


def test_without_the_prepared_results_the_section_says_what_makes_them(defend, monkeypatch):
    monkeypatch.setattr(broken, "load", lambda: None)
    at = defend()
    assert not at.exception and "python -m invviz.gallery broken" in said(at)
