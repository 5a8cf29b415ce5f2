"""Keys hold what a kind of work depends on and nothing else, and stores of before that are opened with all that is in them."""

from __future__ import annotations

import dataclasses
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from invviz.attacks import ATTACKS
from invviz.core.errors import StoreError, TextError
from invviz.datasets import DATASETS
from invviz.engine.client import Site
from invviz.engine.pretraining import build_net, copy_of
from invviz.engine.training import train
from invviz.jobs.store import Store, _rekey
from invviz.protocols.training import TRAININGS
from invviz.scenario import Scenario, former_key
from invviz.scenario.kinds import WORK
from invviz.servers import SERVERS

ROOT = Path(__file__).parents[2]
FORMER = json.loads((Path(__file__).parent / "former_keys.json").read_text())
"""Kind, text and key as commit 323c112 made them, of every component and setting."""
STORED = [row for row in FORMER if row[0] != "weights"][:40]

FORMAT_1 = """
CREATE TABLE jobs (
    key TEXT PRIMARY KEY, kind TEXT NOT NULL, scenario TEXT NOT NULL, state TEXT NOT NULL,
    priority INTEGER NOT NULL, ticket INTEGER NOT NULL, owner TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, stop INTEGER NOT NULL DEFAULT 0,
    worker TEXT NOT NULL DEFAULT '', host TEXT NOT NULL DEFAULT '', pid INTEGER NOT NULL DEFAULT 0,
    started REAL, finished REAL, beat REAL NOT NULL DEFAULT 0, used REAL NOT NULL DEFAULT 0,
    phase TEXT NOT NULL DEFAULT '', done INTEGER NOT NULL DEFAULT 0, total INTEGER NOT NULL DEFAULT 0,
    phase_seconds REAL NOT NULL DEFAULT 0, told REAL NOT NULL DEFAULT 0, ends REAL, loss REAL, psnr REAL, restart INTEGER NOT NULL DEFAULT 0,
    frames_stride INTEGER NOT NULL DEFAULT 1, points_stride INTEGER NOT NULL DEFAULT 1,
    error TEXT NOT NULL DEFAULT '', traceback TEXT NOT NULL DEFAULT '', result TEXT, bytes INTEGER NOT NULL DEFAULT 0,
    price REAL NOT NULL DEFAULT 1
);
CREATE TABLE watchers (key TEXT NOT NULL, watcher TEXT NOT NULL, PRIMARY KEY (key, watcher)) WITHOUT ROWID;
CREATE TABLE frames (
    key TEXT NOT NULL, number INTEGER NOT NULL, step INTEGER NOT NULL, shape TEXT NOT NULL, pixels BLOB NOT NULL, psnr REAL,
    PRIMARY KEY (key, number)
);
CREATE TABLE points (
    key TEXT NOT NULL, number INTEGER NOT NULL, phase TEXT NOT NULL, step INTEGER NOT NULL, restart INTEGER NOT NULL,
    loss REAL, psnr REAL, seconds REAL NOT NULL,
    PRIMARY KEY (key, number)
);
CREATE TABLE sweeps (key TEXT PRIMARY KEY, text TEXT NOT NULL, asked REAL NOT NULL);
CREATE TABLE pins (key TEXT PRIMARY KEY) WITHOUT ROWID;
PRAGMA user_version=1;
"""
OLDER = ("run", "data=digits&model=mlp&attack=dlg(steps=7)", "0123456789abcdef0123")  # of another version: its key fits no text
UNREAD = ("run", "data=paintings&model=mlp", "3210fedcba9876543210")


def put(con: sqlite3.Connection, folder: Path, number: int, kind: str, text: str, key: str) -> None:
    state, error = (("done", ""), ("failed", f"again {key}"), ("queued", ""), ("pruned", ""))[number % 4]
    result = json.dumps({"key": key, "number": number, "value": 0.1 * number}) if state != "queued" else None
    con.execute(
        "INSERT INTO jobs (key, kind, scenario, state, priority, ticket, owner, result, error, bytes, finished) VALUES (?, ?, ?, ?, 0, ?, 'me', ?, ?, 152, ?)",
        (key, kind, text, state, number, result, error, float(number)),
    )
    con.execute("INSERT INTO watchers VALUES (?, 'me')", (key,))
    con.execute("INSERT INTO pins VALUES (?)", (key,))
    con.execute("INSERT INTO frames VALUES (?, 0, 5, '[1, 1, 1, 2]', ?, NULL)", (key, bytes([number, 1])))
    con.execute("INSERT INTO points VALUES (?, 0, 'attack', 5, 0, ?, NULL, 1.0)", (key, float(number)))
    place = folder / ("damaged" if state == "failed" else "arrays") / key
    place.mkdir(parents=True)
    np.save(place / "x.npy", np.full(2, number))


