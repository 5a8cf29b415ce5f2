"""The Curves page as Streamlit runs it, without a browser and without workers."""

from __future__ import annotations

import re
import time
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from visits import address, asked_for, button, html, press, said

from invviz.charts.tradeoff import HALO, Look, Mark, plane, ranges
from invviz.engine.calibrate_noise import rising
from invviz.jobs.store import Store
from invviz.metrics import PSNR
from invviz.scenario import PARTS, Scenario
from invviz.studies import plans
from invviz.studies.sweep import Sweep, progress, queue, table, watcher
from invviz.studies.tradeoff import operating_point, sentence
from invviz.ui import shipped
from invviz.ui.curves import beside, labels, own, source, words

ROOT = Path(__file__).parents[2]
BASE = "data=digits&model=mlp&attack=linear_layer"
SMALL = (
    f"{BASE} | seed=0..1 | defense=none,gaussian_noise(sigma=0.01..1/3),pruning(fraction=0.5),pruning(fraction=0.9),pruning(fraction=0.99) "
    "| data.index=0..1 | what=train,unaware,aware"
)


def depth(scenario: Scenario) -> float:
    """How much a made-up defense does, from 0 to 1."""
    if not scenario.defense:
        return 0.0
    defense = scenario.defense[-1]
    value, knob = float(getattr(defense, defense.strength)), defense.strength_knob()
    if isinstance(knob.default, int):
        return min(1.0, (9 - value) / 8)
    if (knob.high or 9) <= 1 and not knob.log:
        return min(1.0, -np.log10(max(1 - value, 1e-3)) / 3)
    share = min(1.0, max(0.0, (np.log10(max(value, 1e-3)) + 3) / 4))
    return share if rising(defense) else 1 - share


def outcome(kind: str, scenario: Scenario) -> tuple[dict, dict]:
    """A made-up result of a job, the same for the same job."""
    rng = np.random.default_rng(zlib.crc32(scenario.text(full=True).encode()))
    name = scenario.defense[-1].name if scenario.defense else ""
    much, kink = depth(scenario), 0.7 + 0.6 * (zlib.crc32(name.encode()) % 97) / 97
    if kind == "train":
        accuracy = float(np.clip(0.93 - 0.6 * much ** (3 * kink) + 0.004 * rng.standard_normal(), 0, 1))
        return {"accuracy": accuracy, "best": accuracy, "seconds": 2.0, "note": ""}, {}
    knows = scenario.attacker == "aware"
    psnr = float(32 - 25 * much**kink + 0.8 * rng.standard_normal() + (3 * much if knows else 0))
    truth = np.linspace(0, 1, 64).reshape(1, 1, 8, 8).astype(np.float32)
    guess = (truth + 10 ** (-psnr / 20) * rng.standard_normal(truth.shape)).clip(0, 1).astype(np.float32)
    scores = {"psnr": [psnr], "ssim": [float(np.clip(psnr / 34, 0, 1))], "mse": [10 ** (-psnr / 10)]}
    return {"scores": scores, "seconds": 1.0, "stopped": False, "note": ""}, {"truth": truth, "guess": guess}


def filled(folder: Path, text: str, most: int = 100_000, broken: str = "") -> Sweep:
    """A store in which so many jobs of a sweep are done, with made-up results."""
    store, sweep = Store(folder), Sweep.parse(text)
    queue(sweep, store)
    while most > 0 and (job := store.claim("w")) is not None:
        if broken and broken in job.scenario and job.kind == "run":
            store.fail(job, "no <memory> left", "Traceback ...")
            continue
        store.finish(job, *outcome(job.kind, Scenario.parse(job.scenario)))
        most -= 1
    return sweep


@pytest.fixture
def curves(visit, tmp_path, monkeypatch):
    """Opens the page at an address; no study is shipped."""
    monkeypatch.setattr(plans, "FOLDER", tmp_path / "no studies")
    plans.load.cache_clear()
    yield lambda text=BASE, **views: visit("curves", text, **views)
    plans.load.cache_clear()


