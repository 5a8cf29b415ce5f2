"""Every "theory T3" and "theory section 3" in the sources leads somewhere in docs/theory.md, and what that page names in the code is there."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "theory.md").read_text()
STATEMENTS = set(re.findall(r"^### (T\d+)\.", PAGE, re.MULTILINE))
SECTIONS = set(re.findall(r"^## Section (\d+)\.", PAGE, re.MULTILINE))
SOURCES = {
    path: path.read_text() for folder in ("invviz", "pages", "docs") for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".md")
}


def test_every_reference_resolves():
    used, sections = set(), set()
    for text in SOURCES.values():
        used |= set(re.findall(r"\bT\d{1,2}\b(?!\d)", text))
        sections |= set(re.findall(r"theory section (\d+)", text))
    assert used == STATEMENTS, "a statement that nobody refers to, or a reference to none"
    assert sections <= SECTIONS


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`((?:risk|engine\.bounds|engine\.summary|defenses)\.[a-z_]+)`", PAGE))))
def test_what_it_names_in_the_code_is_there(name):
    module, _, thing = name.rpartition(".")
    found = importlib.import_module(f"invviz.{module}")
    assert hasattr(found, thing) or importlib.import_module(f"invviz.{module}.{thing}")


def test_files_keys_and_figures_that_it_names_are_there():
    for place in re.findall(r"`((?:tests|benchmarks)/[\w/.]+)`", PAGE):
        assert (ROOT / place).exists(), place
    library = (ROOT / "docs" / "references.bib").read_text()
    for key in re.findall(r"key `(\w+)`", PAGE):
        assert f"{{{key}," in library, key
    assert "128 of 130" in PAGE and "128 of 130" in (ROOT / "invviz" / "ui" / "broken.py").read_text(), "one figure in two places"
