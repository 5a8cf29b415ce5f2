"""The verdict and the least noise are of the most exposed record where records are ranked; a sketch says that it goes by the mean; what had no time is counted."""

import jsonschema
import pytest
import torch

import invviz
from invviz.engine import assess as assessing
from invviz.engine._clock import TRUST_PRODUCTS, Clock
from invviz.engine.audit.findings import BY_MEAN, BY_ONE, BY_RECORD
from invviz.engine.client import Site
from invviz.report.audit import headline, noise, schema, to_html
from invviz.risk import psnr_of, sample_loss, sample_losses
from invviz.scenario import Scenario

ONE = 5  # the record that is told of


def squared(outputs, targets):
    return torch.nn.functional.mse_loss(outputs.squeeze(1), targets)


def case(far=400.0):
    """Six records of a regression; the net is right about all but one, whose error leads the message."""
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(8, 12), torch.nn.Tanh(), torch.nn.Linear(12, 1))
    x = torch.rand(6, 8)
    y = net(x).detach().squeeze(1) + 0.01
    y[ONE] += far
    return net, x, y


@pytest.fixture(scope="module")
def exact():
    return invviz.risk(*case(), loss=squared, method="exact")


@pytest.fixture(scope="module")
def sketch():
    return invviz.risk(*case(), loss=squared, method="sketch", within=None)


def test_one_readable_record_among_hidden_ones_is_the_verdict(exact):
    assert exact.invre < 0.2  # hidden by the mean
    assert (exact.verdict.by, exact.verdict.record, exact.verdict.word) == (BY_RECORD, ONE, "readable")
    told = exact.to_json()
    jsonschema.validate(told, schema())
    assert told["verdict"]["word"] == "readable"
    assert told["advice"][0].startswith(f"Record {ONE}, the most exposed, is readable")
    assert headline(told).startswith(f"Record {ONE}, the most exposed, is readable")
    assert "over all 6 records the ideal attacker" in headline(told)
    assert f"<b>Record {ONE}, the most exposed, is readable" in to_html(told)
    for words in (str(exact), noise(told), to_html(told)):
        assert "not needed" not in words and "none needed" not in words and "is hidden" not in words


def test_the_least_noise_hides_the_most_exposed_record_and_a_little_less_does_not(exact):
    """Against the spectrum computed anew behind the noise."""
    least = exact.least_noise
    assert least.by == BY_RECORD and least.now > 40 and least.interval == (least.sigma, least.sigma)

    def worst(sigma):
        found = invviz.risk(*case(), loss=squared, method="exact", defense=f"gaussian_noise(sigma={sigma})")
        return max(row.ideal_psnr for row in found.records), found

    best, behind = worst(least.sigma)
    assert least.wanted - 0.01 < best <= least.wanted
    assert worst(least.sigma * 0.99)[0] > least.wanted
    assert behind.advice[0].startswith(f"Record {ONE}, the most exposed, is hidden")
    assert noise(behind.to_json()).startswith("none needed beyond what there is: the expected best of the most exposed record is 13.0 dB")
    assert not any("is the least Gaussian noise" in one for one in behind.advice)


def test_noise_is_not_needed_only_where_no_record_lies_above_what_is_wanted(exact):
    top = max(row.ideal_psnr for row in exact.records)
    above, below = (invviz.risk(*case(), loss=squared, method="exact", ceiling=top + more) for more in (0.1, -0.1))
    assert above.least_noise.sigma is None
    assert f"not needed: without it the expected best of the most exposed record is {top:.1f} dB" in noise(above.to_json())
    assert below.least_noise.sigma is not None and below.psnr_ceiling < below.least_noise.wanted


def test_of_a_sketch_the_least_noise_is_an_interval_by_the_mean_and_never_none_while_a_record_is_known_to_lie_above(exact, sketch):
    least = sketch.least_noise
    assert least.by == BY_MEAN and least.sigma == least.interval[1]
    assert least.interval[0] <= exact.least_noise.sigma <= least.interval[1] * 1.001
    assert all(end == float(f"{end:.2g}") for end in least.interval)
    assert sketch.psnr_ceiling < least.wanted < max(row.ideal_psnr for row in sketch.records) <= least.now + 1e-6
    assert (sketch.verdict.by, sketch.verdict.record, sketch.verdict.word) == (BY_ONE, ONE, "readable")
    told = sketch.to_json()
    jsonschema.validate(told, schema())
    assert "none needed" not in noise(told) and "and single records may need more" in noise(told)
    assert "(a sketch, which ranks none)" in headline(told) and "others may be more exposed" in headline(told)
    assert not any("is hidden" in one for one in sketch.advice)