def told(at):
    """The words, and the commands beside them."""
    return " ".join([said(at), *(e.value for e in at.code)])


def plain(text):
    return text.replace("\\", "")


def finding(at):
    return plain(next(m.value for m in at.markdown if m.value.startswith("## At most")))[3:]


def expected(sweep, folder, measure="strongest", budget=0.01):
    rows = table(sweep, Store(folder))
    return sentence(operating_point(rows, measure, budget), budget, words.titles(rows["defense"]))


def states(folder):
    return [job.state for job in asked_for(folder).values()]


def test_with_nothing_computed_the_page_says_what_to_do(curves):
    at = curves()
    assert not at.exception
    assert "Nothing has been computed yet" in told(at) and "python -m invviz.studies digits" in told(at)
    assert button(at, "Launch")


def test_a_finished_sweep_is_drawn(curves, store_dir):
    sweep = filled(store_dir, SMALL)
    at = curves()
    assert not at.exception
    assert finding(at) == expected(sweep, store_dir)
    assert len(at.get("plotly_chart")) == 1
    strips = html(at, "curves strips")
    assert strips.count("<section>") == 3 and strips.count("<figure") == 2 + 3 + 3 and strips.count("<img") == 8
    assert strips.count("alt=") == 8 and strips.count('best"') == 1
    assert html(at, "curves shots").count("<img") == 3
    assert html(at, "curves drops").count("<tr>") == 3
    assert "What failed or is missing" not in told(at)
    assert sweep.command() in told(at) and "seeds 0, 1; 2 pictures" in told(at)
    assert "torch" not in told(at)


@pytest.mark.parametrize("measure", ["aware", "unaware", "ssim"])
def test_the_axis_changes_the_finding(curves, store_dir, measure):
    sweep = filled(store_dir, SMALL)
    at = curves(privacy=measure)
    assert not at.exception and finding(at) == expected(sweep, store_dir, measure)
    assert finding(at) != expected(sweep, store_dir)


def test_clicking_an_axis_keeps_it_in_the_address(curves, store_dir):
    sweep = filled(store_dir, SMALL)
    at = curves()
    next(c for c in at.segmented_control if c.label.startswith("What leaks")).set_value("ssim").run()
    assert not at.exception and address(at, "privacy") == "ssim" and finding(at) == expected(sweep, store_dir, "ssim")


def test_an_axis_that_was_not_computed_says_so(curves, store_dir):
    filled(store_dir, SMALL)
    at = curves(privacy="invre")
    assert not at.exception and "is not known for any cell" in plain(told(at))
    assert next(c for c in at.segmented_control if c.label.startswith("What leaks"))


def test_the_budget_moves_the_operating_point(curves, store_dir):
    sweep = filled(store_dir, SMALL)
    points = set()
    for budget in ("0", "1", "5"):
        at = curves(budget=budget)
        assert not at.exception and finding(at) == expected(sweep, store_dir, budget=int(budget) / 100)
        points.add(finding(at).split(": ", 1)[1])
    assert len(points) > 1


def test_views_that_mean_nothing_fall_back(curves, store_dir):
    sweep = filled(store_dir, SMALL)
    at = curves(of="?", privacy="?", budget="?", point="?", seen="?", span="?", setting="?")
    assert not at.exception and finding(at) == expected(sweep, store_dir)


def test_a_point_of_the_address_is_open_and_goes_to_the_lab(curves, store_dir):
    filled(store_dir, SMALL)
    at = curves(point="pruning@0.9", seen="1")
    assert not at.exception and "90 % of the entries dropped" in told(at)
    scenario = Scenario.parse(
        f"{BASE}&defense=pruning(fraction=0.9)&seed=0&attacker=aware&data=digits(index=1)".replace("data=digits&", "")
    )
    assert scenario.text() in [c.value for c in at.code]
    result = Store(store_dir).result(scenario.key("run"))
    assert result is not None and f"{result['scores']['psnr'][0]:.1f} dB" in html(at, "curves shots")
    press(at, "Open in the Lab")
    assert not at.exception and address(at, "defense") == "pruning" and address(at, "data") == "digits(index=1)"
    assert "What does one update give away" in told(at)