def make_old(folder: Path, rows=STORED) -> Path:
    """A store as it was, with jobs in every state, one of an older version and one whose text is not read any more."""
    folder.mkdir(parents=True)
    with sqlite3.connect(folder / "store.db") as con:
        con.executescript(FORMAT_1)
        for number, row in enumerate([*rows, OLDER, UNREAD]):
            put(con, folder, number, *row)
        con.execute("INSERT INTO sweeps VALUES ('s', 'text', 1.0)")
    con.close()
    return folder


@pytest.fixture
def old(tmp_path):
    return make_old(tmp_path / "store")


def is_whole(folder: Path, rows=STORED) -> None:
    """All that was in it is found by today's keys."""
    store = Store(folder)
    assert len(rows) > 2
    for number, (kind, text, old_key) in enumerate([*rows, OLDER, UNREAD]):
        moved = (kind, text, old_key) not in (OLDER, UNREAD)
        key = Scenario.parse(text).key(kind) if moved else old_key
        job = store.job(key)
        assert job is not None and (job.kind, job.state) == (kind, ("done", "failed", "queued", "pruned")[number % 4])
        assert moved is False or (store.job(old_key) is None and Scenario.parse(job.scenario).key(kind) == key)
        if job.state in ("done", "pruned"):
            assert store.result(key) == {"key": key, "number": number, "value": 0.1 * number}
        kept = folder / ("damaged" if job.state == "failed" else "arrays") / key / "x.npy"
        assert np.load(kept).tolist() == [number, number] and job.error in ("", f"again {key}")
        assert store.frames(key)[1].ravel().tolist() == [number, 1] and store.curve(key).loss.tolist() == [number]
    count = len(rows) + 2
    with store._db.read() as con:
        tables = {
            name: con.execute(f"SELECT COUNT(*) FROM {name}").fetchone()[0] for name in ("jobs", "watchers", "pins", "moves", "sweeps")
        }
        assert con.execute("PRAGMA user_version").fetchone()[0] == 2
    assert tables == {"jobs": count, "watchers": count, "pins": count, "moves": 0, "sweeps": 1}
    assert sum(len(list((folder / name).iterdir())) for name in ("arrays", "damaged")) == count
    store.close()


@pytest.mark.parametrize("kind", sorted({row[0] for row in FORMER}))
def test_former_keys_are_those_of_then(kind):
    assert kind in WORK  # bits and inspect came later: nothing was stored of them
    rows = [row for row in FORMER if row[0] == kind]
    assert len(rows) > 5
    for _, text, key in rows:
        scenario = Scenario.parse(text)
        assert former_key(kind, scenario) == key, text
        assert Scenario.parse(scenario.form(kind)).key(kind) == scenario.key(kind) != key
    assert len({Scenario.parse(text).key(kind) for _, text, _ in rows}) == len(rows), "what had two keys has two"


def other_default(cls, **defaults):
    """The class with other defaults of some knobs."""
    fields = [
        (f.name, f.type, dataclasses.field(default=defaults.get(f.name, f.default), metadata=f.metadata)) for f in dataclasses.fields(cls)
    ]
    return dataclasses.make_dataclass(cls.__name__, fields, bases=(cls,), frozen=True)


TEXT = "data=digits(index=3)&model=lenet(init='trained')&defense=pruning"


@pytest.mark.parametrize(
    ("table", "name", "defaults", "moved"),
    [
        (ATTACKS, "dlg", {"steps": 500}, {"run"}),
        (ATTACKS, "dlg", {"restarts": 2}, {"run"}),
        (TRAININGS, "federated", {"rounds": 200}, {"train"}),
        (TRAININGS, "federated", {"clients": 20}, {"train", "clients"}),
        (DATASETS, "digits", {"index": 9}, set()),
    ],
    ids=["attack", "restarts", "training", "dealing", "victim"],
)
def test_a_new_default_moves_only_the_keys_of_what_it_changes(monkeypatch, table, name, defaults, moved):
    before = {kind: Scenario.parse(TEXT).key(kind) for kind in WORK}
    monkeypatch.setitem(table, name, other_default(table[name], **defaults))
    scenario = Scenario.parse(TEXT)
    assert any(getattr(part, knob, None) == value for knob, value in defaults.items() for part in (scenario.attack, scenario.train, scenario.data.replace(**{k: v for k, v in defaults.items() if k == "index"})))  # fmt: skip
    assert {kind for kind in WORK if scenario.key(kind) != before[kind]} == moved


