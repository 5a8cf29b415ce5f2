"""Every "theory T3" and "theory section 3" in the sources leads somewhere in docs/theory.md, and what that page names in the code is there."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from invviz.studies.gallery import broken

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


def test_how_many_digits_tangent_search_read_is_what_benchmark_and_story_say():
    table = (ROOT / "benchmarks" / "README.md").read_text().split("\n## Noise in the tangent space")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (invl_gnp|water_filling)\((?:scale|sigma)=([\d.]+)\) \| (\d+) of (\d+) \|", table, re.MULTILINE)
    there = {float(strength) for name, strength, _, _ in rows if name == "invl_gnp"}
    story = [cell.got["tangent"].psnr for cell in broken.load().cells if cell.scale not in there]  # the same pictures, seeds and net
    read = sum(int(read) for *_, read, _ in rows) + sum(psnr >= 100 for psnr in story)
    said = f"{read} of {sum(int(of) for *_, of in rows) + len(story)} digits"
    places = ("docs/theory.md", "invviz/ui/broken.py", "invviz/engine/summary.py")
    assert len(rows) == 5 and all(said in (ROOT / place).read_text() for place in places), f"{said}: one figure in three places"
