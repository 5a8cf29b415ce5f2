"""Widgets whose component has made room for another one: what they still answer is dropped, and the page shows what the address says."""

from __future__ import annotations

import pytest
from visits import address, said

from invviz.scenario import PARTS, SETTINGS, Scenario

QUICK = "data=digits&model=mlp"
NOISE = f"{QUICK}&defense=gaussian_noise(sigma=0.1)&attack=dlg"


def box(at, label):
    return next(b for b in at.selectbox if b.label == label)


def number(at, start):
    return next(n for n in at.number_input if n.label.startswith(start))


def untroubled(at):
    assert not at.exception and not at.error, said(at)
    given = {name: value if isinstance(value, list) else [value] for name, value in at.query_params.items()}
    pairs = [(name, value) for name, values in given.items() if name in {*PARTS, *SETTINGS} for value in values]
    assert Scenario.from_pairs(pairs) == at.session_state["scenario"], "page and address agree"
    return at


@pytest.mark.parametrize("other", ["clipping", "dp_sgd", "quantisation", "none"])
def test_a_strength_is_dropped_when_its_defense_is_gone(visit, other):
    """Both in one message, as a browser sends them that is a step behind: the list first, then the slider of the defense that was there."""
    at = visit("lab", NOISE)
    box(at, "Defense").set_value(other)
    at.select_slider[0].set_value(0.5)
    untroubled(at.run())
    assert address(at, "defense") == ("" if other == "none" else other)


def test_what_a_browser_sends_once_more_is_dropped(visit):
    """Nobody has moved the slider: a browser that has not seen it go sends it along with the next click, and Streamlit takes it for a new value."""
    at = visit("lab", NOISE)
    behind = at._tree.get_widget_states()
    box(at, "Defense").set_value("clipping").run()
    untroubled(at._run(behind))
    assert address(at, "defense") in ("clipping", "gaussian_noise"), "the list itself may count, the slider must not"
    at = visit("lab", NOISE)
    slider = next(s for s in at._tree.get_widget_states().widgets if "strength" in s.id)
    box(at, "Defense").set_value("none").run()
    states = at._tree.get_widget_states()
    states.widgets.append(slider)
    untroubled(at._run(states))
    assert address(at, "defense") == ""


def test_a_knob_of_the_protocol_is_dropped_when_another_is_chosen(visit):
    at = visit("lab", f"{QUICK}&attack=dlg")
    number(at, "lr").set_value(0.3)
    box(at, "Protocol").set_value("vfl")
    states = at._tree.get_widget_states()  # the list goes first, as it was chosen first
    lr = next(w for w in states.widgets if "lr" in w.id and "protocol" in w.id)
    rest = [w for w in states.widgets if w.id != lr.id]
    del states.widgets[:]
    states.widgets.extend([*rest, lr])
    untroubled(at._run(states))
    assert address(at, "protocol") == "vfl"


@pytest.mark.parametrize(
    ("page", "text", "label", "value", "knob"),
    [
        ("lab", "data=photos&model=lenet&attack=dlg", "Data", "digits", "size"),
        ("risk", "data=digits&model=lenet", "Model", "mlp", "kernel"),
        ("attacks", "data=digits&model=lenet&attack=dlg", "Model", "convnet", "kernel"),
    ],
)
def test_knobs_of_data_and_model_are_dropped_when_these_are_exchanged(visit, page, text, label, value, knob):
    at = visit(page, text)
    own = [n for n in at.number_input if n.label.startswith(knob)]
    if own:
        own[0].set_value(own[0].value + 1)
    number(at, "Picture").set_value(3)
    box(at, label).set_value(value)
    untroubled(at.run())
    assert address(at, label.lower()).startswith(value) and knob not in address(at, label.lower())
    if label == "Data":
        assert address(at, "data") == value, "the number of a picture is one of the data set that is gone"


