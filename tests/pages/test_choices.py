"""No choice of a list leads to an empty page, and an own picture is left and shown again without losing it."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from visits import address, asked_for, press, said

from invviz.scenario import PARTS, Scenario
from invviz.scenario.families import attacks, comparisons, cuts, defenses
from invviz.ui.vertical import bar

VERTICAL = "data=photos&model=convnet(width=2)&protocol=vfl(parties=3,split='channels')&attack=rmle(steps=5)"
EMPTY = {"vertical": cuts.empty, "attacks": attacks.empty, "defend": defenses.empty, "risk": comparisons.empty}


def group(at, label):
    return next(g for g in at.button_group if g.label == label)


def box(at, label):
    return next(b for b in at.selectbox if b.label == label)


def test_parties_and_cuts_that_do_not_fit_are_not_offered(visit):
    at = visit("vertical", VERTICAL)
    assert bar.CUT["channels"] in group(at, "Each holds").options and bar.CUT["quadrants"] not in group(at, "Each holds").options
    assert "quadrants are for 4 parties" in group(at, "Each holds").help
    group(at, "Parties").set_value("4").run()
    assert not at.exception and not at.warning and "parties=4" in address(at, "protocol") and "channels" not in address(at, "protocol")
    options = group(at, "Each holds").options
    assert bar.CUT["channels"] not in options and bar.CUT["quadrants"] in options
    assert "cannot cut 3 channels among 4 parties" in group(at, "Each holds").help


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(VERTICAL, marks=pytest.mark.slow),
        pytest.param(
            "data=digits&model=convnet(width=2)&protocol=vfl(parties=4,split='quadrants',party=0,together=2)&attack=rmle",
            marks=pytest.mark.slow,
        ),
        "data=digits&model=resnet18&protocol=vfl(parties=1)&attack=rmle",
        "data=wine&model=mlp&protocol=vfl&attack=rmle(tv=0)",
    ],
)
def test_whatever_is_offered_on_vertical_has_something_to_show(visit, text):
    """Every button of every row: what it makes of the scenario can be shown at one depth at least."""
    at = visit("vertical", text)
    assert not at.exception and not at.warning, said(at)
    pressed = 0
    for label in ("Parties", "Each holds", "The attacker sees the embedding of", "Numbers that each sends", "Numbers sent"):
        for row in [g for g in at.button_group if g.label == label]:
            for option in row.options:
                again = visit("vertical", text)
                group(again, label).set_value(option).run()
                assert not again.exception and not again.warning, (label, option, said(again))
                assert not cuts.empty(again.session_state["scenario"])
                pressed += 1
    assert pressed >= 5


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("vertical", "data=digits&model=mlp&protocol=vfl&attack=rmle"),
        ("attacks", "data=digits&model=mlp&attack=linear_layer"),
        ("defend", "data=digits&model=mlp&attack=linear_layer"),
        ("risk", "data=digits&model=mlp"),
    ],
)
def test_lists_hold_what_the_page_can_show(visit, page, text):
    at, now = visit(page, text), Scenario.parse(text)
    for label in ("Data", "Model", "Protocol"):
        part, table = label.lower(), PARTS[label.lower()]
        fits = {kind.title for kind in table.values() if not EMPTY[page](now.replace(**{part: kind()}))}
        offered = {option.removesuffix(" (does not fit)") for option in box(at, label).options}
        assert offered == fits | {getattr(now, part).title}, (page, label)
        absent = [kind for kind in table.values() if kind.title not in offered]
        assert all(f"Not here: {kind.title}." in box(at, label).help for kind in absent)
    if page == "vertical":
        assert box(at, "Protocol").options == ["Vertical FL (embedding)"]
        assert any("needs pictures" in EMPTY[page](now.replace(model=kind())) for kind in PARTS["model"].values())


def test_from_an_empty_page_every_way_out_is_open(visit):
    at = visit("vertical", "data=digits&model=alexnet&protocol=vfl(parties=1)")
    assert "needs pictures of at least" in said(at)
    assert len(box(at, "Model").options) == len(PARTS["model"])
    box(at, "Model").set_value("mlp").run()
    assert not at.exception and not at.warning


def test_rounds_are_compared_where_they_have_a_risk(visit):
    assert "Rounds" in group(visit("risk", "data=digits&model=mlp"), "Compare").options
    at = visit("risk", "data=digits&model=convnet&defense=quantisation&protocol=vfl(parties=1)", compare="rounds")
    assert "Rounds" not in group(at, "Compare").options and not at.exception and "Nothing to compare" not in said(at)


def file(value):
    """A grey picture, as a file."""
    out = io.BytesIO()
    Image.fromarray(np.full((20, 20, 3), value, np.uint8)).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def own(visit, monkeypatch):
    """The Lab with a picture of one's own in place of the victim; nothing is computed of it."""
    from invviz.ui.private import PrivateDesk

    monkeypatch.setattr(PrivateDesk, "submit", lambda *_: None)
    at = visit("lab", "data=digits(index=2)&model=mlp&attack=dlg")
    at.file_uploader[0].set_value(("own.png", file(60), "image/png")).run()
    assert not at.exception and "your own picture, in memory only" in said(at) and address(at, "upload")
    return at


