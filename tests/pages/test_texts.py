"""Every word on every page: no raw keys of papers, no computer's exponents, no Markdown where nobody renders it, nothing that does not hold."""

from __future__ import annotations

import functools
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from visits import APP, alts, elements, said

from invviz.core.papers import BIB, entries
from invviz.scenario import Scenario
from invviz.ui import finding
from invviz.ui.known import AttackOutcome
from invviz.ui.released import formula, released
from invviz.ui.views import Figures

KEYS = entries(Path(BIB).read_text())
MARKDOWN = re.compile(r"\*\*|`|:[a-z]+\[|:material/|\]\(")
EXPONENT = re.compile(r"\d[eE][-+]\d")
VERTICAL = "data=digits&model=convnet&protocol=vfl(parties=2,cut=2)&attack=rmle"
VISITS = [
    ("lab", ""),
    ("lab", "data=photos&model=lenet&defense=gaussian_noise(sigma=1.0)&attack=dlg&prior=natural&floor=0.0001"),
    ("lab", VERTICAL),
    ("risk", ""),
    ("defend", ""),
    ("curves", ""),
    ("vertical", ""),
    ("attacks", ""),
    ("guide", ""),
]


def words(at):
    """All that a person reads or hears, tooltips among it; code and addresses are no words."""
    found = [*alts(at)]
    for node in elements(at):
        proto = getattr(node, "proto", None)
        if proto is None or type(node).__name__ in ("Code", "Latex"):
            continue
        found += [
            getattr(proto, name) for name in ("body", "label", "help", "text", "placeholder") if isinstance(getattr(proto, name, None), str)
        ]
        found += list(getattr(proto, "options", []))
    return [re.sub(r"`[^`]*`|<[^>]*>", " ", text) for text in found if isinstance(text, str)]


@pytest.mark.parametrize(("page", "text"), VISITS)
def test_no_page_shows_what_only_machines_read(visit, page, text):
    at = visit(page, text)
    assert not at.exception
    found = words(at)
    assert len(found) > (20 if page == "guide" else 30)  # of which one screen is few words by design
    assert not [key for key in KEYS for one in found if key in one]
    assert not [one for one in found if EXPONENT.search(one)]
    assert len(alts(at)) >= 2 and not [one for one in alts(at) if MARKDOWN.search(one) or not one.strip()]
    assert not [one for one in found if "does not exist here yet" in one]


def test_the_lab_explains_the_message_that_is_sent(visit):
    lab = functools.partial(visit, "lab")
    told = said(lab(VERTICAL))
    assert "The party sends the embedding of its part of the picture: what the layers up to conv 2 make of it" in told
    assert "one number per weight" not in told
    at = lab("data=digits&model=mlp&attack=linear_layer")
    assert "the gradient of the loss: one number per weight" in said(at)


@pytest.mark.parametrize(
    ("text", "says", "g"),
    [
        (
            "data=digits&model=mlp",
            "The client sends the gradient of the loss: one number per weight, 99 in all, never the picture.",
            r"\nabla",
        ),
        ("data=digits&model=mlp&batch=4", "averaged over its 4 pictures: one number per weight, 99 in all, never the pictures.", r"\sum_b"),
        ("data=wine&model=mlp", "never the row. But the row decides those numbers: moving one entry a little", r"\nabla"),
        (
            "data=digits&model=mlp&protocol=hfl(local_steps=5)",
            "sends what 5 local training steps changed: one number per weight",
            r"\theta_K(x)",
        ),
        (
            "data=wine&model=mlp&protocol=vfl",
            "The party sends the embedding of its part of the row: what the layers up to linear",
            r"f^{\,",
        ),
        ("data=digits&model=mlp&protocol=vfl(parties=1)&batch=2", "one for each of 2 pictures: what the layers up to", r"f_{1\ldots k}"),
        (
            "data=digits&model=vgg6&protocol=vfl(parties=4,together=2)",
            "The parties send the embeddings of 2 parts of the picture",
            r"f^{\,",
        ),
        ("data=photos(size=16)&model=preact&protocol=hfl_training&batch=4", "one number per weight and statistic, 99 in all", r"\sum_b"),
    ],
)
def test_what_is_released_is_what_the_protocol_sends(text, says, g):
    scenario = Scenario.parse(text)
    assert says in released(scenario, 99) and g in formula(scenario)
    assert ("one number per weight" in released(scenario, 99)) != scenario.protocol.sends_embedding


@pytest.mark.parametrize("page", ["risk", "defend", "attacks"])
def test_rows_of_tables_are_no_pictures(visit, page):
    """Their controls, headings and captions speak of rows and entries, and no row is called readable: it has cells that are right."""
    at = visit(page, "data=breast_cancer&model=mlp&defense=gaussian_noise&attack=linear_layer")
    assert not at.exception and [n.label for n in at.number_input if n.label in ("Picture", "Row")] == ["Row"]
    words = said(at)
    assert not re.search(
        "The client's picture|[Oo]n this picture|each pixel|per pixel|picture space|A and B: the same picture|leaks of this picture", words
    )
    if page == "risk":
        assert "What leaks of this row" in words and "Rows" in at.segmented_control[0].options


def test_a_row_has_cells_and_no_word():
    row = Scenario.parse("data=breast_cancer&model=mlp&attack=linear_layer")
    truth = np.full((1, 1, 1, 30), 0.5, np.float32)
    guess = truth.copy()
    guess[..., :3] += 0.06  # more than 5 % of the range
    result = {"scores": {"psnr": [34.4], "ssim": [0.9]}, "stopped": False}
    one = AttackOutcome(row, result, guess, None, truth)
    assert one.quality() == "27 of 30 cells, 34.4 dB" and one.word == ""
    picture = AttackOutcome(
        Scenario.parse("data=digits&model=mlp&attack=linear_layer"), result, np.full((1, 1, 8, 8), 0.5), None, np.full((1, 1, 8, 8), 0.52)
    )
    assert "cells" not in picture.quality() and picture.word


def test_a_first_visitor_sees_no_list_of_files():
    """Until the first st.navigation of a server's life Streamlit would list the files of pages/ beside an empty page."""
    assert tomllib.loads((APP.parent / ".streamlit" / "config.toml").read_text())["client"]["showSidebarNavigation"] is False


def test_an_interval_whose_ends_read_the_same_is_one_number(monkeypatch):
    told = []
    monkeypatch.setattr(finding.st, "markdown", lambda words, help=None: told.append(words))
    monkeypatch.setattr(finding.st, "caption", told.append)
    finding._first(Scenario(), Figures(0.0, 0.001, 0.004, 12.0, 12.1, 12.2), 70)
    assert told[0] == "## InvRE about 0.00: an ideal attacker recovers about 0 % of what was unknown" and "**about 12 dB**" in told[1]
    finding._first(Scenario(), Figures(0.5, 0.4, 0.6, 15.0, 14.0, 16.0), 70)
    assert told[3] == "## InvRE 0.40 to 0.60: an ideal attacker recovers 40 to 60 % of what was unknown" and "**14 to 16 dB**" in told[4]
