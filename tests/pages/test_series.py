"""The Lab shows series as lines over each other, and the other pages serve them, or say why not."""

from __future__ import annotations

import functools
import importlib.util
import json

import numpy as np
import pytest
from visits import address, html, press, said

from invviz.engine.client import Site
from invviz.jobs.store import Store
from invviz.jobs.worker import work
from invviz.report import collect, to_html
from invviz.scenario import Scenario

TEXT = "data=ecg(index=2)&model=mlp(width=16)&attack=linear_layer&defense=gaussian_noise(sigma=0.1)&prior=natural"


@pytest.fixture
def lab(visit):
    return functools.partial(visit, "lab")


def layers(at):
    """Of the chart of lines: what each layer shows, as (kind of mark, dashed, numbers)."""
    spec = next(s for e in at.get("vega_lite_chart") if "seconds" in json.dumps(s := json.loads(e.proto.spec)))
    return [(p["mark"]["type"], p["mark"].get("strokeDash", [1, 0]) != [1, 0], p["data"]["values"]) for p in spec["layer"]]


def test_truth_ideal_and_real_lie_over_each_other_in_the_unit_of_the_data(lab, store_dir):
    at = lab(TEXT)
    assert not at.exception, at.exception
    ((mark, dashed, rows),) = layers(at)
    truth = Scenario.parse(TEXT).data.load(None).victims.take([2])[0][0, 0]
    assert (mark, dashed) == ("line", False) and [r["v"] for r in rows] == pytest.approx((3 * truth - 1).tolist(), abs=1e-6)  # -1 to 2 mV
    assert rows[64]["t"] == 1.0  # second
    store = Store(store_dir)
    for kind in ("run", "risk"):
        store.submit(kind, Scenario.parse(TEXT), "test")
    work(store, Site(None, store_dir, "cpu"), once=True)
    at.run()
    assert not at.exception, at.exception
    found = layers(at)
    assert [(mark, dashed) for mark, dashed, _ in found] == [("area", False), ("line", False), ("line", True), ("line", False)]
    guess = store.arrays(Scenario.parse(TEXT).key("run"))["guess"][0, 0]
    assert [r["v"] for r in found[3][2]] == pytest.approx((3 * guess - 1).tolist(), abs=1e-4)
    band, ideal = found[0][2], found[2][2]
    assert all(b["low"] < i["v"] < b["high"] for b, i in zip(band, ideal, strict=True))
    width = np.array([(b["high"] - b["low"]) / 2 for b in band]) / 3  # of what is left of a variance of 1/16
    assert width.max() < 0.25
    words = said(at)
    assert (
        "The client's series" in words and "correlation" in words and "as the natural prior counts" in words and "early wide beat" in words
    )
    assert "On this series the ideal attacker reaches" in words and "SSIM" not in words and "nan" not in words

    page = to_html(collect(store, [Scenario.parse(TEXT).key(kind) for kind in ("run", "risk")]))
    assert "ecg" in page and page.count("data:image/png") >= 2 and "nan" not in page.lower()


def test_a_set_of_series_that_is_not_here_says_how_to_get_it(lab, monkeypatch):
    monkeypatch.delenv("INVVIZ_DATA", raising=False)
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "aeon" else real(name, *rest))
    at = lab("data=gunpoint&model=gru&attack=dlg")
    assert not at.exception and "pip install --no-deps aeon" in said(at) and "data=ecg" in said(at)


@pytest.mark.parametrize("page", ["risk", "defend", "attacks", "curves", "vertical", "server", "results"])
def test_other_pages_serve_series_or_say_why_not(visit, page):
    at = visit(page, TEXT)
    assert not at.exception, at.exception
    words = said(at)
    if page == "vertical":  # one channel can be cut in one way only, which is no choice
        assert "Cut among 2 parties" in html(at, "vertical tiles") and "The mean series" in html(at, "vertical tiles")
        assert not at.warning and "Each holds" not in [g.label for g in at.button_group] and "series cut among parties" in words
    if page == "server":
        assert "ecg is a set of time series" in words
    if page in ("risk", "attacks"):
        assert "series" in words


def test_a_card_opens_one(lab):
    at = lab()
    press(at, "A heartbeat in a gradient")
    assert not at.exception and layers(at)[0][0] == "line" and address(at, "data") == "ecg(index=2)"
