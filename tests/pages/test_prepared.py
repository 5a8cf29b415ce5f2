"""What a click on a card, a scene or a victim opens is there: prepared, or begun by itself with a first sketch."""

from __future__ import annotations

import pytest
from visits import asked_for, html, said

from invviz.engine.assess import sketched_first
from invviz.engine.baseline import baseline_of
from invviz.metrics import PSNR, SSIM, word
from invviz.risk import invloss, psnr_ceiling
from invviz.scenario import Scenario, problems, risk_problems
from invviz.scenario.families import attacks, comparisons, cuts, defenses
from invviz.studies import gallery
from invviz.ui import known, shipped
from invviz.ui.attacks import words

OFFERED = {
    **{f"card {card.name}": card.scenario for card in gallery.CARDS},
    **{f"victim {scene.title}": scene.scenario for scene in attacks.SCENES},
    "risk": comparisons.OPENING,
    "vertical": cuts.VERTICAL,
}


@pytest.mark.parametrize("name", OFFERED)
def test_every_case_that_a_page_offers_has_its_attack_and_its_ideal_picture(name):
    scenario = Scenario.parse(OFFERED[name])
    view = shipped.spectrum(scenario)
    assert shipped.attack(scenario) is not None, "its own attack"
    assert view is not None and view.can_draw(view.sigma(scenario)) and not risk_problems(scenario)


@pytest.mark.parametrize("scene", attacks.SCENES, ids=lambda scene: scene.title)
def test_every_victim_of_attacks_opens_with_its_own_attack_and_its_way(scene):
    now = Scenario.parse(scene.scenario)
    listed = attacks.attackers(now)
    ready = {name: found for name, s in listed.items() if (found := shipped.results(s, "run"))}
    assert now.attack.name in ready and ready[now.attack.name][0]["curve"].shape[1], "a line to draw"
    assert len(ready) >= len(listed) / 2, f"not prepared: {sorted(set(listed) - set(ready))}"
    late = [name for name, s in listed.items() if shipped.late(s)]
    assert not set(late) & set(ready) and all(
        words.waiting(known.AttackOutcome(listed[name])).startswith("not prepared: takes longer") for name in late
    )


@pytest.mark.parametrize("place", [2, 8])
def test_a_victim_that_is_prepared_opens_with_a_chart_and_asks_for_nothing(visit, store_dir, place):
    at = visit("attacks", attacks.SCENES[place].scenario)
    assert not at.exception and "The ideal attacker reaches" in said(at) and "not run yet" in said(at)
    assert html(at, "attacks grid").count("<img") > 3 and not asked_for(store_dir)


def test_all_that_is_prepared_stays_small():
    assert sum(file.stat().st_size for file in gallery.FOLDER.rglob("*") if file.is_file()) < 12_000_000


def test_rows_of_the_pages_are_prepared_or_begin_by_themselves():
    now = Scenario.parse(gallery.OPENING)
    rows = [defenses.compared(now, stack) for stack in defenses.stacks(now)]
    assert all(shipped.spectrum(s) for s in rows if not risk_problems(s))
    assert all(shipped.spectrum(s) for s in cuts.at_depths(Scenario.parse(cuts.VERTICAL)))
    opened = [s.replace(method=now.method) for s in comparisons.pictures(Scenario.parse(comparisons.OPENING), range(gallery.PICTURES))]
    assert all(shipped.spectrum(s) or sketched_first(s) for s in opened), "a row of Risk that is clicked"


def test_all_attacks_on_the_usual_defenses_are_in():
    """README's seventh step; a key that moves takes its prepared result with it."""
    rows = [defenses.compared(Scenario.parse(gallery.OPENING), stack) for stack in defenses.stacks(Scenario.parse(gallery.OPENING))]
    asked = [
        row.replace(attacker=who) for row in rows if not problems(row) for who in (("unaware", "aware") if row.defense else ("unaware",))
    ]
    assert len(asked) > 20 and not [s.text() for s in asked if shipped.attack(s, studies=False) is None]


@pytest.mark.parametrize("who", ["unaware", "aware"])
def test_the_lab_shows_what_was_prepared_for_defend(visit, store_dir, who):
    """README's fifth step: clipping fools the unaware attacker alone."""
    text = f"data=photos&model=lenet&defense=clipping&attack=dlg&attacker={who}&prior=natural&floor=0.0001"
    at = visit("lab", text)
    found = shipped.results(Scenario.parse(text), "run")
    assert found is not None and (found[1]["scores"]["psnr"][0] > 40) == (who == "aware")
    assert not at.exception and f"{found[1]['scores']['psnr'][0]:.1f} dB" in said(at) and "prepared earlier" in said(at)
    assert "InvRE 1.00:" in said(at) and not asked_for(store_dir), "its spectrum is there, too"
    assert next(b for b in at.button if b.label == "Run the attack").disabled is False


def test_the_lab_computes_where_the_prepared_picture_is_of_other_noise(visit, store_dir):
    visit("lab", "data=photos&model=lenet&defense=clipping&defense=gaussian_noise(sigma=0.02)&attack=dlg&prior=natural&floor=0.0001")
    assert {job.kind for job in asked_for(store_dir).values()} == {"risk", "sketch"}


def test_a_prepared_spectrum_loses_nothing_to_its_short_numbers():
    """Kept in single precision, computed with in double: without noise 1 - m / (sigma^2 + m) was 0, and the page expected 200 dB where the spectrum says 107."""
    scene = gallery.load("linear")
    assert scene is not None
    d, sigma = scene.decomposition, scene.summary["sigma_relative"] * scene.size.rms
    loss = sum(float(w) * sigma**2 / (sigma**2 + float(m)) for w, m in zip(d.weights, d.gains, strict=True))
    assert invloss(d, sigma) == pytest.approx(loss, rel=1e-3) and psnr_ceiling(d, sigma) == pytest.approx(
        107.04, abs=0.05
    )  # as `invviz risk` says


def test_the_cards_of_the_lab_say_what_their_pictures_show():
    """As much noise as gradient: what the ideal attacker has can be recognised, what the real one has is hidden."""
    scene = gallery.load("heavy_noise")
    assert scene is not None and "recognised" in scene.card.lesson and "hides" not in scene.card.title
    truth, sigma = scene.arrays["truth"], scene.summary["sigma_relative"] * scene.size.rms
    floor = baseline_of(scene.scenario, truth, None)
    words = [word(list(PSNR().score(x, truth)), list(SSIM().score(x, truth)), floor) for x in (scene.ideal(sigma), scene.arrays["guess"])]
    assert words == ["recognisable", "hidden"]
