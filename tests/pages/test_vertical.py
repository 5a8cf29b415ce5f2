"""The Vertical page as Streamlit runs it, without a browser and without workers."""

from __future__ import annotations

import dataclasses
import functools
import re

import numpy as np
import pytest
from visits import asked_for, computed, html, press, said

from invviz.charts.depth import over_depth
from invviz.charts.parts import parted
from invviz.engine.assess import assess
from invviz.engine.attack import run
from invviz.engine.baseline import mean_picture
from invviz.engine.client import Site
from invviz.engine.summary import risk_summary
from invviz.metrics import PSNR
from invviz.scenario import Scenario, problems
from invviz.scenario.families import cuts
from invviz.studies import gallery
from invviz.studies.gallery import _vertical
from invviz.ui.vertical import charts

QUICK = "data=digits&model=convnet(width=2,act='tanh')&protocol=vfl&attack=rmle(steps=20)"


@pytest.fixture
def vertical(visit, monkeypatch):
    """Opens the page at an address; the decoder learns little, so that a worker is done with it in a moment."""
    quick = {"rmle": cuts.RMLE(steps=20), "inverse_network": cuts.InverseNetwork(epochs=1, width=4, pictures=64)}
    monkeypatch.setattr(cuts, "RMLE", lambda **knobs: dataclasses.replace(quick["rmle"], **knobs))
    monkeypatch.setattr(cuts, "InverseNetwork", lambda: quick["inverse_network"])
    return functools.partial(visit, "vertical")


def cells(at, title):
    """A row of the table of all depths, without markup."""
    row = next(r for r in html(at, "vertical depths").split("<tr")[1:] if f">{title}</th>" in r)
    return [re.sub(r"<[^>]*>", " ", c).strip() for c in re.findall(r"<td[^>]*>(.*?)</td>", row)]


def test_every_depth_is_scored_and_attacked_when_a_person_asks(vertical, store_dir):
    at = vertical(QUICK)
    assert not at.exception
    assert [Scenario.parse(job.scenario).protocol.cut for job in asked_for(store_dir).values()] == [1], "only what is open"
    press(at, "Attack at every depth (4 left)")
    assert [job.kind for job in asked_for(store_dir).values()].count("risk") == 2
    computed(at, store_dir)
    assert not at.exception and any(b.label == "All attacks are in" and b.disabled for b in at.button)
    site = Site(None, store_dir, "cpu")
    for place, s in enumerate(cuts.at_depths(Scenario.parse(QUICK))):
        found = assess(s, site)
        summary = risk_summary(s, found.decomposition, found.size, found.stages)
        assert cells(at, "InvRE, expected best")[place].startswith(f"{summary['invre']:.2f}")
        for name, attack in cuts.attackers(s).items():
            assert f"{np.mean(run(attack, site).scores['psnr']):.1f} dB" in cells(at, cuts.called(name))[place]
    assert cells(at, "Joint accuracy") == ["not trained"] * 2
    now = Scenario.parse(QUICK)
    mean = mean_picture(now, now.data.load(None))
    truth = now.protocol.part(now.data.victims(now.data.load(None), 1)[0])
    assert f"{PSNR().score(mean, truth)[0]:.1f} dB" in html(at, "vertical tiles"), "the baseline"
    assert "numbers for 32 pixel values" in html(at, "vertical depths")


@pytest.mark.parametrize("attacker", ["unaware", "aware"])
def test_marks_are_hollow_for_those_who_are_not_told_of_the_defense(vertical, monkeypatch, attacker):
    """It was asked whether there is a defense: who was told of it had hollow marks, too."""
    told = []
    monkeypatch.setattr(charts, "over_depth", lambda *given: told.append(given[-1]) or over_depth(*given))
    at = vertical(QUICK.replace("&attack", "&defense=gaussian_noise&attack"), attacker=attacker)
    assert not at.exception and told == [attacker == "unaware"]
    assert any("hollow because they are not told" in one.value for one in at.caption) is (attacker == "unaware")


def test_the_other_depths_are_scored_when_a_person_asks(vertical, store_dir):
    at = press(vertical(QUICK), "Score the other depth")
    assert not at.exception and len(asked_for(store_dir)) == 2 and not any(b.label.startswith("Score") for b in at.button)


@pytest.mark.parametrize("how", ["parties=2,party=3,cut=2", "parties=2,party=1,together=2,cut=2", "parties=2,split='quadrants',cut=2"])
@pytest.mark.parametrize("page", ["vertical", "lab"])
def test_a_cut_that_does_not_exist_says_so_and_can_be_undone(visit, store_dir, how, page):
    at = visit(page, f"data=digits&model=convnet&protocol=vfl({how})&attack=rmle")
    assert not at.exception and not asked_for(store_dir)
    assert any(n.label.startswith("parties") for n in at.number_input), "the control is still there"


def test_attack_here_runs_this_depth_only(vertical, store_dir):
    at = press(vertical(QUICK), "Attack here (2)")
    assert [Scenario.parse(job.scenario).protocol.cut for job in asked_for(store_dir).values() if job.kind == "run"] == [1, 1]
    press(at, "Stop (2 to go)")
    assert not at.exception and {job.state for job in asked_for(store_dir).values() if job.kind == "run"} == {"stopped"}