def picture(at):
    return next(n for n in at.number_input if n.label == "Picture")


def test_a_step_leaves_the_own_picture_which_comes_back_with_one_click(own):
    digest = address(own, "upload")
    picture(own).set_value(3).run()
    assert not own.exception and address(own, "upload") == "" and "index=3" in address(own, "data")
    assert "picture 3 of" in said(own) and "your own picture" not in said(own)
    press(own, "Show your own picture again")
    assert address(own, "upload") == digest and "your own picture, in memory only" in said(own)
    assert not any(b.label == "Show your own picture again" for b in own.button)
    press(own, "Back to the data set's picture")
    assert address(own, "upload") == "" and any(b.label == "Show your own picture again" for b in own.button)


def test_the_own_picture_follows_to_other_data(own):
    first = address(own, "upload")
    box(own, "Data").set_value("photos").run()
    assert not own.exception and address(own, "upload") not in ("", first) and "your own picture, in memory only" in said(own)
    picture(own).set_value(1).run()
    box(own, "Data").set_value("digits").run()
    press(own, "Show your own picture again")
    assert address(own, "upload") == first, "cut to the shape of the data that is on the screen"
    box(own, "Data").set_value("wine").run()
    assert not own.exception and address(own, "upload") == "", "a row of a table has no place for a picture"


def test_a_file_that_cannot_be_read_changes_nothing(visit):
    at = visit("lab", "data=digits&model=mlp&attack=dlg")
    at.file_uploader[0].set_value(("own.png", b"no picture", "image/png")).run()
    assert not at.exception and address(at, "upload") == "" and "Allowed\\:" in at.error[0].value
    picture(at).set_value(1).run()
    assert not any(b.label == "Show your own picture again" for b in at.button), "there is none to be shown"


@pytest.mark.parametrize(
    ("data", "name", "text", "shown", "bad", "why"),
    [
        ("data=notes&model=tiny_lm&attack=dager", "own.txt", b"elif novak aged 4 2 has gout", "sentence", b"elif has covid", "'covid'"),
        ("data=wine&model=mlp&attack=linear_layer", "own.csv", None, "row", b"alcohol\n13", "lacks malic acid"),
    ],
    ids=["sentence", "row"],
)
def test_an_own_sentence_or_row_stands_in_the_victims_place_and_stays_out_of_the_store(
    visit, monkeypatch, store_dir, data, name, text, shown, bad, why
):
    from invviz.datasets import DATASETS
    from invviz.ui.private import PrivateDesk

    asked = []
    monkeypatch.setattr(PrivateDesk, "submit", lambda self, kind, scenario, sample: asked.append((kind, sample.shape)))
    columns = DATASETS["wine"].columns
    text = text or "\n".join([",".join(c.name for c in columns), ",".join(str(c.high) for c in columns)]).encode()
    at = visit("lab", data)
    at.file_uploader[0].set_value((name, text, "text/plain")).run()
    assert not at.exception and address(at, "upload"), [e.value for e in at.error]
    assert "in memory only" in said(at) and f"Back to the data set's {shown}" in [b.label for b in at.button]
    assert asked and not any("upload=" in job.scenario for job in asked_for(store_dir).values())
    at.file_uploader[0].set_value((name, bad, "text/plain")).run()
    assert not at.exception and why in at.error[0].value and address(at, "upload"), "what was there stays"
    box(at, "Data").set_value("digits").run()
    assert not at.exception and address(at, "upload") == "", "a picture's place takes no text"
