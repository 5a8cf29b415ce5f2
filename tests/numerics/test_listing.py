"""The list of results: what is filed of each, chosen and sorted as a plain loop over all of them would, and removed by whom."""

from __future__ import annotations

import json
import math
import random
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from test_rekey import FORMAT_1
from test_store import Named, claim

from invviz.core.errors import StoreError
from invviz.core.types import Size
from invviz.engine.client import Site
from invviz.engine.summary import risk_summary
from invviz.jobs.store import Store, Wanted, _db, _filing, _listing
from invviz.jobs.worker import work
from invviz.scenario import Scenario
from invviz.scenario.kinds import WORK, askable, found

TEXT = "data={data}(index=1)&model={model}&defense={defense}&attack={attack}(steps=3)"


def named(text: str) -> Named:
    scenario = Named(text)
    object.__setattr__(scenario, "form", lambda kind: text)
    return scenario


def put(store: Store, text: str, result: dict, kind: str = "run", watcher: str = "me", number: str = "") -> str:
    scenario = named(text)
    object.__setattr__(scenario, "key", lambda kind: f"{kind}-{text}-{number}")
    key = store.submit(kind, scenario, watcher)
    store.finish(claim(store), result, {"x": np.zeros(100)})
    return key


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture
def many(store):
    """Sixty results of every combination, and what a plain loop knows of them."""
    rng, rows = random.Random(3), []
    for number in range(60):
        data, model = rng.choice(["digits", "photos"]), rng.choice(["mlp", "lenet"])
        stack = rng.choice([(), ("pruning",), ("clipping", "pruning"), ("random_pruning",)])
        kind = rng.choice(["run", "run", "train", "sketch"])
        text = (
            f"data={data}(index=3)&model={model}" + "".join(f"&defense={d}(x=1)" for d in stack) + ("&attack=dlg" if kind == "run" else "")
        )
        psnr = rng.choice([10.5, 20.25, math.inf, None])
        result = {"scores": {"psnr": [None if psnr is None else "inf" if math.isinf(psnr) else psnr]}}
        if kind != "run":
            psnr = rng.random()
            result = {"accuracy": psnr}
        score = None if kind == "sketch" else psnr
        key = put(store, text, result, kind, rng.choice(["me", "other"]), str(number))
        rows.append({"key": key, "kind": kind, "data": data, "model": model, "stack": stack, "score": score})
    return rows


def keys(rows):
    return [row["key"] if isinstance(row, dict) else row.key for row in rows]


@pytest.mark.parametrize(
    ("wanted", "takes"),
    [
        (Wanted(), lambda r: r["kind"] != "sketch"),
        (Wanted("sketch"), lambda r: r["kind"] == "sketch"),
        (Wanted("run"), lambda r: r["kind"] == "run"),
        (Wanted("run", (("data", "digits"), ("model", "mlp"))), lambda r: (r["kind"], r["data"], r["model"]) == ("run", "digits", "mlp")),
        (Wanted("run", (("defense", "pruning"),)), lambda r: r["kind"] == "run" and "pruning" in r["stack"]),
        (Wanted("", (("defense", "none"),)), lambda r: r["kind"] != "sketch" and not r["stack"]),
        (Wanted("", (("attack", "dlg"),)), lambda r: r["kind"] == "run"),
        (Wanted("run", low=15.0), lambda r: r["kind"] == "run" and r["score"] is not None and r["score"] >= 15),
        (Wanted("run", low=10.0, high=20.25), lambda r: r["kind"] == "run" and r["score"] in (10.5, 20.25)),
    ],
)
def test_what_is_chosen_is_what_a_loop_chooses(store, many, wanted, takes):
    expected = [row for row in many if takes(row)]
    assert expected
    assert set(keys(store.listed(wanted, limit=100))) == set(keys(expected)) and store.count(wanted) == len(expected)


