"""The conditions of training mode: what a switch changes, who attacks, how far rows lie apart, and how they are drawn."""

from __future__ import annotations

import json

import pytest

from invviz.charts import conditions as chart
from invviz.scenario import problems
from invviz.scenario.families import conditions

NOTHING = frozenset()
PARTS = {
    "inference": "protocol",
    "kept": "protocol",
    "dropout": "defense",
    "after": "model",
    "plain": "model",
    "narrow": "model",
    "deep": "model",
}


@pytest.mark.parametrize("name", conditions.CONDITIONS)
def test_a_switch_changes_one_thing(name):
    base, other = (conditions.scenario(changed, 7).replace(attack=None) for changed in (NOTHING, frozenset({name})))
    part = PARTS[name]
    assert getattr(base, part) != getattr(other, part) and base.replace(**{part: getattr(other, part)}) == other
    if part == "model":
        assert sum(getattr(base.model, k.name) != getattr(other.model, k.name) for k in base.model.knobs()) == 1


def test_every_set_of_switches_has_attackers_that_fit():
    for changed in [
        *conditions.alone(),
        frozenset(conditions.CONDITIONS),
        frozenset({"kept", "dropout"}),
        frozenset({"inference", "deep"}),
    ]:
        client = conditions.scenario(changed, 8)
        fit = conditions.attackers(client)
        assert fit and client.seed == 8 and not problems(client)
        assert not any(problems(s) for s in fit.values())
        assert all(s.replace(attack=client.attack, attacker=client.attacker) == client for s in fit.values()), "only the attacker differs"
        assert len({(s.attack.steps, s.attack.tv) for s in fit.values()}) == 1, "none has more steps than another"


@pytest.mark.parametrize(
    ("changed", "names"),
    [
        ("", ["gia_running"]),
        ("inference", ["inverting_gradients"]),
        ("kept", ["gia_estimate", "inverting_gradients"]),
        ("dropout", ["gia_running aware", "gia_running unaware"]),
    ],
)
def test_who_attacks(changed, names):
    fit = conditions.attackers(conditions.scenario(conditions.read(changed), 7))
    assert list(fit) == names and all(s.attacker in name for name, s in fit.items() if " " in name)


@pytest.mark.parametrize(("by", "idle"), [("inference", {"kept", "dropout"}), ("plain", {"after"}), ("narrow", set())])
def test_switches_without_effect_say_why_and_change_nothing(by, idle):
    found = conditions.idle({by})
    assert set(found) == idle and all(why.endswith(".") and "Switch" in why for why in found.values())
    for name in idle:
        both = frozenset({by, name})
        assert conditions.felt(both) == {by} and conditions.scenario(both, 7) == conditions.scenario(frozenset({by}), 7)
        assert conditions.called(both) == conditions.called({by})


def test_addresses_come_back():
    for changed in [*conditions.alone(), frozenset(conditions.CONDITIONS)]:
        assert conditions.read(conditions.write(changed)) == changed
    assert conditions.read("deep,<script>,") == {"deep"} and conditions.write([]) == ""


def test_rows_are_compared_seed_by_seed():
    assert conditions.differences({1: 10.0, 2: 20.0}, {1: 13.0, 2: 19.0, 3: 99.0}) == (-1.0, -3.0, 1.0)
    assert conditions.differences({4: 10.0}, {1: 13.0}) is None and conditions.middle([]) is None
    assert conditions.best({"a": 9.0, "b": 11.0}) == "b" and conditions.best({}) is None


def test_what_is_prepared_is_every_row_at_every_seed():
    wanted = conditions.prepared()
    assert len(wanted) == len(conditions.alone()) * len(conditions.SEEDS) and len(conditions.SEEDS) >= 3
    assert {s.key("run") for _, listed in wanted for s in listed} >= {
        conditions.scenario(c, 9).key("run") for c in conditions.alone() if "dropout" not in c
    }
    assert conditions.scored() == [conditions.scenario(NOTHING, conditions.SEEDS[0])]


def marks(spec, kind):
    return [layer for layer in spec["layer"] if layer["mark"]["type"] == kind and layer["mark"].get("opacity") != 0]


def rows():
    return [
        chart.Row("base", "one", {7: 21.4, 8: 20.0, 9: 25.0}, said="base line"),
        chart.Row("dropout", "told", {7: 12.0, 8: 13.0}, said="−9 dB", open=True),
        chart.Row("dropout", "not told", {7: 11.0, 8: 10.5}, hollow=True),
        chart.Row("kept", "alone", {7: 19.0}, plain=True),
        chart.Row("waits", "none", {}, said="not run yet"),
    ]


def test_the_strip_shows_every_seed():
    spec = chart.strip(rows(), {"base": 41.6, "kept": 22.0}, 21.4, 11.9)
    json.dumps(spec)
    dots = {(m["mark"]["filled"], m["mark"]["shape"]): m["data"]["values"] for m in marks(spec, "point")}
    assert set(dots) == {(True, "circle"), (False, "circle"), (True, "diamond")}
    assert sorted((d["name"], d["seed"], d["psnr"]) for d in dots[True, "circle"]) == [
        ("base", 7, 21.4), ("base", 8, 20.0), ("base", 9, 25.0), ("dropout", 7, 12.0), ("dropout", 8, 13.0),
    ]  # fmt: skip
    assert sum(len(values) for values in dots.values()) == sum(len(row.psnr) for row in rows())
    medians, ideals = (m["data"]["values"] for m in marks(spec, "tick"))
    assert [(m["name"], m["x"]) for m in medians] == [("base", 21.4), ("dropout", 12.5), ("dropout", 10.75)], "one seed alone has no median"
    assert [(i["name"], i["psnr"]) for i in ideals] == [("kept", 22.0)]
    texts = [row["text"] for m in marks(spec, "text") for row in m["data"]["values"]]
    assert texts == ["without a message 11.9 dB", "ideal 42 dB →", "base line", "−9 dB", "not run yet"]
    assert [m["data"]["values"][0]["x"] for m in marks(spec, "rule")] == [11.9, 21.4]


def test_the_strip_has_room_for_all_and_marks_the_open_line():
    spec = chart.strip(rows(), {}, 21.4, 8.0)
    scale, y = marks(spec, "rule")[0]["encoding"]["x"]["scale"], spec["layer"][0]["encoding"]["y"]
    assert scale["domain"][0] < 8.0 and scale["domain"][1] > 25.0
    assert y["scale"]["domain"] == ["base", "dropout", "kept", "waits"], "a line without a dot keeps its place"
    assert "'dropout'" in y["axis"]["labelFontWeight"]["condition"]["test"]
    assert chart.strip([], {}, None, None)["layer"], "nothing known is no error"
