"""The time that everything may take: a sketch ends early, with an interval that holds; what was left out is said."""

import dataclasses

import numpy as np
import pytest
import torch

import invviz
from invviz.core.errors import InvvizError
from invviz.engine._clock import Clock
from invviz.engine.audit._time import AuditTime, too_short
from invviz.engine.audit.attempts import Attempt, _place, attempts
from invviz.engine.audit.examine import LEAST
from invviz.engine.audit.findings import Tried
from invviz.engine.audit.settings import attacks_of, scenario_of
from invviz.engine.audit.subject import subject
from invviz.report.audit import _words, headline
from invviz.risk import TAU, least_products

NOISE = "gaussian_noise(sigma=1.0)"


def case():
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.Tanh(), torch.nn.Flatten(), torch.nn.Linear(4 * 12 * 12, 5))
    return net, torch.rand(2, 1, 14, 14), torch.tensor([1, 3])


def test_a_sketch_that_ends_early_has_an_interval_that_holds_the_exact_value():
    net, x, y = case()
    exact = invviz.risk(net, x, y, method="exact", within=None, defense=NOISE).risk
    whole = invviz.risk(net, x, y, method="sketch", within=None, defense=NOISE)
    short = invviz.risk(net, x, y, method="sketch", within=1e-6, defense=NOISE)
    assert 16 < short.risk["products"] < 30 < whole.risk["products"]
    for found in (short.risk, whole.risk):
        assert found["invre_interval"][0] - 1e-6 <= exact["invre"] <= found["invre_interval"][1] + 1e-6
    assert f"it ended after {short.risk['products']} products" in short.risk["why"]
    assert "the curvature was not measured" in short.risk["why"]
    assert short.risk["trust"] is None
    assert whole.risk["trust"] is not None
    assert "ended" not in whole.risk["why"]
    assert short.to_json()["asked"]["within"] == 1e-6


def test_attacks_get_what_is_left_and_those_in_closed_form_still_run():
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3))
    found = invviz.audit(net, torch.rand(1, 1, 4, 4), torch.tensor([2]), within=1e-6)
    assert found.strongest.attack == "linear_layer"
    assert found.records[0].attacked_psnr > 60
    assert found.findings.seconds < 10 * LEAST


@pytest.mark.parametrize("within", [0, -1.0])
def test_times_that_are_none_are_refused(within):
    with pytest.raises(InvvizError, match="within"):
        invviz.risk(*case(), within=within)


def test_the_clock_ends_before_a_block_that_would_be_late(monkeypatch):
    now = iter([0.0, 3.0, 6.5, 8.0])  # start, and when it is asked
    monkeypatch.setattr("invviz.engine._clock.time.monotonic", lambda: next(now))
    clock = Clock(10.0)
    assert not clock.over()  # 3 + 3
    assert not clock.over()  # 6.5 + 3.5 is just in time
    assert not clock.over()  # 8 + 1.5
    now = iter([0.0, 6.0])
    clock = Clock(10.0)
    assert clock.over()  # 6 + 6


def test_of_a_sketch_that_is_not_sharp_the_report_gives_the_interval_and_no_word_beyond_it():
    found = {"invre": 0.999, "invre_interval": [0.44, 1.0], "psnr_ceiling": 62.5, "psnr_interval": [14.6, 62.6], "word": "readable"}
    assert _words.interval(found, "psnr", 1, " dB") == "between 14.6 and 62.6 dB"
    assert _words.word(found) == "blurred to readable"
    narrow = {**found, "invre_interval": [0.96, 1.0], "psnr_interval": [60.0, 62.6]}
    assert _words.interval(narrow, "psnr", 1, " dB") == "62.5 dB [60.0, 62.6]"
    assert _words.word(narrow) == "readable"
    torch.manual_seed(0)
    net, x, y = case()
    sketch, exact = (invviz.risk(net, x, y, method=m, within=None, defense=NOISE) for m in ("sketch", "exact"))
    assert "Every record: the least that the ideal attacker is expected to get (purple)" in sketch.text("html")
    assert "Every record: the ideal attacker (purple)" in exact.text("html")
    assert "at least" in str(sketch)
    assert "at least" not in str(exact)


def test_that_the_time_is_too_short_is_said_before_the_work_begins(monkeypatch):
    """25 products at the least (41 where the prior is not white); a net whose product takes a moment is not warned of."""
    who = subject(*case())
    plain, natural, exact = (
        scenario_of(who, prior=prior, method=method) for prior, method in (("white", "auto"), ("natural", "auto"), ("white", "exact"))
    )
    slow = dataclasses.replace(who, product=10.0)
    assert "25 products at the least, each about 10 s, so about 250 s" in too_short(slow, plain, 240.0)
    assert not too_short(slow, plain, 260.0)
    assert "40 products" in too_short(slow, natural, 300.0)
    assert not too_short(slow, exact, 1.0)
    assert not too_short(slow, plain, None)
    assert not too_short(dataclasses.replace(who, product=0.9), plain, 1.0)
    assert not too_short(who, plain, 1e-6)
    monkeypatch.setattr("invviz.engine.audit._time.SLOW", 0.0)
    with pytest.warns(AuditTime, match="25 products at the least"):
        found = invviz.risk(*case(), within=1e-6, method="sketch")
    assert found.risk["products"] == least_products(True) == 25
    assert any("too short for this net" in note for note in found.findings.notes)
    assert invviz.risk(*case(), within=1e-6, method="sketch", prior="natural").risk["products"] == least_products(False) == 40


