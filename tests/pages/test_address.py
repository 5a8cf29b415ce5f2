"""What an address may hold besides a scenario, and what a page says of it."""

from __future__ import annotations

import pytest
from visits import address, said

from invviz.scenario import Scenario

QUICK = "data=digits&model=mlp&attack=linear_layer"


def shows(at, text: str) -> bool:
    return not at.exception and at.session_state["scenario"] == Scenario.parse(text)


@pytest.mark.parametrize("page", ["lab", "curves", "vertical"])
def test_what_is_no_part_of_a_scenario_is_left_out_with_a_word(visit, page):
    text = QUICK + ("&protocol=vfl&attack=rmle" if page == "vertical" else "")
    text = text.replace("attack=linear_layer&", "") if page == "vertical" else text
    at = visit(page, text, utm_source="mail", fbclid="x_*1")
    assert shows(at, text)
    assert "Left out of the address, as no part of a scenario\\: 'utm\\_source', 'fbclid'" in said(at)
    assert not at.error
    if page != "curves":
        assert "utm_source" not in at.query_params and "digits" in address(at, "data")


def test_a_misspelt_part_is_said_and_the_rest_is_kept(visit):
    at = visit("lab", QUICK, sed="8", ref="mail")
    assert shows(at, QUICK)
    (words,) = (e.value for e in at.error)
    assert "'sed' \\(did you mean seed?\\)" in words and "left out" in words
    assert "'ref'" in said(at)
    at.select_slider[0].set_value(at.select_slider[0].options[0]) if at.select_slider else at.number_input[0].set_value(1)
    assert not at.run().error, "said once"


def test_an_unknown_part_alone_opens_the_opening_scenario(visit):
    at = visit("lab", "", utm_source="mail")
    assert not at.exception and not at.error and at.session_state["scenario"].defense
    assert "utm\\_source" in said(at)


def test_a_layer_of_any_name_survives_the_address(visit):
    text = QUICK + "&layer=a%26seed%3D9%2B%2520"
    at = visit("lab", text)
    assert shows(at, text) and at.session_state["scenario"].layer == "a&seed=9+%20"
    assert address(at, "layer") == "a&seed=9+%20", "as Streamlit keeps it: decoded"


@pytest.mark.parametrize("name", ["data", "model", "defense", "attack", "train", "protocol"])
def test_a_knob_called_self_is_said(visit, name):
    part = {"data": "photos", "model": "mlp", "defense": "sign", "attack": "dlg", "train": "federated", "protocol": "hfl"}[name]
    at = visit("lab", "", **{name: f"{part}(self=1)"})
    assert not at.exception and "unknown knob 'self'" in said(at).replace("\\", "")


@pytest.mark.parametrize(("page", "views"), [("risk", {"direction": "²", "count": "²"}), ("curves", {"seen": "²", "setting": "9" * 5_000})])
def test_views_that_are_no_numbers_are_passed_over(visit, page, views):
    at = visit(page, QUICK if page == "risk" else "", **views)
    assert not at.exception
