"""Findings of all pages over extreme scores: no sentence holds a number that is not finite, and exact results are said to be exact."""

from __future__ import annotations

import itertools
import math
import re
from types import SimpleNamespace

import numpy as np
import pytest

from invviz.metrics import EXACT, Baseline, quality, word
from invviz.scenario import Scenario
from invviz.ui import beyond, finding
from invviz.ui.attacks import words as attack_words
from invviz.ui.defend import ab
from invviz.ui.defend import words as defend_words
from invviz.ui.vertical import words as vertical_words

VALUES = [None, -3.0, 0.0, 12.0, 24.5, 59.9, 60.0, 109.1, 117.5, 200.0, math.inf, math.nan]
FLOOR = Baseline((11.0,), (0.1,), (12.0,), (0.1,))
LAB = Scenario.parse("data=photos&model=lenet&attack=dlg&floor=0.0001")
CUT = Scenario.parse("data=photos&model=vgg6&protocol=vfl(parties=1)&attack=rmle")
BROKEN = re.compile(r"(?<![a-zA-Z])(inf|nan|None)(?![a-z])")


def attack(scenario, psnr, seconds=1.0):
    return SimpleNamespace(
        scenario=scenario,
        psnr=psnr,
        result=None if psnr is None else {"seconds": seconds, "stopped": False, "scores": {"psnr": [psnr], "ssim": [0.5]}},
        guess=None if psnr is None else np.zeros((1, 3, 8, 8)),
        job=None,
        word="" if psnr is None else word(psnr, math.nan, FLOOR),
        quality=lambda between=", ": quality(math.nan if psnr is None else psnr, math.nan, FLOOR, between),
    )


def known(scenario, ideal, **attacks):
    made = {name: attack(scenario, *got) if isinstance(got, tuple) else attack(scenario, got) for name, got in attacks.items()}
    got = {**{name: a.psnr for name, a in made.items()}, "ideal": ideal}
    return SimpleNamespace(
        scenario=scenario, name="Noise", level="1 %", stack=True, unfit="", unscored="", job=None, attacks=made, got=got, ideal_psnr=ideal,
        figures=SimpleNamespace(ceiling=math.inf if ideal is None else ideal + 1),
        ideal=None if ideal is None else np.zeros((1, 3, 8, 8)), truth=np.zeros((1, 3, 8, 8)),
        best=max((v for v in got.values() if v is not None), default=None),
        view=SimpleNamespace(floor_share=lambda s: 0.5, decomposition=SimpleNamespace(method="exact")),
        word=lambda who: "" if got[who] is None else word(got[who], math.nan, FLOOR),
        ideal_quality=lambda between=", ": quality(ideal, math.nan, FLOOR, between),
    )  # fmt: skip


def sentences(ideal, first, second):
    """All that the pages say of these figures."""
    lab = known(LAB, ideal, dlg=first, peeling=second)
    row = known(LAB, ideal, unaware=first, aware=second)
    deep = known(CUT, ideal, rmle=first, inverse_network=second)
    yield attack_words.finding(lab)
    yield defend_words.finding([known(LAB, 30.0, unaware=30.0, aware=30.0), row])
    yield vertical_words.finding([deep, known(CUT, 12.0, rmle=12.0, inverse_network=12.0)], deep)
    yield beyond.why(lab)
    yield from beyond.notes([row, deep], lambda one: one.name)
    yield ab._difference({"a": row, "b": known(LAB.replace(seed=8), 24.5, unaware=second, aware=24.5)})
    run = None if first is None else SimpleNamespace(scenario=LAB, result={"scores": {"psnr": [first]}, "stopped": False})
    expected = SimpleNamespace(ceiling=20.0, score=0.5)
    risk = SimpleNamespace(
        floor_share=lambda s: 0.5, decomposition=SimpleNamespace(method="exact"), sigma=lambda s: 1.0, figures=lambda s: expected
    )
    yield finding._gap(risk, run, ideal)


def test_no_finding_holds_a_number_that_is_not_finite():
    said = {text for values in itertools.product(VALUES, VALUES, VALUES) for text in sentences(*values)}
    assert len(said) > 100
    for text in said:
        assert not BROKEN.search(text), text


def test_one_order_and_exact_results_said_as_such():
    """Peeling in 0.1 s and Gauss-Newton with more dB are both exact: one order, in the finding and in the table."""
    here = known(LAB, 148.0, gauss_newton=(117.5, 3.0), peeling=(109.1, 0.1), dlg=(24.0, 0.05), idlg=None)
    assert attack_words.strongest(here) == "peeling" == attack_words.ordered(here)[0]
    assert attack_words.ordered(here) == ["peeling", "gauss_newton", "dlg", "idlg"]
    said = attack_words.finding(here)
    assert "2 of 3 attacks (1 not run yet) are exact to rounding (60 dB and more); the quickest is Layer peeling" in said
    assert "is the strongest" not in said
    alone = known(LAB, 148.0, gauss_newton=(EXACT - 0.1, 3.0), peeling=(EXACT, 0.1))
    assert "Layer peeling" in attack_words.finding(alone) and "is the strongest of 2 attacks" in attack_words.finding(alone)


@pytest.mark.parametrize(("reached", "ideal", "noted"), [(82.5, 54.8, True), (55.7, 54.8, False), (82.5, 61.0, False), (20.0, 54.8, False)])
def test_a_real_attack_above_the_ideal_attacker_has_a_word_beside_it(reached, ideal, noted):
    one = known(CUT, ideal, rmle=reached, inverse_network=10.0)
    assert bool(beyond.why(one)) is noted and bool(beyond.notes([one], lambda k: "conv 1")) is noted and bool(beyond.exceeded(one)) is noted


def test_an_attack_that_was_stopped_has_held_nobody_off():
    """Stopped at 5 dB it may yet get more: Defend claims nothing of that, and Attacks counts it apart; ended at 5 dB it is a finding."""
    row = known(LAB, 30.0, unaware=5.0, aware=29.0)
    assert "fools the unaware attacker (5.0 dB)" in defend_words.finding([row])
    row.attacks["unaware"].result["stopped"] = True
    assert "5.0" not in defend_words.finding([row]) and "Safest" not in defend_words.finding([row])
    both = known(LAB, 30.0, unaware=5.0, aware=4.0)
    assert "stops both real attacks (5.0 dB)" in defend_words.finding([both])
    both.attacks["aware"].result["stopped"] = True
    assert "stops" not in defend_words.finding([both])
    here = known(LAB, 30.0, dlg=20.0, peeling=5.0)
    assert "of 2 attacks:" in attack_words.finding(here)
    here.attacks["peeling"].result["stopped"] = True
    assert "of 1 attacks (1 stopped early)" not in attack_words.finding(here) and "(1 stopped early)" in attack_words.finding(here)


def test_attacks_that_got_the_same_are_the_strongest_together():
    said = attack_words.finding(known(LAB, 34.0, dlg=(31.06, 17.0), idlg=(31.061, 1.4), peeling=(15.0, 1.0)))
    assert (
        "Improved deep leakage (iDLG) and Deep leakage (DLG) are the strongest of 3 attacks: readable, 31.1 dB each." in said
        and "as good" not in said
    )
    assert "(iDLG) is the strongest of 3" in attack_words.finding(known(LAB, 34.0, dlg=(31.0, 1.7), idlg=(31.2, 1.4), peeling=(15.0, 1.0)))