def test_no_search_is_begun_without_the_time_for_some_steps():
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3))
    who = subject(net, torch.rand(1, 1, 4, 4), torch.tensor([2]))
    listed = attacks_of(["linear_layer", "dlg(steps=2,restarts=1)"])
    found = {one.told.attack.partition("(")[0]: one.told for one in attempts(who, scenario_of(who), listed, 20.0, product=2.5)}
    assert found["linear_layer"].psnr
    assert not found["dlg"].psnr
    assert "10 steps of a search take about 25 s here" in found["dlg"].error
    found = {one.told.attack.partition("(")[0]: one.told for one in attempts(who, scenario_of(who), listed, 20.0, product=1.0)}
    assert found["dlg"].psnr


RISK = {
    "method": "sketch",
    "invre": 0.6,
    "invre_interval": [0.2, 0.95],
    "psnr_ceiling": 14.0,
    "psnr_interval": [11.0, 24.0],
    "word": "blurred",
    "prior": "white",
    "singular_values": [100.0],
    "sigma": TAU,
    "products": 26,
    "floor": 0.0,
}


@pytest.mark.parametrize(("low", "high", "known"), [(0.2, 0.95, False), (0.21, 0.95, True), (0.2, 0.89, True), (0.2, 0.9, False)])
def test_a_sketch_between_the_first_word_and_the_last_does_not_know(low, high, known):
    """The words' limits are 0.206 and 0.9."""
    risk = {**RISK, "invre_interval": [low, high]}
    assert _words.knows(risk) is known
    found = {"risk": risk, "strongest": None, "attacks": [], "records": [{"blind_psnr": 11.0}], "facts": {"records": 1}}
    said = headline(found)
    assert ("how much an ideal attacker gets is not known" in said.lower()) is not known
    assert ("is expected to get" in said) is known
    assert known or f"anywhere between {low:.2f} and {high:.2f}; for InvRE to about 0.1 it needs up to about 600" in said


def test_products_for_a_tenth_are_those_of_conjugate_gradients():
    """kappa = 10,001: 75 blocks of 8, and one. Lanczos written out misses no more than two tenths of the share after so many steps, on spectra that are hard for it."""
    assert _words.products_for(RISK) == 1 + 8 * 75 == 601
    assert _words.products_for({**RISK, "prior": "natural"}) is None
    rng, k = np.random.default_rng(0), 75
    for spectrum in (np.linspace(0, 1e4, 400), np.geomspace(1e-3, 1e4, 400), 5e3 * (1 + np.cos(np.pi * (np.arange(400) + 0.5) / 400))):
        b = rng.standard_normal(400)
        basis = [b / np.linalg.norm(b)]
        for _ in range(k - 1):
            v = spectrum * basis[-1]
            for _twice in range(2):
                v -= np.stack(basis).T @ (np.stack(basis) @ v)
            basis.append(v / np.linalg.norm(v))
        v = np.stack(basis)
        nodes, vectors = np.linalg.eigh(v @ (spectrum[:, None] * v.T))
        gauss, exact = (1 / (nodes + 1)) @ vectors[0] ** 2, (1 / (spectrum + 1)) @ b**2 / (b @ b)
        assert -1e-9 <= exact - gauss <= 0.2


def test_attacks_are_ranked_by_the_word_and_the_mean_squared_error():
    """A mean of decibels put one record that is nearly right before all that are."""
    one, every = Tried("one", (59.0, 5.0)), Tried("every", (25.0, 25.0))
    assert one.mean > every.mean
    assert one.overall == pytest.approx(5.0 + 10 * np.log10(2), abs=1e-4)
    assert every.overall == pytest.approx(25.0)
    exact, quick, none = Tried("exact", (70.0, 61.0), 9.0), Tried("quick", (61.0, 60.0), 1.0), Tried("none", error="no time")
    word = Tried("word", (20.0, 20.0), word="readable")
    tried = [Attempt(each) for each in (one, none, every, exact, word, quick)]
    assert [each.told.attack for each in sorted(tried, key=_place)] == ["quick", "exact", "word", "every", "one", "none"]
    found = {"attacks": [{"word": "readable"}]}
    assert "PSNR and SSIM" in _words.ranked(found)
    assert "PSNR and SSIM" not in _words.ranked({"attacks": [{"word": ""}, {}]})
    assert Tried("all", (float("inf"), float("inf"))).overall == float("inf")