@pytest.mark.parametrize(("name", "point"), [("digits", "gaussian_noise@0.2091"), ("photos", "none")])
def test_the_lab_shows_the_reconstruction_of_a_studys_point(visit, name, point):
    at = visit("curves", of=name, point=point)
    shots = html(at, "curves shots")
    at = press(at, "Open in the Lab")
    scenario, study = Scenario.parse("&".join(f"{k}={v}" for k, v in at.session_state["scenario"].pairs())), plans.load()[name]
    known = plans.kept(scenario.key("run"))
    assert not at.exception and known is not None and study.guesses[scenario.key("run")] in shots, "the picture that stood beside the plane"
    rows = study.rows[(study.rows["key_unaware"] == scenario.key("run")) | (study.rows["key_aware"] == scenario.key("run"))]
    who = scenario.attacker
    psnr = float(rows[f"psnr_{who}"].iloc[0])
    assert psnr == max(rows[[c for c in ("psnr_unaware", "psnr_aware") if rows[c].notna().all()]].iloc[0]), "the attacker that got more"
    assert f"{psnr:.1f} dB" in told(at) and f"from the study “{study.title}”" in told(at) and "not run yet" not in told(at)
    view = shipped.attack(scenario)
    assert view.guess.shape == (1, *scenario.shape)
    truth = scenario.data.victims(scenario.data.load(None), 1)[0]
    rounding = (1 / 255) ** 2 / 12  # of pictures that are kept as bytes
    assert 10 ** (-float(PSNR().score(view.guess, truth)[0]) / 10) == pytest.approx(10 ** (-psnr / 10), rel=0.05, abs=2 * rounding)
    assert any(b.label == "Run the attack" and not b.disabled for b in at.button)


@pytest.mark.parametrize(("measure", "who"), [("strongest", "aware"), ("aware", "aware"), ("unaware", "unaware"), ("ssim", "aware")])
def test_the_attack_that_is_opened_is_the_one_that_is_shown(measure, who):
    cells = pd.DataFrame(
        {
            "scenario": ["data=digits&model=mlp&defense=pruning&attack=linear_layer"],
            "picture": [0],
            "seed": [0],
            "psnr_unaware": [9.0],
            "psnr_aware": [20.0],
        }
    )
    assert beside.run_shown(cells, 0, measure).attacker == who
    bare = cells.assign(scenario="data=digits&model=mlp&attack=linear_layer", psnr_aware=np.nan)
    assert beside.run_shown(bare, 0, measure) is None if measure == "aware" else beside.run_shown(bare, 0, measure).attacker == "unaware"


def test_the_point_that_is_shown_has_a_ring():
    """In the browser a click moves it: all marks have one, and one is seen."""
    marks = [
        Mark(k, line, x, 20.0, None, None, (), False, k) for k, line, x in (("none", "", 90.0), ("a@1", "A", 88.0), ("a@2", "A", 85.0))
    ]
    drawn = plane(marks, ["A"], Look("PSNR (dB)", 89.0, "kept", open="a@2"), labels.place, labels.aside)
    halo = next(trace for trace in drawn.data if trace.name == HALO)
    assert halo.selectedpoints == (2,) and list(halo.customdata) == ["none", "a@1", "a@2"]
    assert (halo.selected.marker.opacity, halo.unselected.marker.opacity) == (1.0, 0.0)
    assert [trace.name for trace in drawn.data if trace.hovertext] == [HALO], "nothing else takes the pointer but dots of single seeds"


def test_another_point_from_the_list(curves, store_dir):
    filled(store_dir, SMALL)
    at = curves()
    box = next(s for s in at.selectbox if s.label == "Open point")
    box.set_value("none").run()
    assert not at.exception and address(at, "point") == "none"
    assert "the same: there is nothing to know" in html(at, "curves shots")


