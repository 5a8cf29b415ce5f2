"""A report as Markdown: words and tables, no pictures."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..core.inert import unlinked
from ._collect import Report
from ._sections import sections
from ._told import Section


def to_md(report: Report) -> str:
    """The same as the page but for the pictures, of which only what they show is told."""
    used = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    parts = [f"# {_text(report.title)}", f"{report.made:%d %B %Y, %H:%M} UTC; {_text(used)}"]
    parts += [_section(s) for s in sections(report)]
    parts.append("## Papers behind what was used")
    if report.references:
        parts.append("```bibtex\n" + "\n".join(report.references) + "\n```")
    if report.references_note:
        parts.append(_text(report.references_note))
    return "\n\n".join(parts) + "\n"


def _section(s: Section) -> str:
    parts = [f"## {_text(s.finding)}", f"{s.kind} {_code(s.anchor)}, {_text(s.state)}"]
    parts += [f"**Failure.** {_text(w)}" for w in s.warnings]
    parts += [f"Scenario: {_code(line)}" for line in s.lines]
    if s.full:
        parts.append(f"Full form: {_code(s.full)}")
    parts.append(f"To compute it again:\n\n```sh\n{s.command}\n```")
    if s.facts:
        parts.append(_table(("", ""), s.facts))
    parts += [f"{_text(t.title)}\n\n{_table(t.head, t.rows)}" for t in s.tables]
    parts += [f"Figure, not in this form: {_text(f.finding)}" for f in s.figures]
    parts += [_text(n) for n in s.notes]
    parts += [f"{_text(title)}:\n\n{_list(lines)}" for title, lines in s.remarks]
    if s.failures:
        parts.append(f"**What failed**\n\n{_list(s.failures)}")
    return "\n\n".join(parts)


def _list(lines: Sequence[str]) -> str:
    return "\n".join(f"* {_text(line)}" for line in lines)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(_text, line))} |" for line in lines)


def _text(text: str) -> str:
    """One line in which nothing is taken for markup."""
    return re.sub(r"([\\`*_\[\]|#<>&$~])", r"\\\1", unlinked(" ".join(text.split())))


def _code(text: str) -> str:
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    pad = " " if "`" in text else ""
    return f"{fence}{pad}{' '.join(text.split())}{pad}{fence}"
