"""The Risk page as Streamlit runs it, without a browser and without workers."""

from __future__ import annotations

import base64
import dataclasses
import functools
import io
import re
from types import SimpleNamespace

import numpy as np
import pytest
import streamlit as st
from PIL import Image
from visits import address, asked_for, computed, leave_address, said

from invviz.charts._colours import TRUTH
from invviz.charts.overlay import risk_curves, spectra
from invviz.charts.pictures import to_png
from invviz.core.types import Size
from invviz.datasets import digest
from invviz.engine.assess import assess
from invviz.engine.client import Site
from invviz.engine.summary import risk_summary
from invviz.jobs.store import Store
from invviz.risk import invre, invre_interval, psnr_ceiling, psnr_interval
from invviz.scenario import Scenario
from invviz.scenario.families import comparisons
from invviz.studies import gallery
from invviz.ui import finding
from invviz.ui.risk import certainty
from invviz.ui.risk import ranking as ranking_page
from invviz.ui.risk.page import VIEWS
from invviz.ui.views import Figures, figures_of

QUICK = "data=digits&model=mlp&attack=linear_layer"


@pytest.fixture
def risk(visit):
    """Opens the page at an address."""
    return functools.partial(visit, "risk")


def ranking(at):
    return at.dataframe[0].value


def test_the_opening_comparisons_are_prepared(risk, store_dir):
    for axis in comparisons.AXES:
        at = risk(compare=axis)
        assert not at.exception
        assert ranking(at)["InvRE"].notna().all(), axis
    now = Scenario.parse(gallery.OPENING)
    names = [
        s.key("risk")
        for s in [*comparisons.pictures(now, range(gallery.PICTURES)), *comparisons.over_rounds(now), *comparisons.models(now)]
    ]
    assert set(names) <= set(gallery.sketches())
    assert not any(Store(store_dir).job(name) for name in [*names, *gallery.sketches()]), "nothing had to be asked for"


def test_it_opens_where_pictures_models_and_rounds_differ(risk, store_dir):
    at = risk()
    table = ranking(at)
    first, second, last = (table["what"].iloc[place] for place in (0, 1, -1))
    assert "sigma=1.0" in address(at, "defense") and "equally exposed" not in said(at)
    assert {first, second} == {"5 · galaxies", "11 · rocket"} and last == "6 · tissue"
    assert f"Most exposed: {first} (InvRE 0.63, not told apart from {second}); least: {last} (0.50)" in said(at).replace("\u00a0", " "), (
        "their intervals overlap"
    )
    scores = ranking(at)["InvRE"]
    assert scores.max() - scores.min() > 0.1
    for axis, apart in (("models", 0.7), ("rounds", 0.2)):
        scores = ranking(risk(compare=axis))["InvRE"]
        assert scores.max() - scores.min() > apart
    assert not asked_for(store_dir), "all of it is prepared"


def test_what_hardly_differs_says_where_it_would(risk):
    at = risk(gallery.OPENING)
    assert "All 12 are about equally exposed: InvRE 0.99, expected best" in said(at)
    found = re.search(r"They differ most at about (\d+) % noise: InvRE (0\.\d\d) to (0\.\d\d)", said(at))
    assert found, said(at)
    noise, low, high = int(found[1]) / 100, float(found[2]), float(found[3])
    spans = {}
    for sigma in (noise / 3, noise, 3 * noise):
        scores = [
            invre(d, sigma * f["size"]["norm"] / f["size"]["count"] ** 0.5)
            for d, f in (gallery.sketches()[s.key("risk")] for s in comparisons.pictures(Scenario.parse(gallery.OPENING), range(12)))
        ]
        spans[sigma] = (min(scores), max(scores))
    assert spans[noise] == pytest.approx((low, high), abs=0.02)
    assert max(spans, key=lambda s: spans[s][1] - spans[s][0]) == noise
    assert "They differ most" not in said(risk())


