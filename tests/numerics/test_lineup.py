"""Which attacks stand side by side, what their curves are, and where names are written."""

from __future__ import annotations

import json

import numpy as np
import pytest

from invviz.attacks import ATTACKS
from invviz.charts import race
from invviz.charts.spread import spread
from invviz.scenario import Scenario, problems
from invviz.scenario.families import attacks

NOW = Scenario.parse("data=photos&model=lenet&attack=dlg(steps=7)&batch=1")


@pytest.mark.parametrize("text", ["", "batch=4", "model=mlp", "protocol=vfl&attack=rmle", "data=wine&model=mlp&attack=linear_layer"])
def test_every_attack_either_fits_or_says_why(text):
    now = Scenario.parse(text) if "attack" in text else NOW.replace(**{k: getattr(Scenario.parse(text), k) for k in ("batch", "model")})
    fit, unfit = attacks.attackers(now), attacks.unfit(now)
    assert set(fit) | set(unfit) == set(ATTACKS) and not set(fit) & set(unfit)
    assert not any(problems(s) for s in fit.values()) and all(why.endswith(".") for why in unfit.values())
    assert all(s.replace(attack=now.attack) == now.replace(upload="") for s in fit.values()), "only the attack differs"


def test_the_scenarios_own_attack_keeps_its_settings():
    fit = attacks.attackers(NOW)
    assert fit["dlg"].attack.steps == 7 and fit["inverting_gradients"].attack == ATTACKS["inverting_gradients"]()


def test_seeds_differ_in_nothing_else():
    found = attacks.seeds(NOW.replace(seed=3))
    assert [s.seed for s in found] == [3, 4, 5, 6, 7] and len({s.replace(seed=0) for s in found}) == 1


def test_scenes_fit_and_are_told_apart():
    parsed = [Scenario.parse(scene.scenario) for scene in attacks.SCENES]
    assert len(set(parsed)) == len(parsed) and not any(problems(s) for s in parsed)


def test_a_curve_ends_with_the_answer():
    seconds, psnr = np.array([0.1, 0.2, 0.3, 0.9]), np.array([5.0, np.nan, 7.0, 8.0])
    at, got = attacks.curve(seconds, psnr, 0.5, 6.0)
    assert at.tolist() == [0.1, 0.3, 0.5] and got.tolist() == [5.0, 7.0, 6.0], "an earlier try's reports are left out"
    at, got = attacks.curve(seconds, psnr, np.inf, None)
    assert at.tolist() == [0.1, 0.3, 0.9] and got.tolist() == [5.0, 7.0, 8.0]


def test_of_several_exact_attacks_the_quickest_is_the_strongest():
    found = {"slow": (117.0, 14.0), "quick": (109.0, 4.0), "poor": (30.0, 0.1)}
    assert attacks.strongest(found) == "quick"
    assert attacks.strongest({"a": (20.0, 1.0), "b": (31.0, 90.0)}) == "b" and attacks.strongest({}) is None


def drawn(spec, kind):
    return [layer for layer in spec["layer"] if layer["mark"]["type"] == kind]


def test_the_race_shows_every_run_and_both_lines():
    runs = [
        race.Run("first", np.array([0.5, 2.0]), np.array([10.0, 31.4]), True),
        race.Run("second", np.array([4.0]), np.array([243.0]), True),
        race.Run("third", np.array([1.0, 3.0]), np.array([8.0, 30.9]), False),
    ]
    spec = race.race(runs, "second", 34.0, 10.3)
    json.dumps(spec)
    lines = {layer["data"]["values"][0]["name"]: layer for layer in drawn(spec, "line") if layer["mark"]["strokeWidth"] > 1}
    assert [row["psnr"] for row in lines["first"]["data"]["values"]] == [10.0, 31.4]
    assert (
        lines["second"]["data"]["values"][0]["y"] == race.TOP
        and lines["second"]["mark"]["strokeWidth"] > lines["first"]["mark"]["strokeWidth"]
    )
    across = drawn(spec, "rule")
    assert [layer["data"]["values"][0]["y"] for layer in across] == [10.3, 34.0]
    words = {layer["data"]["values"][0]["text"] for layer in drawn(spec, "text")}
    assert {"● first 31 dB", "● second 243 dB ↑", "● third 31 dB ...", "ideal attacker, 34.0 dB", "without a message, 10.3 dB"} == words
    heights = {rows["text"]: rows["label"] for layer in drawn(spec, "text") for rows in layer["data"]["values"] if "label" in rows}
    assert abs(heights["● first 31 dB"] - heights["● third 31 dB ..."]) >= race.APART - 0.011, "they end side by side"
    left = spec["layer"][0]["encoding"]
    assert "x" not in left, "a rule goes all the way across"
    assert not race.race([], "", None, None)["layer"]


def test_names_of_who_ended_below_the_ideal_attacker_stand_below_its_line():
    ends = [31.1, 31.1, 29.9, 24.8, 23.9, 18.2, 17.3, 16.4, 15.2, 15.0, 12.1, 12.0]
    placed = race.names(ends, 34.0)
    assert placed == sorted(placed, reverse=True), "the best at the top, and who comes first above its equal"
    assert max(placed) <= 34.0 - race.APART and min(placed) >= race.LOW
    assert np.diff(sorted(placed)).min() >= race.LEAST - 0.011
    over = race.names([82.5, *ends], 34.0)
    assert over[0] == race.TOP and over[1:] == placed, "who ended above stands above"
    assert race.names([10.0, 34.0], None) == [10.0, 34.0]
    crowd = race.names([8.0] * 12, 9.0)
    assert np.diff(sorted(crowd)).min() >= race.LEAST and max(crowd) > 9.0, "where there is no room below, legible comes first"


def test_spread_names_the_worst_seed_and_crosses_failures():
    found = {"a": [(7, 30.0, False), (8, 12.5, True), (9, 28.0, False)], "b": [(7, 90.0, False)]}
    spec = spread(found)
    well, failed, worst = (layer["data"]["values"] for layer in spec["layer"])
    assert len(well) == 3 and [row["seed"] for row in failed] == [8]
    assert [row["text"] for row in worst] == ["seed 8: 12.5"], "one seed alone has no worst"
    assert well[-1]["x"] == race.TOP and well[-1]["psnr"] == 90.0