def test_the_slider_and_the_parties_change_the_scenario(vertical, store_dir):
    at = vertical(QUICK)
    at.select_slider[0].set_value(2).run()
    assert not at.exception and "cut=2" in str(at.query_params["protocol"])
    next(c for c in at.button_group if c.label == "Parties").set_value("4").run()
    assert not at.exception and "parties=4" in str(at.query_params["protocol"])
    next(c for c in at.button_group if c.label == "Each holds").set_value("quadrants").run()
    assert not at.exception and "quadrants" in str(at.query_params["protocol"])
    next(c for c in at.button_group if c.label.startswith("The attacker sees")).set_value("all").run()
    assert not at.exception and "together=4" in str(at.query_params["protocol"])
    next(c for c in at.button_group if c.label == "Parties").set_value("1 (split learning)").run()
    assert not at.exception and "quadrants" not in str(at.query_params["protocol"])


def test_what_sends_a_gradient_is_turned_into_an_embedding(vertical, store_dir):
    at = vertical("data=digits&model=mlp&attack=linear_layer&defense=gaussian_noise(sigma=0.1)")
    assert not at.exception and "What was open sends gradients" in said(at)
    assert "vfl" in str(at.query_params["protocol"]) and "gaussian" in str(at.query_params["defense"])
    assert "can be cut in one place only" in said(at)


def test_a_row_of_a_table_is_shown_cell_by_cell(vertical, store_dir):
    at = vertical("data=wine&model=mlp(width=8)&protocol=vfl&attack=rmle(steps=20,tv=0)")
    press(at, "Attack at every depth (2 left)")
    computed(at, store_dir)
    assert not at.exception and "cells right" in said(at)
    rows = next(e.proto.body for e in at.get("html") if 'class="rows' in e.proto.body)
    assert rows.count("<tr>") == 1 + 6 and "An optimiser (" in rows and "A decoder (" in rows and "the mean row (" in rows
    assert "Party 1 holds" in said(at) and "Party 2 holds" in said(at)
    assert all("of 6 cells right" in c for c in cells(at, "A decoder"))


def test_turning_keeps_what_fits():
    kept = cuts.as_vertical(Scenario.parse("data=digits&model=mlp&defense=gaussian_noise&attack=dlg&attacker=aware"))
    assert not problems(kept) and [d.name for d in kept.defense] == ["gaussian_noise"]
    assert not cuts.as_vertical(Scenario.parse("data=digits&model=mlp&defense=dp_sgd")).defense
    assert cuts.as_vertical(Scenario.parse("data=digits&model=resnet18")).protocol.parties == 1, "its parts would be too small"
    own = Scenario.parse("data=digits&model=mlp&protocol=vfl(parties=3)&attack=dlg")
    assert cuts.as_vertical(own) == own and list(cuts.attackers(own)) == ["rmle", "inverse_network", "dlg"]


def test_a_wrong_combination_says_why(vertical, store_dir):
    at = vertical("data=digits&model=alexnet&protocol=vfl(parties=1)")
    assert not at.exception and "needs pictures of at least" in said(at) and not asked_for(store_dir)


def test_the_parts_are_drawn_where_they_are():
    import base64
    import io

    from PIL import Image

    picture = np.zeros((1, 3, 8, 8), np.float32)
    regions = [((0, 0, 0), (3, 8, 4)), ((0, 0, 4), (3, 8, 8))]
    address = parted(picture, regions, [1])
    shown = np.array(Image.open(io.BytesIO(base64.b64decode(address.split(",")[1]))))
    side = shown.shape[0]
    assert (shown[:, -side // 4 :] == 0).all(), "the attacked part as it is"
    assert (shown[:, : side // 4] > 100).all(), "the other one pale"
    assert (shown[:, side // 2] == 255).all(), "a line between"
    series = np.linspace(0, 1, 10, dtype=np.float32)[None, None]
    lines = parted(series, [((0, 0), (1, 5)), ((0, 5), (1, 10))], [0])
    shown = np.array(Image.open(io.BytesIO(base64.b64decode(lines.split(",")[1]))).getchannel("A"))
    first, second = np.split(shown, 2, axis=1)
    assert first.max() > 220 and first[0, 0] == 0 and second[:, 5:].max() < 120, "the attacked half of the line is plain, on no ground"


def test_prepared_depths_are_shown_without_a_click(vertical, store_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(cuts, "VERTICAL", QUICK)
    monkeypatch.setattr(gallery, "FOLDER", tmp_path)
    _vertical.make(tmp_path / "vertical")
    gallery.forget()
    try:
        at = vertical()
        assert not at.exception and any(b.label == "All attacks are in" for b in at.button)
        assert not asked_for(store_dir), "nothing of it had to be asked for"
        assert all("dB" in c for c in cells(at, "A decoder"))
    finally:
        gallery.forget()


@pytest.mark.skipif(not gallery.results("vertical"), reason="made by python -m invviz.gallery vertical")
def test_the_opening_is_prepared(visit, store_dir):
    at = visit("vertical")
    assert not at.exception and any(b.label == "All attacks are in" for b in at.button) and not asked_for(store_dir)
