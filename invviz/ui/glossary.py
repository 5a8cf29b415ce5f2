"""The glossary: every term of the field once, opened in place by a click on it. Its words lie in assets/words."""

from __future__ import annotations

import dataclasses
import re
from functools import lru_cache
from html import escape

import streamlit as st

from . import language, lesson, shares

MOST = 4  # entries in the help of a heading
SEEN = "invre"  # the term that is explained by pictures, too
PLAIN = (
    "net",
    "message",
    "attack",
    "noise",
    "defense",
    "server",
    "smooth",
)  # which a heading uses without its help; they are among the words of the page
ENDS = re.compile(r"[.,:;?!)]+")
MARK = re.compile(r"\[\[([^]|]+)(?:\|([^]]+))?\]\]")


@dataclasses.dataclass(frozen=True)
class Term:
    """One entry.

    Attributes:
        name: the same in every language.
        title: what it is called.
        forms: how it is written in a sentence.
        text: what it means, in at most two sentences.
        equation: one click further; empty where there is none.
    """

    name: str
    title: str
    forms: tuple[str, ...]
    text: str
    equation: str = ""


@lru_cache(maxsize=16)
def terms(lang: str = language.FIRST) -> dict[str, Term]:
    """All by name."""
    return {
        name: Term(name, kept["title"], tuple(kept["forms"]), kept["text"], language.equations().get(name, ""))
        for name, kept in language.words(lang)["terms"].items()
    }


def meant(mark: re.Match[str], lang: str) -> Term:
    """The term of a mark: named after the bar, or known by its form."""
    known = terms(lang)
    if mark[2]:
        return known[mark[2]]
    return next(term for term in known.values() if mark[1].lower() in [form.lower() for form in term.forms])


def inline(text: str, lang: str, place: str) -> str:
    """A text with marks as HTML: each term is a button that opens its entry beside it, without another run of the page.

    Args:
        text: [[noise floor]] or [[readable|words]] marks a term; **strong** is strong; all else is plain.
        lang: of the text.
        place: letters that no other text of the page has, for the names of what opens.
    """
    parts, last, count = [], 0, 0
    for mark in MARK.finditer(text):
        parts.append(strong(text[last : mark.start()]))
        last = mark.end()
        end = ENDS.match(text[last:])  # no line begins with the sign that ends a word
        parts.append(
            f'<span class="kept">{_button(meant(mark, lang), mark[1], lang, f"term-{place}-{count}")}{end[0] if end else ""}</span>'
        )
        last, count = last + (len(end[0]) if end else 0), count + 1
    return "".join([*parts, strong(text[last:])])


def strong(text: str) -> str:
    """Plain text as HTML, **strong** as such."""
    return re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", escape(text, quote=False))


def _button(term: Term, shown: str, lang: str, name: str) -> str:
    more = f"<details><summary>{escape(language.words(lang)['page']['equation'])}</summary><span class='equation'>{escape(term.equation)}</span><span>{escape(explained(term.equation, lang))}</span></details>"
    seen = shares.html(lang, whole=False) if term.name == SEEN else ""
    entry = f"<strong>{escape(term.title)}</strong><span>{escape(term.text)}</span>{seen}{more if term.equation else ''}"
    kind = "entry wide" if seen else "entry"
    return f'<button type="button" class="term" popovertarget="{name}">{escape(shown)}</button><span popover class="{kind}" id="{name}">{entry}</span>'


def letters(equation: str, lang: str) -> dict[str, str]:
    """What the letters of an equation stand for, in their order."""
    known: dict[str, str] = language.words(lang)["letters"]
    found = re.findall("|".join(re.escape(one) for one in sorted(known, key=len, reverse=True)), equation.replace("log", ""))
    return {letter: known[letter] for letter in dict.fromkeys(found)}


def explained(equation: str, lang: str) -> str:
    """The same in one line."""
    return "; ".join(said if said.startswith(letter) else f"{letter}: {said}" for letter, said in letters(equation, lang).items())


def tip(*names: str) -> str:
    """Entries as the help of a widget or a heading, in English as all pages but the Guide are."""
    return "\n\n".join(f"**{term.title}.** {term.text}" for term in map(terms().__getitem__, names))


def used(text: str) -> list[str]:
    """Names of the terms that a text uses, in their order; of forms within one another the longest."""
    return list(dict.fromkeys(_forms()[one.lower()] for one in _pattern().findall(text)))


def of(text: str) -> str | None:
    """Entries of the terms that a heading uses, as its help; None where there are none."""
    names = [name for name in used(text) if name not in PLAIN][:MOST]
    return tip(*names) if names else None


@lru_cache(maxsize=1)
def _forms() -> dict[str, str]:
    return {form.lower(): term.name for term in terms().values() for form in term.forms if len(form) > 1}


@lru_cache(maxsize=1)
def _pattern() -> re.Pattern[str]:
    return re.compile(rf"(?i)\b(?:{'|'.join(sorted(map(re.escape, _forms()), key=len, reverse=True))})\b")


def draw(names: tuple[str, ...]) -> None:
    """The words of a page behind one button, then all others.

    Args:
        names: those that the page is about, in their order.
    """
    words = language.words(language.FIRST)["page"]
    ordered = [*names, *(name for name in terms() if name not in names)]
    with st.popover(words["words"], icon=":material/menu_book:", type="tertiary", key="words"):
        st.markdown(tip(*names))
        if (
            SEEN in names and not lesson.lesson().hide and (seen := shares.html(language.FIRST))
        ):  # they show what such a link hides, perhaps of the very picture
            st.html(seen)
        st.divider()
        st.markdown(tip(*ordered[len(names) :]))
        with st.expander(words["equations"]):
            st.markdown(
                "\n\n".join(
                    f"{term.title}: `{term.equation}` ({explained(term.equation, language.FIRST)})"
                    for term in map(terms().__getitem__, ordered)
                    if term.equation
                )
            )
