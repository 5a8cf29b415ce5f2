"""The table of the noise slider: its bytes, its levels, and how far a browser's picture is from Python's."""

from __future__ import annotations

import json

import numpy as np
import pytest
from noise_cases import SHOWN, SIGMAS, STOPS, unpacked, view

from invviz.core.pixels import as_bytes
from invviz.risk import TAU, ideal, ideals
from invviz.ui.components import table


@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_between_two_levels_is_pythons(channels):
    """Linear in log sigma between 41 levels over five decades: at most one of 255 at any place of the slider."""
    v = view((2, channels, 8, 8))
    facts, arrays = unpacked(table.made(v, STOPS, SHOWN, "noise").data)
    assert len(arrays["levels"]) == table.LEVELS and facts["drawn"] == [True] * len(SIGMAS)
    kept = facts["low"] + (facts["high"] - facts["low"]) / 65535 * arrays["pictures"].reshape(table.LEVELS, *v.truth.shape)
    worst = 0.0
    for sigma in SIGMAS:
        between = np.array([np.interp(np.log(sigma), np.log(arrays["levels"]), one) for one in kept.reshape(table.LEVELS, -1).T])
        shown = as_bytes(between.reshape(v.truth.shape)).astype(int)
        worst = max(worst, np.abs(shown - as_bytes(ideal(v.decomposition, sigma))).max())
    assert worst <= 1


def test_one_product_draws_as_many_do():
    d = view().decomposition
    assert ideals(d, SIGMAS) == pytest.approx(np.stack([ideal(d, s) for s in SIGMAS]), abs=2e-6)


def test_places_that_take_another_spectrum_say_so():
    """Coloured noise, or a share that is left out: only where the slider stands is anything known."""
    some = table.Stops((0.1, 0.2, 0.3), (None, 0.05, None))
    facts, arrays = unpacked(table.made(view(), some, SHOWN, "noise").data)
    assert facts["sigmas"] == [None, 0.05, None] and facts["drawn"] == [False, True, False]
    assert [bool(words) for words in facts["said"]] == [False, True, False] and len(arrays["levels"]) == 1


def test_no_noise_at_all_is_a_level_of_its_own():
    assert table.levels([0.0, 0.1, 10.0])[:2].tolist() == [0.0, 0.1] and len(table.levels([0.0, 0.1, 10.0])) == table.LEVELS + 1
    assert table.levels([0.3, 0.3]).tolist() == [0.3]


def test_pictures_that_were_kept_at_few_levels_are_drawn_there_alone():
    v = view(levels=(SIGMAS[3], SIGMAS[30]))
    facts, arrays = unpacked(table.made(v, STOPS, SHOWN, "noise").data)
    assert arrays["levels"].tolist() == [SIGMAS[3], SIGMAS[30]]
    assert [i for i, drawn in enumerate(facts["drawn"]) if drawn] == [3, 30]


def test_what_is_no_picture_has_a_table_without_pictures():
    found = table.made(view((1, 1, 1, 30)), STOPS, SHOWN, "noise")
    facts, arrays = unpacked(found.data)
    assert not found.pictures and set(arrays) == {"gains", "weights"} and not any(facts["drawn"])


def test_a_name_is_of_the_content():
    one, same, other = (table.made(view(seed=s), STOPS, SHOWN, "noise") for s in (0, 0, 1))
    assert one.name == same.name != other.name
    assert json.loads(one.data[4 : 4 + int.from_bytes(one.data[:4], "little")])["name"] == one.name


def test_the_axis_of_the_spectrum_holds_all_values():
    v = view()
    low, high = unpacked(table.made(v, STOPS, SHOWN, "noise").data)[0]["span"]
    values = np.sqrt(v.decomposition.gains[v.decomposition.gains > 0]) / TAU
    assert low < values.min() and high >= values.max() and low <= min(SIGMAS) / TAU
