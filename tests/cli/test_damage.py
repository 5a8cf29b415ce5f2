"""Results that are damaged on the disk, of every kind of work: named, set aside, computed again when asked for."""

from __future__ import annotations

import json
import pickle
import shutil
import sqlite3

import numpy as np
import pytest

from invviz.cli import main
from invviz.core import npy
from invviz.engine.client import Site
from invviz.jobs.store import Kind, Store
from invviz.jobs.worker import execute
from invviz.report import collect
from invviz.scenario import Scenario
from invviz.scenario.kinds import WORK, askable
from invviz.studies.sweep import Sweep, queue, table

TRAIN = "train=federated(clients=2,rounds=3,samples=60)"
SCENARIOS: dict[Kind, Scenario] = {  # in the order of the kinds
    "run": Scenario.parse("data=digits&model=mlp(width=8)&attack=linear_layer"),
    "risk": Scenario.parse("data=digits&model=mlp(width=8)&attack=linear_layer"),
    "sketch": Scenario.parse("data=digits&model=mlp(width=8)&attack=linear_layer"),
    "train": Scenario.parse(f"data=digits&model=mlp(width=8)&{TRAIN}"),
    "clients": Scenario.parse(f"data=digits&model=mlp(width=8)&{TRAIN}"),
    "labels": Scenario.parse("data=digits&model=convnet(width=2)&protocol=vfl(parties=2,cut=1)&attack=rmle"),
    "bits": Scenario.parse("data=notes&model=tiny_lm(width=8,heads=1)&batch=1&attack=dager"),
    "inspect": Scenario.parse("data=digits&model=mlp(width=8)&server=imprint(bins=8)"),
}
KINDS = askable()
FILES = {"run": "guess.npy", "risk": "gains.npy", "bits": "gram.npy", "inspect": "rows.npy"}


def cut(raw: bytes) -> bytes:
    return raw[: len(raw) * 2 // 3]


ARRAYS = {
    "empty": (lambda raw: b"", "is empty"),
    "cut": (cut, "is cut short"),
    "head": (lambda raw: raw[:20], "cut short|cannot be read"),
    "garbage": (lambda raw: b"hello, this is no array at all", "is no file of an array"),
    "pickle": (lambda raw: pickle.dumps([1, 2, 3]), "pickled objects"),
    "zip": (lambda raw: b"PK\x03\x04" + bytes(50), "is no file of an array"),
    "missing": (None, "missing|No such file"),
}
TEXTS = {
    "empty": "",
    "words": "not json",
    "list": "[1]",
    "word": '"x"',
    "nothing": "{}",
    "null": "null",
    "deep": "[" * 100_000,
    "bytes": b"\xff\x00\x81",
}


def compute(store: Store) -> None:
    while job := store.claim("test"):
        outcome = execute(job.kind, Scenario.parse(job.scenario), Site(None, store.path), lambda event: True)
        store.finish(job, outcome.result, outcome.save or outcome.arrays)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("damage") / "store")
    for kind, scenario in SCENARIOS.items():
        store.submit(kind, scenario, "me")
    compute(store)
    store.close()
    return store.path


@pytest.fixture
def store(made, tmp_path):
    """A copy for each test to damage."""
    shutil.copytree(made, tmp_path / "store")
    return Store(tmp_path / "store")


def key_of(kind: Kind) -> str:
    return SCENARIOS[kind].key(kind)


def write_result(store: Store, key: str, text: str | bytes) -> None:
    store.close()
    with sqlite3.connect(store.path / "store.db") as con:
        con.execute("UPDATE jobs SET result = ? WHERE key = ?", (text, key))
    con.close()


def assert_named(store: Store, kind: Kind, words: str, capsys) -> None:
    """By the command line: what is damaged, where it is now, what to do; the same when asked again."""
    key = key_of(kind)
    for _ in range(2):
        assert main(["report", key, "--set", f"store={store.path}"]) == 1
        out, err = capsys.readouterr()
        assert f"The stored result {key} is damaged: " in err and f"`python -m invviz work --once --again {key}`" in err
        assert str(store.path / "damaged" / key) in err and "Traceback" not in err and "Error" not in err
        assert "the stored result is damaged" in out
    assert any(word in err for word in words.split("|")), err
    assert store.job(key).damaged and store.result(key) is None and store.arrays(key) == {}
    assert (store.path / "damaged" / key).is_dir() and not store.folder(key).exists()


@pytest.mark.parametrize(  # the file is read by one function; what is kept and said is the kind's
    ("kind", "damage"), [*(("run", damage) for damage in ARRAYS), *((kind, "cut") for kind in FILES if kind != "run")]
)
def test_a_damaged_array_is_named_and_set_aside(kind, damage, store, capsys):
    file, (change, words) = store.folder(key_of(kind)) / FILES[kind], ARRAYS[damage]
    kept = None if change is None else change(file.read_bytes())
    file.unlink()
    if kept is not None:
        file.write_bytes(kept)
    assert_named(store, kind, words, capsys)
    aside = store.path / "damaged" / key_of(kind) / "arrays"
    assert kept is None or (aside / FILES[kind]).read_bytes() == kept, "moved as it was"
    assert json.loads((aside.parent / "result.json").read_text())["key"] == key_of(kind)


def test_arrays_of_another_shape_or_type_are_damage(store, capsys):
    folder = store.folder(key_of("run"))
    np.save(folder / "guess.npy", np.zeros((1, 1, 4, 4), np.float32))
    assert_named(store, "run", "has the shape (1, 1, 4, 4)", capsys)


