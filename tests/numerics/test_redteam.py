"""The red team's study: what it attacks, what it keeps, and what its words rest on."""

from __future__ import annotations

import dataclasses
import statistics

import pytest

from invviz.attacks import ATTACKS
from invviz.defenses import DEFENSES
from invviz.engine.attack import run
from invviz.engine.client import Site
from invviz.metrics import PSNR, SSIM
from invviz.scenario import Scenario, problems
from invviz.scenario.families.attacks import attackers
from invviz.studies import redteam
from invviz.studies.redteam import VICTIMS, Redteam, _make, _plan
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
    assert [{s.data.index for s in turn} for turn in listed] == [{0}, {1}]
    assert len(listed[0]) == len(listed[1]) == sum(1 for name in ("digits", "convnet") for _ in cells(name, 0))


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
    assert (
        several.worst == 14.0
        and several.attack == "pca_prior"
        and redteam.got(several)
        == "readable on 1 of 2, best read 14.0 dB (its SSIM counts, too; another has 15.0 dB), median 14.5 dB, least 14.0 dB"
    )


def test_words_stand_on_the_strongest_setting(study):
    assert "behind Magnitude pruning" in redteam.headline(study, "digits") or "behind Pruning" in redteam.headline(study, "digits")
    broken = Redteam(FACTS, (*study.cells[:4], cell("pruning(fraction=0.99)", 1, {"dlg": 60.0}), study.cells[5]))
    assert "Behind all 1 defenses" in redteam.headline(broken, "digits")


def test_what_is_shown_says_on_how_many_pictures_the_worst_word_holds_and_which_attack_was_strongest_how_often(study):
    weak, strong = study.found["digits"]["pruning"]
    assert redteam.got(weak) == "readable on 2 of 2, best read 41.5 dB, median 35.8 dB, least 30.0 dB"
    assert redteam.by(weak) == f"{ATTACKS['features'].short_title()} (1), {ATTACKS['dlg'].short_title()} (1)"
    assert redteam.by(strong) == f"{ATTACKS['dlg'].short_title()} (2)"
    three = redteam.Finding(None, (12.0, 90.0, 70.0), ("hidden", "readable", "readable"), (11.0,) * 3, ("dlg", "peeling", "peeling"), 3, "")
    assert redteam.got(three) == "readable on 2 of 3, best read exact, median exact, least 12.0 dB", (
        "one picture that was read is enough for the word"
    )
    assert redteam.by(three) == f"{ATTACKS['peeling'].short_title()} (2), {ATTACKS['dlg'].short_title()} (1)"
    assert redteam.got(dataclasses.replace(three, psnr=(80.0, 90.0, 70.0), words=("readable",) * 3)) == "readable on 3 of 3, all exact"
    one = redteam.Finding(None, (12.0,), ("hidden",), (11.0,), ("dlg",), 13, "")
    assert redteam.got(one) == "hidden, 12.0 dB" and redteam.by(one).endswith(", of 13")


def test_a_promise_needs_every_picture_and_says_who_attacked_the_later_ones(study):
    assert "at least one of 2 pictures readable" in redteam.headline(study, "digits")  # undefended rows do not count, weak ones neither
    assert "came within 6 dB" in redteam.who(study) and "each of the others" in redteam.who(study, "digits")
    alone = Redteam(FACTS, study.cells[:3])
    assert redteam.who(alone, "digits").endswith("the first picture, the only one.") and redteam.how_many(alone, "digits") == "one picture"
    assert redteam.how_many(study, "digits") == "2 pictures, on 2 draws of weights and noise"
    page = "\n".join(redteam.table(study))
    assert (
        "### Digits, LeNet, 2 pictures" in page and redteam.who(study) in page and redteam.got(study.found["digits"]["pruning"][0]) in page
    )
    assert redteam.beside(study, ["pruning"])[0].count(" of 2") == 2