def test_the_lab_keeps_its_own_opening_and_what_a_person_chose(visit):
    at = visit("lab")
    at.switch_page("pages/risk.py")
    leave_address(at)
    at.run()
    assert "sigma=1.0" in address(at, "defense")
    at.switch_page("pages/lab.py")
    leave_address(at)
    at.run()
    assert address(at, "defense") == "gaussian_noise", "1 %, prepared, as if Risk had never been open"
    at.select_slider[0].set_value(0.5).run()
    at.switch_page("pages/risk.py")
    leave_address(at)
    at.run()
    assert "sigma=0.5" in address(at, "defense"), "what was chosen stays"
    at.select_slider[0].set_value(1.0).run()
    at.switch_page("pages/vertical.py")
    leave_address(at)
    at.run()
    assert "vgg6" not in address(at, "model"), "a person has chosen the scenario, be it the same as an opening one"


def test_ranking_is_sorted_and_says_what_the_sketches_say(risk):
    table = ranking(risk(gallery.OPENING))
    assert len(table) == gallery.PICTURES and (table["InvRE"].diff().dropna() <= 0).all()
    now = Scenario.parse(gallery.OPENING)
    scenario = comparisons.pictures(now, [3])[0]
    dec, facts = gallery.sketches()[scenario.key("risk")]
    size = gallery.load("opening").size.__class__(**facts["size"])
    sigma = (scenario.floor**2 + 0.01**2) ** 0.5 * size.rms
    row = table[table["what"].str.startswith("3 ")].iloc[0]
    assert row["InvRE"] == pytest.approx(invre(dec, sigma), rel=1e-6)
    low, high = invre_interval(dec, sigma)
    worst, best = psnr_interval(dec, sigma)
    if best - worst > 1:
        assert row["expected best"].startswith(f"{worst:.0f} to {best:.0f} dB" if best < 200 else f"at least {worst:.0f} dB")
    else:
        assert row["expected best"].startswith(f"{psnr_ceiling(dec, sigma):.1f} dB")
    assert float(row["±"] or 0) == pytest.approx((high - low) / 2, abs=6e-4)


def test_prepared_sketches_are_those_of_this_code(store_dir):
    scenario = comparisons.pictures(Scenario.parse(gallery.OPENING), [2])[0]
    kept, facts = gallery.sketches()[scenario.key("risk")]
    fresh = assess(scenario, Site(None, store_dir, "cpu"))
    for noise in (0.01, 0.3, 3.0):
        sigma = noise * fresh.size.rms
        assert invre(kept, sigma) == pytest.approx(invre(fresh.decomposition, sigma), abs=2e-3)
    assert [name for name, _ in facts["layers"]] == [name for name, _ in fresh.layers]


def test_more_noise_less_risk(risk):
    at = risk(gallery.OPENING)
    before = ranking(at)["InvRE"].mean()
    at.select_slider[0].set_value(1.0).run()
    assert not at.exception
    assert ranking(at)["InvRE"].mean() < 0.7 < before
    assert "sigma=1.0" in address(at, "defense")


def test_another_scenario_is_computed_and_shown(risk, store_dir):
    at = risk(QUICK, compare="layers")
    assert ranking(at)["InvRE"].isna().all() and "to come" in said(at)
    computed(at, store_dir)
    computed(at, store_dir)  # the names of the layers are known by now
    at.run()
    table = ranking(at).set_index("what")["InvRE"]
    whole = next(v for k, v in table.items() if k.startswith("mlp: whole"))
    scenario = comparisons.sketched(Scenario.parse(QUICK))
    found = assess(scenario, Site(None, store_dir, "cpu"))
    assert whole == pytest.approx(risk_summary(scenario, found.decomposition, found.size)["invre"], rel=1e-6)
    assert {f"mlp: layer {name}" for name, _ in found.layers} <= {k.split(" (")[0] for k in table.index}
    assert "What leaks first, what leaks last" in said(at) and "The straight line" in said(at)