@pytest.mark.parametrize("falling", [True, False])
@pytest.mark.parametrize("order", ["finished", "score", "seconds", "bytes"])
def test_it_is_in_order_and_pages_hold_each_once(store, many, order, falling):
    wanted = Wanted("run")
    rows = store.listed(wanted, order, falling, limit=100)
    values = [getattr(row, order) for row in rows]
    there = [value for value in values if value is not None]
    assert there == sorted(there, reverse=falling) and len(there) > 5 and values[len(there) :] == [None] * (len(values) - len(there))
    pages = [store.listed(wanted, order, falling, limit=7, offset=start) for start in range(0, len(rows), 7)]
    assert keys(row for page in pages for row in page) == keys(rows)


def test_counts_are_of_what_another_choice_would_list(store, many):
    wanted = Wanted("run", (("data", "digits"), ("defense", "pruning")))
    for part in ("data", "model", "defense", "attack"):
        counts = store.counts(wanted)[part]
        others = tuple(pair for pair in wanted.parts if pair[0] != part)
        assert counts and counts == {name: store.count(Wanted("run", (*others, (part, name)))) for name in counts}
    assert sum(store.kinds().values()) == len(many)


def test_scores_are_those_of_the_results(tmp_path):
    """Against `run`'s own scores and `risk_summary`'s InvRE, in a store that a real worker filled."""
    store, s = Store(tmp_path), Scenario.parse("data=digits&model=mlp&defense=gaussian_noise(sigma=0.5)&attack=linear_layer")
    run, risk = store.submit("run", s, "me"), store.submit("risk", s, "me")
    work(store, Site(None, tmp_path, "cpu"), once=True)
    rows = {row.key: row for row in store.listed(Wanted())}
    assert rows[run].score == pytest.approx(np.mean(store.result(run)["scores"]["psnr"]))
    facts, one_percent = store.result(risk), Scenario.parse("data=digits&model=mlp&floor=0.01")
    expected = risk_summary(one_percent, store.spectrum(risk), Size.from_json(facts["size"]))["invre"]
    assert rows[risk].score == pytest.approx(expected) and 0.3 < expected < 1 and "at 1 % noise" in WORK["risk"].score.says
    assert [(name, count) for name, count in store.counts(Wanted("run"))["attack"].items()] == [("linear_layer", 1)]


def test_every_kind_that_is_listed_has_a_score_and_a_page():
    from invviz.ui.pages import PAGES

    for kind in askable():
        work_ = WORK[kind]
        assert work_.page in PAGES and work_.score and callable(found(work_.score.of)) and work_.score.words(0.5)
        assert work_.score.unit and ("%" in work_.score.unit) is (work_.score.times == 100), "a person writes a span in what is shown"


def test_a_look_by_detectors_is_scored_by_those_that_flag():
    """Counted here; one that could not judge is no score of 0."""
    one, other, unable = {"judged": True, "flagged": True}, {"judged": True, "flagged": False}, {"judged": False, "flagged": False}
    for detectors in ([one, other, unable, one], [other], [unable, unable], []):
        told = {
            "detectors": {str(k): d for k, d in enumerate(detectors)},
            "flagged": [str(k) for k, d in enumerate(detectors) if d["flagged"]],
        }
        score = _filing.filed("inspect", "data=digits&model=mlp", told, Path()).score
        assert score == (sum(d["flagged"] for d in detectors) if any(d["judged"] for d in detectors) else None)
    assert WORK["inspect"].score.words(2.0) == "2"


def test_a_result_that_cannot_be_scored_is_listed_without(store):
    put(store, "data=digits&model=mlp", {"scores": "none"})
    put(store, "data=digits&model=mlp", {"size": {}}, "risk")
    put(store, "paintings", {}, "train")
    rows = store.listed(Wanted())
    assert len(rows) == 3 and all(row.score is None for row in rows)


def old_format(con: sqlite3.Connection) -> None:
    """A file of format 2 as it was before anything was filed."""
    con.execute("DROP INDEX jobs_listed")
    con.execute("DROP INDEX jobs_unfiled")
    for column in ("data", "model", "defense", "attack", "score", "filed"):
        con.execute(f"ALTER TABLE jobs DROP COLUMN {column}")


