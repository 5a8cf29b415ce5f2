"""The section "Does training mode protect?" of the Attacks page, without a browser and without workers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from visits import new_server

from invviz.attacks import ATTACKS
from invviz.engine.client import Site
from invviz.jobs.store import Store
from invviz.jobs.worker import work
from invviz.scenario import Scenario
from invviz.scenario.families import attacks, conditions
from invviz.studies import gallery
from invviz.studies.gallery import _conditions

ROOT = Path(__file__).parents[2]
QUICK = "data=digits&model=mlp(width=16)&attack=linear_layer"
CLEAR = (conditions.scenario, conditions._attackers)


@pytest.fixture
def small(monkeypatch):
    """Small pictures, two seeds, few steps."""
    for name, value in {
        "VICTIM": "data=digits&batch=2&prior=natural&floor=0.0001",
        "STEPS": 3,
        "SEEDS": (7, 8),
        "WIDTHS": (4, 2),
        "BLOCKS": (1, 2),
    }.items():
        monkeypatch.setattr(conditions, name, value)
    monkeypatch.setattr(attacks, "ATTACKS", {"linear_layer": ATTACKS["linear_layer"]})
    for cached in CLEAR:
        cached.cache_clear()
    yield
    for cached in CLEAR:
        cached.cache_clear()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder for prepared results, filled by the first test that needs it."""
    return tmp_path_factory.mktemp("gallery")


@pytest.fixture
def page(store_dir, small, made, monkeypatch):
    """Opens the page, with prepared results of every row."""
    if not (made / "conditions").exists():
        _conditions.make(made / "conditions")
    monkeypatch.setattr(gallery, "FOLDER", made)
    gallery.forget()

    def opened(switched=""):
        new_server()
        at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
        at.switch_page("pages/attacks.py")
        for name in list(at.query_params):
            del at.query_params[name]
        for name, value in Scenario.parse(QUICK).pairs():
            at.query_params[name] = value
        if switched:
            at.query_params["conditions"] = switched
        return at.run()

    yield opened
    new_server()
    gallery.forget()


def said(at):
    return " ".join(e.value for e in [*at.markdown, *at.caption, *at.info, *at.error, *at.warning])


def groups(at):
    """What stands under the pictures, by the title of their group."""
    body = next(e.proto.body for e in at.get("html") if 'class="attacks modes' in e.proto.body)
    found = {}
    for part in body.split("<section")[1:]:
        title = re.search(r"<b>(.*?)</b>", part).group(1)
        found[title] = [re.sub(r"<[^>]*>", " ", c).strip() for c in re.findall(r"<figcaption>(.*?)</figcaption>", part)]
    return found


def switch(at, label, value):
    return next(c for c in at.button_group if c.label == label).set_value(value).run()


def press(at, start):
    return next(b for b in at.button if b.label.startswith(start)).click().run()


def queued(folder):
    store = Store(folder)
    with store._db.read() as con:
        keys = [r["key"] for r in con.execute("SELECT key FROM jobs WHERE kind = 'run'")]
    return [Scenario.parse(store.job(key).scenario) for key in keys]


def test_it_opens_prepared(page, store_dir):
    at = page()
    assert not at.exception and not queued(store_dir)
    shown = groups(at)
    assert list(shown) == ["The client&#x27;s pictures", "An ideal attacker", "Inference mode", "Training mode, nothing changed"]
    for title, seeds in list(shown.items())[2:]:
        kept = gallery.results("conditions")
        for seed, text in zip(conditions.SEEDS, seeds, strict=True):
            client = conditions.scenario(frozenset({"inference"} if "Inference" in title else ()), seed)
            psnr = kept[client.key("run")][1]["scores"]["psnr"]
            assert f"{sum(psnr) / len(psnr):.1f} dB" in text and f"seed {seed}" in text, "every seed is shown, the worst too"
    words = said(at)
    assert "Valadi et al." in words and "Measured here" in words and "Training mode" in words
    assert all(conditions.CONDITIONS[name].row in words for name in conditions.CONDITIONS), "each is told apart in words, too"
    assert not any(b.label.startswith("Run this combination") for b in at.button)


def test_a_switch_shows_a_prepared_row_and_stays_in_the_address(page, store_dir):
    at = switch(page(), "Skip connections", "off")
    assert not at.exception and "plain" in at.query_params["conditions"] and not queued(store_dir)
    assert "No skip connections" in groups(at) and not any(b.label.startswith("Run this combination") for b in at.button)
    at = press(at, "Change nothing")
    assert "conditions" not in at.query_params and "No skip connections" not in groups(at)
    assert next(c for c in at.button_group if c.label == "Skip connections").value in ("on", ["on"])


def test_a_combination_asks_for_the_right_scenarios_when_a_person_presses(page, store_dir):
    at = switch(page("narrow"), "Batch statistics", "kept")
    assert not at.exception and not queued(store_dir) and "not computed yet" in said(at)
    press(at, "Run this combination (4 attacks")
    asked = queued(store_dir)
    changed = frozenset({"narrow", "kept"})
    wanted = [s for seed in conditions.SEEDS for s in conditions.attackers(conditions.scenario(changed, seed)).values()]
    assert {s.key("run") for s in asked} == {s.key("run") for s in wanted} and len(asked) == 4
    assert {s.attack.name for s in asked} == {"gia_estimate", "inverting_gradients"} and {s.seed for s in asked} == set(conditions.SEEDS)
    assert all(s.model.width == conditions.WIDTHS[1] and not s.protocol.sends_statistics for s in asked)
    work(Store(store_dir), Site(None, store_dir, "cpu"), once=True, kinds=("run",))
    at.run()
    assert not at.exception and "not computed yet" not in said(at)
    assert all("dB" in text for text in groups(at)[conditions.called(changed).capitalize()])


@pytest.mark.parametrize(
    ("switched", "labels", "why"),
    [("inference", ("Batch statistics", "Dropout"), "nothing to send or keep"), ("plain", ("Normalisation",), "same sequence of layers")],
)
def test_a_switch_without_effect_is_grey_and_says_why(page, switched, labels, why):
    at = page(switched)
    assert not at.exception and why in said(at)
    assert {c.label for c in at.button_group if c.proto.disabled} == set(labels)


def test_a_client_opens_above(page):
    at = press(page("deep"), "All attacks on this client, above")
    assert not at.exception and at.session_state["scenario"] == conditions.scenario(frozenset({"deep"}), conditions.SEEDS[0])


def test_without_prepared_results_it_says_what_to_do(page, monkeypatch, tmp_path, store_dir):
    monkeypatch.setattr(gallery, "FOLDER", tmp_path)
    gallery.forget()
    at = page()
    assert not at.exception and "Not computed yet" in said(at) and "nothing is prepared on this machine" in said(at)
    press(at, "Run this combination (2 attacks")
    assert {s.seed for s in queued(store_dir)} == {7, 8}


@pytest.mark.skipif(not gallery.results("conditions"), reason="made by python -m invviz.gallery conditions")
def test_every_row_comes_with_the_package():
    kept = gallery.results("conditions")
    wanted = {s.key("run") for _, listed in conditions.prepared() for s in listed}
    assert wanted <= set(kept), "make them again: python -m invviz.gallery conditions"
    assert {s.key("risk") for s in conditions.scored()} <= set(kept)
