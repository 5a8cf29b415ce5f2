"""The Defend page's section on equal cost, as Streamlit runs it."""

from __future__ import annotations

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from invviz import defended, equal
from invviz.scenario import Scenario

ROOT = Path(__file__).parents[2]
QUICK = "data=digits&model=mlp&attack=linear_layer&defense=gaussian_noise(sigma=0.1)"


@pytest.fixture
def defend(store_dir, monkeypatch):
    monkeypatch.setattr(defended, "USUAL", ("gaussian_noise",))

    def opened(**views):
        st.cache_resource.clear()
        at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
        at.switch_page("pages/defend.py")
        for name in list(at.query_params):
            del at.query_params[name]
        for name, value in [*Scenario.parse(QUICK).pairs(), *views.items()]:
            at.query_params[name] = value
        return at.run()

    yield opened
    st.cache_resource.clear()


def words(at):
    return " ".join([*(e.value for e in [*at.markdown, *at.caption]), *(e.proto.body for e in at.get("html"))])


@pytest.mark.skipif(equal.load() is None, reason="made by python -m invviz.equal")
@pytest.mark.parametrize(("view", "kind", "target"), [("", "accuracy", 0.03), ("energy 1", "energy", 0.01), ("?", "accuracy", 0.01)])
def test_the_section_says_what_the_study_says(defend, view, kind, target):
    at = defend(**({"equal": view} if view else {}))
    shown, study = words(at), equal.load()
    assert study is not None and not at.exception
    arms = study.point(kind, target)
    assert equal.headline(arms, equal.TITLES, kind, target) in shown
    for name, arm in arms.items():
        assert f"{arm['aware'][0]:.1f}</b>" in shown
        assert name == equal.BASELINE or equal.sentence(equal.TITLES[name], arm) in shown
    assert equal.COMMAND in shown and study.scenario in shown and "InvL-ENP is left out" in shown


def test_without_the_study_the_page_says_how_to_make_it(defend, tmp_path, monkeypatch):
    monkeypatch.setattr(equal, "FOLDER", tmp_path)
    equal.load.cache_clear()
    at = defend()
    equal.load.cache_clear()
    assert not at.exception and f"`{equal.COMMAND}`" in words(at)
