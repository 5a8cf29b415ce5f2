"""The one table of kinds of work: what it names is there, and one more kind needs no other file."""

from __future__ import annotations

import json
from typing import get_args

import pytest

from invviz.cli import main
from invviz.cli.workers import askable as of_workers
from invviz.core.errors import InvvizError
from invviz.engine.client import Site
from invviz.jobs import price
from invviz.jobs.store import Kind, Store
from invviz.jobs.worker import work
from invviz.jobs.worker._outcome import Outcome
from invviz.report import FORMS, collect
from invviz.report._told import Told
from invviz.scenario import Scenario
from invviz.scenario._depends import Depends
from invviz.scenario.kinds import WORK, KindOfWork, askable, found

TEXT = "data=digits&model=mlp&train=federated"


def test_the_type_names_the_table():
    assert askable() == get_args(Kind) == of_workers()


@pytest.mark.parametrize("kind", askable())
def test_what_stands_on_higher_floors_is_there(kind):
    facts = WORK[kind]
    for reference in (facts.compute, facts.price, facts.section):
        assert callable(found(reference)), reference
    assert not facts.check or callable(found(facts.check))
    assert facts.title and facts.noun and facts.verb and facts.core and facts.counted(2) not in ("2 s", facts.counted(1))


def test_verbs_are_of_the_command_line(capsys):
    for kind in askable():
        with pytest.raises(SystemExit) as end:
            main([WORK[kind].verb[0], "--help"])
        told = capsys.readouterr().out
        assert end.value.code == 0 and all(option in told for option in WORK[kind].verb[1:] if option.startswith("--")), kind


def test_a_scenario_has_a_key_and_a_form_of_every_kind():
    s = Scenario.parse(TEXT)
    assert len({s.key(kind) for kind in WORK}) == len(WORK) and all(s.form(kind) for kind in WORK)


def test_what_plays_no_part_is_at_its_default():
    s = Scenario.parse(
        "data=digits(index=3)&model=mlp&defense=gaussian_noise&attack=idlg&batch=2&seed=9&floor=0.5&rounds=2&layer=x&method=exact"
    )
    default = Scenario()
    for kind, facts in WORK.items():
        depends = facts.depends(s)
        names = [name for name in depends.without if "." not in name]
        assert names and all(getattr(depends.scenario, name) == getattr(default, name) for name in names), kind
        assert depends.scenario == s.only(kind) == s.only(kind).only(kind), kind


def of_victim(s: Scenario) -> Depends:
    return Depends(Scenario(data=s.data), frozenset())


def count(scenario, site, report, picture):
    return Outcome({"pictures": scenario.data.index + 1, "key": scenario.key("toy")}, {})


def cheap(scenario):
    return 0.1


def told(entry):
    return Told(f"There are {entry.facts['pictures']} pictures", [("pictures", str(entry.facts["pictures"]))], [], [], [])


def test_a_kind_more_needs_no_other_file(monkeypatch, tmp_path, capsys):
    here = f"{__name__}:"
    toy = KindOfWork(
        of_victim, 1, here + "count", here + "cheap", here + "told", core={"pictures": int}, title="Toy", noun="toy", verb=("toy",)
    )
    monkeypatch.setitem(WORK, "toy", toy)
    scenario, store = Scenario.parse("data=digits(index=4)&model=mlp&seed=3"), Store(tmp_path)
    key = store.submit("toy", scenario, "me")
    assert key == scenario.replace(seed=5).key("toy") and price.seconds("toy", scenario) > 0
    assert "toy" in of_workers()
    work(store, Site(None, tmp_path, "cpu"), once=True, kinds=["toy"])
    assert store.job(key).state == "done" and store.whole(key) and store.result(key)["pictures"] == 5
    assert [row["kind"] for row in store.results()] == ["toy"] and store.results_of([key])[key]["pictures"] == 5
    for names in ([key], [scenario.text()]):
        report = collect(store, names)
        assert report.title == "invviz report: 1 toy" and all("5 pictures" in FORMS[form](report) for form in ("html", "md"))
    assert main(["report", key, "--set", f"store={tmp_path}"]) == 0 and "There are 5 pictures" in capsys.readouterr().out
    store.forget(key)
    with pytest.raises(InvvizError):
        collect(store, [key[:-1] + ("0" if key[-1] != "0" else "1")])


def test_a_damaged_result_of_it_is_noticed(monkeypatch, tmp_path):
    here = f"{__name__}:"
    monkeypatch.setitem(WORK, "toy", KindOfWork(of_victim, 1, here + "count", here + "cheap", here + "told", core={"pictures": int}))
    store = Store(tmp_path)
    key = store.submit("toy", Scenario.parse("data=digits&model=mlp"), "me")
    job = store.claim("w")
    store.finish(job, json.loads('{"pictures": "many"}'))
    assert not store.whole(key) and "pictures" in store.job(key).error
