"""The red team's study: what it attacks, what it keeps, and what its words rest on."""

from __future__ import annotations

import statistics

import pytest

from invviz.defenses import DEFENSES
from invviz.engine.attack import run
from invviz.engine.client import Site
from invviz.metrics import PSNR, SSIM
from invviz.scenario import Scenario, problems
from invviz.scenario.families.attacks import attackers
from invviz.studies import redteam
from invviz.studies.redteam import VICTIMS, Redteam, _make
from invviz.studies.redteam._plan import cells

BASE = "data=digits&model=lenet&attack=dlg&attacker=aware&seed=0&dtype=float64&prior=natural"
FACTS = {"date": "2026-01-01", "machine": "any", "seconds": 3600}


def cell(defense: str, picture: int, got: dict[str, float | None]) -> dict:
    s = Scenario.parse(f"data=digits(index={picture})&{BASE.partition('&')[2]}{f'&defense={defense}' if defense else ''}")
    return {"scenario": s.text(), "keys": {}, "bar": [12.0, 13.0], "got": got, "seconds": 1.0}


@pytest.fixture
def study(monkeypatch) -> Redteam:
    monkeypatch.setattr(redteam, "planned_cells", lambda victim, number: range(3))
    return Redteam(
        FACTS,
        (
            cell("", 0, {"dlg": 50.0, "peeling": None}),
            cell("pruning(fraction=0.99)", 0, {"dlg": 14.0, "features": 12.0}),
            cell("pruning(fraction=0.5)", 0, {"dlg": 20.0, "features": 41.5}),
            cell("", 1, {"dlg": 70.0}),
            cell("pruning(fraction=0.99)", 1, {"dlg": 13.0}),
            cell("pruning(fraction=0.5)", 1, {"dlg": 30.0, "features": 11.0}),
        ),
    )


def test_every_defense_has_three_rising_strengths_and_is_attacked_somewhere():
    tried = {d.name for victim in VICTIMS for s in cells(victim, 0) for d in s.defense}
    assert tried == set(DEFENSES)
    assert all(kind.needs.embedding == ("gradient" not in kind.suggested.victims) for kind in DEFENSES.values())
    falling = {"clipping", "local_dp", "quantisation", "stochastic_quantisation"}  # small is strong
    for name, kind in DEFENSES.items():
        values = kind.suggested.levels
        assert list(values) == sorted(values, reverse=name in falling) and len(set(values)) == 3, name


@pytest.mark.parametrize("victim", VICTIMS)
def test_every_cell_of_the_plan_can_be_attacked_by_someone_who_knows_it(victim):
    for s in cells(victim, 0):
        assert s.attacker == "aware" and attackers(s), (s.text(), problems(s))


def test_a_plan_that_is_stopped_is_an_even_one_of_fewer_pictures():
    listed = _make.planned(2, ["digits", "convnet"])
    assert [s.data.index for s in listed] == sorted(s.data.index for s in listed)
    assert len(listed) == 2 * len(_make.planned(1, ["digits", "convnet"]))


def test_of_every_picture_the_strongest_attack_counts_and_the_picture_read_best_is_named(study):
    found = study.found["digits"]["pruning"]
    assert [one.defense.fraction for one in found] == [0.5, 0.99]
    weak = found[0]
    assert (
        weak.psnr == (41.5, 30.0)
        and weak.attacks == ("features", "dlg")
        and weak.words == ("readable", "readable")
        and found[1].words == ("blurred", "blurred")
    )
    assert weak.worst == 41.5 and weak.median == statistics.median([41.5, 30.0]) and weak.attack == "features"
    assert Scenario.parse(weak.scenario).attack.name == "features" and Scenario.parse(weak.scenario).data.index == 0
    assert study.found["digits"]["none"][0].tried == 1  # an attack that gave up is none to choose from


def test_attacks_and_pictures_are_ranked_by_the_word_first_and_by_psnr_within_it():
    s = Scenario.parse(BASE)
    bar = (12.0, 13.0, 0.2, 0.2)
    one = redteam.Attacked(
        s, {"dlg": 15.0, "pca_prior": 14.0}, bar, {"dlg": 0.3, "pca_prior": 0.8}
    )  # 75 % of the similarity that the bar lacks
    assert one.word(15.0, 0.3) == "blurred" and one.word(14.0, 0.8) == "readable" and one.strongest == ("pca_prior", 14.0, "readable")
    assert redteam.Attacked(s, one.got, bar).strongest[0] == "dlg", "without SSIM by PSNR alone"
    assert redteam.Attacked(s, one.got, bar[:2]).strongest[0] == "dlg", "cells of before"
    several = redteam.Finding(None, (15.0, 14.0), ("blurred", "readable"), (12.0, 12.0), ("dlg", "pca_prior"), 2, "")
    assert several.worst == 14.0 and several.attack == "pca_prior" and redteam.got(several).startswith("readable, 14.0 dB")


def test_words_stand_on_the_strongest_setting(study):
    assert "behind Magnitude pruning" in redteam.headline(study, "digits") or "behind Pruning" in redteam.headline(study, "digits")
    broken = Redteam(FACTS, (*study.cells[:4], cell("pruning(fraction=0.99)", 1, {"dlg": 60.0}), study.cells[5]))
    assert "Behind all 1 defenses" in redteam.headline(broken, "digits")
    assert redteam.got(study.found["digits"]["pruning"][0]) == "readable, 41.5 dB (median of 2: 35.8 dB)"