def test_what_is_said_of_parties_is_dropped_when_nobody_cuts_pictures_any_more(visit):
    at = visit("vertical", "data=digits&model=convnet(width=2)&protocol=vfl&attack=rmle(steps=5)")
    next(c for c in at.button_group if c.label == "Parties").set_value("4")
    box(at, "Protocol").set_value("vfl")
    at.session_state["scenario"] = Scenario.parse("data=digits&model=convnet(width=2)&attack=dlg")
    at.session_state["touched"] = True
    assert not at.run().exception


def test_a_defense_of_a_stack_is_known_again_wherever_it_stands(visit):
    """Two of one kind: a number drawn for the first one follows it to its new place."""
    at = visit("lab", f"{QUICK}&defense=gaussian_noise(sigma=0.1)&defense=gaussian_noise(sigma=0.2)&attack=dlg")
    first = next(n for n in at.number_input if n.label.startswith("sigma"))
    next(b for b in at.button if b.key.startswith("up ") and not b.disabled).click()
    first.set_value(0.7)
    states = at._tree.get_widget_states()
    moved = next(w for w in states.widgets if w.id == first.id)
    rest = [w for w in states.widgets if w.id != first.id]
    del states.widgets[:]
    states.widgets.extend([*rest, moved])
    untroubled(at._run(states))
    assert address(at, "defense") == "gaussian_noise(sigma=0.2)&gaussian_noise(sigma=0.7)"


def test_a_defense_that_comes_back_is_a_new_one(visit):
    """There and back before the page is drawn: the slider of the first one neither counts nor shows its old place."""
    at = visit("lab", f"{QUICK}&defense=gaussian_noise(sigma=0.5)&attack=dlg")
    seat = at.select_slider[0].key
    box(at, "Defense").set_value("pruning").run()
    box(at, "Defense").set_value("gaussian_noise").run()
    assert at.select_slider[0].key != seat and at.select_slider[0].value == 0.01
    untroubled(at)


def test_a_widget_shows_what_something_else_has_set(visit):
    """The cut stands on the Vertical page and under More; either moves the other, and neither is made anew by its own use."""
    at = visit("vertical", "data=digits&model=convnet(width=2)&protocol=vfl&attack=rmle(steps=5)")
    slider, under_more = at.select_slider[0].key, number(at, "cut").key
    at.select_slider[0].set_value(2).run()
    assert number(at, "cut").value == 2 and number(at, "cut").key != under_more and at.select_slider[0].key == slider
    under_more = number(at, "cut").key
    number(at, "cut").set_value(1).run()
    assert at.select_slider[0].value == 1 and at.select_slider[0].key != slider and number(at, "cut").key == under_more
    untroubled(at)


def test_opening_a_row_undoes_nothing_that_was_changed_beside_it(visit):
    at = visit("defend", NOISE)
    row = next(o for o in box(at, "Open a row").options if o.startswith("Clipping"))
    number(at, "Picture").set_value(3)
    box(at, "Open a row").set_value(row)
    untroubled(at.run())
    assert address(at, "defense").startswith("clipping") and "index=3" in address(at, "data")


def test_a_list_understands_words_that_have_changed_since(visit):
    """What an option is called depends on whether it fits; a browser answers with the words that it has seen."""
    at = visit("lab", "data=digits&model=lenet&attack=dlg")
    old = next(option for option in box(at, "Data").options if option.startswith("Wine"))
    assert old.endswith("(does not fit)")
    box(at, "Model").set_value("mlp").run()
    assert old not in box(at, "Data").options
    states = at._tree.get_widget_states()
    next(w for w in states.widgets if "-data#" in w.id).string_value = old
    untroubled(at._run(states))
    assert address(at, "data") == "wine"
    states = at._tree.get_widget_states()
    next(w for w in states.widgets if "-data#" in w.id).string_value = "words that nobody has ever seen"
    untroubled(at._run(states))
    assert address(at, "data") == "wine" and box(at, "Data").value == "wine"
