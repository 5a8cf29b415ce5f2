"""Every sentence of advice on both sides of its condition."""

import dataclasses

import pytest

from invviz.engine.audit.advice import ADVICE, said
from invviz.engine.audit.examine import _word
from invviz.engine.audit.findings import BY_MEAN, BY_ONE, GUESSED, READ, Budget, Exposure, Findings, LeastNoise, Tried
from invviz.engine.audit.least import rounded
from invviz.engine.audit.verdict import verdict
from invviz.metrics import word_of_share

BLIND = 12.0  # what guessing gets of these records
RISK = {"psnr_ceiling": 13.01, "invre": 0.5, "invre_interval": [0.5, 0.5], "noise_variance": 0.0, "floor": 0.01, "method": "exact"}


def made(invre=0.5, width=0.0, ideal=(20.0, 20.0, 20.0), real=(15.0, 15.0, 15.0), shares=None, **changes):
    shares = (invre,) * len(ideal) if shares is None else shares
    records = tuple(
        Exposure(k, i, share, word_of_share(share), r, None if r is None else 0.1, "dlg" if r is not None else "", BLIND)
        for k, (i, r, share) in enumerate(zip(ideal, real, shares, strict=True))
    )
    tried = (Tried("dlg", tuple(r for r in real if r is not None)),) if any(r is not None for r in real) else ()
    risk = changes.pop("risk", {**RISK, "invre": invre, "invre_interval": [invre - width, invre]})
    plain = Findings(
        {}, "", "", (), (), risk, "", "a bound", verdict(records, risk), records, tried, 0 if tried else None,
        LeastNoise(13.0, 0.5, "gaussian_noise(sigma=0.5)", now=13.01), Budget(1.0, 1e-5, "kept"), "local_dp", (), (), 1.0,
    )  # fmt: skip
    return dataclasses.replace(plain, **changes)


def sketched(*ends):
    return {**RISK, "method": "sketch", "invre": ends[0], "invre_interval": [ends[0], ends[-1]]}


LESS = ({"name": "dropout", "weight": "less", "what": "Dropout is on.", "repair": "", "where": (), "mends": True},)
NOTE = ({**LESS[0], "weight": "note"},)
BOTH = {
    "read": (made(real=(60.0, 15.0, 15.0)), made(real=(59.9, 15.0, 15.0))),
    "exposed": (made(invre=0.1, ideal=(13.1, 12.4, 12.4), shares=(0.21, 0.05, 0.05)), made(invre=0.1, shares=(0.205, 0.05, 0.05))),
    "exposed by the mean": (
        made(invre=0.21, shares=(0.2,) * 3, risk=sketched(0.21)),
        made(invre=0.2, shares=(0.2,) * 3, risk=sketched(0.2)),
    ),
    "failed attacks": (made(real=(BLIND + 1.1, BLIND + 0.9, BLIND + 1.1)), made(real=(BLIND + 1.1,) * 3)),
    "least noise": (made(), made(least_noise=LeastNoise(13.0, None, "", "out of reach"))),
    "enough": (made(invre=0.205, real=(BLIND + 0.9,) * 3), made(invre=0.207, real=(BLIND + 0.9,) * 3)),
    "no promise": (made(budget=Budget()), made()),
    "epsilon unknown": (made(budget=Budget(None, 1e-5, "kept", ("Why.",))), made()),
    "uneven": (made(ideal=(26.0, 20.0, 20.0)), made(ideal=(25.9, 20.0, 20.0))),
    "unsharp": (made(width=0.051), made(width=0.049)),
    "cut short": (made(attacks=(Tried("dlg", (15.0,), stopped=True),)), made()),
    "means less": (made(reasons=LESS), made(reasons=NOTE)),
}


