"""The Attacks page as Streamlit runs it, without a browser and without workers."""

from __future__ import annotations

import functools
import json
import re

import numpy as np
import pytest
from visits import asked_for, computed, html, press, said

from invviz.attacks import ATTACKS
from invviz.engine.attack import run
from invviz.engine.client import Site
from invviz.scenario import Scenario
from invviz.scenario.families import attacks as lineup
from invviz.studies import gallery
from invviz.studies.gallery import _attacks
from invviz.ui import shipped

QUICK = "data=digits&model=mlp(width=16)&attack=linear_layer"
FEW = {
    "linear_layer": ATTACKS["linear_layer"],
    "inverting_gradients": functools.partial(ATTACKS["inverting_gradients"], steps=20),
    "rmle": ATTACKS["rmle"],
}


@pytest.fixture
def attacks(visit, monkeypatch):
    """Opens the page at an address, with few quick attacks."""
    monkeypatch.setattr(lineup, "ATTACKS", FEW)
    return functools.partial(visit, "attacks")


def rows(at):
    """Cells of every attack's row, without markup, by the attack's title."""
    found = {}
    for row in html(at, "attacks grid").split("<tr>")[2:]:
        cells = [re.sub(r"\\s+", " ", re.sub(r"<[^>]*>", " ", c)).strip() for c in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row)]
        found[cells[0].split(" told:")[0].strip()] = cells[1:]
    return found


def queued(folder):
    return [Scenario.parse(job.scenario) for job in asked_for(folder).values() if job.kind == "run"]


def test_attacks_are_run_when_a_person_asks(attacks, store_dir):
    at = attacks(QUICK)
    assert not at.exception and "run all 2" in said(at) and not queued(store_dir)
    press(at, "Run all attacks (2 left)")
    assert {s.attack.name for s in queued(store_dir)} == {"linear_layer", "inverting_gradients"}
    computed(at, store_dir)
    assert not at.exception and any(b.label == "All attacks are in" and b.disabled for b in at.button)
    now, site = Scenario.parse(QUICK), Site(None, store_dir, "cpu")
    exact = run(now, site)
    linear, matching = rows(at)["Linear layer (closed form)"], rows(at)["Inverting gradients"]
    assert f"{exact.scores['psnr'][0]:.1f} dB" in linear[0] and "One sample" in linear[2]
    assert "20 steps" in matching[1] and "never guaranteed" in matching[2]
    assert next(iter(rows(at))) == "Linear layer (closed form)", "the best first"
    assert "Linear layer" in said(at) and "is the strongest of 2 attacks" in said(at)
    assert any("do not fit here, and why" in e.label for e in at.expander) and "inverts an embedding" in said(at)


def test_other_seeds(attacks, store_dir):
    at = computed(press(attacks(QUICK), "Run all attacks"), store_dir)
    press(at, "Run 5 seeds of every attack (8 left")
    assert sorted({s.seed for s in queued(store_dir)}) == [7, 8, 9, 10, 11]
    computed(at, store_dir)
    assert not at.exception
    assert len(at.get("vega_lite_chart")) == 3, "race, spread, and the conditions of training mode"


def test_a_card_shows_another_victim(attacks):
    at = press(attacks(QUICK), "A fully connected net")
    assert not at.exception
    assert at.session_state["scenario"] == Scenario.parse(lineup.SCENES[-1].scenario)


def test_where_nothing_fits_the_page_says_so(attacks, monkeypatch):
    monkeypatch.setattr(lineup, "ATTACKS", {"rmle": ATTACKS["rmle"]})
    at = attacks(QUICK)
    assert not at.exception and "No attack fits this scenario" in said(at) and "inverts an embedding" in said(at)
    assert any(b.label == "A fully connected net" for b in at.button)


def test_prepared_attacks_are_shown_without_a_click(attacks, store_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(lineup, "SCENES", (lineup.Victim("quick", "Only a test.", QUICK),))
    monkeypatch.setattr(gallery, "FOLDER", tmp_path)
    _attacks.make(tmp_path / "attacks")
    gallery.forget()
    try:
        kept = gallery.results("attacks")[Scenario.parse(QUICK).replace(attack=FEW["inverting_gradients"]()).key("run")]
        seconds, psnr = kept[0]["curve"]
        assert len(seconds) and (np.diff(seconds) > 0).all() and np.isfinite(psnr).all()
        at = attacks(QUICK)
        assert not at.exception and not queued(store_dir)
        assert "is the strongest of 2 attacks" in said(at) and any(b.label == "All attacks are in" for b in at.button)
    finally:
        gallery.forget()


def test_what_takes_too_long_is_named_and_missing_ones_are_made_later(attacks, store_dir, tmp_path, monkeypatch):
    scene = Scenario.parse(QUICK)
    keys = {name: scene.replace(attack=kind()).key("run") for name, kind in FEW.items() if name != "rmle"}
    monkeypatch.setattr(lineup, "SCENES", (lineup.Victim("quick", "Only a test.", QUICK),))
    monkeypatch.setattr(gallery, "FOLDER", tmp_path)

    def forget():
        gallery.forget()

    forget()
    try:
        monkeypatch.setattr(_attacks, "MOST", 0.0)
        _attacks.make(tmp_path / "attacks")
        forget()
        assert set(gallery.results("attacks")) == {scene.key("risk"), keys["linear_layer"]}, "it asks nobody"
        assert gallery.late("attacks") == {keys["inverting_gradients"]: 0.0}
        at = attacks(QUICK)
        assert not at.exception and rows(at)["Inverting gradients"][0] == "not prepared: takes longer than 0 s"
        monkeypatch.setattr(_attacks, "MOST", 40.0)
        before = (tmp_path / "attacks" / "facts.json").read_text()
        _attacks.make(tmp_path / "attacks", missing=True)
        forget()
        assert set(gallery.results("attacks")) == {scene.key("risk"), *keys.values()} and not gallery.late("attacks")
        whole, part = json.loads((tmp_path / "attacks" / "facts.json").read_text())["results"], json.loads(before)["results"]
        assert {key: whole[key] for key in part} == part, "what was there stays, to the second"
        other = f"{QUICK}&seed=5"
        monkeypatch.setattr(lineup, "SCENES", (lineup.Victim("quick", "Only a test.", other),))
        monkeypatch.setattr(_attacks, "MOST", 0.0)
        _attacks.make(tmp_path / "attacks", missing=True)
        forget()
        left = {Scenario.parse(other).key("risk"), Scenario.parse(other).replace(attack=FEW["linear_layer"]()).key("run")}
        assert set(gallery.results("attacks")) == left, "what nobody finds any more, as after a key has moved, is gone"
    finally:
        forget()


def test_a_victim_that_is_not_prepared_begins_by_itself(visit, store_dir):
    at = visit("attacks")
    for scene in lineup.SCENES:
        press(at, scene.title)
        assert not at.exception
        scenario = Scenario.parse(scene.scenario)
        jobs = {(job.kind, job.key) for job in asked_for(store_dir).values() if job.active}
        ready = shipped.results(scenario, "run") is not None
        assert (("run", scenario.key("run")) in jobs) != ready, f"{scene.title}: its own attack is prepared, or waits"
        drawn = shipped.spectrum(scenario) is not None
        assert (("risk", scenario.key("risk")) in jobs) != drawn and (("sketch", scenario.key("sketch")) in jobs) != drawn