def test_later_pictures_are_attacked_by_those_that_got_most_of_the_first():
    s = Scenario.parse(f"{BASE}&defense=pruning(fraction=0.5)")
    later = s.replace(data=s.data.replace(index=4), seed=1)
    got = {"dlg": 20.0, "idlg": 20.0, "features": 12.0, "pca_prior": 25.5, "see_through": 19.4, "peeling": None}
    assert _plan.finalists(got) == ["pca_prior", "dlg"], "idlg is dlg under another name; 19.4 dB is more than 6 dB below"
    assert _plan.finalists({**got, "see_through": 19.6}) == ["pca_prior", "dlg", "see_through"]
    assert _plan.finalists({"dlg": 150.0, "features": 70.0, "pca_prior": 54.5, "see_through": 53.0}) == ["dlg", "features", "pca_prior"]
    assert _plan.finalists({"dlg": 200.0, "gauss_newton": 200.0}) == ["dlg", "gauss_newton"] and not _plan.finalists({"dlg": None})
    first = cell("pruning(fraction=0.5)", 0, got)
    known = {first["scenario"]: first}
    assert _plan.first_of(later).text() == first["scenario"] and set(_make.lacking(later, known)) == {"pca_prior", "dlg"}
    assert not _make.lacking(later, {}), "who shall attack is not known yet"
    same = {name: _make.short(one) for name, one in attackers(s).items()}
    kept = {first["scenario"]: {**first, "keys": same, "ssim": {"dlg": None}}}
    assert not _make.lacking(s, kept) and _make.unscored(s, kept) == ["pca_prior"], "its SSIM was not kept; of dlg there is none"
    assert not _make.unscored(s, known), "those that are attacked anyway are not named twice"
    assert set(_make.lacking(s, known)) == set(attackers(s)), "of a first picture all whose key is another"


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
        {**FACTS, "seconds": 5},
        ({"scenario": s.text(), "keys": keys, "bar": [12.0, 13.0], "got": {"dlg": 50.0}, "ssim": {"dlg": 0.9}, "seconds": 1.0},),
    )
    (tmp_path / "redteam.json").write_text(known.to_json())
    monkeypatch.setattr(_make, "planned", lambda rounds, victims: [[s]])
    monkeypatch.setattr(_make, "attacked", None)  # cannot be called
    made = _make.make(folder=tmp_path, site=site)
    assert made.cells[0]["got"] == {"dlg": 50.0}
    other = {s.text(): {"keys": {**keys, "dlg": "another"}, "got": {}}}
    assert _make.lacking(s, other) == ["dlg"] and _make.lacking(s, {}) == list(keys)
    both = _make.merged(known.cells[0], {"scenario": s.text(), "keys": {"dlg": "k"}, "got": {"dlg": 60.0}, "seconds": 2.0})
    assert both["got"] == {"dlg": 60.0} and both["keys"] == {**keys, "dlg": "k"} and both["seconds"] == 3.0


def test_the_shipped_study_is_whole_and_of_today_s_attacks():
    study = redteam.load()
    assert study is not None and study.cells
    known = {one["scenario"]: one for one in study.cells}
    for place, one in enumerate(study.cells):
        s = Scenario.parse(one["scenario"])
        assert one["got"], one["scenario"]
        assert all(got is None or -redteam.MOST <= got <= redteam.MOST for got in one["got"].values())
        low, plain = one["bar"][:2]
        assert 3 < low <= plain < 40
        if place % 10 == 0:
            assert not (names := _make.lacking(s, known)), f"{redteam.COMMAND} attacks this cell again with {', '.join(names)}: {s.text()}"
    for victim, rows in study.found.items():
        assert "none" in rows and len({len(one.psnr) for row in rows.values() for one in row}) == 1, victim  # as many pictures everywhere


def test_what_attacks_are_ranked_by_is_said_with_the_cells_that_lack_ssim(study):
    assert "Of 6 cells SSIM was kept of all attacks on 0, of the best few on 0;" in redteam.ranked(study, "digits")
    some = Redteam(FACTS, ({**study.cells[0], "ssim": {"dlg": 0.9}}, {**study.cells[1], "ssim": {"dlg": 0.9}}, *study.cells[2:]))
    assert "of all attacks on 1, of the best few on 1;" in redteam.ranked(some, "digits"), "of the second cell one attack's is lacking"
    every = Redteam(FACTS, tuple({**one, "ssim": dict.fromkeys(one["got"], 0.9)} for one in study.cells))
    assert redteam.ranked(every, "digits").endswith("then by PSNR.")
