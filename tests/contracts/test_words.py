"""Languages: the same entries, figures and limits in all of them; no key of a paper; every mark leads to an entry."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path

import pytest

from invviz.core.papers import BIB, entries
from invviz.core.paths import ROOT
from invviz.scenario import PARTS
from invviz.ui import glossary, language
from invviz.ui.guide.stops import STOPS

ENGLISH = language.words("en")
OTHERS = [lang for lang in language.languages() if lang != "en"]


def leaves(tree, path=()):
    """Every text with its path; of lists each with its place."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for name, value in items:
        if isinstance(value, str):
            yield (*path, name), value
        else:
            yield from leaves(value, (*path, name))


def figures(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_english_and_german_are_there():
    assert list(language.languages().items()) == [("en", "English"), ("de", "Deutsch")]


@pytest.mark.parametrize("lang", OTHERS)
def test_another_language_has_the_same_entries_with_the_same_figures_and_terms(lang):
    mine, theirs = dict(leaves(ENGLISH)), dict(leaves(language.words(lang)))
    assert {p for p in mine if "forms" not in p} == {p for p in theirs if "forms" not in p} and len(mine) > 150
    for path, text in mine.items():
        if "forms" in path:
            continue
        other = theirs[path]
        assert other.strip() and figures(text) == figures(other), path
        if path[0] == "stops":
            named = lambda words, lang: {glossary.meant(mark, lang).name for mark in glossary.MARK.finditer(words)}  # noqa: E731
            assert named(text, "en") == named(other, lang), path
        if path[0] in ("stops", "terms") and len(text.split()) > 4:
            assert other != text, f"{path} was not translated"


@pytest.mark.parametrize("lang", language.languages())
def test_an_entry_has_at_most_two_sentences_and_is_found_by_its_forms(lang):
    assert len(glossary.terms(lang)) > 25
    for term in glossary.terms(lang).values():
        sentences = [s for s in re.split(r"(?<=[.!?])\s+", term.text) if s]
        assert 1 <= len(sentences) <= 2 and term.text.endswith("."), term
        assert len(term.text.split()) <= 40 and term.forms and term.title, term
    forms = [form.lower() for term in glossary.terms(lang).values() for form in term.forms]
    assert len(set(forms)) == len(forms), "a form has one entry"


def test_equations_are_of_terms_that_there_are():
    assert set(language.equations()) <= set(glossary.terms()) and len(language.equations()) > 10
    assert glossary.terms("de")["invre"].equation == glossary.terms()["invre"].equation != ""


def test_every_stop_has_its_words_and_no_others_have_any():
    assert list(ENGLISH["stops"]) == [stop.key for stop in STOPS]


@pytest.mark.parametrize("lang", language.languages())
def test_no_key_of_a_paper_stands_in_the_words(lang):
    keys = entries(Path(BIB).read_text())
    assert keys and not [(key, path) for path, text in leaves(language.words(lang)) for key in keys if key in text]


def test_a_mark_opens_its_entry_in_place():
    found = glossary.inline("An [[attack]] leaves it [[hidden, 3 dB|words]], **really** <b>.", "en", "here")
    buttons = re.findall(
        r'<button type="button" class="term" popovertarget="(.*?)">(.*?)</button><span popover class="entry" id="(.*?)">', found
    )
    assert [(a, words) for a, words, _ in buttons] == [("term-here-0", "attack"), ("term-here-1", "hidden, 3 dB")]
    assert all(a == b for a, _, b in buttons)
    assert "<strong>really</strong> &lt;b&gt;." in found and glossary.terms()["attack"].text in found
    assert glossary.terms()["noise"].equation in glossary.inline("[[Noise]]", "en", "here")
    with pytest.raises((StopIteration, KeyError)):
        glossary.inline("[[no such term]]", "en", "here")


def test_figures_follow_the_language():
    assert language.figure("readable (exact), 1,904.5 dB", "de") == "lesbar (exakt), 1.904,5\u00a0dB"
    assert language.figure("hidden to blurred, 6.4 dB", "en") == "hidden to blurred, 6.4\u00a0dB"
    assert language.figure("99.997 %", "de") == "99,997\u00a0%"


def running(path: Path) -> list[str]:
    """Texts in a file that are more than a name: neither docstrings nor keys alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
        and isinstance(node.body[0].value, ast.Constant)
    }
    texts = [
        node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs
    ]
    return [text for text in texts if " " in text]


def test_no_text_of_the_house_holds_the_key_of_a_paper():
    """Not on a page alone, as tests/pages/test_texts.py sees it: also what is folded, reported, printed or said of an error."""
    keys = re.compile("|".join(entries(Path(BIB).read_text())))
    files = [*(ROOT / "invviz").rglob("*.py"), *(ROOT / "pages").glob("*.py")]
    texts = {file: running(file) for file in files}
    assert sum(map(len, texts.values())) > 1_000
    assert not [(file.name, text) for file, found in texts.items() for text in found if keys.search(text)]


def test_no_first_line_of_a_component_holds_the_key_of_a_paper():
    keys = re.compile("|".join(entries(Path(BIB).read_text())))
    said = [(kind.name, kind.first_line()) for table in PARTS.values() for kind in table.values()]
    assert len(said) > 60 and not [one for one in said if keys.search(one[1])]
