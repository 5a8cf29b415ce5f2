"""What the report of an audit is built of; every text is escaped here."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

LETTERS = 20  # up to which a cell stays in one line
SHORT = ' class="short"'


def section(title: str, *parts: str) -> str:
    """A heading with what stands below it; parts are HTML."""
    return f'<section id="{title.lower().replace(" ", "-")}"><h2>{escape(title)}</h2>{"".join(parts)}</section>'


def pairs(rows: Sequence[tuple[str, str]]) -> str:
    """Names and values, side by side."""
    return f'<table class="facts">{"".join(f"<tr><th>{escape(a)}</th><td>{escape(b)}</td></tr>" for a, b in rows)}</table>'


def table(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of texts."""
    top = "".join(f'<th scope="col">{escape(h)}</th>' for h in head)
    body = "".join(f"<tr>{''.join(f'<td{SHORT * (len(cell) <= LETTERS)}>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="wide"><table class="numbers"><caption>{escape(caption)}</caption><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def items(lines: Sequence[str]) -> str:
    """A list of texts."""
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"


def listed(title: str, lines: Sequence[str]) -> str:
    """A section that is a list of texts."""
    return section(title, items(lines))


def note(text: str) -> str:
    """Small print."""
    return f'<p class="note">{escape(text)}</p>'


def plot(title: str, body: str) -> str:
    """A chart with its finding above it."""
    return f'<figure aria-label="{escape(title)}"><figcaption><b>{escape(title)}</b></figcaption><div class="plot">{body}</div></figure>'
