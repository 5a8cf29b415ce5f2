"""The charts of the Attacks page, read as Vega-Lite reads them: where every mark stands, on which axis, and how the axes run."""

from __future__ import annotations

import json

import numpy as np
import pytest

from invviz.charts import race
from invviz.charts._colours import framed
from invviz.charts.spread import spread

RUNS = [
    race.Run("late", np.array([0.0001, 2.0, 9.0]), np.array([10.0, 2.0, 31.44]), True, True, 1),
    race.Run("early", np.array([0.5, 1.0]), np.array([8.0, 243.0]), False, False, 2),
    race.Run("near", np.array([0.5, 9.0]), np.array([8.0, 31.0]), True),
]


def drawn(spec, kind):
    return [layer for layer in spec["layer"] if layer["mark"]["type"] == kind]


def places(layer, across="x", down="y"):
    """Where the marks of a layer stand."""
    return [(row[layer["encoding"][across]["field"]], row[layer["encoding"][down]["field"]]) for row in layer["data"]["values"]]


@pytest.fixture(scope="module")
def spec():
    return race.race(RUNS, "near", 34.0, 10.3)


def lines(spec):
    """Lines of attacks, and the thin ones that lead to their names, by the attack."""
    found = drawn(spec, "line")
    thin = [layer for layer in found if layer["mark"]["strokeWidth"] < 1]
    return [{layer["data"]["values"][0]["name"]: layer for layer in part} for part in ([x for x in found if x not in thin], thin)]


def test_lines_stand_where_their_seconds_and_decibels_say(spec):
    found = {name: places(layer) for name, layer in lines(spec)[0].items()}
    assert found == {
        "late": [(race.FIRST, 10.0), (2.0, race.LOW), (9.0, 31.44)],
        "early": [(0.5, 8.0), (1.0, race.TOP)],
        "near": [(0.5, 8.0), (9.0, 31.0)],
    }


def test_a_long_line_keeps_its_ends():
    seconds = np.linspace(1.0, 500.0, 1000)
    at = [x for x, _ in places(lines(race.race([race.Run("a", seconds, np.full(1000, 20.0), True)], "a", None, None))[0]["a"])]
    assert len(at) == race.POINTS and at[0] == 1.0 and at[-1] == 500.0 and np.diff(at).max() < 6


def test_ends_and_names_stand_at_the_last_point(spec):
    ends = {layer["data"]["values"][0]["name"]: layer for layer in drawn(spec, "point")}
    assert {name: places(layer) for name, layer in ends.items()} == {
        "late": [(9.0, 31.44)],
        "early": [(1.0, race.TOP)],
        "near": [(9.0, 31.0)],
    }
    assert {name: layer["mark"]["filled"] for name, layer in ends.items()} == {"late": False, "early": True, "near": True}, (
        "hollow is who is not told"
    )
    heights = dict(zip(("late", "early", "near"), race.names([31.44, 243.0, 31.0], 34.0), strict=True))
    names = {layer["data"]["values"][0]["text"]: layer for layer in drawn(spec, "text") if "psnr" in layer["data"]["values"][0]}
    assert {text: layer["data"]["values"][0]["label"] for text, layer in names.items()} == {
        "□ late 31 dB": heights["late"],
        "▲ early 243 dB ↑ ...": heights["early"],
        "● near 31 dB": heights["near"],
    }
    assert all(layer["encoding"]["y"]["field"] == "label" and layer["encoding"]["x"] == {"value": "width"} for layer in names.values())
    for name, layer in lines(spec)[1].items():
        start, knee, end = places(layer)
        assert (
            start == places(ends[name])[0] and knee[1] == start[1] and end == (layer["encoding"]["x"]["scale"]["domain"][1], heights[name])
        )
        assert start[0] < knee[0] < end[0]
    assert heights["early"] > 34 > heights["late"] > heights["near"]


def test_no_two_attacks_look_the_same():
    assert [len({race.look(place, dark) for place in range(21)}) for dark in (False, True)] == [21, 21]
    marks = [layer["mark"] for layer in drawn(race.race(RUNS, "near", None, None), "point")]
    assert len({(m["shape"], m["color"]) for m in marks}) == 3


