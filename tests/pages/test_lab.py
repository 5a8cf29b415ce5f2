"""The Lab as Streamlit runs it, without a browser and without workers."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from visits import address, press, said

from invviz.engine.assess import assess
from invviz.engine.attack import run
from invviz.engine.client import Site
from invviz.jobs.store import Store
from invviz.jobs.worker import work
from invviz.risk import invre
from invviz.scenario import PARTS, Scenario
from invviz.studies import gallery

QUICK = "data=digits&model=mlp&attack=linear_layer"


@pytest.fixture
def lab(visit):
    """Opens the Lab at an address."""
    return functools.partial(visit, "lab")


def test_opens_on_the_prepared_scene(lab):
    at = lab()
    assert not at.exception
    scene = gallery.load("opening")
    sigma = scene.size.rms * scene.summary["sigma_relative"]
    assert f"InvRE {invre(scene.decomposition, sigma):.2f}" in said(at)
    assert f"{scene.result['scores']['psnr'][0]:.1f} dB" in said(at)
    assert len(at.get("imgs") or at.image) >= 3


def test_the_slider_moves_score_ceiling_and_address(lab):
    at = lab()
    before = said(at)
    slider = at.select_slider[0]
    slider.set_value(0.5).run()
    assert not at.exception
    after = said(at)
    assert before != after
    scene = gallery.load("opening")
    expected = invre(scene.decomposition, scene.size.rms * (0.5**2 + 1e-8) ** 0.5)
    assert f"InvRE {expected:.2f}" in after
    assert "sigma=0.5" in address(at, "defense")
    assert "made for" in after, "the old result stays and says what it was made for"


def test_every_component_can_be_picked(lab):
    at = lab()
    for box, part in ((0, "data"), (1, "model"), (2, "defense")):
        for name, kind in PARTS[part].items():
            if part == "defense" and kind.needs.embedding:
                assert name not in at.selectbox[box].options, "nothing here sends embeddings"
                continue
            at.selectbox[box].set_value(name).run()
            assert not at.exception, (part, name)
            assert name in address(at, part)
        at.selectbox[box].set_value({"data": "photos", "model": "lenet", "defense": "none"}[part]).run()


def button(at, start, place):
    return [b for b in at.button if b.key and b.key.startswith(start)][place]


def test_a_stack_is_built_turned_round_and_taken_apart(lab):
    at = lab("data=digits&model=lenet&defense=clipping(clip_norm=0.5)")
    adder = next(box for box in at.selectbox if box.label == "One more defense")
    adder.set_value("gaussian_noise").run()
    assert not at.exception and address(at, "defense") == "clipping(clip_norm=0.5)&gaussian_noise"
    assert any(box.label == "Defense" and box.value == "stack" for box in at.selectbox)
    assert any(n.label == "clip norm" for n in at.number_input), "only the last strength has the slider"
    button(at, "up ", 1).click().run()
    assert address(at, "defense") == "gaussian_noise&clipping(clip_norm=0.5)"
    button(at, "out ", 0).click().run()
    assert not at.exception and address(at, "defense") == "clipping(clip_norm=0.5)"
    assert any("(does not fit here)" in option for box in at.selectbox if box.label == "One more defense" for option in box.options)


def test_the_privacy_budget_stands_beside_the_slider(lab):
    pytest.importorskip("opacus")
    at = lab("data=digits&model=lenet&defense=dp_sgd(noise_multiplier=1.1,steps=500,sample_rate=0.02)")
    expected = PARTS["defense"]["dp_sgd"](noise_multiplier=1.1, steps=500, sample_rate=0.02).epsilon()
    assert f"epsilon = {expected:.2f}" in said(at) and "500 steps at sample rate 0.02" in said(at)
    at = lab("data=digits&model=lenet&defense=dp_sgd&train=federated(clients=20,rounds=50)")
    expected = PARTS["defense"]["dp_sgd"](steps=50, sample_rate=1 / 64).epsilon()
    assert f"epsilon = {expected:.2f}" in said(at) and "over 50 steps at sample rate 0.0156" in said(at), "1,297 pictures, 20 clients"
    assert "if batches are Poisson samples" in said(at), "what is assumed is said"
    at = lab("data=digits&model=lenet&defense=dp_sgd(relative_clip=True)")
    assert "No formal guarantee" in said(at)


@pytest.mark.parametrize(
    "query",
    [
        {"data": "nonsense"},
        {"model": "lenet(width=0)"},
        {"model": "lenet(width=__import__('os'))"},
        {"seed": "x"},
        {"batch": "1000"},
        {"defense": "gaussian_noise(sigma=-1)"},
    ],
)
def test_a_broken_address_says_so_and_shows_the_opening_scene(lab, store_dir, query):
    at = lab(**query)
    assert not at.exception
    assert "could not be read" in at.error[0].value
    assert "InvRE" in said(at)


def test_what_does_not_fit_is_said_and_cannot_be_run(lab):
    at = lab("data=photos&model=lenet&attack=linear_layer")
    assert not at.exception
    assert "Use model=mlp" in said(at)
    button = next(b for b in at.button if b.label == "Run the attack")
    assert button.disabled
    other = next(b for b in at.button if b.label == PARTS["attack"]["linear_layer"].title)
    assert other.disabled or "linear_layer" in address(at, "attack")


def test_over_several_rounds_the_lab_says_who_sees_them(lab):
    at = lab("data=digits&model=mlp&attack=dlg&rounds=3")
    assert not at.exception
    assert "trained on in 3 rounds, all of them seen" in said(at) and "in each of 3 rounds" in said(at)
    assert not next(b for b in at.button if b.label == "Run the attack").disabled
    at = lab(QUICK + "&rounds=3")
    assert "linear_layer reads the message of one round" in said(at).replace("\\", "")
    assert next(b for b in at.button if b.label == "Run the attack").disabled
    assert "rounds" not in said(lab(QUICK))


def test_one_round_trip_through_a_real_worker(lab, store_dir):
    at = lab(QUICK)
    assert not at.exception
    store = Store(store_dir)
    assert store.job(Scenario.parse(QUICK).key("risk")).state == "queued", "the spectrum is asked for by itself"
    press(at, "Run the attack")
    assert store.job(Scenario.parse(QUICK).key("run")).state == "queued"
    assert "number" in said(at)
    site = Site(None, store_dir, "cpu")
    work(store, site, once=True)
    at.run()
    assert not at.exception
    result = run(Scenario.parse(QUICK), site)
    assert f"{result.scores['psnr'][0]:.1f} dB" in said(at)
    found = assess(Scenario.parse(QUICK), site)
    sigma = found.size.rms * 0.01
    assert f"InvRE {invre(found.decomposition, sigma):.2f}" in said(at)


def test_same_link_same_pixels(store_dir):
    site = Site(None, store_dir, "cpu")
    scenario = Scenario.parse(f"{QUICK}&defense=gaussian_noise(sigma=0.1)&seed=11")
    assert np.array_equal(run(scenario, site).guess, run(Scenario.parse(scenario.text(full=True)), site).guess)


def test_a_missing_data_set_says_where_it_looked(lab, store_dir, monkeypatch):
    monkeypatch.delenv("INVVIZ_DATA", raising=False)
    at = lab("data=cifar10&model=lenet&attack=dlg")
    work(Store(store_dir), Site(None, store_dir, "cpu"), once=True)
    at.run()
    assert not at.exception
    assert "data download cifar10" in said(at)


def test_a_prepared_scene_can_be_run_live(lab, store_dir):
    at = lab()
    assert "prepared earlier" in said(at)
    button = next(b for b in at.button if b.label == "Run the attack")
    assert not button.disabled
    button.click().run()
    assert not at.exception
    store = Store(store_dir)
    assert store.job(gallery.load("opening").scenario.key("run")).state == "queued"
    work(store, Site(None, store_dir, "cpu"), once=True, kinds=("run",))
    at.run()
    assert "prepared earlier" not in said(at)
    assert next(b for b in at.button if b.label == "Finished").disabled


def test_a_store_that_cannot_be_used_is_said_and_the_page_stays(lab, tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setenv("INVVIZ_STORE", str(blocked / "store"))
    at = lab()
    assert not at.exception
    assert any("store" in e.value.lower() for e in at.error)
    assert at.selectbox, "the controls are still there"


def test_a_failed_spectrum_can_be_tried_again(lab, store_dir):
    at = lab(QUICK)
    store, key = Store(store_dir), Scenario.parse(QUICK).key("risk")
    store.fail(store.claim("somebody", ("risk",)), "no memory")
    at.run()
    assert "no memory" in said(at)
    press(at, "Try again")
    assert not at.exception
    assert store.job(key).state == "queued"


def test_a_result_from_another_copy_of_the_data_is_not_shown(lab, store_dir):
    scenario, store, site = Scenario.parse(QUICK), Store(store_dir), Site(None, store_dir, "cpu")
    store.submit("run", scenario, "somebody")
    work(store, site, once=True, kinds=("run",))
    np.save(store.folder(scenario.key("run")) / "truth.npy", np.zeros((1, 1, 8, 8), np.float32))
    at = lab(QUICK)
    assert not at.exception
    assert "not run yet" in said(at)
    press(at, "Run the attack")
    assert store.job(scenario.key("run")).state == "queued"


def test_a_link_with_a_missing_upload_says_so_and_runs_nothing(lab):
    at = lab(QUICK + "&upload=abcdefabcdefabcd")
    assert not at.exception
    assert "Upload it again" in said(at)
    assert next(b for b in at.button if b.label == "Run the attack").disabled


def test_the_message_about_a_bad_address_goes_when_something_is_picked(lab, store_dir):
    at = lab(data="nonsense")
    assert at.error
    at.selectbox[1].set_value("mlp").run()
    assert not at.error


def test_an_attack_that_could_read_nothing_is_shown(lab, store_dir):
    text = "data=digits&model=mlp(width=1)&attack=linear_layer&seed=1"
    store = Store(store_dir)
    store.submit("run", Scenario.parse(text), "somebody")
    work(store, Site(None, store_dir, "cpu"), once=True, kinds=("run",))
    at = lab(text)
    assert not at.exception
    assert "nothing can be read off" in said(at)


def test_stop_is_not_undone_by_looking(lab, store_dir):
    at = lab(QUICK)
    press(at, "Run the attack")
    store, key = Store(store_dir), Scenario.parse(QUICK).key("run")
    assert store.claim("somebody", ("run",)).key == key
    at.run()
    press(at, "Stop")
    assert store.job(key).stopping
    at.run()
    at.run()
    assert store.job(key).stopping


def test_strengths_are_named_in_their_own_words():
    from invviz.defenses import DEFENSES
    from invviz.ui import strength

    assert DEFENSES["local_dp"]().level(1000.0) == "epsilon = 1,000"
    assert DEFENSES["local_dp"]().level(1e6) == "off"
    assert DEFENSES["selective_encryption"]().level(0.1) == "10 % of the entries hidden"
    assert DEFENSES["pruning"]().level(0.9) == "90 % of the entries dropped"
    for name, kind in DEFENSES.items():
        offered = strength.options(kind())
        assert getattr(kind(), kind.strength) in offered and kind.identity in [*offered, kind.identity], name
        assert 5 < len(offered) < 80, name


def test_the_attacker_may_know_the_defense(lab):
    at = lab(QUICK + "&defense=clipping")
    switch = at.segmented_control[0] if hasattr(at, "segmented_control") else at.button_group[0]
    assert switch.value in ("unaware", ["unaware"])
    switch.set_value("aware" if isinstance(switch.value, str) else ["aware"]).run()
    assert not at.exception and address(at, "attacker") == "aware"
    at = lab(QUICK)
    assert "attacker" not in at.query_params and not at.segmented_control


def test_a_table_is_shown_as_one(lab, store_dir):
    """True row, ideal attacker and real attack beside each other, no pictures."""
    text = "data=breast_cancer&model=mlp&attack=linear_layer"
    store, scenario = Store(store_dir), Scenario.parse(text)
    for kind in ("risk", "run"):
        store.submit(kind, scenario, "somebody")
    work(store, Site(None, store_dir, "cpu"), once=True)
    at = lab(text)
    assert not at.exception and not at.get("imgs")
    (table,) = [e.proto.body for e in at.get("html") if 'class="rows' in e.proto.body]
    assert "real attack (30 of 30 right)" in table and ">mean radius</th>" in table
    assert "100 % of the cells right" in said(at) and "row 0 of 150" in said(at)


def test_a_click_counts_when_the_spectrum_is_ready_in_that_moment(lab, store_dir):
    at, store = lab(QUICK), Store(store_dir)
    work(store, Site(None, store_dir, "cpu"), once=True, kinds=("risk",))
    press(at, "Run the attack")
    assert store.job(Scenario.parse(QUICK).key("run")).state == "queued"
