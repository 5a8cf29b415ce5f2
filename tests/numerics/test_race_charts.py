"""The charts of the Attacks page, read as Vega-Lite reads them: where every mark stands, on which axis, and how the axes run."""

from __future__ import annotations

import numpy as np
import pytest

from invviz.plots import race

RUNS = [
    race.Run("late", np.array([0.0001, 2.0, 9.0]), np.array([10.0, 2.0, 31.44]), True),
    race.Run("early", np.array([0.5, 1.0]), np.array([8.0, 243.0]), False),
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


def test_lines_stand_where_their_seconds_and_decibels_say(spec):
    found = {layer["data"]["values"][0]["name"]: places(layer) for layer in drawn(spec, "line")}
    assert found == {
        "late": [(race.FIRST, 10.0), (2.0, race.LOW), (9.0, 31.44)],
        "early": [(0.5, 8.0), (1.0, race.TOP)],
        "near": [(0.5, 8.0), (9.0, 31.0)],
    }


def test_a_long_line_keeps_its_ends():
    seconds = np.linspace(1.0, 500.0, 1000)
    (line,) = drawn(race.race([race.Run("a", seconds, np.full(1000, 20.0), True)], "a", None, None), "line")
    at = [x for x, _ in places(line)]
    assert len(at) == race.POINTS and at[0] == 1.0 and at[-1] == 500.0 and np.diff(at).max() < 6


def test_ends_and_names_stand_at_the_last_point(spec):
    ends = {layer["data"]["values"][0]["name"]: layer for layer in drawn(spec, "point")}
    assert {name: places(layer) for name, layer in ends.items()} == {
        "late": [(9.0, 31.44)],
        "early": [(1.0, race.TOP)],
        "near": [(9.0, 31.0)],
    }
    assert {name: layer["mark"]["filled"] for name, layer in ends.items()} == {"late": True, "early": False, "near": True}
    names = {layer["data"]["values"][0]["text"]: places(layer)[0] for layer in drawn(spec, "text") if "psnr" in layer["data"]["values"][0]}
    assert names["near 31 dB"] == (9.0, 31.0), "the best attack's name stays at its end"
    assert names["late 31 dB"][0] == 9.0 and abs(names["late 31 dB"][1] - 31.0) >= race.APART - 0.011
    leads = [layer for layer in drawn(spec, "rule") if "y2" in layer["encoding"]]
    to_names = {layer["data"]["values"][0]["text"]: places(layer, down="y2")[0] for layer in leads}
    assert to_names == names
    assert {layer["data"]["values"][0]["text"]: places(layer)[0] for layer in leads}["late 31 dB"] == (9.0, 31.44)


def test_axes_say_what_they_show_and_run_upwards(spec):
    for layer in spec["layer"]:
        axes = layer["encoding"]
        assert "dB" in axes["y"]["title"] and axes["y"]["scale"]["domain"] == [race.LOW, race.TOP]
        assert axes.get("y2", axes["y"])["field"] in ("y", "label")
        if "x" in axes:
            low, high = axes["x"]["scale"]["domain"]
            assert "seconds" in axes["x"]["title"] and axes["x"]["scale"]["type"] == "log"
            assert 0 < low < race.FIRST and high > 9.0
    slow = race.race([race.Run("a", np.array([3.0, 4.0]), np.array([8.0, 9.0]), True)], "a", None, None)
    low, high = slow["layer"][0]["encoding"]["x"]["scale"]["domain"]
    assert low < 0.2 and high > 4.0


def test_dots_of_the_spread_stand_in_their_rows():
    found = {"b": [(7, 30.0, False), (8, 12.5, True)], "a": [(7, 2.0, False)]}
    full, hollow, worst = race.spread(found)["layer"]
    assert places(full) == [(30.0, "b"), (race.LOW, "a")] and full["mark"]["filled"]
    assert places(hollow) == [(12.5, "b")] and not hollow["mark"]["filled"]
    assert places(worst) == [(12.5, "b")] and worst["encoding"]["text"]["field"] == "text"
    for layer in (full, hollow, worst):
        x, y = layer["encoding"]["x"], layer["encoding"]["y"]
        assert "dB" in x["title"] and x["type"] == "quantitative" and x["scale"]["domain"] == [race.LOW, race.TOP]
        assert y["type"] == "nominal" and y["sort"] == ["b", "a"], "rows in the order of their attacks"
