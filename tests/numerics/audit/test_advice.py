"""Every sentence of advice on both sides of its condition."""

import dataclasses

import pytest

from invviz.engine.audit.advice import ADVICE, said
from invviz.engine.audit.examine import _word
from invviz.engine.audit.findings import Budget, Exposure, Findings, LeastNoise, Tried

BLIND = 12.0  # what guessing gets of these records
RISK = {"psnr_ceiling": 13.01, "invre": 0.5, "invre_interval": [0.5, 0.5], "noise_variance": 0.0, "floor": 0.01, "method": "exact"}


def made(invre=0.5, width=0.0, ideal=(20.0, 20.0, 20.0), real=(15.0, 15.0, 15.0), **changes):
    records = tuple(
        Exposure(k, i, 0.5, "blurred", r, None if r is None else 0.1, "dlg" if r is not None else "", BLIND)
        for k, (i, r) in enumerate(zip(ideal, real, strict=True))
    )
    tried = (Tried("dlg", tuple(r for r in real if r is not None)),) if any(r is not None for r in real) else ()
    plain = Findings(
        {}, "", "", (), (), {**RISK, "invre": invre, "invre_interval": [invre - width, invre]}, "", "a bound", records, tried, 0 if tried else None,
        LeastNoise(13.0, 0.5, "gaussian_noise(sigma=0.5)"), Budget(1.0, 1e-5, "kept"), "local_dp", (), (), 1.0,
    )  # fmt: skip
    return dataclasses.replace(plain, **changes)


LESS = ({"name": "dropout", "weight": "less", "what": "Dropout is on.", "repair": "", "where": (), "mends": True},)
NOTE = ({**LESS[0], "weight": "note"},)
BOTH = {
    "read": (made(real=(60.0, 15.0, 15.0)), made(real=(59.9, 15.0, 15.0))),
    "failed attacks": (made(invre=0.9, real=(BLIND + 0.9,) * 3), made(invre=0.9, real=(BLIND + 0.9, BLIND + 1.1, BLIND))),
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
    assert "failed attacks" not in said(made(invre=0.89, real=(BLIND,) * 3))  # not readable
    assert "failed attacks" not in said(made(invre=0.99, real=(None,) * 3))  # nobody attacked
    assert "enough" not in said(made(invre=0.1, real=(BLIND + 1.1, BLIND, BLIND)))  # an attack got more than guessing
    assert "enough" in said(made(invre=0.1, real=(None,) * 3))
    assert "uneven" not in said(made(ideal=(40.0, 20.0), real=(1.0, 1.0)))  # of two records none is the median
    assert "least noise" not in said(made(risk={**RISK, "psnr_ceiling": 13.0}))  # the noise that there is does it
    assert "failed attacks" not in said(made(invre=0.95, width=0.06, real=(BLIND,) * 3))  # the interval reaches below readable
    assert "enough" not in said(made(risk={**RISK, "invre": 0.1, "invre_interval": [0.1, 0.3]}, real=(BLIND,) * 3))  # ... or above hidden
    assert "uneven" not in said(made(ideal=(40.0, 20.0, 20.0), risk={**RISK, "method": "sketch"}))  # of each the least is known
    nothing = made(risk=None)
    assert not {"enough", "failed attacks", "unsharp"} & set(said(nothing))


def test_hidden_without_an_attack_does_not_say_that_attacks_got_no_more():
    words = next(one for one in ADVICE if one.name == "enough").words(made(invre=0.1, real=(None,) * 3))
    assert "attack" not in words
