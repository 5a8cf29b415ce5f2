"""The time that everything may take: a sketch ends early, with an interval that holds; what was left out is said."""

import pytest
import torch

import invviz
from invviz.core.errors import InvvizError
from invviz.engine._clock import Clock
from invviz.engine.audit.examine import LEAST
from invviz.report.audit import _words

NOISE = "gaussian_noise(sigma=1.0)"


def case():
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.Tanh(), torch.nn.Flatten(), torch.nn.Linear(4 * 18 * 18, 5))
    return net, torch.rand(2, 1, 20, 20), torch.tensor([1, 3])


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