def test_what_is_no_longer_compared_is_not_computed(risk, store_dir):
    at = risk(QUICK, compare="rounds")
    store = Store(store_dir)
    keys = [s.key("risk") for s in comparisons.over_rounds(Scenario.parse(QUICK))]
    assert all(store.job(key).state == "queued" for key in keys)
    at.query_params["compare"] = "models"
    at.run()
    assert not at.exception
    assert all(store.job(key).state == "stopped" for key in keys[1:])


def test_a_layer_that_does_not_exist_is_said(risk, store_dir):
    at = risk(QUICK + "&layer=nowhere")
    computed(at, store_dir)
    text = said(at)
    assert not at.exception and "no part named" in text and "Try again" in " ".join(b.label for b in at.button)


def test_views_that_mean_nothing_fall_back(risk):
    at = risk(compare="nonsense", count="7", curve="?", direction="many", study="x", arm="y", against="z")
    assert not at.exception and len(ranking(at)) == gallery.PICTURES


def test_a_broken_scenario_is_said_and_the_page_goes_on(risk):
    at = risk(model="nonsense")
    assert not at.exception and "nonsense" in said(at) and len(at.dataframe)


def test_the_scenario_goes_along_to_the_other_page(visit):
    at = visit("lab", QUICK)
    leave_address(at)
    at.switch_page("pages/risk.py").run()
    assert not at.exception
    assert address(at, "model") == "mlp" and address(at, "data") == "digits"


def test_views_are_kept_in_the_address_and_left_out_where_they_are_the_default(risk):
    at = risk(compare="rounds", count="12")
    assert address(at, "compare") == "rounds" and "count" not in at.query_params
    assert set(at.query_params) <= set(VIEWS) | {"data", "model", "defense", "attack", "prior", "floor"}


def test_big_pictures_are_scored_by_a_sketch(risk, store_dir):
    text = "data=photos(size=64)&model=mlp&prior=natural"
    at = risk(text, compare="rounds")
    assert not at.exception and "does not fit" not in said(at)
    assert Store(store_dir).job(Scenario.parse(text).key("risk")) is not None


def test_the_calibration_is_shown(risk):
    at = risk()
    text = said(at)
    assert "Spearman" in text and "Oracle" not in text.split("Calibration")[1].split("made by")[0].replace("Oracle start", "")
    at = risk(arm="oracle_map", study="cifar10", against="ideal")
    assert not at.exception and "for calibration only" in said(at)
    assert "Hollow marks: not told of the noise" in text and "Filled marks: told of the noise" in said(at)


# --- what is compared ----------------------------------------------------------------------------------------------------------------


def fail(folder):
    """A worker fails at all that waits."""
    store = Store(folder)
    while (job := store.claim("w")) is not None:
        store.fail(job, "no memory", "")


def test_a_picture_beyond_the_data_set_is_left_out(risk, store_dir):
    at = risk("data=photos(index=99999)&model=lenet")
    assert not at.exception
    assert len(ranking(at)) == 12 and "numbered 0 to" in said(at)


def test_what_failed_can_be_tried_again(risk, store_dir):
    at = risk(QUICK, compare="rounds")
    assert "Scoring 4 rounds" in said(at)
    fail(store_dir)
    at.run()
    assert "None of 4 rounds could be scored" in said(at) and "no memory" in said(at) and "Scoring 4" not in said(at)
    next(b for b in at.button if b.label == "Try failed ones again").click().run()
    assert not at.exception
    keys = {comparisons.sketched(s).key("risk") for s in comparisons.over_rounds(Scenario.parse(QUICK))}
    assert {job.state for key, job in asked_for(store_dir).items() if key in keys} == {"queued"}
    computed(at, store_dir)
    assert ranking(at)["InvRE"].notna().all() and "Try failed ones again" not in [b.label for b in at.button]


