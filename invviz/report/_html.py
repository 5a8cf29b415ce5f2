"""A report as one HTML file: no script, nothing from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING

from ._collect import Report, versions
from ._figures import Figure
from ._sections import sections
from ._style import STYLE
from ._sweep import rows_section
from ._told import Section, Table

if TYPE_CHECKING:
    import pandas as pd

LONG = 240  # characters of a line that is shown as a whole
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def to_html(report: Report) -> str:
    """One page that opens anywhere, by day and by night, and prints.

    Args:
        report: made by `collect`.
    """
    found = sections(report)
    body = [_glance(found)] if len(found) > 1 else []
    body += [_section(s) for s in found]
    return _page(report.title, report.made, report.versions, "\n".join(body), _papers(report))


def sweep_html(rows: pd.DataFrame, title: str, scenario_lines: Sequence[str], command: str) -> str:
    """A sweep's table as a page of the same kind, without the store.

    Args:
        rows: as `invviz.studies.sweep.table` makes them.
        title: of the page.
        scenario_lines: what was varied, one line each.
        command: that computes it again.
    """
    return _page(title, datetime.now(UTC), versions(), _section(rows_section(rows, "", scenario_lines, command)), "")


def _page(title: str, made: datetime, used: Mapping[str, str], body: str, papers: str) -> str:
    words = " · ".join(f"{name} {version}" for name, version in used.items())
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<header><h1>{escape(title)}</h1>
<p class="made">{made:%d %B %Y, %H:%M} UTC · {escape(words)}</p></header>
<main>
{body}
{papers}
</main>
</body>
</html>
"""


def _glance(found: Sequence[Section]) -> str:
    """All results in one table, with links to them."""
    rows = "".join(
        f'<tr><td>{s.kind}</td><td><a href="#{escape(s.anchor)}">{escape(s.finding)}</a></td><td>{_lines(s.lines)}</td>'
        f'<td class="{_mood(s.state)}">{escape(s.state)}</td></tr>'
        for s in found
    )
    head = "<tr><th>what</th><th>found</th><th>scenario</th><th>state</th></tr>"
    return f'<section class="glance"><h2>At a glance</h2><div class="wide"><table>{head}{rows}</table></div></section>'


def _mood(state: str) -> str:
    return "bad" if state == "failed" else "state"


def _lines(lines: Sequence[str]) -> str:
    return "<br>".join(f"<code>{_breaking(line)}</code>" for line in lines)


def _line(line: str) -> str:
    """One scenario or sweep; the end of a long one, a sweep with its values written out, is folded."""
    if len(line) <= LONG:
        return f'<p class="lines"><code>{_breaking(line)}</code></p>'
    return f'<details class="lines"><summary><code>{_breaking(line[:LONG])} ...</code></summary><p><code>{_breaking(line)}</code></p></details>'


def _breaking(text: str) -> str:
    """Escaped, with places where a long line may break."""
    return escape(text).replace("&amp;", "<wbr>&amp;").replace(",", ",<wbr>")


def _section(s: Section) -> str:
    parts = [f'<section id="{escape(s.anchor)}"><p class="kind">{s.kind} <code>{escape(s.anchor)}</code> · {escape(s.state)}</p>']
    parts.append(f"<h2>{escape(s.finding)}</h2>")
    parts += [f'<p class="bad" role="note"><b>Failure.</b> {escape(w)}</p>' for w in s.warnings]
    parts += [_line(line) for line in s.lines]
    if s.full:
        parts.append(f"<details><summary>The full form, with every default</summary><p><code>{_breaking(s.full)}</code></p></details>")
    parts.append(f'<p class="again"><span>To compute it again</span><code>{_breaking(s.command)}</code></p>')
    parts += [_figure(f) for f in s.figures]
    if s.facts:
        rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in s.facts)
        parts.append(f'<table class="facts">{rows}</table>')
    parts += [_table(t) for t in s.tables]
    parts += [f'<p class="note">{escape(n)}</p>' for n in s.notes]
    parts += [f"<details><summary>{escape(title)}</summary>{_list(lines)}</details>" for title, lines in s.remarks]
    if s.failures:
        parts.append(f'<div class="bad" role="note"><p><b>What failed</b></p>{_list(s.failures)}</div>')
    return "\n".join([*parts, "</section>"])


def _list(lines: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"


def _figure(f: Figure) -> str:
    footer = f"<code>{_breaking(f.footer)}</code>" if "=" in f.footer and " " not in f.footer else escape(f.footer)
    label = escape(f.finding)
    return f'<figure aria-label="{label}"><figcaption><b>{label}</b></figcaption><div class="plot">{f.body}</div><p class="footer">{footer}</p></figure>'


def _table(t: Table) -> str:
    head = "".join(f'<th scope="col">{escape(h)}</th>' for h in t.head)
    body = "".join(f"<tr>{''.join(f'<td>{_cell(cell)}</td>' for cell in row)}</tr>" for row in t.rows)
    return f'<div class="wide"><table class="numbers"><caption>{escape(t.title)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(text: str) -> str:
    """Escaped; an interval stands below its number."""
    found = re.fullmatch(r"(\S+) (\[[^\]]*\])(.*)", text)
    return f"{escape(found[1])}{escape(found[3])}<br><small>{escape(found[2])}</small>" if found else escape(text)


def _papers(report: Report) -> str:
    entries = f"<pre>{escape(chr(10).join(report.references))}</pre>" if report.references else ""
    note = f'<p class="note">{escape(report.references_note)}</p>' if report.references_note else ""
    return f"<section><h2>Papers behind what was used</h2>{entries}{note}</section>"
