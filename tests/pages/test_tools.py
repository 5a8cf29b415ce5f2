"""Copy link, Save and Report stand on every page; the report is of what the page shows, shipped or computed here, and of one's own picture for oneself alone."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pytest
from visits import computed, elements, html, opened

from invviz.datasets._upload import digest
from invviz.engine.client import Site
from invviz.jobs.private import Message
from invviz.jobs.store import Job, Store, Wanted
from invviz.jobs.worker import execute
from invviz.scenario import Scenario
from invviz.studies.gallery import OPENING
from invviz.ui import reporting, tools
from invviz.ui.pages import PAGES
from invviz.ui.screen import Screen
from invviz.ui.shelf import SHIPPED, Shelf

QUICK = "data=digits(index=5)&model=mlp&defense=gaussian_noise(sigma=0.3)&attack=linear_layer"


def report_of(at, monkeypatch) -> str:
    """What the button would hand over now: its callable reads what the page shows, in a thread without the page."""
    state = {"screen": at.session_state["screen"], "visitor": at.session_state["visitor"]}
    with monkeypatch.context() as m:
        m.setattr(reporting.st, "session_state", SimpleNamespace(get=state.get))
        m.setattr(reporting, "screen", lambda: state["screen"])
        made = reporting.of_screen()
    return made()


@pytest.mark.parametrize("name", list(PAGES))
def test_every_page_has_them_once(visit, name):
    at = visit(name)
    assert not at.exception and html(at, "tools").count("<button") == 2 and "Copy link" in html(at, "tools")
    buttons = [
        e
        for e in elements(at)
        if getattr(getattr(e, "proto", None), "label", "") == "Report" and "download" in type(e.proto).__name__.lower()
    ]
    assert len(buttons) == 1 or name == "results"


def test_the_script_survives_the_sanitizer():
    """Streamlit's drops a script in which a tag seems to begin, without a word."""
    assert not re.findall(r"<[/\w!]", tools.SCRIPT.read_text())


def test_a_report_of_what_was_shipped_says_so(visit, monkeypatch):
    at = visit("lab")
    found = report_of(at, monkeypatch)
    view = next(m.value for m in at.markdown if m.value.startswith("## InvRE"))
    assert SHIPPED in found and view.removeprefix("## ").split(":")[0] in found
    psnr = re.search(r"readable\*\* · ([\d.]+ dB) · SSIM [\d.]+ · [\d.]+ s", " ".join(c.value for c in at.caption))
    assert psnr and psnr[1] in found and found.count("<img") >= 3 and OPENING.split("&")[0] in found


def test_a_report_of_what_is_computed_here_follows_the_page(visit, store_dir, monkeypatch):
    at = visit("lab", QUICK)
    assert "There is no report. Nothing" in report_of(at, monkeypatch)
    for b in at.button:
        if b.label == "Run the attack":
            at = b.click().run()
            break
    at = computed(at, store_dir)
    found = report_of(at, monkeypatch)
    psnr = np.mean(Store(store_dir).result(Scenario.parse(QUICK).key("run"))["scores"]["psnr"])
    assert f"{psnr:.1f} dB" in found and SHIPPED not in found
    at.number_input[0].set_value(6).run()
    assert "There is no report. Nothing" in report_of(at, monkeypatch), "another picture, of which nothing is computed"


def test_on_the_page_of_results_it_is_of_those_that_are_ticked(visit, store_dir, monkeypatch):
    at = computed(opened_and_asked(visit), store_dir)
    keys = [Scenario.parse(QUICK.replace("index=5", f"index={i}")).key("run") for i in (5, 6)]
    at = opened("results")
    assert set(at.session_state["screen"].keys) >= set(keys)
    at = opened("results", views={"ticked": keys[1]})
    found = report_of(at, monkeypatch)
    assert keys[1] in found and keys[0] not in found


def opened_and_asked(visit):
    at = visit("lab", QUICK)
    from invviz.ui.session import station

    for i in (5, 6):
        station().store.submit("run", Scenario.parse(QUICK.replace("index=5", f"index={i}")), "me")
    return at


def test_a_picture_of_ones_own_is_in_the_report_of_its_tab_alone(store_dir):
    picture = np.random.default_rng(0).random((1, 8, 8)).astype(np.float32)
    scenario, store = Scenario.parse(QUICK.replace("(index=5)", "") + f"&upload={digest(picture)}"), Store(store_dir)
    outcome = execute("run", scenario, Site(None, store_dir, "cpu"), lambda event: True, picture)
    key = scenario.key("run")

    class Desk:
        def job(self, name):
            return Job(key, "run", scenario.text(full=True), "done") if name == key else None

        def whole(self, name):
            return True

        def result(self, name):
            return Message({"result": outcome.result}, {}).header["result"]

        def arrays(self, name):
            return dict(outcome.arrays)

    class Nobody(Desk):
        def job(self, name):
            return None

    mine, others = (reporting.of_keys(Shelf(scenario, store, desk), [scenario.text()])() for desk in (Desk(), Nobody()))
    assert "There is no report" not in mine and mine.count("<img") >= 2
    assert "There is no report" in others and "<img" not in others
    assert store.count(Wanted()) == 0


def test_a_page_that_was_not_drawn_yet_has_none(monkeypatch):
    monkeypatch.setattr(reporting.st, "session_state", SimpleNamespace(get=lambda name: None))
    monkeypatch.setattr(reporting, "screen", Screen)
    assert "has not been drawn yet" in reporting.of_screen()()


def test_no_report_tells_what_a_class_link_hides(visit):
    """What is hidden, and what stands alone in front of a class."""
    labels = lambda at: [b.proto.label for b in at.get("download_button")]  # noqa: E731
    assert "Report" in labels(visit("lab"))
    hidden = visit("lab", hide="ideal")
    assert not hidden.exception and "Report" not in labels(hidden) and "Copy link" in html(hidden, "tools")
    alone = visit("lab", present="on")
    assert not alone.exception and "Report" not in labels(alone) and not any('class="tools' in e.proto.body for e in alone.get("html"))
