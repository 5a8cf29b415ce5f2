"""The Results page: what is listed, chosen, opened, compared, taken along and deleted, and by whom."""

from __future__ import annotations

import io
import sqlite3

import numpy as np
import pandas as pd
import pytest
from visits import address, alts, button, elements, html, press, said

from invviz.engine.client import Site
from invviz.jobs.store import Store, Wanted
from invviz.jobs.worker import work
from invviz.report import collect
from invviz.scenario import Scenario
from invviz.ui import reporting, session
from invviz.ui.curves import launch
from invviz.ui.results import chosen, compare, table

PLAIN = "data=digits(index={i})&model=mlp&attack=linear_layer"
NOISY = "data=digits(index={i})&model=mlp&defense=gaussian_noise(sigma=0.3)&attack=linear_layer"


@pytest.fixture(scope="module")
def computed(tmp_path_factory):
    """A store with five attacks and a spectrum of one picture, made once."""
    folder = tmp_path_factory.mktemp("results")
    store = Store(folder)
    asked = [("run", PLAIN.format(i=i)) for i in range(3)] + [("run", NOISY.format(i=i)) for i in range(2)] + [("risk", PLAIN.format(i=0))]
    for kind, text in asked:
        store.submit(kind, Scenario.parse(text), "me")
        work(store, Site(None, folder, "cpu"), once=True)
    store.close()
    return folder


@pytest.fixture
def filled(computed, store_dir):
    """A copy of it, so that one test's deleting is not another's."""
    import shutil

    shutil.copytree(computed, store_dir, dirs_exist_ok=True)
    return Store(store_dir)


def key(text: str, kind: str = "run") -> str:
    return Scenario.parse(text).key(kind)


def listed(at) -> pd.DataFrame:
    return at.dataframe[0].value


def pick(at, label: str, start: str):
    box = next(b for b in at.selectbox if b.label == label)
    return box.select(next(option for option in box.options if option.startswith(start))).run()


def test_it_lists_what_was_computed_newest_first(filled, visit):
    at = visit("results")
    rows = listed(at)
    assert not at.exception and len(rows) == 6 and "6 results: 5 attacks, 1 risk score" in said(at)
    assert rows["kind"].tolist() == ["Risk score"] + ["Attack"] * 5
    assert rows["data"].tolist() == ["Digits 8 x 8 #0", "Digits 8 x 8 #1", "Digits 8 x 8 #0", *(f"Digits 8 x 8 #{i}" for i in (2, 1, 0))]
    psnr = np.mean(filled.result(key(NOISY.format(i=1)))["scores"]["psnr"])
    assert rows["what came out"][1] == f"PSNR {psnr:.1f} dB" and rows["what came out"][0].startswith("InvRE ")
    assert (
        rows["defense"][1].startswith("Gaussian noise, 30 %")
        and rows["attack"][0] == ""
        and rows["attack"][1] == "Linear layer (closed form)"
    )
    assert (
        all(url.startswith("data:image/png") for url in rows["truth"])
        and [not isinstance(url, str) for url in rows["got"]] == [True] + [False] * 5
    )
    assert at.dataframe[0].proto.alt == "6 results: 5 attacks, 1 risk score"


def test_choices_narrow_it_and_stand_in_the_address(filled, visit):
    at = visit("results")
    at = pick(at, "Kind of work", "Attack")
    at = pick(at, "Defense", "Gaussian noise (2)")
    assert (
        (address(at, "kind"), address(at, "of_defense")) == ("run", "gaussian_noise")
        and len(listed(at)) == 2
        and "2 of 6 results" in said(at)
    )
    at = pick(at, "Order", "Lowest score")
    scores = [float(words.split()[1]) for words in listed(at)["what came out"]]
    assert scores == sorted(scores)
    at.text_input[0].set_value(f"{scores[0] + 0.05}..").run()
    assert len(listed(at)) == 1 and address(at, "span") == f"{scores[0] + 0.05}.."
    at = pick(at, "Kind of work", "All kinds")
    assert (address(at, "span"), address(at, "order")) == ("", "") and len(listed(at)) == 2, "what is of the kind goes with it"
    again = visit("results", kind="run", of_defense="none", order="oldest")
    assert listed(again)["data"].tolist() == [f"Digits 8 x 8 #{i}" for i in range(3)]