@pytest.mark.parametrize("axis", list(comparisons.AXES))
@pytest.mark.parametrize(
    ("text", "why"), [("data=digits&model=alexnet", "needs pictures of at least"), ("data=cifar10&model=lenet", "INVVIZ_DATA")]
)
def test_what_does_not_fit_is_explained_and_not_asked_for(risk, store_dir, monkeypatch, axis, text, why):
    monkeypatch.delenv("INVVIZ_DATA", raising=False)
    at = risk(text, compare=axis)
    assert not at.exception and why in said(at).replace("\\", "")
    assert "Scoring 0" not in said(at)
    unfit = "alexnet" in text and axis in ("models", "layers")  # the other models fit
    assert unfit or "Nothing to compare: " in said(at)
    own = Scenario.parse(text).key("risk")
    assert own not in asked_for(store_dir) and (unfit or not asked_for(store_dir))


def flat(view):
    """The same view of a message that says nothing and has no size."""
    d = view.decomposition
    silent = dataclasses.replace(d, gains=0 * d.gains, singular_values=0 * d.singular_values, quadrature=None, message_norm=0.0)
    return dataclasses.replace(view, decomposition=silent, size=Size(0.0, view.size.count, 0.0))


@pytest.mark.parametrize("curve", ["noise", "spectrum"])
@pytest.mark.parametrize("silent", [1, 12])
def test_messages_that_say_nothing_are_left_out_of_the_curves(risk, store_dir, monkeypatch, curve, silent):
    from invviz.ui.risk import compared

    real = compared._found

    def found(items):
        there = real(items)
        ready = [s for s, one in there.items() if one.view is not None][:silent]
        return {s: dataclasses.replace(one, view=flat(one.view)) if s in ready else one for s, one in there.items()}

    at = risk(QUICK, curve=curve)
    computed(at, store_dir)
    monkeypatch.setattr(compared, "_found", found)
    at.run()
    assert not at.exception and ranking(at)["InvRE"].notna().all() and ranking(at)["InvRE"].min() == pytest.approx(0)
    assert ("1 without a curve" if silent == 1 else "there is nothing to draw") in said(at)


def test_charts_leave_out_what_is_flat():
    line = {"part": "other", "values": np.array([3.0, 1.0, 0.5])}
    chart = spectra(
        [{"name": "a", **line}, {"name": "b", "part": "most", "values": np.zeros(0)}, {**line, "name": "c", "values": np.zeros(3)}], 0.1
    )
    assert {row["name"] for row in chart["data"]["values"]} == {"a"}
    assert spectra([], 0.0)["data"]["values"] == [] and risk_curves([], 0.01)["data"]["values"] == []


def test_the_open_picture_goes_first_and_comparisons_wait_behind(risk, store_dir):
    risk(QUICK)
    own = Scenario.parse(QUICK).key("risk")
    order = sorted(asked_for(store_dir).values(), key=lambda job: job.position)
    assert order[0].key == own and len(order) == 13
    store = Store(store_dir)
    key = store.submit("risk", Scenario.parse("data=digits(index=77)&model=mlp"), "another tab")
    assert store.job(key).position == 2


def test_a_comparison_is_not_waited_for_on_another_page(visit, store_dir):
    at = visit("lab", QUICK)
    leave_address(at)
    at.switch_page("pages/risk.py").run()
    own = Scenario.parse(QUICK).key("risk")
    at.switch_page("app.py").run()  # the frame, and in it the Lab
    assert not at.exception and "What does one update give away" in said(at)
    left = asked_for(store_dir)
    assert left.pop(own).state == "queued"
    assert len(left) == 12 and {job.state for job in left.values()} == {"stopped"}