def test_what_failed_is_said_and_tried_again(curves, store_dir):
    filled(store_dir, SMALL, broken="fraction=0.99")
    at = curves()
    assert not at.exception and "no <memory> left" in plain(told(at)) and "\\<memory" in told(at)
    press(at, "Try failed ones again (8)")
    assert not at.exception and states(store_dir).count("queued") == 8


def test_a_sweep_that_runs_shows_how_far_it_is_and_stops(curves, store_dir):
    sweep = filled(store_dir, SMALL, most=14)  # trainings come first
    at = curves()
    assert not at.exception and "Nothing of this sweep is done yet" in plain(told(at)) and at.get("progress")
    press(at, "Stop")
    assert not at.exception and "queued" not in states(store_dir) and button(at, "Go on")
    store = Store(store_dir)
    assert not [k for k in source.keys_of(sweep) if store.job(k) and store.job(k).active]


def test_the_jobs_of_a_sweep_are_gone_through_once_a_look_not_once_a_drawing(curves, store_dir, monkeypatch):
    filled(store_dir, SMALL)
    gone_through = []
    monkeypatch.setattr(source, "progress", lambda *args: gone_through.append(len(args[0])) or progress(*args))
    at = curves()
    for _ in range(3):
        at.run()
    assert not at.exception and len(gone_through) == 1 and gone_through[0] > 28


def test_launching_queues_the_sweep_and_shows_it(curves, store_dir):
    at = curves()
    assert not at.exception
    press(at, "Launch")
    assert not at.exception
    store = Store(store_dir)
    (text,) = store.sweeps()
    sweep = Sweep.parse(text)
    assert address(at, "of") == sweep.key and text.startswith(BASE)
    jobs = store.jobs(source.keys_of(sweep))
    assert len(jobs) == len(source.keys_of(sweep)) and all(job.active for job in jobs.values())
    assert button(at, "Stop") and watcher(sweep)


def test_a_pasted_line_counts_and_errors_are_words(curves, store_dir):
    at = curves()
    at.text_area[0].set_value("data=digits&model=mlp | sead=1").run()
    assert not at.exception and "'sead' cannot be varied" in plain(told(at))
    assert not any(b.label.startswith("Launch") for b in at.button)
    at.text_area[0].set_value(SMALL).run()
    assert not at.exception and f"28 cells, {len(source.keys_of(Sweep.parse(SMALL)))} jobs to compute" in told(at)
    assert Sweep.parse(SMALL).command() in told(at)
    press(at, "Launch")
    assert Store(store_dir).sweeps() == [Sweep.parse(SMALL).text()]


def test_training_is_part_of_the_scenario(curves):
    at = curves()
    next(s for s in at.selectbox if s.label == "Split of the pictures").set_value("dirichlet").run()
    assert not at.exception and "split='dirichlet'" in address(at, "train")
    assert any(n.label == "Dirichlet alpha" for n in at.number_input)
    next(t for t in at.toggle if t.label.startswith("Show the split")).set_value(True).run()
    assert not at.exception and "Dirichlet split, alpha 0.5: the largest class is" in told(at)


def test_several_settings_are_shown_one_at_a_time(curves, store_dir):
    filled(
        store_dir,
        f"{BASE} | train.rounds=10,20 | seed=0..1 | defense=none,pruning(fraction=0.5),pruning(fraction=0.9) | what=train,aware,unaware",
    )
    at = curves()
    box = next(s for s in at.selectbox if s.label.startswith("Setting"))
    assert not at.exception and len(box.options) == 2 and "rounds=10" in box.options[0]
    first = finding(at)
    box.set_value("1").run()
    assert not at.exception and address(at, "setting") == "1" and finding(at) != first