def test_a_picture_that_was_not_attacked_behind_every_defense_is_left_out(study):
    assert study.pictures("digits") == 2
    part = Redteam(FACTS, study.cells[:-1])
    assert part.pictures("digits") == 1 and all(len(one.psnr) == 1 for row in part.found["digits"].values() for one in row)
    assert not Redteam(FACTS, study.cells[:2]).found


def test_a_study_is_kept_and_read_as_it_was(study):
    assert Redteam.from_json(study.to_json()).found.keys() == study.found.keys()
    assert Redteam.from_json(study.to_json()).cells[1]["got"]["dlg"] == 14.0
    assert Redteam.from_json(study.to_json().replace('"results_version": ', '"results_version": 9')) is None


def test_victims_are_found_by_data_and_net():
    assert redteam.alike("digits(index=7)", "convnet(width=4,act='tanh')") == "convnet"
    assert redteam.alike("photos(size=16)", "lenet") == "photos"
    assert redteam.alike("cifar10", "lenet") == "" and redteam.alike("no such", "lenet") == ""


def test_an_attacked_cell_is_what_its_own_line_of_text_gives(tmp_path, monkeypatch):
    s, site = Scenario.parse(f"{BASE}&defense=pruning(fraction=0.9)"), Site(None, tmp_path, "cpu")
    two = {name: one for name, one in attackers(s).items() if name in ("features", "pca_prior")}
    found = _make.attacked(s, site, list(two))
    assert set(found["got"]) == set(two) == set(found["ssim"])
    for name, one in two.items():
        again = run(Scenario.parse(one.text()), site)
        assert found["got"][name] == pytest.approx(again.scores["psnr"][0], abs=0.01)
        assert found["ssim"][name] == pytest.approx(again.scores["ssim"][0], abs=1e-3)


def test_what_the_label_alone_gives_is_the_bar(tmp_path):
    s, site = Scenario.parse(BASE), Site(None, tmp_path, "cpu")
    samples = s.data.load(None)
    truth, label = samples.victims.take([0])
    images, labels = samples.public.take(range(len(samples.public)))
    mean = images[labels == label[0]].astype(float).mean(0, keepdims=True)
    low, plain, low_ssim, plain_ssim = _make.bar(s, site)
    assert low == pytest.approx(float(PSNR().score(mean, truth)[0]), abs=0.01) and plain == low and low > 15
    assert low_ssim == pytest.approx(float(SSIM().score(mean, truth)[0]), abs=1e-3) and plain_ssim == low_ssim
    one = redteam.Attacked(s, {}, (low, plain))
    assert [one.word(low + more) for more in (0.5, 2.0, 7.0, 11.0)] == ["hidden", "blurred", "recognisable", "readable"]


def test_only_what_is_new_is_attacked_again(tmp_path, monkeypatch):
    s, site = Scenario.parse(BASE), Site(None, tmp_path, "cpu")
    keys = {name: _make.short(one) for name, one in attackers(s).items()}
    known = Redteam(
        {**FACTS, "seconds": 5}, ({"scenario": s.text(), "keys": keys, "bar": [12.0, 13.0], "got": {"dlg": 50.0}, "seconds": 1.0},)
    )
    (tmp_path / "redteam.json").write_text(known.to_json())
    monkeypatch.setattr(_make, "planned", lambda rounds, victims: [s])
    monkeypatch.setattr(_make, "attacked", None)  # cannot be called
    made = _make.make(folder=tmp_path, site=site)
    assert made.cells[0]["got"] == {"dlg": 50.0}
    assert _make.lacking(s, {"keys": {**keys, "dlg": "another"}}) == ["dlg"] and _make.lacking(s, None) == list(keys)
    both = _make.merged(known.cells[0], {"scenario": s.text(), "keys": {"dlg": "k"}, "got": {"dlg": 60.0}, "seconds": 2.0})
    assert both["got"] == {"dlg": 60.0} and both["keys"] == {**keys, "dlg": "k"} and both["seconds"] == 3.0


def test_the_shipped_study_is_whole_and_of_today_s_attacks():
    study = redteam.load()
    assert study is not None and study.cells
    for place, one in enumerate(study.cells):
        s = Scenario.parse(one["scenario"])
        assert one["got"], one["scenario"]
        assert all(got is None or -redteam.MOST <= got <= redteam.MOST for got in one["got"].values())
        low, plain = one["bar"][:2]
        assert 3 < low <= plain < 40
        if place % 10 == 0:
            assert not (names := _make.lacking(s, one)), f"{redteam.COMMAND} attacks this cell again with {', '.join(names)}: {s.text()}"
    for victim, rows in study.found.items():
        assert "none" in rows and len({len(one.psnr) for row in rows.values() for one in row}) == 1, victim  # as many pictures everywhere


def test_what_attacks_are_ranked_by_is_said_with_the_cells_that_lack_ssim(study):
    assert redteam.ranked(study, "digits").endswith("on all cells, attacked before SSIM was kept, by PSNR alone.")
    some = Redteam(FACTS, ({**study.cells[0], "ssim": {"dlg": 0.9}}, *study.cells[1:]))
    assert "on 5 of 6 cells" in redteam.ranked(some, "digits")
    every = Redteam(FACTS, tuple({**one, "ssim": {"dlg": 0.9}} for one in study.cells))
    assert redteam.ranked(every, "digits").endswith("then by PSNR.")