def test_a_version_moves_the_keys_of_its_kind(monkeypatch):
    scenario = Scenario.parse(TEXT)
    before = {kind: scenario.key(kind) for kind in WORK}
    monkeypatch.setitem(WORK, "risk", dataclasses.replace(WORK["risk"], version=99))
    assert {kind for kind in WORK if scenario.key(kind) != before[kind]} == {"risk"}


def test_an_old_store_is_opened_with_all_that_is_in_it(old):
    is_whole(old)
    is_whole(old)
    with sqlite3.connect(old / "store.db") as con:
        texts = [text for kind, text in con.execute("SELECT kind, scenario FROM jobs") if kind in ("risk", "train", "sketch", "labels")]
    assert texts and not any("attack=" in text for text in texts)


DYING = f"""
import os, sys
sys.path.insert(0, {str(ROOT)!r})
from invviz.jobs.store import Store, _rekey
after, count = sys.argv[2], int(sys.argv[3])
def dying(name, module):
    do, calls = getattr(module, name), []
    def call(*args):
        calls.append(1)
        if len(calls) == count and after == "before": os._exit(9)
        do(*args)
        if len(calls) == count: os._exit(9)
    setattr(module, name, call)
dying(sys.argv[4], _rekey)
Store(sys.argv[1])
"""


@pytest.mark.parametrize(
    ("when", "count", "what"),
    [
        ("before", 1, "note"),
        pytest.param("after", 1, "note", marks=pytest.mark.slow),
        ("after", 3, "_folders"),
        pytest.param("before", 4, "_rows", marks=pytest.mark.slow),
        ("after", 39, "_rows"),
    ],
)
def test_what_is_killed_in_the_middle_goes_on(old, when, count, what):
    ended = subprocess.run([sys.executable, "-c", DYING, str(old), when, str(count), what], capture_output=True, text=True)
    assert ended.returncode == 9, ended.stderr
    is_whole(old)


