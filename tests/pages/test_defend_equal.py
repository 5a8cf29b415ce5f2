"""The Defend page's section on equal cost, as Streamlit runs it."""

from __future__ import annotations

import functools

import pytest

from invviz.defenses import DEFENSES
from invviz.scenario.families import defenses
from invviz.studies import equal_cost

QUICK = "data=digits&model=mlp&attack=linear_layer&defense=gaussian_noise(sigma=0.1)"


@pytest.fixture
def defend(visit, monkeypatch):
    monkeypatch.setattr(defenses, "usual", lambda: [DEFENSES[name]() for name in ("gaussian_noise",)])
    return functools.partial(visit, "defend", QUICK)


def words(at):
    return " ".join([*(e.value for e in [*at.markdown, *at.caption]), *(e.proto.body for e in at.get("html"))])


@pytest.mark.skipif(equal_cost.load() is None, reason="made by python -m invviz.equal")
@pytest.mark.parametrize(("view", "kind", "target"), [("", "accuracy", 0.03), ("energy 1", "energy", 0.01), ("?", "accuracy", 0.01)])
def test_the_section_says_what_the_study_says(defend, view, kind, target):
    at = defend(**({"equal": view} if view else {}))
    shown, study = words(at), equal_cost.load()
    assert study is not None and not at.exception
    arms = study.point(kind, target)
    assert equal_cost.headline(arms, equal_cost.TITLES, kind, target) in shown
    for name, arm in arms.items():
        assert f"{arm['aware'][0]:.1f}</b>" in shown
        assert name == equal_cost.BASELINE or equal_cost.sentence(name, equal_cost.TITLES[name], arm) in shown
    assert shown.count("void: did not solve for this noise") == 2 * sum(map(equal_cost.void, arms)) == 6
    assert equal_cost.COMMAND in shown and study.scenario in shown and "InvL-ENP is left out" in shown


def test_without_the_study_the_page_says_how_to_make_it(defend, tmp_path, monkeypatch):
    monkeypatch.setattr(equal_cost, "FOLDER", tmp_path)
    equal_cost.load.cache_clear()
    at = defend()
    equal_cost.load.cache_clear()
    assert not at.exception and f"`{equal_cost.COMMAND}`" in words(at)


@pytest.mark.parametrize(
    ("views", "opened"),
    [({}, set()), ({"b": "ideal"}, {"A and B"}), ({"aim": "invre"}, {"least noise"}), ({"red": "convnet"}, {"behind every defense"}), ({"target": "20", "equal": "energy 1"}, {"least noise", "equal cost"})],
)  # fmt: skip
def test_an_address_opens_the_fold_in_which_it_chooses_something(defend, views, opened):
    at = defend(**views)
    folds = {e.label: e.proto.expanded for e in at.expander if e.label.startswith("**More figures:**")}
    assert not at.exception and len(folds) == 4
    assert {label for label, open_ in folds.items() if open_} == {label for label in folds if any(word in label for word in opened)}
    assert "What the red team got" in words(at) and "Least noise that hides it" in words(at) and "At equal cost" in words(at), (
        "what is folded is there"
    )
