"""What an audit says of its records: no order that a sketch does not know, no record that a guess gets, the numbers of the file, full texts."""

import json
import math

import pytest
import torch

import invviz
from invviz.core.errors import InvvizError
from invviz.engine.assess import choose
from invviz.engine.audit.advice import times
from invviz.report.audit import _words, noise
from invviz.scenario import Scenario


def net(pixels=16):
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(pixels, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3))


def case(records=3):
    torch.manual_seed(1)
    return net(), torch.rand(records, 1, 4, 4), torch.arange(records) % 3


def test_of_a_sketch_no_record_is_named_most_exposed_and_no_order_is_claimed():
    exact, sketch = (invviz.risk(*case(), method=method) for method in ("exact", "sketch"))
    best = max(exact.records, key=lambda row: row.ideal_psnr).record
    assert f"Most exposed: record {best}," in str(exact)
    assert "no attack was run." in str(exact) and "by a real attack" not in str(exact)
    assert "the most exposed first" in exact.text("html")
    assert [row.record for row in sketch.records] == [0, 1, 2]
    page = sketch.text("html")
    assert "order not known: sketch" in page
    assert "Which record is most exposed is not known" in page
    for told in (str(sketch), page):
        assert "Most exposed:" not in told
        assert "most exposed first" not in told
    assert sketch.plot().layout.xaxis.title.text == "record"


def test_the_exact_spectrum_is_taken_where_the_time_is_enough_for_it():
    s = Scenario.parse("data=digits&model=lenet&attack=dlg")
    assert choose(s, 10**6, 3_456, 1.0)[0] == "sketch"  # nobody said how much time there is
    assert choose(s, 10**6, 3_456, 1.0, 120.0)[0] == "exact"  # 66 to 73 s, measured on two cores
    assert choose(s, 10**6, 3_456, 1.0, 20.0)[0] == "sketch"
    assert choose(s, 10**6, 8_193, 1.0, math.inf)[0] == "sketch"  # never beyond what an exact spectrum is allowed


def test_guessing_is_told_by_the_mean_of_squared_errors_and_a_record_that_a_guess_gets_is_no_exposed_one():
    batch = torch.stack([torch.full((1, 4, 4), 0.5), *torch.rand(2, 1, 4, 4, generator=torch.Generator().manual_seed(3))])
    found = invviz.risk(net(), batch, torch.tensor([0, 1, 2]), method="exact")
    mean = -10 * math.log10(float((batch - 0.5).square().mean()))
    assert f"guessing the middle gets {mean:.1f} dB" in str(found)
    flat = found.records[-1]
    assert (flat.record, flat.ideal_word) == (0, "no more than a guess")
    assert found.records[0].ideal_word in ("hidden", "blurred", "recognisable", "readable")


def test_a_mean_error_does_not_hide_records_that_are_read():
    assert _words.of_mean_error([200.0, 10.0]) == pytest.approx(10 + 10 * math.log10(2))
    assert _words._read({"psnr": [80.0, 10.0]}) == ", 1 of them to rounding"
    assert _words._read({"psnr": [80.0, 90.0]}) == _words._read({"psnr": [8.0, 9.0]}) == ""


def test_records_keep_the_numbers_of_their_file():
    found = invviz.audit(*case(2), attacks="linear_layer", first=4, seconds=5)
    assert {row.record for row in found.records} == {4, 5} == set(found.rows()["record"])
    told = found.to_json()
    assert {row["record"] for row in told["records"]} == {4, 5}
    assert told["asked"]["first"] == 4
    page = found.text("html")
    assert f"record {found.records[0].record}, most exposed first"[:8] in page
    ticks = [f'y="269">{row.record}</text>' for row in found.records]
    assert all(tick in page for tick in ticks)  # names of records under the chart, not ranks
    assert 'y="269">1</text>' not in page
    assert "0,4" not in found.text("csv")
    with pytest.raises(InvvizError, match="first=-1"):
        invviz.risk(*case(2), first=-1)


@pytest.mark.parametrize("loss", [None, torch.nn.functional.cross_entropy, torch.nn.CrossEntropyLoss()])
def test_a_label_that_the_loss_leaves_out_is_refused(loss):
    module, x, _ = case()
    with pytest.raises(InvvizError, match=r"record 1 of the batch is -100.*ignore_index"):
        invviz.risk(module, x, torch.tensor([0, -100, 2]), loss=loss)
    own = torch.nn.CrossEntropyLoss(ignore_index=2)
    with pytest.raises(InvvizError, match=r"record 2 of the batch is 2"):
        invviz.risk(module, x, torch.tensor([0, 1, 2]), loss=own)
    assert invviz.risk(module, x, torch.tensor([0, 1, 1]), loss=own).risk is not None