@pytest.mark.parametrize(
    ("share", "exact", "sketched"),
    [
        (0.1, "hidden", "not known"),
        (0.5, "blurred", "at least blurred"),
        (0.8, "recognisable", "at least recognisable"),
        (0.95, "readable", "readable"),
    ],
)
def test_of_a_sketch_no_word_says_more_than_the_least_that_it_knows(share, exact, sketched):
    assert (_word(share, at_least=False), _word(share, at_least=True)) == (exact, sketched)


@pytest.mark.parametrize("name", [one.name for one in ADVICE])
def test_it_is_said_where_its_condition_holds_and_nowhere_else(name):
    holds, fails = BOTH[name]
    assert name in said(holds) and name not in said(fails)
    assert next(one for one in ADVICE if one.name == name).words(holds).endswith((".", "records."))


def test_other_sides():
    assert "failed attacks" not in said(made(invre=0.99, real=(None,) * 3))  # nobody attacked
    begun, unfit = Tried("dlg", error="it broke off"), Tried("spear", error="no", skipped="does not fit")
    assert "failed attacks" in said(made(real=(None,) * 3, attacks=(begun, unfit)))  # an attack without an answer is no safety either
    assert "failed attacks" not in said(made(real=(None,) * 3, attacks=(unfit,)))
    assert "enough" not in said(made(invre=0.1, real=(BLIND + 1.1, BLIND, BLIND)))  # an attack got more than guessing
    assert "enough" in said(made(invre=0.1, real=(None,) * 3))
    assert "uneven" not in said(made(ideal=(40.0, 20.0), real=(1.0, 1.0)))  # of two records none is the median
    assert "least noise" not in said(
        made(least_noise=LeastNoise(13.0, 0.5, "gaussian_noise(sigma=0.5)", now=13.0))
    )  # the noise that there is does it
    assert "enough" not in said(made(invre=0.1, shares=(0.21, 0.05, 0.05), real=(BLIND,) * 3))  # the mean is hidden, a record is not
    assert "exposed" not in said(made(risk={**RISK, "method": "sketch"}))  # no order is known
    assert "exposed by the mean" not in said(made())  # the order is known
    assert "exposed by the mean" not in said(made(shares=(0.2,) * 3, risk=sketched(0.2, 0.9)))  # nothing is known
    assert "exposed by the mean" in said(made(shares=(0.2,) * 3, risk=sketched(0.2, 0.89)))
    assert "In place of the present noise" in words("least noise", made(risk={**RISK, "noise_variance": 1.0}))
    assert "In place" not in words("least noise", made())
    assert "enough" not in said(made(risk={**RISK, "invre": 0.1, "invre_interval": [0.1, 0.3]}, real=(BLIND,) * 3))  # ... or above hidden
    assert "uneven" not in said(made(ideal=(40.0, 20.0, 20.0), risk={**RISK, "method": "sketch"}))  # of each the least is known
    nothing = made(risk=None)
    assert not {"enough", "failed attacks", "unsharp"} & set(said(nothing))


def words(name, found):
    return next(one for one in ADVICE if one.name == name).words(found)


@pytest.mark.parametrize(("invre", "readable"), [(0.9, True), (0.89, False)])
def test_behind_a_failed_attack_the_message_counts_as_readable_from_a_share_of_nine_tenths_on(invre, readable):
    found = made(invre=invre, real=(BLIND,) * 3)
    assert ("take the message for readable" in words("failed attacks", found)) is readable
    assert "A failed attack is no safety" in words("failed attacks", found)
    sketch = made(invre=0.95, width=0.06, real=(BLIND,) * 3, risk={**RISK, "method": "sketch", "invre_interval": [invre, 0.95]})
    assert ("take the message for readable" in words("failed attacks", sketch)) is readable  # by the end that is sure