def test_the_lines_across_carry_their_names(spec):
    across = drawn(spec, "rule")
    named = [layer for layer in drawn(spec, "text") if "psnr" not in layer["data"]["values"][0]]
    assert [(layer["data"]["values"][0]["y"], layer["data"]["values"][0]["text"]) for layer in named] == [
        (10.3, "without a message, 10.3 dB"),
        (34.0, "ideal attacker, 34.0 dB"),
    ]
    assert [layer["data"]["values"][0]["y"] for layer in across] == [10.3, 34.0]
    assert named[0]["mark"]["dy"] > 0 > named[1]["mark"]["dy"], "below that of who sees no message, above the ideal attacker's"


def test_axes_say_what_they_show_and_run_upwards(spec):
    for layer in spec["layer"]:
        axes = layer["encoding"]
        assert "dB" in axes["y"]["title"] and axes["y"]["scale"]["domain"] == [race.LOW, race.TOP]
        assert axes["y"]["field"] in ("y", "label")
        if "field" in axes.get("x", {}):
            low, high = axes["x"]["scale"]["domain"]
            assert "seconds" in axes["x"]["title"] and axes["x"]["scale"]["type"] == "log"
            assert 0 < low < race.FIRST and high > 9.0
    slow = race.race([race.Run("a", np.array([3.0, 4.0]), np.array([8.0, 9.0]), True)], "a", None, None)
    low, high = slow["layer"][0]["encoding"]["x"]["scale"]["domain"]
    assert low < 0.2 and high > 4.0


def test_dots_of_the_spread_stand_in_their_rows():
    found = {"b": [(7, 30.0, False), (8, 12.5, True)], "a": [(7, 2.0, False)]}
    full, failed, worst = spread(found)["layer"]
    assert places(full) == [(30.0, "b"), (race.LOW, "a")] and full["mark"]["filled"]
    assert places(failed) == [(12.5, "b")] and failed["mark"]["shape"].startswith("M"), "a cross"
    assert not spread(found, hollow=True)["layer"][0]["mark"]["filled"]
    assert places(worst) == [(12.5, "b")] and worst["encoding"]["text"]["field"] == "text"
    for layer in (full, failed, worst):
        x, y = layer["encoding"]["x"], layer["encoding"]["y"]
        assert "dB" in x["title"] and x["type"] == "quantitative" and x["scale"]["domain"] == [race.LOW, race.TOP]
        assert y["type"] == "nominal" and y["sort"] == ["b", "a"], "rows in the order of their attacks"


def texts(spec):
    """All words that a chart draws."""
    return [row["text"] for layer in spec["layer"] for row in layer.get("data", {}).get("values", ()) if "text" in row]


def test_an_attack_without_any_error_is_drawn_at_the_top_and_named_in_words():
    """Infinity is no JSON: the browser showed a red box in place of the chart (layer peeling on the MLP)."""
    endless = race.Run("peeling", np.array([0.1, 0.2]), np.array([10.0, np.inf]), True)
    for chart in (race.race([*RUNS, endless], "peeling", np.inf, 10.3), spread({"peeling": [(1, np.inf, False), (2, np.inf, False)]})):
        json.loads(json.dumps(chart, allow_nan=False))
        assert any("no error" in words for words in texts(chart)) and not any("inf" in words for words in texts(chart))
    chart = race.race([endless], "peeling", None, None)
    assert places(lines(chart)[0]["peeling"])[-1] == (0.2, race.TOP)


def test_every_chart_is_json_whatever_its_numbers():
    made = framed({"data": {"values": [{"x": np.inf, "y": np.nan, "z": np.float32(1)}, {"x": -np.inf}]}}, False)
    assert json.loads(json.dumps(made, allow_nan=False))["data"]["values"] == [{"x": "inf", "y": None, "z": 1.0}, {"x": "-inf"}]


def test_a_layer_without_a_row_is_silent():
    """Vega would make an image without a name of it (axe: svg-img-alt); what has a row is as it was."""
    rows, none = {"data": {"values": [{"x": 1}]}, "mark": "point"}, {"data": {"values": []}, "mark": "rect"}
    named, blank = {"data": {"name": "a"}, "mark": {"type": "rule"}}, {"data": {"name": "b"}, "mark": {"type": "rule"}}
    made = framed({"datasets": {"a": [{"step": 3}], "b": [{"step": None}]}, "layer": [none, {"layer": [rows, none]}, named, blank]}, False)[
        "layer"
    ]
    silent = {**none, "mark": {"type": "rect", "aria": False}}
    assert made == [silent, {"layer": [rows, silent]}, named, {**blank, "mark": {"type": "rule", "aria": False}}]