def test_a_store_of_before_is_filed_and_loses_nothing(store, many, monkeypatch):
    before = {row.key: row for row in store.listed(Wanted(), limit=100)}
    results = {row["key"]: store.result(row["key"]) for row in many}
    store.close()
    with sqlite3.connect(store.path / "store.db") as con:
        old_format(con)
        assert _db.lacking(con)
    con.close()
    monkeypatch.setattr(_listing, "AT_ONCE", 7)
    again = Store(store.path)
    assert again.listed(Wanted()) == [] and {key: again.result(key) for key in results} == results
    assert again.file_results(0.0) == len(many) - 7, "a part at a time; what is newest first"
    assert Store(store.path).file_results(60.0) == 0, "whoever comes next goes on"
    assert {row.key: row for row in again.listed(Wanted(), limit=100)} == before
    with sqlite3.connect(store.path / "store.db") as con:
        assert _db.lacking(con) == []
    con.close()


def test_a_store_of_format_1_is_filed_by_its_new_keys(tmp_path):
    from invviz.scenario import former_key

    scenario = Scenario.parse("data=digits&model=mlp&defense=pruning&attack=linear_layer")
    with sqlite3.connect(tmp_path / "store.db") as con:
        con.executescript(FORMAT_1)
        con.execute(
            "INSERT INTO jobs (key, kind, scenario, state, priority, ticket, owner, result, finished) VALUES (?, 'run', ?, 'done', 0, 1, 'me', ?, 5.0)",
            (former_key("run", scenario), scenario.only("run").text(full=True), json.dumps({"scores": {"psnr": [12.5]}})),
        )
    con.close()
    store = Store(tmp_path)
    assert store.file_results(10.0) == 0
    (row,) = store.listed(Wanted("run", (("defense", "pruning"),)))
    assert (row.key, row.score) == (scenario.key("run"), 12.5)


def test_what_an_invviz_of_before_computes_anew_is_filed_anew(store):
    """It knows nothing of what is filed, so the score is of the result before: told by the time of its end."""
    key = put(store, "data=digits&model=mlp", {"scores": {"psnr": [10.0]}})
    with store._db.write() as con:
        con.execute("UPDATE jobs SET result = ?, finished = finished + 1 WHERE key = ?", (json.dumps({"scores": {"psnr": [30.0]}}), key))
    assert store.listed(Wanted()) == [] and store.file_results(10.0) == 0
    assert [row.score for row in store.listed(Wanted())] == [30.0]


def test_what_is_forgotten_removed_or_damaged_is_listed_no_more(store):
    keys_ = [put(store, "data=digits&model=mlp", {"scores": {"psnr": [1.0]}}, number=n) for n in "abcd"]
    store.forget(keys_[0])
    store.make_room(1 << 20)
    store.remove([keys_[1]])
    store._set_aside(keys_[2], lambda: "it is torn")
    assert keys(store.listed(Wanted())) == [keys_[3]] and store.count(Wanted()) == 1
    assert store.job(keys_[1]) is None and not store.folder(keys_[1]).exists()


def test_one_removes_only_what_is_ones_own_alone(store):
    mine, theirs = put(store, "data=a", {}, watcher="me"), put(store, "data=b", {}, watcher="you")
    both, pinned = put(store, "data=c", {}, watcher="me"), put(store, "data=d", {}, watcher="me")
    store.watch(both, "you")
    store.pin([pinned])
    waiting = store.submit("run", named("data=e"), "me")
    assert store.others([mine, theirs, both, pinned], "me") == {theirs, both}
    kept = store.remove([mine, theirs, both, pinned, waiting, "nothing"], owner="me")
    assert set(kept) == {theirs, both, pinned, waiting} and all(store.job(key) for key in kept) and store.job(mine) is None
    assert (
        "somebody else" in kept[theirs] and "somebody else" in kept[both] and "whatever happens" in kept[pinned] and "stop" in kept[waiting]
    )
    store.unwatch("you")  # that tab is closed
    assert store.remove([theirs, both], owner="me").keys() == {theirs} and store.job(both) is None
    assert store.remove([theirs, pinned]).keys() == {pinned}, "who is alone on the machine may remove whoever's"


def test_a_picture_of_ones_own_is_in_no_list(store):
    with pytest.raises(StoreError, match="private"):
        store.submit("run", Scenario.parse("data=photos&model=lenet&upload=0123456789abcdef"), "me")
    assert store.count(Wanted()) == 0 and _filing.some(store._db._take(), 9) == []