def test_the_first_sentence_is_the_verdict_on_the_most_exposed_record():
    """Five hidden records and one readable: the mean is hidden, the batch is not."""
    one = made(invre=0.19, ideal=(44.68, 12.6, 12.0), shares=(0.99, 0.1, 0.01), real=(None,) * 3)
    assert said(one)[0] == "exposed"
    assert ADVICE[1].words(one).startswith("Record 0, the most exposed, is readable: the ideal attacker is expected to get 44.7 dB of it.")
    hidden = made(invre=0.1, ideal=(12.6, 12.5, 12.0), shares=(0.12, 0.1, 0.01), real=(None,) * 3)
    assert said(hidden)[0] == "enough" and words("enough", hidden).startswith("Record 0, the most exposed, is hidden")
    mean = made(
        invre=0.1, shares=(0.1,) * 3, real=(None,) * 3, risk={**RISK, "method": "sketch", "invre": 0.1, "invre_interval": [0.1, 0.11]}
    )
    assert said(mean)[0] == "enough" and "hidden by the mean over the records" in words("enough", mean)
    assert "enough" not in said(
        dataclasses.replace(mean, records=(dataclasses.replace(mean.records[0], ideal_share=0.3), *mean.records[1:]))
    )


def test_a_verdict_is_on_the_record_that_is_told_most_of():
    rows = made(ideal=(14.0, 30.0, 12.0), shares=(0.3, 0.95, 0.1), real=(59.9, 12.0, 12.0)).records
    assert (verdict(rows, RISK).record, verdict(rows, RISK).word) == (1, "readable")
    read = made(ideal=(14.0, 30.0, 12.0), shares=(0.3, 0.95, 0.1), real=(60.0, 12.0, 12.0)).records
    assert (verdict(read, RISK).record, verdict(read, RISK).word) == (0, READ)
    guessed = dataclasses.replace(rows[1], ideal_word=GUESSED)
    assert verdict((rows[0], guessed, rows[2]), RISK).record == 0
    assert verdict((guessed,), RISK).word == GUESSED
    sketch = {**RISK, "method": "sketch"}
    for ends, word in (((0.2, 0.9), "not known"), ((0.2, 0.89), "hidden to recognisable"), ((0.3, 0.5), "blurred")):
        found = verdict(rows[2:], {**sketch, "invre_interval": ends})
        assert (found.by, found.record, found.word) == (BY_MEAN, None, word)
    ends = {**sketch, "invre_interval": (0.1, 0.74)}
    assert verdict(rows, ends).by == BY_ONE and verdict(rows, ends).record == 1  # known to be told more of than all together
    assert verdict(rows, {**ends, "invre_interval": (0.1, 0.9)}).by == BY_MEAN
    assert (verdict(read, ends).record, verdict(read, ends).word) == (0, READ)


def test_attacks_that_had_no_time_are_counted_and_named():
    unrun, late = Tried("spear", error="no time was left", skipped="no time"), Tried("dlg", (15.0,), 7.0, stopped=True)
    unfit, asked = Tried("peeling", error="no", skipped="does not fit"), dataclasses.replace(late, note="Stopped on request.")
    told = words("cut short", made(attacks=(late, unrun, unfit)))
    assert "attacks that fit (2 in all): 1 not run: spear; 1 stopped at the end of its time: dlg (7 s)" in told
    assert "cut short" in said(made(attacks=(unrun,)))
    assert "cut short" not in said(made(attacks=(asked, unfit)))


def test_the_least_noise_of_a_sketch_is_an_interval_and_by_the_mean():
    least = LeastNoise(13.0, 1.5, "gaussian_noise(sigma=1.5)", by=BY_MEAN, now=14.0, interval=(0.9, 1.5))
    told = words("least noise", made(least_noise=least))
    assert "by the mean over the records and the sketch's cautious end; the least such noise lies in sigma 0.9 to 1.5" in told
    exact = words("least noise", made())
    assert "of the most exposed record" in exact and "sketch" not in exact
    assert (rounded(1.4009, True), rounded(1.4009, False), rounded(0.05, True), rounded(0.05, False)) == (1.5, 1.4, 0.05, 0.05)


def test_hidden_without_an_attack_does_not_say_that_attacks_got_no_more():
    assert "no attack" not in words("enough", made(invre=0.1, real=(None,) * 3))
