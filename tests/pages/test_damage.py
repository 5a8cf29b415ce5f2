"""Results that are damaged on the disk: every page names them, sets them aside, and has a button that computes them again."""

from __future__ import annotations

import pickle
import shutil
import sqlite3

import pytest
from visits import asked_for, button, computed, press, said

from invviz.core import shipped
from invviz.jobs.store import Store
from invviz.scenario import Scenario
from invviz.scenario.families import comparisons, cuts, defenses
from invviz.studies import gallery
from invviz.ui.defend import least
from invviz.ui.defend.page import VIEWS

QUICK = "data=digits&model=mlp(width=8)&attack=linear_layer"
SPLIT = "data=digits&model=convnet(width=2,act='tanh')&protocol=vfl&attack=rmle(steps=20)"
ARRAYS = {
    "empty": lambda raw: b"",
    "cut": lambda raw: raw[: len(raw) * 2 // 3],
    "garbage": lambda raw: b"hello, this is no array at all",
    "pickle": lambda raw: pickle.dumps({"guess": 1}),
}
TEXTS = ["", "not json", "[1]", "{}"]


def write_result(folder, key: str, text: str) -> None:
    with sqlite3.connect(folder / "store.db") as con:
        con.execute("UPDATE jobs SET result = ? WHERE key = ?", (text, key))
    con.close()


def damage(folder, key: str, how: str, file: str) -> None:
    """A file, or the result's text where `how` is one."""
    if how in ARRAYS:
        path = folder / "arrays" / key / file
        raw = ARRAYS[how](path.read_bytes())
        path.unlink()  # what is mapped stays good
        path.write_bytes(raw)
    else:
        write_result(folder, key, how)


def plainly(at) -> str:
    return said(at).replace("\\", "")


@pytest.mark.parametrize("how", ["cut", "not json"])  # all other ways: tests/cli/test_damage.py
def test_lab_an_attack_is_named_and_run_again(visit, store_dir, how):
    at = visit("lab", QUICK)
    press(at, "Run the attack")
    computed(at, store_dir)
    key = Scenario.parse(QUICK).key("run")
    assert Store(store_dir).job(key).state == "done" and button(at, "Finished").disabled
    damage(store_dir, key, how, "guess.npy")
    at = visit("lab", QUICK)
    assert not at.exception
    assert f"The stored result {key} is damaged" in plainly(at) and str(store_dir / "damaged" / key) in plainly(at)
    computed(press(at, "Run the attack"), store_dir)
    assert not at.exception and button(at, "Finished").disabled and "damaged" not in said(at)


@pytest.mark.parametrize("how", ["pickle", "{}"])
def test_lab_a_spectrum_is_named_and_computed_again(visit, store_dir, how):
    at = computed(visit("lab", QUICK), store_dir)
    key = Scenario.parse(QUICK).key("risk")
    damage(store_dir, key, how, "gains.npy")
    at = visit("lab", QUICK)
    assert not at.exception and f"The stored result {key} is damaged" in plainly(at)
    computed(press(at, "Try again"), store_dir)
    assert not at.exception and "InvRE" in said(at) and "damaged" not in said(at)


def test_comparisons_name_what_is_damaged_and_try_it_again(visit, store_dir):
    at = computed(visit("risk", QUICK, compare="rounds"), store_dir)
    keys = [s.key("risk") for s in comparisons.over_rounds(Scenario.parse(QUICK))]
    damage(store_dir, keys[1], "cut", "weights.npy")
    at = visit("risk", QUICK, compare="rounds")
    assert not at.exception and f"The stored result {keys[1]} is damaged" in plainly(at)
    computed(press(at, "Try failed ones again"), store_dir)
    assert not at.exception and "damaged" not in said(at)


def test_defend_names_what_is_damaged_and_tries_it_again(visit, store_dir):
    at = visit("defend", QUICK)
    key = next(job.key for job in asked_for(store_dir).values() if job.kind == "risk" and "defense=pruning" in job.scenario)
    computed(at, store_dir)
    unlisted = {s.key("risk") for s in least.candidates(Scenario.parse(QUICK))} - {
        defenses.compared(Scenario.parse(QUICK), stack).key("risk") for stack in defenses.stacks(Scenario.parse(QUICK), VIEWS["rows"])
    }
    also = sorted(unlisted & set(asked_for(store_dir)))[0]  # only the least noise that hides it looks at this spectrum
    for one, how in ((key, "garbage"), (also, "[1]")):
        damage(store_dir, one, how, "gains.npy")
    at = visit("defend", QUICK)
    assert not at.exception and all(f"The stored result {one} is damaged" in plainly(at) for one in (key, also))
    computed(press(at, "Try failed ones again"), store_dir)
    assert not at.exception and "damaged" not in said(at)


@pytest.mark.parametrize("how", ["empty", "{}"])
def test_vertical_and_attacks_name_what_is_damaged(visit, store_dir, how, monkeypatch):
    monkeypatch.setattr(cuts, "InverseNetwork", lambda: cuts.RMLE(steps=5))
    at = visit("vertical", SPLIT)
    press(at, "Attack")
    computed(at, store_dir)
    key = next(job.key for job in asked_for(store_dir).values() if job.kind == "run" and job.state == "done")
    damage(store_dir, key, how, "truth.npy")
    at = visit("vertical", SPLIT)
    assert not at.exception and f"The stored result {key} is damaged" in plainly(at)
    computed(press(at, "Try failed ones again"), store_dir)
    assert not at.exception and "damaged" not in said(at)


@pytest.mark.parametrize("how", ["", "[1]"])
def test_labels_name_what_is_damaged_and_are_told_again(visit, store_dir, how):
    at = visit("vertical", SPLIT)
    computed(press(at, "Let the party guess labels"), store_dir)
    key = Scenario.parse(SPLIT).key("labels")
    damage(store_dir, key, how, "")
    at = visit("vertical", SPLIT)
    assert not at.exception and f"The stored result {key} is damaged" in plainly(at)
    computed(press(at, "Let the party guess labels"), store_dir)
    assert not at.exception and "damaged" not in said(at) and "one known example" in said(at)


@pytest.mark.parametrize("how", ARRAYS)
def test_prepared_results_that_are_damaged_are_named_and_the_page_goes_on(visit, tmp_path, monkeypatch, how):
    shutil.copytree(gallery.FOLDER / "attacks", tmp_path / "attacks")
    file = tmp_path / "attacks" / "arrays.npz"
    file.write_bytes(ARRAYS[how](file.read_bytes()))
    monkeypatch.setattr(shipped, "_damaged", {})
    monkeypatch.setattr(gallery, "FOLDER", tmp_path)
    gallery.forget()
    try:
        at = visit("attacks", QUICK)
        assert not at.exception and "`python -m invviz.gallery attacks` makes them again" in plainly(at)
        assert str(file.parent) in plainly(at)
    finally:
        gallery.forget()