@pytest.mark.parametrize(
    ("views", "words"),
    [
        ({"kind": "paint"}, "is no kind of work; known: run, risk"),
        ({"of_data": "paint"}, "is no data that is known here"),
        ({"kind": "run", "span": "a lot"}, "is no span of a score"),
        ({"kind": "run", "span": ".."}, "is no span of a score"),
        ({"kind": "run", "span": "1e999..x"}, "is no span of a score"),
        ({"kind": "run", "span": "30..20"}, "write the smaller number first"),
        ({"span": "20..30"}, "choose a kind to look for a score"),
        ({"order": "highest"}, "choose a kind to sort by them"),
        ({"order": "up"}, "is no order; known: newest"),
    ],
)
def test_what_cannot_be_chosen_is_said_and_undone(filled, visit, views, words):
    at = visit("results", **views)
    assert not at.exception and words in said(at).replace("\\", "") and not len(at.dataframe)
    at = press(at, "Show all results")
    assert len(listed(at)) == 6


def test_nothing_found_and_nothing_there(filled, visit, store_dir):
    at = visit("results", kind="run", span="500..")
    assert "No result is like that" in said(at) and len(listed(press(at, "Show all"))) == 6
    filled.remove([row.key for row in filled.listed(Wanted())])
    assert "Nothing has been computed here yet" in said(visit("results"))


def test_pages_of_the_list(filled, visit, monkeypatch):
    monkeypatch.setattr(table, "ROWS", 4)
    at = visit("results")
    assert len(listed(at)) == 4 and "page 1 of 2" in said(at)
    at = press(at, "Next")
    assert len(listed(at)) == 2 and address(at, "place") == "2"
    assert len(listed(visit("results", place="99999"))) == 2 and len(listed(visit("results", place="-3"))) == 4


def test_one_in_full_opens_in_its_page(filled, visit):
    risk = key(PLAIN.format(i=0), "risk")
    at = visit("results", ticked=risk)
    assert "1 ticked" in said(at) and "an ideal attacker recovers" in said(at) and any("ideal attacker" in alt for alt in alts(at))
    assert button(at, "Open in Risk")
    at = press(visit("results", ticked=key(NOISY.format(i=1))), "Open in Lab")
    assert not at.exception and at.session_state["scenario"] == Scenario.parse(NOISY.format(i=1))
    assert "What does one update give away" in said(at)


def test_two_are_compared_side_by_side(filled, visit):
    at = visit("results", ticked=f"{key(PLAIN.format(i=1))},{key(NOISY.format(i=1))}")
    body = html(at, "results")
    assert "gaussian_noise(sigma=0.3" in body and body.index('class="other"') < body.index('class="fact"')
    found = [np.mean(filled.result(key(t.format(i=1)))["scores"]["psnr"]) for t in (PLAIN, NOISY)]
    assert [f"{psnr:.1f} dB" in body for psnr in found] == [True, True]
    assert len([alt for alt in alts(at) if alt.startswith(("truth, of", "real attack, of"))]) == 4
    left, right = (Scenario.parse(t.format(i=1)) for t in (PLAIN, NOISY))
    assert [name for name, _ in compare.differing(left, right)] == ["defense"] and compare.differing(left, left) == []


def test_ticks_of_another_machine_are_named(filled, visit):
    at = visit("results", ticked="0123456789abcdef0123,<script>,junk")
    assert not at.exception and "1 of the results that the address names are not here" in said(at) and len(listed(at)) == 6


def deleted(at):
    return press(at, "Delete for good")


def test_who_is_alone_deletes_whatever_is_ticked(filled, visit):
    gone = key(PLAIN.format(i=2))
    at = deleted(visit("results", ticked=gone))
    assert (
        not at.exception and "1 deleted" in said(at) and filled.job(gone) is None and len(listed(at)) == 5 and address(at, "ticked") == ""
    )


def test_in_a_classroom_nobody_deletes_what_others_asked_for(filled, visit, monkeypatch):
    monkeypatch.setenv("INVVIZ_PROFILE", "classroom")
    theirs, mine, both = (key(PLAIN.format(i=i)) for i in range(3))
    at = visit("results", ticked=theirs)
    assert button(at, "Delete").disabled and not any(b.label == "Delete for good" for b in at.button)
    own = at.session_state["visitor"].name
    with sqlite3.connect(filled.path / "store.db") as con:
        con.execute("UPDATE jobs SET owner = ? WHERE key IN (?, ?)", (own, mine, both))
        con.execute("DELETE FROM watchers")
        con.execute("INSERT INTO watchers VALUES (?, 'somebody')", (both,))
    con.close()
    at.query_params["ticked"] = ",".join((theirs, mine, both))
    at = at.run()
    assert "Delete 1 result for good" in said(at) and "2 stay" in said(at)
    with sqlite3.connect(filled.path / "store.db") as con:  # in the moment between drawing and clicking somebody else looks at it
        con.execute("INSERT INTO watchers VALUES (?, 'somebody')", (mine,))
    con.close()
    at = deleted(at)
    assert "somebody else asked for it" in said(at) and all(filled.job(one) for one in (theirs, mine, both))
    with sqlite3.connect(filled.path / "store.db") as con:
        con.execute("DELETE FROM watchers")
    con.close()
    at = deleted(at.run())
    assert filled.job(mine) is None and filled.job(both) is None and filled.job(theirs) is not None
    at.query_params["mine"] = "yes"
    assert "No result is like that" in said(at.run()), "nothing of this tab's is left"


