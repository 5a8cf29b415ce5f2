"""What lies between a real attack and the ideal attacker: each reason on both sides of its fact, and sentences over extreme inputs."""

from __future__ import annotations

import itertools
import math
import re

import pytest

from invviz.engine.gap import LITTLE, above, exceeds, gap, reasons, tally
from invviz.metrics import EXACT
from invviz.scenario import Scenario

PLAIN = "data=photos&model=lenet&attack=dlg&prior=natural&floor=0"
EMBEDDED = "data=photos&model=vgg6&protocol=vfl(parties=1,cut=1{})&attack=rmle&prior=natural&floor=0"


@pytest.mark.parametrize(
    ("word", "applies", "does_not"),
    [
        ("noise floor of 0.01 %", PLAIN.replace("floor=0", "floor=0.0001"), PLAIN),
        ("noise floor", PLAIN.replace("floor=0", "floor=0.01"), PLAIN.replace("floor=0", "floor=0.01") + "&defense=gaussian_noise"),
        ("white prior", PLAIN.replace("natural", "white"), PLAIN),
        ("white prior", PLAIN.replace("natural", "white"), "data=wine&model=mlp&attack=dlg&prior=white"),
        ("rounding", PLAIN + "&defense=quantisation(bits=4)", PLAIN + "&defense=gaussian_noise"),
        ("rounding", PLAIN + "&defense=quantisation(bits=4)", PLAIN + "&defense=quantisation(bits=32)"),
        ("Laplace", PLAIN + "&defense=laplace_noise", PLAIN + "&defense=laplace_noise(scale=0.0)"),
        ("Laplace", PLAIN + "&defense=invl_gnp(law='laplace')", PLAIN + "&defense=invl_gnp(law='normal')"),
        ("shape of the noise", PLAIN + "&defense=water_filling", PLAIN + "&defense=gaussian_noise"),
        ("withheld entries", PLAIN + "&defense=pruning(fraction=0.9)", PLAIN + "&defense=random_pruning(fraction=0.9)"),
        ("reads layer 0 alone", PLAIN + "&layer=0", PLAIN),
        ("learned from public", PLAIN.replace("attack=dlg", "attack=pca_prior"), PLAIN),
        (
            "learned from public",
            PLAIN.replace("attack=dlg", "attack=pca_prior"),
            PLAIN.replace("dlg", "pca_prior").replace("natural", "dataset"),
        ),
        ("straight line", PLAIN, EMBEDDED.format(",activated=False")),
        ("straight line", EMBEDDED.format(""), EMBEDDED.format(",activated=False")),
        ("honest server", EMBEDDED.format("").replace("rmle", "decoder&server=hijacking"), EMBEDDED.format("")),
    ],
)
def test_a_reason_is_given_where_it_applies_and_nowhere_else(word, applies, does_not):
    assert any(word in why for why in reasons(Scenario.parse(applies)))
    assert not any(word in why for why in reasons(Scenario.parse(does_not)))


def test_the_floor_is_a_reason_where_it_is_a_tenth_of_the_noise():
    s = Scenario.parse(PLAIN.replace("floor=0", "floor=0.01") + "&defense=gaussian_noise(sigma=0.03)")
    assert not any("floor" in why for why in reasons(s, 0.099)) and any("floor" in why for why in reasons(s, 0.1))
    assert any("sketch" in why for why in reasons(s, method="sketch")) and not any("sketch" in why for why in reasons(s))


def test_a_word_stands_beside_what_is_more_than_little_above():
    s = Scenario.parse(PLAIN)
    assert not exceeds(20 + LITTLE, 20.0) and exceeds(20.1 + LITTLE, 20.0)
    assert not exceeds(math.inf, EXACT) and exceeds(EXACT, EXACT - 1.1), "both exact: nothing to explain"
    assert above(s, 21.0, 20.0) == "" and "24.5 dB, more than the ideal attacker's 21.7 dB: that attacker" in above(s, 24.5, 21.7)
    assert "the expected best of 21.7 dB, which is an average" in above(s, 24.5, 21.7, expected=True)


def test_gap_on_each_side():
    s, told = Scenario.parse(PLAIN), Scenario.parse(PLAIN + "&defense=clipping&attacker=aware")
    assert "**The gap of 8.0 dB is the attacker's computing limit, not privacy.**" in gap(s, 20.0, 28.0)
    assert "not told or could not compute" in gap(Scenario.parse(PLAIN + "&defense=clipping"), 20.0, 28.0)
    assert "computing limit" in gap(told, 20.0, 28.0)
    stopped = gap(told, 20.0, 28.0, stopped=True)
    assert "was stopped before its end, at 20.0 dB" in stopped and "gap" not in stopped, "what is missing may be time alone"
    assert "as much as the ideal attacker" in gap(s, 28.0 - LITTLE, 28.0) and "as much as the ideal attacker" in gap(s, 28.0 + LITTLE, 28.0)
    assert "that attacker takes the net for a straight line" in gap(s, 29.1, 28.0)
    assert gap(s, 109.1, 148.3).endswith("both are exact to rounding (60 dB and more).")
    for invre, hides in ((0.2, True), (0.22, False)):  # the word of either is hidden or blurred
        said = gap(s, 8.0, 13.7, invre=invre)
        assert ("hides the picture from the ideal attacker, too" in said) == hides and ("not privacy" in said) != hides
    assert "**That gap is the attacker's computing limit, not privacy.**" in gap(s, 31.0, math.inf)


def test_a_tally_counts_who_each_reason_applies_to():
    quantised, plain = Scenario.parse(PLAIN + "&defense=quantisation(bits=4)"), Scenario.parse(PLAIN)
    said = tally([(quantised, 24.5, 21.7, 0.0), (plain, 30.0, 20.0, 0.0), (plain, 20.0, 30.0, 0.0)])
    assert (
        said.startswith("2 lie more than 1 dB above")
        and "straight line around the truth (2)" in said
        and "rounding leaves every entry within a known interval (1)" in said
    )
    assert tally([(plain, 20.0, 30.0, 0.0)]) == ""


def test_no_sentence_holds_a_number_that_is_not_finite():
    values = [-math.inf, -3.0, 0.0, 12.0, 59.9, 60.0, 200.0, math.inf, math.nan]
    scenarios = [Scenario.parse(PLAIN + d) for d in ("", "&defense=quantisation(bits=4)", "&defense=clipping&attacker=aware")]
    for s, (reached, ideal), stopped in itertools.product(scenarios, itertools.product(values, values), (False, True)):
        for said in (gap(s, reached, ideal, stopped), above(s, reached, ideal), above(s, reached, ideal, expected=True)):
            assert not re.search(r"(?<![a-z])(inf|nan)(?![a-z])", said), said


def test_the_gap_is_that_of_the_two_figures_beside_it():
    said = gap(Scenario.parse("data=digits&model=mlp&attack=dlg"), 6.36, 14.64)
    assert "14.6 dB" in said and "6.4 dB" in said and "gap of 8.2 dB" in said  # unrounded it is 8.28
