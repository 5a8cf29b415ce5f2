"""What InvRE is a share of, in three pictures: each has the InvRE that its label says, and stands where InvRE is explained."""

from __future__ import annotations

import html
import re

import numpy as np
import pytest

from invviz.risk import invre, sigma_of_invre
from invviz.studies import gallery
from invviz.ui import glossary, language, shares

LANGUAGES = list(language.languages())


def missed(d, sigmas: list[float], rounds: int = 10, draws: int = 450) -> np.ndarray:
    """Squared errors of the best guess from pictures and noise drawn as the spectrum says, shape (draws, sigmas): of the guesses themselves, not by a formula for them."""
    rng, found = np.random.default_rng(0), []
    for _ in range(rounds):
        u, eps = rng.standard_normal((2, draws, len(d.gains)), dtype=np.float32)
        heard = [np.sqrt(d.gains) * u + sigma * eps for sigma in sigmas]  # what the message tells of each direction
        guesses = [one * (np.sqrt(d.gains) / (d.gains + sigma**2)) for one, sigma in zip(heard, sigmas, strict=True)]
        found.append([((guess - u) ** 2) @ d.weights for guess in guesses])
    return np.concatenate(found, axis=1).T


def test_each_picture_has_the_invre_of_its_label():
    """Against drawn pictures and noise, whose squared error is measured."""
    scene = gallery.load(shares.CARD)
    d, found = scene.decomposition, shares.shares()
    whole = 3072 * 0.25**2  # the squared error of flat grey: a pixel's variance under the prior, times their number
    assert d.prior == "natural" and d.method == "exact" and np.allclose(d.mean, 0.5) and d.trace == pytest.approx(whole)
    assert len(found) == len(shares.WANTED) == 3
    squared = missed(d, [one.noise * scene.size.rms for one in found])
    assert (3 * squared.std(0) / np.sqrt(len(squared)) / whole < 0.005).all(), "enough draws to tell"
    assert 1 - squared.mean(0) / whole == pytest.approx(shares.WANTED, abs=0.005)
    assert [one.score for one in found] == pytest.approx(shares.WANTED, abs=1e-9)


def test_no_picture_knows_a_pixel_exactly():
    """As the sentence under InvRE 0.9 says."""
    scene = gallery.load(shares.CARD)
    for one in shares.shares():
        known = scene.known(one.noise * scene.size.rms)
        assert known.max() < 0.99
        assert np.sqrt(1 - known.mean()) == pytest.approx(one.left, abs=0.02), "at the nearest kept noise"


def test_a_picture_between_kept_levels_lies_between_theirs():
    scene = gallery.load(shares.CARD)
    rms, levels = scene.size.rms, gallery.LEVELS
    assert np.array_equal(scene.between(levels[30] * rms), scene.ideal(levels[30] * rms))
    assert np.array_equal(scene.between(levels[-1] * rms * 5), scene.ideal(levels[-1] * rms)) and np.array_equal(
        scene.between(0.0), scene.ideal(0.0)
    )
    middle = scene.between(np.sqrt(levels[30] * levels[31]) * rms)
    ends = scene.ideal(levels[30] * rms), scene.ideal(levels[31] * rms)
    assert np.abs(middle - (ends[0] + ends[1]) / 2).max() < 1e-3 and np.abs(ends[0] - ends[1]).max() > 0.01


def test_an_invre_that_no_noise_leaves_is_refused():
    d = gallery.load(shares.CARD).decomposition
    assert invre(d, sigma_of_invre(d, 0.75)) == pytest.approx(0.75, abs=1e-9)
    for wanted in (0.0, 1.0, -0.1, 2.0, float("nan")):
        with pytest.raises(ValueError, match="No noise leaves"):
            sigma_of_invre(d, wanted)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_entry_and_the_stop_show_them(visit, lang):
    """In the entry that a click opens, and beneath the answer, not before it."""
    entry = glossary.inline("[[InvRE]]", lang, "p")
    assert entry.count("<img") == len(shares.WANTED) and all(
        one in entry for one in (">InvRE 0", html.escape(glossary.terms(lang)["invre"].text))
    )
    titles = re.findall(r"<b>InvRE ([\d.,]+)</b>", shares.html(lang))
    assert titles == [language.figure(f"{wanted:.1f}", lang) for wanted in shares.WANTED]
    assert "<img" not in glossary.inline("[[PSNR]]", lang, "p")
    drawn = lambda at: sum('class="guide"><span class="shares"' in e.proto.body for e in at.get("html"))  # noqa: E731
    assert drawn(visit("guide", stop="3", lang=lang, guess_noise="1")) == 0
    assert drawn(visit("guide", stop="3", lang=lang, guess_noise="1", shown="noise")) == 1


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_words_say_that_it_is_no_share_of_pixels(lang):
    no = {"en": ("not a share of pixels", "Not a share of pixels"), "de": ("kein Anteil der Pixel",) * 2}[lang]
    assert no[0] in language.words(lang)["shares"]["whole"] and no[1] in glossary.terms(lang)["invre"].text
    assert round(3 * np.sqrt(0.1)) == 1, "a third"


def test_without_the_prepared_scene_the_words_stand_alone(monkeypatch):
    monkeypatch.setattr(gallery, "load", lambda name: None)
    shares.shares.cache_clear()
    assert shares.html("en") == "" and "<img" not in glossary.inline("[[InvRE]]", "en", "p")
    shares.shares.cache_clear()