def test_what_is_taken_along(filled, visit):
    at = visit("results")
    assert not at.exception and any("Parquet, all 6" in str(getattr(e, "proto", "")) for e in elements(at))
    whole = pd.read_parquet(io.BytesIO(chosen.parquet(filled, Wanted())()))
    assert len(whole) == 6 and tuple(whole.columns) == chosen.COLUMNS
    of = whole.set_index("key").loc[key(NOISY.format(i=1))]
    assert of["score"] == pytest.approx(np.mean(filled.result(of.name)["scores"]["psnr"])) and of["score_is"] == "PSNR"
    assert (of["data"], of["model"], of["defense"], of["attack"]) == ("digits", "mlp", "gaussian_noise", "linear_layer")
    assert Scenario.parse(of["scenario"]).key("run") == of.name and of["finished"].tzinfo is not None
    one = pd.read_parquet(io.BytesIO(chosen.parquet(filled, Wanted(keys=(of.name,)))()))
    assert one["key"].tolist() == [of.name]
    report = reporting.of_keys(filled, [of.name])()
    assert of.name in report and "<!DOCTYPE html>" in report
    assert "There is no report." in reporting.of_keys(filled, ["0123456789abcdef0123"])()


def test_a_report_names_no_folders_to_others(filled, monkeypatch):
    monkeypatch.setenv("INVVIZ_PROFILE", "classroom")
    key_ = key(PLAIN.format(i=1))
    with sqlite3.connect(filled.path / "store.db") as con:
        con.execute(
            "UPDATE jobs SET result = json_set(result, '$.data_note', ?) WHERE key = ?",
            (f"read from {filled.path}/somewhere/data.npz", key_),
        )
    con.close()
    assert str(filled.path) in str(collect(filled, [key_]).entries[0].facts)
    assert str(filled.path) not in reporting.of_keys(filled, [key_])()


def test_sweeps_open_on_their_page(filled, visit):
    text = "data=digits&model=mlp&attack=linear_layer | seed=0,1"
    filled.keep_sweep("s", text)
    at = visit("results", kind="sweep")
    assert not at.exception and "1 sweep was asked for here" in said(at) and any(text in code.value for code in at.code)
    at = press(at, "Open in Curves")
    assert not at.exception and "What does protection cost" in said(at)


def test_a_sweep_is_forgotten_by_who_is_alone_and_its_results_stay(filled, visit, monkeypatch):
    filled.keep_sweep("s", "data=digits&model=mlp&attack=linear_layer | seed=0,1")
    count = filled.count(Wanted())
    monkeypatch.setenv("INVVIZ_PROFILE", "classroom")
    assert not any(b.label == "Forget" for b in visit("results", kind="sweep").button), "nobody knows whose it is"
    asked = visit("results", kind="sweep")
    asked.session_state[launch.ASKED] = {"data=digits&model=mlp&attack=linear_layer | seed=0,1"}
    assert sum(b.label == "Forget" for b in asked.run().button) == 1, "this tab has asked for it"
    monkeypatch.setenv("INVVIZ_PROFILE", "own")
    at = press(visit("results", kind="sweep"), "Forget")
    assert not at.exception and "0 sweeps were asked for here" in said(at) and filled.sweeps() == [] and filled.count(Wanted()) == count


def test_pictures_of_ones_own_are_nowhere_in_it(filled, visit):
    own = np.full((3, 32, 32), 0.5, np.float32)
    at = visit("results")
    session_ = at.session_state["visitor"]
    session_.pictures["00112233445566"] = own
    count = filled.count(Wanted())
    with pytest.raises(Exception, match="private"):
        filled.submit("run", Scenario.parse("data=photos&model=mlp&upload=00112233445566&attack=linear_layer"), session_.name)
    assert filled.count(Wanted()) == count and "in no list" in said(at.run())
    session.close()