def test_an_unsharp_sketch_tells_no_sharp_noise():
    """Few products of many: the interval is wide, and holds the exact answer to the same question."""
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.Tanh(), torch.nn.Flatten(), torch.nn.Linear(4 * 12 * 12, 5))
    batch = torch.rand(2, 1, 14, 14), torch.tensor([1, 3])
    found = invviz.risk(net, *batch, method="sketch", within=1e-6, ceiling=15.0)
    least, mean = found.least_noise, invviz.risk(net, *batch, method="sketch", within=None, ceiling=15.0).least_noise
    assert found.risk["invre_interval"][1] - found.risk["invre_interval"][0] > 0.05
    low, high = least.interval
    assert low < high == least.sigma
    assert low <= mean.interval[1] and mean.interval[0] <= high
    assert f"the least such noise lies in sigma {low:.2g} to {high:.2g}" in noise(found.to_json())


def test_the_loss_of_every_record_at_any_noise_is_that_of_one_noise(tmp_path):
    for text in ("data=digits&model=lenet&attack=dlg&batch=2&method=sketch", "data=digits&model=mlp&attack=dlg&batch=3&method=exact"):
        d = assessing.assess(Scenario.parse(text), Site(None, tmp_path, "cpu")).decomposition
        for sigma in (1e-4, 1e-2, 1.0):
            assert sample_losses(d)(sigma) == pytest.approx(sample_loss(d, sigma), rel=1e-4)
            assert psnr_of(float(sample_losses(d)(sigma).sum()) / d.size) <= 200


def test_curvature_is_not_begun_where_it_cannot_end_and_what_is_said_is_what_was_done(monkeypatch):
    """A clock that stands still but for one product of one vector, which takes one second."""

    class Slow:
        point = torch.zeros(1)
        now = 0.0

        def matvec(self, v):
            Slow.now += 1.0
            return v

        rmatvec = staticmethod(lambda u: u)

    monkeypatch.setattr("invviz.engine._clock.time.monotonic", lambda: Slow.now)
    assert Clock(TRUST_PRODUCTS - 2.0).short(Slow())
    Slow.now = 0.0
    assert not Clock(TRUST_PRODUCTS + 2.0).short(Slow())
    assert not Clock(None).short(Slow())
    assert "the curvature was not measured" in Clock(1.0).words(None, True)
    assert Clock(1.0).words(None, False) == ""


@pytest.mark.parametrize(("short", "measured"), [(True, False), (False, True)])
def test_the_report_says_of_the_curvature_what_was_done(monkeypatch, short, measured):
    """However long measuring it took: it was said to be missing where it had been measured past its time."""
    phases = []
    monkeypatch.setattr(assessing.Clock, "short", lambda *_: short)
    found = invviz.risk(*case(), loss=squared, method="exact", within=20.0, progress=lambda event: phases.append(event.phase) or True)
    assert (found.risk["trust"] is not None) is measured is ("curvature" in phases)
    assert ("the curvature was not measured" in found.risk["why"]) is short
    assert "trust" not in phases


def test_a_headline_counts_the_attacks_that_had_no_time():
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Sigmoid(), torch.nn.Flatten(), torch.nn.Linear(2 * 36, 3))
    found = invviz.audit(
        net, torch.rand(2, 1, 8, 8), torch.tensor([0, 1]), attacks=["dlg", "inverting_gradients", "linear_layer"], seconds=1e-6
    )
    fates = [one.skipped for one in found.attacks if not one.psnr]
    told = found.to_json()
    jsonschema.validate(told, schema())
    late = sum(one.late for one in found.attacks)
    fit = sum(fate != "does not fit" for fate in fates) + sum(bool(one.psnr) for one in found.attacks)
    assert "does not fit" in fates and late == fit == 2
    unrun, ended = sum(fate == "no time" for fate in fates), sum(one.stopped for one in found.attacks)
    said = headline(told)
    assert f"for lack of time, of {fit} attacks that fit, " in said
    assert (f"{unrun} not run" in said) is (unrun > 0) and (f"{ended} stopped before" in said) is (ended > 0)
    done = {
        **told,
        "attacks": [{**one, "skipped": "" if one["skipped"] == "no time" else one["skipped"], "stopped": False} for one in told["attacks"]],
    }
    assert "lack of time" not in headline(done)


def test_reports_that_were_written_before_there_were_verdicts_are_still_shown(exact):
    told = exact.to_json()
    old = {name: value for name, value in told.items() if name != "verdict"} | {
        "schema": "invviz.audit/1",
        "least_noise": {name: told["least_noise"][name] for name in ("wanted", "sigma", "defense", "reason")},
    }
    assert "What to do" in to_html(old)
    assert "verdict" not in old and headline(old).startswith("Over all 6 records")
