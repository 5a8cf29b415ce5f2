"""Sentences, word by word, as HTML: how sure each word is, and which are right. Every word is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

FAINTEST = 0.45  # opacity of a word of which nothing is known: it can still be read


class Known(NamedTuple):
    """The most likely word at a place, its probability, whether that is called certain, and the bits that are learned."""

    word: str
    share: float
    certain: bool
    bits: float


class Guessed(NamedTuple):
    """A word that an attack read, and whether it is the true one."""

    word: str
    right: bool


def plain_html(sentences: Sequence[str], dark: bool = False) -> str:
    """Sentences as they are."""
    return _block("truth", ["".join(_word(word, "") for word in sentence.split()) for sentence in sentences], dark)


def known_html(sentences: Sequence[Sequence[Known]], entropy: float, dark: bool = False) -> str:
    """Words as sure as they are: certain ones underlined, others fainter the less likely they are; bits when one pauses on a word."""
    lines = []
    for sentence in sentences:
        marks = [
            _word(
                w.word,
                "certain" if w.certain else "",
                f"{w.bits:.1f} of {entropy:.1f} bits; {100 * w.share:.0f} % likely",
                FAINTEST + (1 - FAINTEST) * w.share,
            )
            for w in sentence
        ]
        lines.append("".join(marks))
    return _block("ideal", lines, dark)


def guessed_html(sentences: Sequence[Sequence[Guessed]], dark: bool = False) -> str:
    """Words that are right with a tick, wrong ones struck out; a word says so to those who see neither."""
    lines = [
        "".join(_word(w.word, "hit" if w.right else "miss", "right" if w.right else "wrong") for w in sentence) for sentence in sentences
    ]
    return _block("real", [line or '<span class="token">(no words)</span>' for line in lines], dark)


def _word(word: str, kind: str, title: str = "", opacity: float = 1.0) -> str:
    said = f'<span class="said">{title}: </span>' if kind in ("hit", "miss") else ""
    style = "" if opacity >= 1 else f' style="opacity:{opacity:.2f}"'
    more = f' title="{escape(title)}"' if title else ""
    return f'<span class="token {kind}"{more}{style}>{said}{escape(word)}</span> '


def _block(who: str, lines: Sequence[str], dark: bool) -> str:
    return f'<div class="sentences {who}{" dark" if dark else ""}">{"".join(f"<p>{line}</p>" for line in lines)}</div>'