def test_a_shipped_study_comes_first_and_needs_no_store(curves, store_dir, tmp_path, monkeypatch):
    sweep = filled(store_dir, SMALL)
    rows = table(sweep, Store(store_dir))
    keys = [k for k in rows["key_aware"] if isinstance(k, str)]
    pixel = "data:image/png;base64,AAAA"
    study = plans.Study(
        "digits", "Digits, a study", "python -m invviz.studies digits", ("elsewhere",), {"date": "2026-11-21", "machine": "a_machine", "seconds": 60},
        rows, {0: pixel, 1: pixel}, dict.fromkeys(keys, pixel),
    )  # fmt: skip
    (tmp_path / "no studies").mkdir()
    (tmp_path / "no studies" / "digits.json").write_text(study.to_json())
    plans.load.cache_clear()
    monkeypatch.setenv("INVVIZ_STORE", str(tmp_path / "another"))
    at = curves()
    assert not at.exception and next(s for s in at.selectbox if s.label == "Study or sweep").value == "digits"
    assert finding(at) == expected(sweep, store_dir)
    assert html(at, "curves shots").count(pixel) >= 2 and "2026-11-21" in plain(told(at)) and "a_machine" in plain(told(at))


def test_the_papers_headline_needs_its_defenses(curves, store_dir):
    filled(store_dir, SMALL.replace("pruning(fraction=0.9)", "invl_gnp(scale=0.1)"))
    at = curves()
    assert (
        not at.exception
        and "The paper's headline" in told(at)
        and "InvL-GNP: no strength that was tried keeps 95 %" in plain(told(at)).replace("**", "")
    )
    assert re.search(r"Gaussian noise, sigma 0\.\d+: accuracy", plain(told(at)).replace("**", ""))
    filled(store_dir, f"{BASE} | seed=0..1 | defense=none,pruning(fraction=0.5) | what=train,unaware,aware")
    assert "The paper's headline" not in told(curves())


def test_a_store_of_100_000_results_is_not_read_through(curves, store_dir):
    sweep = filled(store_dir, SMALL)
    store, now = Store(store_dir), time.time()
    result = '{"scores": {"psnr": [10.0]}, "seconds": 1.0, "stopped": false, "note": ""}'
    rows = ((f"other{i:07d}", "run", "data=photos&model=lenet", "done", 0, i, "x", now, now, result) for i in range(100_000))
    with store._db.write() as con:
        con.executemany(
            "INSERT INTO jobs (key, kind, scenario, state, priority, ticket, owner, started, finished, result) VALUES (?,?,?,?,?,?,?,?,?,?)",
            rows,
        )
    asked = []
    original = {name: getattr(Store, name) for name in ("jobs", "results_of", "results", "arrays")}
    with pytest.MonkeyPatch.context() as patch:
        for name in ("jobs", "results_of", "arrays"):
            patch.setattr(Store, name, lambda self, keys, name=name: asked.append(keys) or original[name](self, keys))
        patch.setattr(Store, "results", lambda *_, **__: pytest.fail("lists all results"))
        at = curves()
    assert not at.exception and finding(at) == expected(sweep, store_dir)
    names = {key for keys in asked for key in ([keys] if isinstance(keys, str) else keys)}
    assert names and not any(key.startswith("other") for key in names)


def test_downloads_are_the_table(curves, store_dir):
    filled(store_dir, SMALL)
    at = curves()
    assert {b.proto.label for b in at.get("download_button")} == {
        "Report",
        "CSV",
        "Parquet",
        "HTML report",
    }  # the first stands on every page
    assert "28 rows, one a cell" in told(at)


# --- without a page ------------------------------------------------------------------------------------------------------------------


def test_names_find_places_that_cover_nothing():
    tracks = {"a": [(100.0, 100.0), (300.0, 100.0)], "b": [(100.0, 112.0), (300.0, 112.0)]}
    found = labels.place(tracks, ["a", "b"], [], (820.0, 375.0))
    assert set(found) == {"a", "b"}
    for x, y in found.values():
        assert all(abs(x - a) > 4 or abs(y - b) > 6 for track in tracks.values() for a, b in track)
    assert labels.place(tracks, ["a"], [(0.0, 0.0, 820.0, 375.0)], (820.0, 375.0)) == {}


def test_strengths_of_a_grid_run_from_weak_to_strong():
    from invviz.defenses import DEFENSES

    for kind in DEFENSES.values():
        defense = kind()
        if not defense.strength:
            continue
        weak, strong = own.ends(defense)
        values = own.grid(defense, weak, strong, 4)
        assert (values[0] <= values[-1]) == rising(defense) or len(set(values)) == 1
        assert all(defense.replace(**{defense.strength: v}) for v in values)


