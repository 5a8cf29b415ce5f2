"""The Risk page as Streamlit runs it, without a browser and without workers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from invviz import compare, gallery
from invviz.assess import assess
from invviz.risk import invre, invre_interval, psnr_ceiling
from invviz.run import Site
from invviz.scenario import Scenario
from invviz.store import Store
from invviz.summary import risk_summary
from invviz.ui.risk.page import VIEWS
from invviz.worker import work

ROOT = Path(__file__).parents[2]
QUICK = "data=digits&model=mlp&attack=linear_layer"


@pytest.fixture
def risk(store_dir):
    """Opens the page at an address."""

    def opened(text="", **views):
        st.cache_resource.clear()
        st.cache_data.clear()
        at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
        at.switch_page("pages/risk.py")
        _empty(at)
        for name, value in (Scenario.parse(text).pairs() if text else []) + list(views.items()):
            at.query_params[name] = [*at.query_params.get(name, []), value]
        return at.run()

    yield opened
    st.cache_resource.clear()


def _empty(at):
    """A browser's address is empty after a click on another page; AppTest keeps it."""
    for name in list(at.query_params):
        del at.query_params[name]


def address(at, part):
    value = at.query_params.get(part, "")
    return value if isinstance(value, str) else "&".join(value)


def words(at):
    return " ".join(e.value for e in [*at.markdown, *at.caption, *at.info, *at.error, *at.warning])


def ranking(at):
    return at.dataframe[0].value


def computed(at, folder):
    """Let a worker do what waits, in this process, and look again."""
    work(Store(folder), Site(None, folder), once=True)
    return at.run()


def test_the_opening_comparisons_are_prepared(risk, store_dir):
    for axis in compare.AXES:
        at = risk(compare=axis)
        assert not at.exception
        assert ranking(at)["InvRE"].notna().all(), axis
    now = Scenario.parse(gallery.OPENING)
    names = [s.key("risk") for s in [*compare.pictures(now, range(gallery.PICTURES)), *compare.over_rounds(now), *compare.models(now)]]
    assert set(names) <= set(gallery.sketches())
    assert not any(Store(store_dir).job(name) for name in [*names, *gallery.sketches()]), "nothing had to be asked for"


def test_ranking_is_sorted_and_says_what_the_sketches_say(risk):
    table = ranking(risk())
    assert len(table) == gallery.PICTURES and (table["InvRE"].diff().dropna() <= 0).all()
    now = Scenario.parse(gallery.OPENING)
    scenario = compare.pictures(now, [3])[0]
    dec, facts = gallery.sketches()[scenario.key("risk")]
    size = gallery.load("opening").size.__class__(**facts["size"])
    sigma = (scenario.floor**2 + 0.01**2) ** 0.5 * size.rms
    row = table[table["what"].str.startswith("3 ")].iloc[0]
    assert row["InvRE"] == pytest.approx(invre(dec, sigma), rel=1e-6)
    assert row["ceiling"].startswith(f"{psnr_ceiling(dec, sigma):.1f} dB")
    low, high = invre_interval(dec, sigma)
    assert float(row["±"]) == pytest.approx((high - low) / 2, abs=6e-4)


def test_prepared_sketches_are_those_of_this_code(store_dir):
    scenario = compare.pictures(Scenario.parse(gallery.OPENING), [2])[0]
    kept, facts = gallery.sketches()[scenario.key("risk")]
    fresh = assess(scenario, Site(None, store_dir, "cpu"))
    for noise in (0.01, 0.3, 3.0):
        sigma = noise * fresh.size.rms
        assert invre(kept, sigma) == pytest.approx(invre(fresh.decomposition, sigma), abs=2e-3)
    assert [name for name, _ in facts["layers"]] == [name for name, _ in fresh.layers]


def test_first_screen_needs_no_torch(store_dir):
    code = (
        "import sys; from streamlit.testing.v1 import AppTest; at = AppTest.from_file('app.py', default_timeout=60).run(); "
        "at.switch_page('pages/risk.py'); at.run(); assert not at.exception and len(at.dataframe); print('torch' in sys.modules, 'torchvision' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "False False"


def test_more_noise_less_risk(risk):
    at = risk()
    before = ranking(at)["InvRE"].mean()
    at.select_slider[0].set_value(1.0).run()
    assert not at.exception
    assert ranking(at)["InvRE"].mean() < 0.7 < before
    assert "sigma=1.0" in address(at, "defense")


def test_another_scenario_is_computed_and_shown(risk, store_dir):
    at = risk(QUICK, compare="layers")
    assert ranking(at)["InvRE"].isna().all() and "to come" in words(at)
    computed(at, store_dir)
    computed(at, store_dir)  # the names of the layers are known by now
    at.run()
    table = ranking(at).set_index("what")["InvRE"]
    whole = next(v for k, v in table.items() if k.startswith("mlp: whole"))
    scenario = Scenario.parse(QUICK + "&method=sketch")
    found = assess(scenario, Site(None, store_dir, "cpu"))
    assert whole == pytest.approx(risk_summary(scenario, found.decomposition, found.size)["invre"], rel=1e-6)
    assert {f"mlp: layer {name}" for name, _ in found.layers} <= {k.split(" (")[0] for k in table.index}
    assert "What leaks first, what leaks last" in words(at) and "The straight line holds" in words(at)


def test_what_is_no_longer_compared_is_not_computed(risk, store_dir):
    at = risk(QUICK, compare="rounds")
    store = Store(store_dir)
    keys = [s.key("risk") for s in compare.over_rounds(Scenario.parse(QUICK))]
    assert all(store.job(key).state == "queued" for key in keys)
    at.query_params["compare"] = "models"
    at.run()
    assert not at.exception
    assert all(store.job(key).state == "stopped" for key in keys[1:])


def test_a_layer_that_does_not_exist_is_said(risk, store_dir):
    at = risk(QUICK + "&layer=nowhere")
    computed(at, store_dir)
    text = words(at)
    assert not at.exception and "no part named" in text and "Try again" in " ".join(b.label for b in at.button)


def test_views_that_mean_nothing_fall_back(risk):
    at = risk(compare="nonsense", count="7", curve="?", direction="many", study="x", arm="y", against="z")
    assert not at.exception and len(ranking(at)) == gallery.PICTURES


def test_a_broken_scenario_is_said_and_the_page_goes_on(risk, store_dir):
    st.cache_resource.clear()
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    at.switch_page("pages/risk.py")
    _empty(at)
    at.query_params["model"] = "nonsense"
    at.run()
    assert not at.exception and "nonsense" in words(at) and len(at.dataframe)


def test_the_scenario_goes_along_to_the_other_page(store_dir):
    st.cache_resource.clear()
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    for name, value in Scenario.parse(QUICK).pairs():
        at.query_params[name] = value
    at.run()
    _empty(at)
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
    assert not at.exception and "does not fit" not in words(at)
    assert Store(store_dir).job(Scenario.parse(text).key("risk")) is not None


def test_the_calibration_is_shown(risk):
    at = risk()
    text = words(at)
    assert "Spearman" in text and "Oracle" not in text.split("Calibration")[1].split("made by")[0].replace("Oracle start", "")
    at = risk(arm="oracle_map", study="cifar10", against="ideal")
    assert not at.exception and "for calibration only" in words(at)