def test_a_result_that_was_computed_anew_is_opened_anew(risk, store_dir):
    at = risk(QUICK, compare="rounds")
    computed(at, store_dir)
    before = ranking(at).set_index("what")["InvRE"]
    item = comparisons.over_rounds(Scenario.parse(QUICK))[3]
    other = assess(item.replace(rounds=1), Site(None, store_dir, "cpu"))
    store = Store(store_dir)
    store.forget(item.key("risk"))
    at.run()  # asks for it again
    replace_by(store, item.key("risk"), other)
    at.run()
    after = ranking(at).set_index("what")["InvRE"]
    assert after["8 rounds"] == pytest.approx(before["1 round"], rel=1e-4) and after["8 rounds"] != before["8 rounds"]


def replace_by(store, key, found, truth=None):
    """A worker hands in another result under this key."""
    while (job := store.claim("w")).key != key:
        pass
    facts = {"size": dataclasses.asdict(found.size), "stages": [dataclasses.asdict(s) for s in found.stages], "trust": None, "why": ""}
    arrays = {"truth": found.truth if truth is None else truth}

    def save(folder):
        found.decomposition.save(folder)
        np.save(folder / "truth.npy", arrays["truth"])

    assert store.finish(job, {**facts, "layers": found.layers}, save)


def test_a_result_of_another_copy_of_the_data_is_computed_again(risk, store_dir):
    at = risk(QUICK, compare="rounds")
    item = comparisons.over_rounds(Scenario.parse(QUICK))[2]
    found = assess(item, Site(None, store_dir, "cpu"))
    store = Store(store_dir)
    replace_by(store, item.key("risk"), found, 1 - found.truth)
    at.run()
    assert not at.exception
    assert store.job(item.key("risk")).state == "queued"


def uploaded(at, text):
    """A picture of one's own takes the place of the victim."""
    picture = np.full((1, 8, 8), 0.25, np.float32)
    name = digest(picture)
    at.session_state["visitor"].pictures[name] = picture
    at.session_state["scenario"] = Scenario.parse(text).replace(upload=name)
    at.session_state["touched"] = True
    return at.run()


@pytest.mark.parametrize(("axis", "stays"), [("rounds", True), ("pictures", False)])
def test_an_upload_is_not_among_the_compared_and_stays_open(risk, store_dir, monkeypatch, axis, stays):
    from invviz.ui.private import PrivateDesk

    monkeypatch.setattr(PrivateDesk, "submit", lambda *_: None)
    at = computed(risk(QUICK, compare=axis), store_dir)
    assert "Dashed purple" in said(at)
    uploaded(at, QUICK)
    assert not at.exception
    assert "Your own picture is not among them" in said(at) and "Dashed purple" not in said(at)
    session = {"table": SimpleNamespace(selection=SimpleNamespace(rows=[0])), "scenario": at.session_state["scenario"]}
    row = SimpleNamespace(item=SimpleNamespace(scenario=comparisons.over_rounds(Scenario.parse(QUICK))[1]))
    with monkeypatch.context() as patched:  # AppTest cannot click on a row
        patched.setattr(st, "session_state", session)
        ranking_page._opens(session["scenario"], [row], axis, "table")()
    assert bool(session["scenario"].upload) == stays


def test_a_batch_is_named_by_its_ends_and_shown_whole(risk, store_dir):
    at = risk("data=digits&model=mlp&batch=4")
    assert not at.exception
    what = list(ranking(at)["what"])
    assert what[3].startswith("3 to 6 · ") and what[0].startswith("0 to 3 · ")
    picture = Image.open(io.BytesIO(base64.b64decode(ranking(at)[""][3].partition(",")[2])))
    alone = Image.open(io.BytesIO(base64.b64decode(ranking(risk("data=digits&model=mlp"))[""][3].partition(",")[2])))
    assert picture.tobytes() != alone.tobytes()
    truth = Scenario.parse("data=digits(index=3)&model=mlp").data.victims(Scenario.parse("data=digits&model=mlp").data.load(None), 4)[0]
    assert picture.tobytes() == Image.open(io.BytesIO(to_png(truth, TRUTH, 44))).tobytes()