def test_the_defense_is_told_with_every_knob():
    found = invviz.risk(*case(), defense="clipping&gaussian_noise(sigma=0.1)")
    full = "clipping(clip_norm=1.0,granularity=batch)&gaussian_noise(sigma=0.1)"
    assert found.findings.defense == full or "clip_norm=1" in found.findings.defense
    page = found.text("html")
    assert page.count(found.findings.defense.replace("&", "&amp;")) >= 2  # Scope, and To compute it again
    assert "clip_norm=1" in json.dumps(found.to_json()["asked"])


def test_attacks_have_the_time_that_is_left_and_say_when_it_was_over(monkeypatch):
    monkeypatch.setattr("invviz.engine.audit.examine.LEAST", 0.1)
    module, x, y = case()
    search = "inverting_gradients(steps=20000,restarts=1)"
    found = invviz.audit(module, x, y, attacks=[search, "pca_prior"], within=5.0, method="exact", defense="gaussian_noise(sigma=0.5)")
    (late,) = (one for one in found.attacks if one.psnr)
    assert late.stopped
    assert late.seconds > 2.6  # no half of it for an attack that is not tried
    row = found.to_json()["attacks"][0]
    assert _words.state(row) == f"stopped at the end of its time ({late.seconds:.0f} s)"
    assert any("1 stopped at the end of its time: inverting_gradients" in one for one in found.advice)
    asked = {**row, "note": "Stopped on request."}
    assert _words.state(asked) == "stopped on request"


def test_noise_has_its_unit_and_is_not_asked_for_where_none_is_needed():
    bare = invviz.risk(*case(), method="exact")
    sigma = bare.least_noise.sigma
    unit = f"gaussian_noise(sigma={sigma:g}) ({sigma:g} times the typical entry of the message"
    assert any(unit in one for one in bare.advice)
    assert unit in bare.text("html")
    assert times(1.0) == "1 times the typical entry of the message"
    assert times(1.01).endswith(", more noise than signal")
    behind = invviz.risk(*case(), method="exact", defense=bare.least_noise.defense)
    assert max(row.ideal_psnr for row in behind.records) <= behind.least_noise.wanted
    assert noise(behind.to_json()).startswith("none needed beyond what there is: ")


def test_batch_norm_in_training_mode_is_said_before_any_figure():
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.Flatten(), torch.nn.Linear(8, 3))
    _, x, y = case()
    trains = str(invviz.risk(module.train(), x, y))
    assert trains.index("which nobody sends if clients train in that mode") < trains.index("expected to get")
    assert "nobody sends" in invviz.risk(module.train(), x, y).text("html")
    assert "nobody sends" not in str(invviz.risk(module.eval(), x, y))


def test_without_attacks_the_ideal_attacker_is_told_of_and_the_scenario_names_no_attack():
    found = invviz.risk(*case())
    told = found.to_json()
    assert told["threat_model"]["knows"].startswith("message, net, targets and what is expected of records")
    assert "attack=" not in told["scenario"]
    assert "attacker=" in told["scenario"]
    page = found.text("html")
    assert all(f"{words} from {limit} %" in page for words, limit in (("recognisable", 75), ("readable", 90)))
    assert "hidden up to 21 %" in page


def test_what_does_not_fit_is_said_with_what_is_allowed():
    module, x, _ = case()
    with pytest.raises(InvvizError, match=r"from 0 to 3; the net gives 3 scores a record, so classes are 0 to 2"):
        invviz.risk(module, x, torch.tensor([0, 1, 3]))
    with pytest.raises(InvvizError, match=r"from -1 to 1"):
        invviz.risk(module, x, torch.tensor([0, 1, -1]))
    with pytest.raises(InvvizError, match=r"module is the class Linear; give an object, as in Linear\(...\)"):
        invviz.risk(torch.nn.Linear, x, torch.tensor([0, 1, 2]))
    pictures = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Flatten(), torch.nn.Linear(968, 3))
    with pytest.raises(InvvizError, match=r"x\[:, None\] adds it"):
        invviz.risk(pictures, torch.rand(6, 24, 24), torch.zeros(6, dtype=torch.int64))
