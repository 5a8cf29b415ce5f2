"""Every term that a page uses is among its words, which stand at its top; the findings explain theirs beside them."""

from __future__ import annotations

import html
import re

import pytest
from visits import elements

from invviz.ui import charts, finding, glossary, language
from invviz.ui.pages import PAGES

TABLES = [name for name in PAGES if PAGES[name].terms]


@pytest.mark.parametrize("name", TABLES)
def test_every_term_that_a_page_uses_is_explained_at_its_top(visit, name):
    at = visit(name)
    bodies = [m.value for m in at.markdown]
    own, others = bodies[1:3]
    assert not at.exception and own == glossary.tip(*PAGES[name].terms), "right after the title"
    assert len(PAGES[name].terms) > 8 and set(PAGES[name].terms) <= set(glossary.terms())
    for term in glossary.terms().values():
        assert (f"**{term.title}.** {term.text}" in own) != (f"**{term.title}.** {term.text}" in others)
    found = [body for body in bodies[3:] if body.startswith("## ")][:1]
    assert set(glossary.used(" ".join(found))) <= {*PAGES[name].terms, "net"}, "what its finding speaks of comes first"


def test_findings_explain_their_terms_beside_them(visit):
    helps = [getattr(node.proto, "help", "") for node in elements(visit("lab")) if hasattr(node, "proto")]
    assert finding.HELP in helps and charts.ABOVE in helps
    assert glossary.terms()["invre"].text in finding.HELP and glossary.terms()["floor"].text in charts.ABOVE


def test_the_longest_form_is_the_one_that_is_meant():
    assert glossary.used("The ideal attacker of a message's typical entry; InvRE, sigma, J.") == ["ideal", "entry", "invre", "noise"]
    assert glossary.used("reattack, noisefloor") == []
    assert glossary.of("More noise in the message") is None and glossary.of("InvRE of the attack") == glossary.tip("invre")


@pytest.mark.parametrize("lang", list(language.languages()))
def test_every_letter_of_an_equation_is_explained_beside_it(lang):
    explained = set()
    for name, equation in language.equations().items():
        found = glossary.letters(equation, lang)
        rest = equation.replace("log", "")
        for letter in sorted(found, key=len, reverse=True):
            rest = rest.replace(letter, "")
        assert not [one for one in rest if one.isalpha() and one not in "ᵢ"], f"{name}: {rest}"
        assert f"{html.escape(equation)}</span><span>" in glossary.inline(f"[[x|{name}]]", lang, "p")
        explained |= set(found)
    assert explained == set(language.words(lang)["letters"]), "and none that no equation has"
    assert list(glossary.letters("x̂ = x + PSNR", "en")) == ["x̂", "x", "PSNR"], "the longest first"


@pytest.mark.parametrize("lang", list(language.languages()))
def test_an_entry_has_at_most_two_sentences(lang):
    for term in glossary.terms(lang).values():
        assert len(re.findall(r"[.?!](?=\s|$)", term.text)) <= 2, term.name


def test_the_ideal_attacker_is_told_as_what_it_is():
    text = glossary.terms()["ideal"].text
    assert "calculation, not a person" in text and "on average" in text and "straight line" in text and "may sometimes do better" in text
