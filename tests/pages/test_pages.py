"""One table of pages, from which navigation, headings and tests are made; a toy page takes its file and its line."""

from __future__ import annotations

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from visits import APP, new_server, said

from invviz.ui import pages
from invviz.ui.pages import PAGES, Page


def test_the_table_and_the_files_are_the_same_pages():
    assert (
        list(PAGES) == ["lab", "risk", "defend", "curves", "vertical", "attacks", "server", "audit", "results", "guide"]
        and pages.HOME == "lab"
    )
    assert sorted(PAGES) == sorted(file.stem for file in pages.FOLDER.glob("*.py"))
    assert len({page.title for page in PAGES.values()}) == len({page.icon for page in PAGES.values()}) == len(PAGES)
    assert all(page.question.endswith("?") for page in PAGES.values())


@pytest.mark.parametrize("name", list(PAGES))
def test_every_page_asks_its_question_and_stands_in_the_navigation(visit, monkeypatch, name):
    entries, real = [], st.navigation
    monkeypatch.setattr(st, "navigation", lambda listed, **how: entries.extend(listed) or real(listed, **how))
    at = visit(name)
    assert not at.exception and at.markdown[0].value == pages.heading(name) and PAGES[name].question in said(at)
    entries = entries[-len(PAGES) :]  # a deep link draws the frame twice
    assert [entry.title for entry in entries] == [page.title for page in PAGES.values()]
    found = entries[list(PAGES).index(name)]
    assert found.url_path == ("" if name == pages.HOME else name) and found.icon == f":material/{PAGES[name].icon}:"


def test_a_toy_page_is_its_file_and_its_line(store_dir, tmp_path, monkeypatch):
    (tmp_path / "toy.py").write_text("from invviz.ui import shell\n\nshell.ensure('toy')\nshell.head('toy')\n")
    monkeypatch.setitem(PAGES, "toy", Page("Toy", "toys", "Is a page one file and one line?", folder=tmp_path))
    new_server()
    at = AppTest.from_file(str(APP), default_timeout=60)
    at.switch_page(str(tmp_path / "toy.py"))
    at.run()
    assert not at.exception and [m.value for m in at.markdown] == ["# Toy&ensp;:gray[Is a page one file and one line?]"]
    new_server()