@pytest.mark.parametrize("wrong", [np.array(["a"]), np.zeros(3), np.array([{}], dtype=object)], ids=["words", "flat", "objects"])
def test_arrays_that_are_no_pictures_are_damage(wrong, store, capsys):
    np.save(store.folder(key_of("run")) / "truth.npy", wrong, allow_pickle=True)
    assert_named(store, "run", "holds no pictures|pickled objects", capsys)


@pytest.mark.parametrize(
    ("kind", "damage"),
    [*(("run", damage) for damage in TEXTS), *((kind, damage) for kind in KINDS if kind != "run" for damage in ("words", "nothing"))],
)
def test_a_result_that_is_no_result_is_named_and_set_aside(kind, damage, store, capsys):
    write_result(store, key_of(kind), TEXTS[damage])
    assert_named(store, kind, "its numbers", capsys)
    raw = TEXTS[damage] if isinstance(TEXTS[damage], bytes) else TEXTS[damage].encode()
    assert (store.path / "damaged" / key_of(kind) / "result.json").read_bytes() == raw


@pytest.mark.parametrize("kind", KINDS)
def test_a_result_cut_short_is_computed_again_when_asked_for(kind, store, capsys):
    before = store.result(key_of(kind))
    write_result(store, key_of(kind), cut(json.dumps(before).encode()).decode())
    assert_named(store, kind, "no JSON", capsys)
    assert main(["work", "--once", "--again", key_of(kind), "--set", f"store={store.path}"]) == 0
    assert f"{key_of(kind)}: done" in capsys.readouterr().err
    assert main(["report", key_of(kind), "--set", f"store={store.path}"]) == 0
    after = store.result(key_of(kind))
    same = [name for name in ("scores", "n", "accuracy", "clients", "hint", "half", "detectors") if name in before]
    assert same and [after[name] for name in same] == [before[name] for name in same]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "null"])
def test_damaged_facts_of_a_spectrum(text, store, capsys):
    (store.folder(key_of("risk")) / "decomposition.json").write_text(text)
    assert_named(store, "risk", "its spectrum cannot be read", capsys)


def test_work_again_looks_for_damage_that_nobody_has_seen_yet(store, capsys):
    (store.folder(key_of("run")) / "guess.npy").write_bytes(b"")
    assert main(["work", "--once", "--again", key_of("run"), "--set", f"store={store.path}"]) == 0
    assert store.job(key_of("run")).state == "done" and store.whole(key_of("run"))
    assert (store.path / "damaged" / key_of("run") / "arrays" / "guess.npy").read_bytes() == b""
    assert main(["work", "--once", "--again", "0" * 20, "--set", f"store={store.path}"]) == 1
    assert "knows no job with that key" in capsys.readouterr().err


def test_the_same_result_damaged_twice_is_kept_twice(store):
    key = key_of("train")
    for name in (key, f"{key}.2"):
        write_result(store, key, f"broken {name}")
        assert store.result(key) is None
        assert (store.path / "damaged" / name / "result.json").read_text() == f"broken {name}"
        store.submit("train", SCENARIOS["train"], "me")
        compute(store)


def test_what_cannot_be_set_aside_is_named_all_the_same(store, capsys):
    write_result(store, key_of("train"), "broken")
    (store.path / "damaged").write_text("a file where the folder should be")
    assert main(["report", key_of("train"), "--set", f"store={store.path}"]) == 1
    err = capsys.readouterr().err
    assert "is damaged: its numbers are no JSON, and cannot be set aside" in err and "Traceback" not in err


def test_whole_results_stay_as_they_are(store):
    assert all(store.whole(key_of(kind)) for kind in KINDS) and not (store.path / "damaged").exists()
    store.make_room(round(store.use().database / 0.85))  # room for the numbers
    assert store.job(key_of("risk")).state == "pruned" and store.whole(key_of("risk")), "removed to make room is no damage"


def test_a_sweep_names_its_damaged_cells_and_computes_them_again(store, capsys, monkeypatch):
    text = "data=digits&model=mlp(width=8)&attack=linear_layer | seed=1,2,3 | what=unaware,risk"
    sweep = Sweep.parse(text)
    queue(sweep, store)
    compute(store)
    first, second, _ = sweep.cells
    write_result(store, first.keys["unaware"], "{}")
    (store.folder(second.keys["risk"]) / "gains.npy").write_bytes(b"")
    found = table(sweep, store)
    assert found.state.tolist() == ["failed", "failed", "done"]
    assert f"unaware: The stored result {first.keys['unaware']} is damaged" in found.reason[0]
    assert f"risk: The stored result {second.keys['risk']} is damaged" in found.reason[1] and "gains.npy is empty" in found.reason[1]
    queue(sweep, store)
    assert [store.job(key).state for key in (first.keys["unaware"], second.keys["risk"])] == ["queued"] * 2, (
        "the same command again is enough"
    )
    compute(store)
    assert table(sweep, store).state.tolist() == ["done"] * 3


def test_every_kind_of_work_has_a_report(store, capsys):
    """From the one list of kinds; each in every form."""
    from invviz.report import FORMS

    assert tuple(SCENARIOS) == KINDS
    for kind in KINDS:
        report = collect(store, [key_of(kind)])
        assert [e.kind for e in report.entries] == [kind] and report.title == f"invviz report: {WORK[kind].counted(1)}"
        for form, write in FORMS.items():
            assert key_of(kind) in write(report), form
        assert main(["report", key_of(kind), "--set", f"store={store.path}"]) == 0 and key_of(kind) in capsys.readouterr().out


@pytest.mark.parametrize("name", ["a.npy"])
def test_an_array_of_no_entries_is_whole(name, tmp_path):
    np.save(tmp_path / name, np.zeros((0, 3)))
    assert npy.load(tmp_path / name).shape == (0, 3)
