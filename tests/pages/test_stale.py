"""Results of other settings than those on the screen: they fade, say what they were made for, and nothing is claimed of them; on no page."""

from __future__ import annotations

import dataclasses
import functools
import re

import pytest
from visits import address, alts, computed, faded, html, press, said

from invviz.attacks import ATTACKS
from invviz.engine.attack import run
from invviz.engine.client import Site
from invviz.jobs.store import Store
from invviz.jobs.worker import work
from invviz.scenario import Scenario
from invviz.scenario.families import attacks, cuts
from invviz.studies import gallery
from invviz.ui.stale import made_for

QUICK = "data=digits&model=mlp&defense=gaussian_noise&attack=linear_layer"
CLAIMS = ("gap of", "That gap is", "as much as the ideal attacker", "more than the ideal attacker's", "both are exact to rounding")


@pytest.fixture
def lab(visit):
    """Opens the Lab at an address."""
    return functools.partial(visit, "lab")


def claims(at):
    return [claim for claim in CLAIMS if claim in said(at)]


def test_a_result_of_these_settings_is_shown_in_full_with_its_claim(lab):
    at = lab()
    assert len(claims(at)) == 1 and not faded(at) and "From before" not in said(at)


@pytest.mark.parametrize("pressed", [False, True])
def test_after_the_slider_the_old_picture_fades_and_nothing_is_claimed(lab, store_dir, pressed):
    """Also while the new attack waits and starts. The default strength, which addresses leave out, is named."""
    at = lab()
    reached = f"{gallery.load('opening').result['scores']['psnr'][0]:.1f} dB"
    at.select_slider[0].set_value(10.0).run()
    if pressed:
        press(at, "Run the attack")
        at.run()
        assert "Waiting: number 1" in " ".join(e.proto.text for e in at.get("progress"))
        Store(store_dir).claim("somebody", ("run",))
        at.run()
        assert "Starting" in " ".join(e.proto.text for e in at.get("progress"))
    assert not at.exception and address(at, "defense") == "gaussian_noise(sigma=10.0)"
    assert not claims(at)
    told = f"{reached}, made for Gaussian noise: 1 % of the message's typical entry (now 1,000 %)"
    assert told in said(at) and any(told in alt for alt in alts(at))
    assert "stale-picture" in faded(at)
    assert "Threat model" not in said(at), "what is said of an attack is of this scenario"


def test_a_new_result_takes_the_place_of_the_old_one(lab, store_dir):
    at = lab(QUICK)
    press(at, "Run the attack")
    work(Store(store_dir), Site(None, store_dir, "cpu"), once=True)
    at.run()
    assert len(claims(at)) == 1 and not faded(at)
    at.select_slider[0].set_value(0.1).run()
    assert not claims(at) and faded(at)
    press(at, "Run the attack")
    work(Store(store_dir), Site(None, store_dir, "cpu"), once=True)
    at.run()
    assert len(claims(at)) == 1 and not faded(at) and "From before" not in said(at)
    at.select_slider[0].set_value(0.01).run()
    assert len(claims(at)) == 1 and not faded(at), "back where it was, its result is of these settings again"


def test_an_attack_that_was_stopped_claims_nothing(lab, store_dir):
    at, store, site = lab(QUICK), Store(store_dir), Site(None, store_dir, "cpu")
    work(store, site, once=True, kinds=("risk",))
    press(at, "Run the attack")
    found = run(Scenario.parse(QUICK), site)
    job = store.claim("somebody", ("run",))
    store.stop(job.key)
    store.mark_stopped(job, {**found.to_json(), "stopped": True}, {"truth": found.truth, "guess": found.guess})
    at.run()
    assert not claims(at) and not faded(at)
    assert f"stopped before its end, at {found.scores['psnr'][0]:.1f} dB" in said(at)


def test_a_row_of_a_table_fades_too(lab, store_dir):
    at = lab("data=breast_cancer&model=mlp&defense=gaussian_noise&attack=linear_layer")
    press(at, "Run the attack")
    work(Store(store_dir), Site(None, store_dir, "cpu"), once=True)
    at.run()
    assert "real attack (" in html(at, "rows") and 'class="real old"' not in html(at, "rows")
    at.select_slider[0].set_value(10.0).run()
    assert "an earlier attack (" in html(at, "rows") and 'class="real old"' in html(at, "rows")
    assert "(now 1,000 %)" in said(at)


@pytest.mark.parametrize(
    ("old", "now", "words"),
    [
        ("", "&floor=0.1&prior=natural", ""),
        ("&defense=gaussian_noise", "&defense=gaussian_noise(sigma=0.2)", "Gaussian noise: 1 % of the message's typical entry (now 20 %)"),
        ("&defense=quantisation", "&defense=quantisation(bits=4)", "Quantisation: 8 bits (now 4 bits)"),
        ("&defense=clipping", "&defense=pruning", "Clipping, clipped to a norm of 1 (now Pruning, 90 % of the entries dropped)"),
        ("", "&defense=pruning", "no defense (now Pruning, 90 % of the entries dropped)"),
        ("&defense=gaussian_noise", "&defense=gaussian_noise(relative=False)", "Gaussian noise: relative True (now False)"),
        ("&defense=clipping", "&defense=clipping&attacker=aware", "attacker unaware (now aware)"),
        ("&attacker=unaware", "&attacker=aware", ""),
        ("&seed=7", "&seed=8", "seed 7 (now 8)"),
    ],
)
def test_what_an_older_result_was_made_for(old, now, words):
    base = "data=digits&model=mlp&attack=dlg"
    assert made_for(Scenario.parse(base + old), Scenario.parse(base + now)) == words


def test_other_parts_are_named():
    old, now = Scenario.parse("data=digits&model=mlp&attack=dlg"), Scenario.parse("data=digits&model=mlp(width=64)&attack=idlg")
    assert made_for(old, now) == "width 128 (now 64), attack Deep leakage (DLG) (now Improved deep leakage (iDLG))"


@pytest.mark.parametrize(
    ("page", "text", "button"),
    [
        ("attacks", "data=digits&model=mlp(width=16)&defense=gaussian_noise&attack=linear_layer", "Run all attacks"),
        ("vertical", "data=digits&model=mlp&protocol=vfl&defense=gaussian_noise&attack=rmle", "Attack here"),
    ],
)
def test_on_other_pages_nothing_old_is_shown_at_all(visit, store_dir, monkeypatch, page, text, button):
    monkeypatch.setattr(attacks, "ATTACKS", {"linear_layer": ATTACKS["linear_layer"]})
    search, learnt = cuts.RMLE(steps=20), cuts.InverseNetwork(epochs=1, width=4, pictures=64)
    monkeypatch.setattr(cuts, "RMLE", lambda **knobs: dataclasses.replace(search, **knobs))
    monkeypatch.setattr(cuts, "InverseNetwork", lambda: learnt)
    at = computed(press(visit(page, text), button), store_dir)
    heading = next(m.value for m in at.markdown if " dB" in m.value and "PSNR" not in m.value)
    reached = re.findall(r"\d+\.\d dB", heading)[0]
    assert reached in everything(at)
    at.select_slider(key=next(s.key for s in at.select_slider if s.key.startswith("strength"))).set_value(10.0).run()
    assert not at.exception and reached not in everything(at)
    assert "not run yet" in everything(at) or "No attack has been run" in everything(at)


def everything(at):
    """All words, those inside tables, too."""
    return said(at) + " ".join(e.proto.body for e in at.get("html"))
