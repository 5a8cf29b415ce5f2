"""Weights, kept steps of trainings, frames and prepared results that are damaged on the disk: named, set aside or passed over, made again when asked for."""

from __future__ import annotations

import json
import pickle
import shutil
import sqlite3

import numpy as np
import pytest
import torch

from invviz.core import shipped, tensors
from invviz.core.errors import StoreError
from invviz.engine.client import Site
from invviz.engine.pretraining import build_net
from invviz.engine.results import Event
from invviz.engine.training import train
from invviz.jobs.store import Store
from invviz.scenario import Scenario
from invviz.studies import calibration, equal_cost, gallery, plans, redteam
from invviz.studies.gallery import broken as story

TRAINED = Scenario.parse("data=digits&model=mlp(init='trained',width=8)&attack=linear_layer")
LEARNED = Scenario.parse("data=digits&model=mlp(width=8)&train=federated(clients=2,rounds=4,samples=60)")
FILES = {
    "empty": (lambda raw: b"", "is empty"),
    "cut": (lambda raw: raw[: len(raw) * 2 // 3], "is cut short"),
    "head": (lambda raw: raw[:20], "is cut short"),
    "garbage": (lambda raw: b"hello, this is no file of tensors at all", "is no file of tensors"),
    "pickle": (lambda raw: pickle.dumps({"state": [1, 2, 3]}), "pickled objects"),
}
HELD = {
    "nothing": {},
    "a list": [1, 2],
    "a tensor": torch.zeros(3),
    "other shapes": {"state": {"a": torch.zeros(3)}, "accuracy": 0.5},
    "no accuracy": {"state": {}},
    "words": {"state": "x", "accuracy": "y"},
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    build_net(TRAINED, TRAINED.data.load(None), folder)
    return folder


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    folder = tmp_path_factory.mktemp("begun")
    train(LEARNED, Site(None, folder, "cpu"), lambda event: event.done < 2)
    return folder


def broken(source, target, kind, change):
    """A copy of a store in which the one file of a folder is changed: the file, and what it holds now."""
    shutil.copytree(source, target)
    (file,) = (target / kind).glob("*.pt")
    change(file)
    return file, file.read_bytes()


def assert_set_aside(file, held, store, err, words):
    place = store / "damaged" / file.name
    assert all(part in str(err) for part in (str(file), words, str(place), "nothing is deleted", "made anew")), str(err)
    assert place.read_bytes() == held and not file.exists()


@pytest.mark.parametrize("damage", [*FILES, *HELD])
def test_damaged_weights_are_named_set_aside_and_trained_again(weights, damage, tmp_path):
    def change(file):
        file.write_bytes(FILES[damage][0](file.read_bytes())) if damage in FILES else torch.save(HELD[damage], file)

    file, held = broken(weights, tmp_path / "store", "weights", change)
    samples = TRAINED.data.load(None)
    with pytest.raises(StoreError, match="The trained weights") as err:
        build_net(TRAINED, samples, tmp_path / "store")
    assert_set_aside(file, held, tmp_path / "store", err.value, FILES[damage][1] if damage in FILES else "not of this net")
    epochs = []
    again, accuracy = build_net(TRAINED, samples, tmp_path / "store", lambda *told: epochs.append(told) or True)
    whole, same = build_net(TRAINED, samples, weights, lambda *_: pytest.fail("these are whole"))
    assert epochs and accuracy == same and all(torch.equal(again.params[k], whole.params[k]) for k in whole.params)


@pytest.mark.parametrize("damage", [*FILES, "a list", "a tensor", "other shapes", "broadcast"])
def test_a_damaged_checkpoint_is_named_set_aside_and_training_starts_anew(begun, damage, tmp_path):
    def change(file):
        if damage in FILES:
            return file.write_bytes(FILES[damage][0](file.read_bytes()))
        kept = torch.load(file, weights_only=True)
        if damage == "other shapes":
            kept["params"] = {name: leaf[:1] for name, leaf in kept["params"].items()}
        if damage == "broadcast":  # `copy_` alone would spread it over all entries
            kept["params"] = {name: leaf.flatten()[:1] for name, leaf in kept["params"].items()}
        return torch.save(kept if damage in ("other shapes", "broadcast") else HELD[damage], file)

    file, held = broken(begun, tmp_path / "store", "training", change)
    site = Site(None, tmp_path / "store", "cpu")
    with pytest.raises(StoreError, match="The kept steps of a training") as err:
        train(LEARNED, site)
    assert_set_aside(file, held, tmp_path / "store", err.value, FILES[damage][1] if damage in FILES else "not of this training")
    seen = []
    train(LEARNED, site, lambda event: seen.append(event.done) or True)
    assert seen[0] == 1


def test_what_cannot_be_set_aside_is_named_all_the_same_and_two_have_two_places(tmp_path):
    file = tmp_path / "a.pt"
    for place in ("a.pt", "a.2.pt"):
        file.write_bytes(b"x")
        assert str(tmp_path / "damaged" / place) in str(tensors.damaged(file, tmp_path, "The trained weights", "is empty"))
    assert "cannot be set aside" in str(tensors.damaged(file, tmp_path, "The trained weights", "is empty")), "it is gone"


# --- frames --------------------------------------------------------------------------------------------------------------------------

FRAMES = {
    "empty": ("pixels", b""),
    "cut": ("pixels", b"\0" * 7),
    "no number": ("pixels", None),
    "words": ("shape", "hello"),
    "nothing": ("shape", ""),
    "a word": ("shape", '"x"'),
    "another shape": ("shape", "[64]"),
    "deep": ("shape", "[" * 100_000),
}


@pytest.mark.parametrize("damage", FRAMES)
def test_a_damaged_frame_is_named_and_its_result_set_aside(damage, tmp_path):
    store, scenario = Store(tmp_path), Scenario.parse("data=digits&model=mlp(width=8)&attack=linear_layer")
    key = store.submit("run", scenario, "me")
    job = store.claim("test")
    frame = np.zeros((1, 1, 8, 8), np.float32)
    for step in (1, 2):
        store.progress(job, Event("attack", step, 2, 0.1, frame=frame))
    store.finish(job, {"scores": {}, "seconds": 1.0}, {"guess": frame})
    store.close()
    column, value = FRAMES[damage]
    with sqlite3.connect(tmp_path / "store.db") as con:
        con.execute("CREATE TABLE loose AS SELECT * FROM frames")  # no NOT NULL
        con.executescript("DROP TABLE frames; ALTER TABLE loose RENAME TO frames;")
        con.execute(f"UPDATE frames SET {column} = ? WHERE step = 2", (value,))
    con.close()
    steps, pictures = store.frames(key)
    assert len(steps) == 0 == len(pictures)
    assert store.job(key).damaged and "step" in store.job(key).error and str(tmp_path / "damaged" / key) in store.job(key).error
    assert (tmp_path / "damaged" / key / "arrays" / "guess.npy").is_file()


def test_a_damaged_curve_is_named_and_its_result_set_aside(tmp_path):
    store = Store(tmp_path)
    key = store.submit("run", TRAINED, "me")
    job = store.claim("test")
    store.progress(job, Event("attack", 1, 2, 0.1, loss=0.5))
    store.finish(job, {"scores": {}, "seconds": 1.0}, {})
    assert store.curve(key).loss.tolist() == [0.5]
    store.close()
    with sqlite3.connect(tmp_path / "store.db") as con:
        con.execute("UPDATE points SET loss = 'hello'")
    con.close()
    assert len(store.curve(key).loss) == 0
    assert store.job(key).damaged and "holds no numbers" in store.job(key).error


# --- what comes with the package -----------------------------------------------------------------------------------------------------


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """A copy of everything that is prepared, to damage."""
    loaders = (
        gallery.load,
        gallery._prepared,
        gallery.sketches,
        plans.load,
        plans._keys,
        calibration.load,
        equal_cost.load,
        story.load,
        redteam.load,
    )
    folders = ("attacks", "sketches", "linear", "calibration", "equal", "broken", "redteam")
    for name in folders:
        shutil.copytree(gallery.FOLDER / name, tmp_path / name)
    (tmp_path / "curves").mkdir()
    shutil.copy(plans.FOLDER / "cifar10.json", tmp_path / "curves")
    for module in (gallery, story):
        monkeypatch.setattr(module, "FOLDER", tmp_path)
    for module, name in ((plans, "curves"), (calibration, "calibration"), (equal_cost, "equal"), (redteam, "redteam")):
        monkeypatch.setattr(module, "FOLDER", tmp_path / name)
    monkeypatch.setattr(shipped, "_damaged", {})
    for loader in loaders:
        loader.cache_clear()
    yield tmp_path
    for loader in loaders:
        loader.cache_clear()


PREPARED = {
    "redteam/redteam.json": (lambda: redteam.load(), redteam.COMMAND),
    "attacks/arrays.npz": (lambda: gallery.results("attacks"), "python -m invviz.gallery attacks"),
    "attacks/facts.json": (lambda: gallery.results("attacks"), "python -m invviz.gallery attacks"),
    "sketches/arrays.npz": (lambda: gallery.sketches(), "python -m invviz.gallery sketches"),
    "sketches/facts.json": (lambda: gallery.sketches(), "python -m invviz.gallery sketches"),
    "linear/arrays.npz": (lambda: gallery.load("linear"), "python -m invviz.gallery linear"),
    "linear/scene.json": (lambda: gallery.load("linear"), "python -m invviz.gallery linear"),
    "broken/arrays.npz": (lambda: story.load(), "python -m invviz.gallery broken"),
    "broken/facts.json": (lambda: story.load(), "python -m invviz.gallery broken"),
    "curves/cifar10.json": (lambda: plans.load(), "python -m invviz.studies cifar10"),
    "calibration/photos.json": (lambda: calibration.load("photos"), "python -m invviz.calibration photos"),
    "equal/study.json": (lambda: equal_cost.load(), equal_cost.COMMAND),
}


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        (file, d)
        for file in PREPARED
        for d in ("empty", "cut", "head", "garbage", "pickle", "list", "middle")
        if d != "middle" or "npz" in file
    ],
)
def test_damaged_prepared_results_are_named_with_what_makes_them_again(file, damage, copied):
    read, command = PREPARED[file]
    raw = (copied / file).read_bytes()
    middle = raw[: len(raw) // 2] + bytes([raw[len(raw) // 2] ^ 0xFF]) + raw[len(raw) // 2 + 1 :]
    change = {"list": b"[1]", "middle": middle}.get(damage)
    (copied / file).write_bytes(FILES[damage][0](raw) if change is None else change)
    assert not read()
    (words,) = shipped.damaged()
    assert f"`{command}` makes them again" in words and str(copied) in words and "Traceback" not in words


def test_what_is_whole_or_not_there_is_no_damage(copied):
    assert all(read() for read, _ in PREPARED.values()) and not shipped.damaged()
    for loader in (gallery._prepared, gallery.sketches):
        loader.cache_clear()
    shutil.rmtree(copied / "attacks")
    kept = json.loads((copied / "sketches" / "facts.json").read_text())
    (copied / "sketches" / "facts.json").write_text(json.dumps({**kept, "results_version": -1}))
    assert not gallery.results("attacks") and not gallery.sketches() and not shipped.damaged()