def test_titles_tell_twins_apart():
    found = words.titles(["none", "invl_gnp", "invl_gnp(reuse=5)", "clipping + gaussian_noise"])
    assert found["none"] == "No defense" and found["invl_gnp(reuse=5)"] == "InvL-GNP (reuse=5)"
    assert len(set(found.values())) == 4 and re.match(r".* \+ Gaussian noise", found["clipping + gaussian_noise"])


def test_a_point_of_dp_sgd_says_what_its_training_spends(visit):
    """100 rounds of 10 clients that hold 129 or 130 digits each; it never was a thousand steps at 0.01."""
    pytest.importorskip("opacus")
    expected = PARTS["defense"]["dp_sgd"](noise_multiplier=0.3, steps=100, sample_rate=1 / 129).epsilon()
    at = visit("curves", of="digits", point="dp_sgd@0.3")
    assert f"epsilon = {expected:.2f}" in said(at) and "over 100 steps at sample rate 0.00775" in said(at)
    at.query_params["point"] = "pruning@0.9"
    assert "epsilon" not in said(at.run()) and "pruning" in address(at, "point")


@pytest.mark.parametrize(("name", "measure", "what"), [("adult", "cells", "row"), ("notes", "tokens", "sentence")])
def test_a_study_of_rows_or_sentences_opens_on_what_is_right_and_speaks_of_these(visit, name, measure, what):
    """Nobody is told of pictures, or of an SSIM, where the samples are none."""
    plans.load.cache_clear()
    if name not in plans.load():
        pytest.skip("the study was not made here")
    at = visit("curves", BASE, of=name)
    rows, things = plans.load()[name].rows, {"cells": "cells", "tokens": "words"}[measure]
    assert not at.exception
    found = operating_point(rows, measure, 0.01)
    assert finding(at) == sentence(found, 0.01, words.titles(rows["defense"]))
    assert f"% of the {things} right" in html(at, "curves shots") and (found is None or f"a share of the {things}" in finding(at))
    shown = " ".join([html(at, "curves shots"), *(m.value for m in at.markdown if m.value.startswith(("## ", "Accuracy")))])
    assert "picture" not in shown and "SSIM" not in shown and "nan" not in shown
    assert f"On most {what}s the strongest was" in plain(shown)


def test_the_measures_that_are_offered_are_those_of_the_samples():
    blank = {name: [np.nan] for name in (*words.PRIVACY["strongest"].columns, "psnr_ceiling", "invre")}
    offered = lambda **known: list(words.axes_of(pd.DataFrame({**blank, **known})))  # noqa: E731
    pictures = ["strongest", "aware", "unaware", "ssim", "ceiling", "invre"]
    assert offered(psnr_unaware=[20.0], ssim_unaware=[0.5], ssim_aware=[np.nan]) == pictures
    assert offered() == [name for name in pictures if name != "ssim"], "while nothing is known"
    assert offered(psnr_unaware=[20.0], cells_unaware=[0.5], cells_aware=[np.nan]) == [
        "cells",
        "strongest",
        "aware",
        "unaware",
        "ceiling",
        "invre",
    ]
    assert offered(tokens_unaware=[0.5], tokens_aware=[np.nan]) == ["tokens", "invre"]


def test_a_close_up_is_no_wider_than_there_is_something_to_see():
    def seen(*at):
        marks = [
            Mark("none", "", 81.0, 30.0, None, None, (), False, ""),
            *(Mark(str(x), "a", x, 20.0, None, None, (), False, "") for x in at),
        ]
        return ranges(marks, Look("y", limit=80.0, allowed="", near=True))[0]

    assert 79.0 < seen(80.5)[0] <= 80.0 and 77.0 < seen(78.0)[0] <= 78.0  # the border of what may be lost, and the leftmost mark
    assert 60 < seen(40.0, 70.0)[0] <= 70.0, "what lies 12 points further left is not in a close-up"
