"""One way to find a result: what one page has, prepared or computed, every other page has, too, and nobody computes or reads it again."""

from __future__ import annotations

import pytest
from visits import address, asked_for, computed, html, leave_address, new_server, opened, press, said

from invviz.defenses import DEFENSES
from invviz.jobs.store import Store
from invviz.scenario import Scenario, problems
from invviz.scenario.families import attacks, cuts, defenses
from invviz.studies import gallery
from invviz.ui import lookup, shipped

QUICK = "data=digits&model=mlp&defense=gaussian_noise(sigma=0.1)&attack=linear_layer&attacker=aware"
OPENED = Scenario.parse(gallery.OPENING)


@pytest.fixture
def fresh(store_dir):
    """A server that has just begun."""
    new_server()
    yield store_dir
    new_server()


def listed():
    """Attacks as the pages list them, page by page."""
    rows = [defenses.compared(OPENED, stack) for stack in defenses.stacks(OPENED)]
    scenes = [Scenario.parse(scene.scenario) for scene in attacks.SCENES]
    depths = cuts.at_depths(Scenario.parse(cuts.VERTICAL))
    return {
        "defend": [row.replace(attacker=who) for row in rows if not problems(row) for who in ("unaware", "aware")],
        "attacks": [attack for scene in scenes for attack in attacks.attackers(scene).values()],
        "vertical": [attack for depth in depths for attack in cuts.attackers(depth).values()],
    }


@pytest.mark.parametrize("page", ["defend", "attacks", "vertical"])
def test_what_a_page_has_prepared_the_lab_finds_and_the_other_way_round(fresh, page):
    wanted = dict.fromkeys(listed()[page])
    side, lab = lookup.attacks(wanted), lookup.attacks(wanted, way=True)
    there = [s for s in wanted if side[s].view is not None]
    assert len(there) >= 12
    for s in wanted:
        assert (lab[s].view is None) == (side[s].view is None), s.text()
    assert all(lab[s].view.result["scores"]["psnr"] == side[s].view.result["scores"]["psnr"] for s in there)
    scenes = [scene.scenario for scene in gallery.scenes()]
    assert all(one.view is not None for one in lookup.attacks(dict.fromkeys(scenes)).values()), "the Lab's scenes, for every page"
    assert not asked_for(fresh)


def test_figures_of_the_risk_page_serve_where_no_picture_is_shown(fresh):
    from invviz.scenario.families import comparisons

    compared = comparisons.pictures(Scenario.parse(comparisons.OPENING), range(gallery.PICTURES))
    truths = dict.fromkeys(compared)
    assert all(one.view is not None for one in lookup.spectra(truths, plain=set(compared)).values())
    assert not any(one.view and one.view.levels == shipped.NOWHERE for one in lookup.spectra(truths).values()), "those have no picture"


@pytest.mark.parametrize(
    "scenario",
    [
        next(s for s in listed()["defend"] if s.defense and s.defense[0].name == "quantisation" and s.attacker == "aware"),
        next(s for s in listed()["attacks"] if s.attack.name == "inverting_gradients"),
        next(s for s in listed()["vertical"] if s.attack.name == "inverse_network" and cuts.cut_of(s).cut == 2),
    ],
    ids=["defend", "attacks", "vertical"],
)
def test_the_lab_shows_what_another_page_has_prepared_and_asks_for_nothing(visit, store_dir, scenario):
    at = visit("lab", scenario.text())
    ready = shipped.results(scenario, "run")
    assert not at.exception and ready is not None
    assert f"{ready[1]['scores']['psnr'][0]:.1f} dB" in said(at) and "prepared earlier" in said(at)
    assert not [job for job in asked_for(store_dir).values() if job.kind == "run"]


def test_what_is_computed_on_one_page_is_there_on_all_and_read_once(visit, store_dir, monkeypatch):
    at = press(visit("lab", QUICK), "Run the attack")
    computed(at, store_dir)
    key, got = Scenario.parse(QUICK).key("run"), Store(store_dir).result(Scenario.parse(QUICK).key("run"))["scores"]["psnr"][0]
    reads = []
    real = Store.spectrum
    monkeypatch.setattr(Store, "spectrum", lambda self, key: reads.append(key) or real(self, key))
    for page in ("defend", "attacks"):
        leave_address(at)
        at.switch_page(f"pages/{page}.py").run()
        at.run()
        name = "defend" if page == "defend" else "attacks grid"
        assert not at.exception and f"{got:.1f} dB" in html(at, name), page
    asked = [job for job in asked_for(store_dir).values() if job.kind == "run"]
    assert [job.key for job in asked] == [key], "nobody ran it again"
    assert len(reads) == len(set(reads)), "what one page has read, no other reads again"


def test_a_sweep_of_attacks_on_defend_is_there_in_the_lab(visit, store_dir, monkeypatch):
    monkeypatch.setattr(defenses, "usual", lambda: [DEFENSES["gaussian_noise"]()])
    at = press(visit("defend", QUICK), "Run all attacks")
    computed(at, store_dir)
    for who in ("unaware", "aware"):
        scenario = Scenario.parse(QUICK).replace(attacker=who)
        result = Store(store_dir).result(scenario.key("run"))
        at = opened("lab", scenario.text())
        assert f"{result['scores']['psnr'][0]:.1f} dB" in said(at) and "Finished" in [b.label for b in at.button]
        assert address(at, "attacker") == (who if who == "aware" else "")


def test_the_one_cache_keeps_within_its_bounds():
    assert lookup._opened._most == lookup.ENTRIES and lookup._opened._heaviest == lookup.BYTES
