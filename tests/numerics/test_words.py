"""Words for pictures: each on both sides of its condition, by hand and on real pictures of known look."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage import metrics as reference

from invviz.datasets import DATASETS
from invviz.engine.baseline import baseline_of, cells_without_message, mean_picture
from invviz.metrics import EXACT, PSNR, SSIM, WORDS, Baseline, decibels, quality, rank, tells, word, word_of_share
from invviz.scenario import Scenario

FLOOR = Baseline((12.0,), (0.2,), (14.0,), (0.3,))  # without a message 12 dB; a picture of one colour 14 dB
NAN = math.nan
FOLDER = os.environ.get("INVVIZ_DATA")
SETS = ["photos", "digits", *(["cifar10", "svhn", "mnist"] if FOLDER else [])]


@pytest.mark.parametrize(
    ("psnr", "ssim", "expected"),
    [
        (12.99, NAN, "hidden"),  # PSNR alone, where pictures are too small for an SSIM
        (13.0, NAN, "blurred"),
        (19.99, NAN, "blurred"),
        (20.0, NAN, "recognisable"),  # 14 + 6
        (23.99, NAN, "recognisable"),
        (24.0, NAN, "readable"),  # 14 + 10
        (5.0, 0.279, "hidden"),  # SSIM has a say: 0.2 + 0.1 (1 - 0.2) = 0.28
        (5.0, 0.281, "blurred"),
        (5.0, 0.579, "blurred"),  # 0.3 + 0.4 (1 - 0.3) = 0.58
        (5.0, 0.581, "recognisable"),
        (5.0, 0.789, "recognisable"),  # 0.3 + 0.7 (1 - 0.3) = 0.79
        (5.0, 0.791, "readable"),
        (14.0, 0.3, "blurred"),  # the picture's own colour: known, and nothing else
        (-3.0, -1.0, "hidden"),
        (200.0, 1.0, "readable"),
        (math.inf, 1.0, "readable"),
        (NAN, NAN, "not scored"),
    ],
)
def test_every_word_on_each_side(psnr, ssim, expected):
    assert word(psnr, ssim, FLOOR) == expected


def test_fixed_limits_are_gone():
    """The same 16 dB are a word for a picture that guessing gets 9 dB of, and none for one of which it gets 16 dB."""
    assert word(16.0, NAN, Baseline((9.0,), (NAN,), (9.5,), (NAN,))) == "recognisable"
    assert word(16.0, NAN, Baseline((16.0,), (NAN,), (16.0,), (NAN,))) == "hidden"


def test_better_scores_never_give_a_worse_word():
    rng = np.random.default_rng(0)
    for _ in range(300):
        low, low_ssim = rng.uniform(5, 25), rng.uniform(0, 0.8)
        floor = Baseline((low,), (low_ssim,), (low + rng.uniform(0, 9),), (low_ssim + rng.uniform(0, 0.2),))
        psnr, ssim = rng.uniform(0, 70), rng.uniform(-0.5, 1)
        better = word(psnr + rng.uniform(0, 10), min(ssim + rng.uniform(0, 0.3), 1.0), floor)
        assert rank(better) >= rank(word(psnr, ssim, floor))


def test_a_batch_is_told_from_the_least_to_the_most():
    two = Baseline.mean_of([FLOOR, FLOOR])
    assert word([30.0, 12.0], [0.9, 0.2], two) == "hidden to readable" and rank("hidden to readable") == 3
    assert word([30.0, 31.0], [0.9, 0.9], two) == "readable"
    assert word(21.0, 0.3, two) == "recognisable"  # the mean over a batch is held against the mean of what needs no message


@pytest.mark.parametrize(
    ("invre", "expected"),
    [
        (-0.1, "hidden"),
        (0.0, "hidden"),
        (0.2056, "hidden"),
        (0.2058, "blurred"),
        (0.748, "blurred"),
        (0.749, "recognisable"),
        (0.8999, "recognisable"),
        (0.9001, "readable"),
        (1.0, "readable"),
    ],
)
def test_an_expectation_has_the_word_of_its_share(invre, expected):
    """1 - 10^(-g / 10) for gains of 1, 6 and 10 dB: 0.2057, 0.7488, 0.9; no tau enters."""
    assert word_of_share(invre) == expected


def test_a_message_tells_in_words_of_its_own():
    """The same limits, 1, 6 and 10 dB of squared error gone; no word of a picture, beside which it stands."""
    limits = [1 - 10 ** (-gain / 10) for gain in (1.0, 6.0, 10.0)]
    assert [round(limit, 2) for limit in limits] == [0.21, 0.75, 0.9], "as the glossary says"
    sides = [tells(limit + step) for limit in limits for step in (-1e-6, 1e-6)]
    assert sides == ["tells little", "tells some", "tells some", "tells most", "tells most", "tells nearly all"]
    assert tells(0.0) == "tells little" and tells(1.0) == "tells nearly all"
    assert not any(word_ in said for word_ in WORDS for said in sides)


def test_what_needs_no_message_against_another_implementation():
    rng = np.random.default_rng(1)
    truth = rng.random((2, 3, 12, 12)) * np.array([1, 0.5, 0.2])[None, :, None, None]
    mean = rng.random((1, 3, 12, 12))
    found = Baseline.of(truth, mean)
    for i, picture in enumerate(truth):
        greys = [np.full_like(picture, level) for level in (picture.mean(), 0, 0.1, 0.3, 0.5, 0.7, 0.9, 1)]
        own = np.broadcast_to(picture.mean((1, 2), keepdims=True), picture.shape)
        psnr = [reference.peak_signal_noise_ratio(picture, g, data_range=1) for g in (mean[0], *greys, own)]
        ssim = [reference.structural_similarity(picture, g, data_range=1, channel_axis=0) for g in (mean[0], *greys, own)]
        assert (found.psnr[i], found.plain_psnr[i]) == pytest.approx((max(psnr[:-1]), max(psnr)))
        assert (found.ssim[i], found.plain_ssim[i]) == pytest.approx((max(ssim[:-1]), max(ssim)))


@pytest.fixture(scope="module", params=SETS)
def pictures(request):
    """Victims of a data set, the mean of its public pictures, and what needs no message."""
    data = DATASETS[request.param]()
    samples = data.load(Path(FOLDER) if FOLDER else None)
    count = min(40, len(samples.victims))
    truth, _ = samples.victims.take(list(range(count)))
    scenario = Scenario.parse(f"data={request.param}&model=lenet")
    mean = mean_picture(scenario, samples)
    return request.param, truth, mean, Baseline.of(truth, mean)


def said(guess, truth, floor):
    """The word for each picture."""
    psnr, ssim = PSNR().score(guess, truth), SSIM().score(guess, truth)
    ends = zip(floor.psnr, floor.ssim, floor.plain_psnr, floor.plain_ssim, strict=True)
    return [word(float(p), float(s), Baseline(*((v,) for v in end))) for p, s, end in zip(psnr, ssim, ends, strict=True)]


def test_without_a_message_every_picture_is_hidden(pictures):
    _, truth, mean, floor = pictures
    assert set(said(np.repeat(mean, len(truth), 0), truth, floor)) == {"hidden"}
    for grey in np.linspace(0, 1, 11):
        assert set(said(np.full_like(truth, grey), truth, floor)) == {"hidden"}, grey
    assert set(said(np.random.default_rng(0).random(truth.shape).astype(np.float32), truth, floor)) == {"hidden"}, "noise alone"


def test_words_agree_with_the_eye(pictures):
    """Seen on contact sheets: a blur of one pixel is readable, one of two shows what it is, one of five leaves spots of colour."""
    name, truth, mean, floor = pictures
    share = lambda guess, least: np.mean([rank(w) >= rank(least) for w in said(guess, truth, floor)])  # noqa: E731
    blur = lambda width: gaussian_filter(truth, (0, 0, width * truth.shape[2] / 32, width * truth.shape[2] / 32))  # noqa: E731
    assert share(truth, "readable") == 1
    assert share(0.7 * truth + 0.3 * mean, "readable") >= 0.75  # a little faint
    assert share(0.5 * truth + 0.5 * mean, "recognisable") >= 0.75
    assert share(blur(1), "readable") >= 0.75
    assert share(blur(2), "recognisable") >= (0.2 if name == "mnist" else 0.75)  # thin strokes are lost first
    assert share(blur(5), "recognisable") <= 0.25 and (share(blur(5), "blurred") <= 0.6 or truth.shape[1] == 3)
    grain = (truth + 0.1 * np.random.default_rng(0).standard_normal(truth.shape)).clip(0, 1).astype(np.float32)
    assert share(grain, "blurred") >= (0.5 if name == "svhn" else 0.8)  # faint pictures are lost to these scores before they are to an eye


def test_the_same_flat_picture_has_the_same_word_at_two_and_at_four_parties():
    said_ = []
    for parties in (2, 4):
        s = Scenario.parse(f"data=photos&model=vgg6&protocol=vfl(parties={parties})&attack=rmle")
        truth = s.protocol.part(s.data.victims(s.data.load(None), 1)[0])
        grey = np.full_like(truth, 0.5)
        said_.append(word(PSNR().score(grey, truth), SSIM().score(grey, truth), baseline_of(s, truth, None)))
    assert said_ == ["hidden", "hidden"]


@pytest.mark.parametrize("split", ["columns", "rows", "quadrants", "channels"])
def test_the_mean_is_that_of_the_part(split):
    s = Scenario.parse(f"data=photos&model=vgg6&protocol=vfl(parties=3,split='{split}',party=1)&attack=rmle")
    samples = s.data.load(None)
    truth = s.protocol.part(s.data.victims(samples, 2)[0])
    public, _ = samples.public.take(range(len(samples.public)))
    mean = s.protocol.part(public).mean(0, keepdims=True)
    found = baseline_of(s, truth, None)
    assert all(f >= PSNR().score(mean, truth[i : i + 1])[0] - 1e-3 for i, f in enumerate(found.psnr))
    assert set(said(np.repeat(mean, 2, 0).astype(np.float32), truth, found)) == {"hidden"}


def test_a_digit_of_ssim_071_is_not_hidden():
    s = Scenario.parse("data=digits&model=mlp")
    truth, _ = s.data.victims(s.data.load(None), 1)
    assert word(9.5, 0.71, baseline_of(s, truth, None)) == "blurred"
    assert word(9.5, 0.80, baseline_of(s, truth, None)) == "recognisable"


def test_a_table_is_set_against_its_mean_row():
    s = Scenario.parse("data=wine&model=mlp&batch=4")
    samples = s.data.load(None)
    truth, _ = s.data.victims(samples, 4)
    public = samples.public.take(range(len(samples.public)))[0].mean(0)
    right = np.abs(truth - public) <= 0.05  # all of wine's columns are numbers: within 5 % of the range
    assert cells_without_message(s, truth, None) == pytest.approx(right.mean(), abs=0.02)
    assert cells_without_message(Scenario.parse("data=digits"), truth, None) is None


def test_numbers_in_sentences_are_finite_or_said_in_words():
    assert decibels(math.inf) == "no error at all" and decibels(NAN) == "no score"
    assert quality(EXACT, 1.0, FLOOR) == "readable (exact), 60.0 dB" and quality(EXACT - 0.1, 1.0, FLOOR) == "readable, 59.9 dB"
    assert quality(math.inf, 1.0, FLOOR) == "readable (exact), no error at all" and quality(NAN, NAN, FLOOR) == "no score"
    assert quality(20.0, 0.5, None) == "20.0 dB", "nothing to set it against: no word"
    assert WORDS == ("hidden", "blurred", "recognisable", "readable")


def test_an_attack_that_knows_classes_is_set_against_their_means():
    """A class's mean picture is no leak where labels are told; other attacks, who know no classes, are judged as before."""
    from invviz.engine.baseline import baseline_of, guess_by_labels
    from invviz.scenario import Scenario

    s = Scenario.parse("data=digits&model=lenet&attack=class_prior&batch=2")
    samples = s.data.load(None)
    truth, label = samples.victims.take([0, 1])
    images, labels = samples.public.take(range(len(samples.public)))
    means = np.concatenate([images[labels == k].mean(0, keepdims=True) for k in label])
    assert np.abs(guess_by_labels(s, 2, None) - means).max() < 1e-5
    found, before = baseline_of(s, truth, None), baseline_of(s.replace(attack=type(Scenario.parse("attack=dlg").attack)()), truth, None)
    assert np.allclose(found.psnr, np.fmax(before.psnr, PSNR().score(means, truth)), atol=0.01) and found.psnr[0] > before.psnr[0] + 1
    score = PSNR().score(means, truth)
    assert word(score, SSIM().score(means, truth), found) == "hidden" != word(score, SSIM().score(means, truth), before)