# --- words and figures ---------------------------------------------------------------------------------------------------------------


def test_figures_are_those_of_the_risk(store_dir):
    for text in ("data=digits&model=convnet&method=sketch", "data=photos&model=mlp&method=sketch", "data=digits&model=mlp&method=exact"):
        found = assess(Scenario.parse(text), Site(None, store_dir, "cpu"))
        for noise in (0.0, 0.01, 1.0):
            d, sigma = found.decomposition, noise * found.size.rms
            f = figures_of(d, sigma)
            assert f.score == pytest.approx(invre(d, sigma), abs=1e-12) and f.ceiling == pytest.approx(psnr_ceiling(d, sigma))
            assert (f.low, f.high) == pytest.approx(invre_interval(d, sigma), abs=1e-12)
            assert (f.worst, f.best) == pytest.approx(psnr_interval(d, sigma))


@pytest.mark.parametrize(
    ("low", "high", "worst", "ceiling", "best", "expected"),
    [
        (0.98, 0.983, 29.0, 29.4, 29.8, "29.4 dB, tells nearly all"),
        (0.0, 0.0, 12.0, 12.0, 12.0, "12.0 dB, tells little"),
        (0.98, 0.994, 29.0, 31.0, 34.0, "29 to 34 dB, tells nearly all"),
        (0.37, 0.9, 14.0, 16.0, 22.0, "14 to 22 dB"),
        (0.994, 1.0, 34.0, 60.0, 200.0, "at least 34 dB, tells nearly all"),
    ],
)
def test_an_expected_best_is_told_as_surely_as_it_is_known(low, high, worst, ceiling, best, expected):
    assert ranking_page.expected_best(Figures((low + high) / 2, low, high, ceiling, worst, best)) == expected


def test_the_order_of_pictures_is_confirmed_by_whom_it_is(risk):
    for study in ("photos", "cifar10"):
        text = said(risk(study=study))
        assert "does not confirm the order of pictures" in text and "pictures alone" in text
        assert "confirms the order of pictures" in said(risk(study=study, arm="oracle_map"))
    assert "below 0.8" in said(risk(study="photos")) and "knows neither the noise" in said(risk(study="photos"))


def test_the_largest_usable_gap_is_found():
    d = SimpleNamespace(singular_values=np.array([10.0, 9.0, 3.0, 2.9, 0.01]), resolved=0.0)
    k, sine = certainty.widest_gap(d, 0.5)
    assert k == 4 and sine == pytest.approx(0.5 / (2.89 - 0.5))  # 2.9 to 0.01 is the largest fall
    k, sine = certainty.widest_gap(d, 2.0)
    assert k == 2 and sine == pytest.approx(2 / (6 - 2))
    assert certainty.widest_gap(d, 4.0) == (0, 1.0)


def test_a_line_holds_only_as_far_as_all_smaller_steps_do(monkeypatch):
    told = []
    monkeypatch.setattr(certainty.st, "markdown", told.append)
    for name in ("caption", "vega_lite_chart"):
        monkeypatch.setattr(certainty.st, name, lambda *a, **k: None)
    trust = {"steps": [0.003, 0.01, 0.03], "random": [0.01, 0.5, 0.05], "top": [0.02, 0.02, 0.02], "bend": 1.0}
    d = SimpleNamespace(method="sketch", singular_values=np.ones(2), size=4)
    certainty._trust(Scenario.parse("data=photos"), SimpleNamespace(trust=trust, decomposition=d))
    assert "up to changes of 0.003 per pixel" in told[0]


def test_the_spectrum_names_its_prior():
    told = [finding.about_spectrum(Scenario.parse(f"data=photos&model=lenet&prior={p}")) for p in ("white", "natural", "dataset")]
    assert "prior" not in told[0] and "natural prior" in told[1] and "dataset prior" in told[2]