def test_two_may_open_it_at_once(old):
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from invviz.jobs.store import Store; print('ready', flush=True); input(); s = Store(sys.argv[1]); print(len(s.jobs(sys.argv[2].split(','))))"
    keys = ",".join(Scenario.parse(text).key(kind) for kind, text, _ in STORED)
    others = [
        subprocess.Popen([sys.executable, "-c", code, str(old), keys], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert [one.stdout.readline() for one in others] == ["ready\n"] * 2
    for one in others:
        one.stdin.write("\n")
        one.stdin.flush()
    assert [one.communicate(timeout=60)[0] for one in others] == [f"{len(STORED)}\n"] * 2, "nobody sees it before all is done"
    is_whole(old)


def test_a_job_that_came_in_between_moves_too(old, monkeypatch):
    look, late = _rekey.look, FORMER[-1] if FORMER[-1][0] != "weights" else FORMER[-2]
    calls = []

    def looked(con, known):
        if not calls.append(1) and len(calls) == 1:
            found = look(con, known)
            with sqlite3.connect(old / "store.db") as other:
                put(other, old, 4 * 20, *late)
            other.close()
            return found
        return look(con, known)

    monkeypatch.setattr(_rekey, "look", looked)
    store = Store(old)
    assert store.result(Scenario.parse(late[1]).key(late[0]))["number"] == 80 and store.job(late[2]) is None


def test_a_full_disk_stops_it_and_loses_nothing(old, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as m:
        m.setattr(os, "rename", full)
        with pytest.raises(StoreError, match="full"):
            Store(old)
    is_whole(old)


def test_weights_and_kept_steps_have_todays_names_when_they_are_needed(tmp_path):
    site = Site(None, tmp_path, "cpu")
    s = Scenario.parse("data=digits&model=mlp(init='trained',width=4)")
    samples = s.data.load(None)
    net, accuracy = build_net(s, samples, tmp_path)
    (now,) = (tmp_path / "weights").glob("*.pt")
    before = now.with_name(f"{former_key('weights', s)}-{copy_of(samples)}.pt")
    assert now.name.startswith(s.key("weights")) and now != before
    made = now.read_bytes()
    now.rename(before)
    again, same = build_net(s, samples, tmp_path)
    assert now.read_bytes() == made and not before.exists() and same == accuracy
    assert all(bool((leaf == again.params[name]).all()) for name, leaf in net.params.items())

    t = Scenario.parse("data=digits&model=mlp(width=4)&train=federated(clients=2,rounds=4,samples=40)").only("train")
    train(t, site, lambda event: event.phase != "train" or event.done < 2)
    (kept,) = (tmp_path / "training").glob("*.pt")
    assert kept.name.startswith(t.key("train"))
    kept.rename(kept.with_name(kept.name.replace(t.key("train"), former_key("train", t))))
    told = []
    train(t, site, lambda event: told.append(event.done) or True)
    assert told == [3, 4], "it goes on from the kept steps"
    assert not list((tmp_path / "training").glob("*.pt"))


STEERED = "data=digits&model=lenet(width=4)&protocol=vfl(parties=1){}&batch=2"
THEN = {
    STEERED.format("&attack=hijacking(steps=60)"): (
        STEERED.format("&server=hijacking(steps=60)"),
        {"run": "2658fb27b983fec6a9fe", "risk": "23d8d190961e56d55630", "sketch": "38857a001216c02db87b"}
        | {"clients": "bc6e0936ddcb62d36952", "labels": "8f4c3e1b1ec7356ee106", "train": "064f44a6db52e66b33a6"},
        "cde1a9583a644a07cf0c",
    ),
    "data=digits&model=convnet(width=3)&protocol=vfl(parties=2,together=2)&attack=hijacking(party_batch=16,party_lr=0.003,steps=30,lr=0.002,width=8)"
    "&defense=gaussian_noise(sigma=0.1,relative=False)&attacker=aware&seed=3&dtype=float64": (
        "dtype=float64&server=hijacking(width=8,party_batch=16,party_lr=0.003,steps=30,lr=0.002)&data=digits&model=convnet(width=3)&attacker=aware"
        "&protocol=vfl(parties=2,together=2)&defense=gaussian_noise(sigma=0.1,relative=False)&seed=3",
        {"run": "16fb41ebfb625efd25b2", "risk": "6f5a71e6cd7aa8974e48"},
        "0cbd4a92a8256e85c31d",
    ),
    "data=wine&model=mlp&protocol=vfl(parties=1)&attack=hijacking(steps=40)&defense=clipping": (
        "data=wine&model=mlp&protocol=vfl(parties=1)&attack=decoder&server=hijacking(steps=40)&defense=clipping",
        {"run": "695eeb675eae8df18c0a", "risk": "4d721f3c37f43fd9faf5"},
        "f96ca23006acb30863a0",
    ),
}
"""Texts of when hijacking was an attack; what is written today; keys as commit 553180c made them, and that of a run in stores of format 1."""


@pytest.mark.parametrize("then", THEN)
def test_an_attack_that_is_a_server_now_is_read_and_found(then, tmp_path):
    today, keys, format_1 = THEN[then]
    s = Scenario.parse(then)
    assert s == Scenario.parse(today) and s.attack == ATTACKS["decoder"]() and s.server.name == "hijacking"
    assert {kind: s.key(kind) for kind in keys} == keys and former_key("run", s) == format_1
    assert "attack=hijacking" not in s.text(full=True) and Scenario.parse(s.text(full=True)) == s == Scenario.parse(s.form("run"))
    assert s.key("run") != s.replace(server=s.server.replace(steps=61)).key("run") and s.key("run") != s.replace(seed=8).key("run")
    store = Store(tmp_path)
    assert store.submit("run", s, "test") == keys["run"]
    with sqlite3.connect(tmp_path / "store.db") as con:  # a row as it was written then
        con.execute("UPDATE jobs SET scenario = ?", (then,))
    job = Store(tmp_path).job(s.key("run"))
    assert job is not None and Scenario.parse(job.scenario) == s.only("run")


def test_only_the_servers_own_attack_stands_under_a_former_key():
    s = Scenario.parse(STEERED.format("&server=hijacking"))
    other = s.replace(attack=ATTACKS["rmle"]())
    keys = {one.key("run") for one in (s, other, other.replace(server=SERVERS["honest"]()), s.replace(server=SERVERS["honest"]()))}
    assert len(keys) == 4
    for text in ("attack=hijacking&server=imprint", "server=imprint&attack=hijacking(steps=3)"):
        with pytest.raises(TextError, match="stands beside server=imprint"):
            Scenario.parse(text)
    assert Scenario.parse("protocol=vfl&attack=hijacking&server=honest").server.name == "hijacking", "honest is what was written then"
    with pytest.raises(TextError, match="twice"):
        Scenario.parse("attack=hijacking&attack=dlg")
    with pytest.raises(TextError, match="unknown knob 'depth' of hijacking"):
        Scenario.parse("attack=hijacking(depth=3)")
