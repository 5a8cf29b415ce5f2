"""Another picture shows a first sketch at once, marked as one, and sharpens: on every page."""

from __future__ import annotations

import re

import pytest
from visits import asked_for, html, said

from invviz.engine.assess import assess
from invviz.engine.client import Site
from invviz.jobs.store import Store
from invviz.jobs.worker import work
from invviz.risk import invre, invre_interval
from invviz.scenario import Scenario
from invviz.scenario.families import comparisons
from invviz.ui import session

NEW = "data=photos(index=3,size=16)&model=lenet&defense=gaussian_noise(sigma=0.1)&prior=natural"
CUT = "data=photos(index=3,size=16)&model=lenet&protocol=vfl(cut=1)&attack=rmle&prior=natural"


def made(at, folder, kind):
    """Let a worker make what waits of a kind, and look again."""
    work(Store(folder), Site(None, folder, "cpu"), once=True, kinds=[kind])
    return at.run()


def waiting(folder):
    return sorted(job.kind for job in asked_for(folder).values() if job.active)


def test_the_lab_shows_a_sketch_then_the_spectrum(visit, store_dir):
    at = visit("lab", NEW)
    assert waiting(store_dir) == ["risk", "sketch"] and "InvRE ..." in said(at)
    made(at, store_dir, "sketch")
    words, site, scenario = said(at), Site(None, store_dir, "cpu"), Scenario.parse(NEW)
    first = assess(scenario, site, first=True)
    low, high = invre_interval(first.decomposition, sigma := first.size.rms * (0.1**2 + 0.01**2) ** 0.5)
    assert not at.exception and "sketch, being sharpened" in words and "dB so far" in words
    assert f"InvRE {low:.2f} to {high:.2f}" in words, "the error bar stands in the first line"
    assert "Run the attack to see how near" not in words and "not privacy" not in words, "no verdict rests on it"
    assert waiting(store_dir) == ["risk"]
    made(at, store_dir, "risk")
    exact = invre(assess(scenario, site).decomposition, sigma)
    assert f"InvRE {exact:.2f}:" in said(at) and "being sharpened" not in said(at) and low <= exact <= high


@pytest.mark.parametrize(
    ("page", "text", "where"), [("attacks", NEW, "attacks tiles"), ("defend", NEW, "defend"), ("vertical", CUT, "vertical tiles")]
)
def test_other_pages_show_the_sketched_picture_and_say_nothing_of_it(visit, store_dir, page, text, where):
    at = visit(page, text)
    empty = html(at, where)
    assert "so far" not in empty and "sketch" in waiting(store_dir)
    made(at, store_dir, "sketch")
    assert not at.exception
    assert re.search(r"\d+\.\d dB so far: sketch, being sharpened", html(at, where)) and html(at, where).count("<img") > empty.count("<img")
    assert "ideal attacker reaches" not in said(at) and "ideal attacker gets" not in said(at), "no verdict rests on it"


def test_risk_opens_a_picture_by_its_sketch(visit, store_dir):
    at = visit("risk", NEW)
    made(at, store_dir, "sketch")
    assert not at.exception and "being sharpened" in said(at) and "Bounds, and how far to trust them, come with the spectrum" in said(at)


def test_rows_of_risk_have_intervals_before_they_are_scored(visit, store_dir):
    at = visit("risk", NEW.replace("index=3,", ""))
    assert len(asked_for(store_dir)) > 12 and at.dataframe[0].value["InvRE"].isna().all()
    made(at, store_dir, "sketch")
    table = at.dataframe[0].value
    assert not at.exception and table["InvRE"].notna().all() and table["expected best"].str.startswith("sketch, being sharpened").all()
    assert "Scoring 12 pictures" in said(at) and "Most exposed" not in said(at), "no order is said of them"
    scenario = comparisons.pictures(Scenario.parse(NEW), [4])[0]
    first = assess(scenario, Site(None, store_dir, "cpu"), first=True)
    low, high = invre_interval(first.decomposition, first.size.rms * (0.1**2 + 0.01**2) ** 0.5)
    row = table[table["what"].str.startswith("4 ")].iloc[0]
    assert row["InvRE"] == pytest.approx((low + high) / 2, abs=1e-6) and float(row["±"]) == pytest.approx((high - low) / 2, abs=6e-4)


def test_a_sketch_that_nobody_looks_at_any_more_is_not_made(visit, store_dir):
    at = visit("lab", NEW)
    at.number_input[0].set_value(4).run()
    kinds = {(job.kind, Scenario.parse(job.scenario).data.index): job.state for job in asked_for(store_dir).values()}
    assert kinds == {("sketch", 3): "stopped", ("risk", 3): "stopped", ("sketch", 4): "queued", ("risk", 4): "queued"}
    at.number_input[0].set_value(3).run()
    kinds = {(job.kind, Scenario.parse(job.scenario).data.index): job.state for job in asked_for(store_dir).values()}
    assert kinds["sketch", 3] == kinds["risk", 3] == "queued" and kinds["sketch", 4] == "stopped"


def test_small_pictures_and_noise_with_a_shape_have_none(visit, store_dir):
    visit("lab", "data=digits&model=lenet")
    visit("lab", NEW.replace("gaussian_noise(sigma=0.1)", "invl_gnp"))
    assert {job.kind for job in asked_for(store_dir).values()} == {"risk"}


@pytest.mark.parametrize(("wanted", "kinds"), [("1", [()]), ("2", ["run", (), "sketch"]), ("3", ["run", (), (), "sketch"])])
def test_one_more_worker_makes_nothing_but_first_sketches(monkeypatch, store_dir, wanted, kinds):
    started = []
    monkeypatch.setenv("INVVIZ_WORKERS", wanted)
    monkeypatch.setattr(session, "start_worker", lambda site, *given, **more: started.append(given))
    station = session.Station()
    station.keep_workers()
    assert [given[-1] if "--kinds" in given else () for given in started] == kinds
    assert station.num_workers == int(wanted), "estimates count those that do long work"
