"""A row of a table, the true one beside what attackers make of it, as HTML."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from html import escape

import numpy as np

from ..core.table import Cell, Column, cells, decode

CAPTION = "Right: the same word, or a number within 5 % of the column's range among public rows."


def table_html(
    columns: Sequence[Column],
    truth: np.ndarray,
    ideal: np.ndarray | None = None,
    guesses: Mapping[str, np.ndarray | None] | None = None,
    sure: np.ndarray | None = None,
    variance: np.ndarray | None = None,
    dark: bool = False,
    faded: Collection[str] = (),
    bits: Mapping[str, tuple[float, float]] | None = None,
    agree: Mapping[str, Sequence[float] | None] | None = None,
) -> str:
    """One row: name of the column, true cell, ideal attacker's, real attacks', how much of the cell the message tells. Every text is escaped.

    Args:
        columns: of the row.
        truth: shape (d,) or (1, 1, d).
        ideal: likewise; None where it is not known yet (the column is then empty).
        guesses: likewise, of real attacks by their names.
        sure: likewise; share of every entry's prior variance that the message takes away (`risk.pixel_knowledge` of one sample).
        variance: likewise; that prior variance (see `cells`).
        dark: whether it stands on a dark ground.
        faded: names of attacks whose guesses are of other settings.
        bits: of columns that are choices, by name: bits that the message tells of the cell, and of how many; in place of the share.
        agree: of real attacks by their names: how sure each is of its own cells, in [0, 1], one a column.
    """
    names = decode(columns, truth)
    best = None if ideal is None else cells(columns, truth, ideal, sure, variance)
    real = {name: None if row is None else cells(columns, truth, row) for name, row in (guesses or {}).items()}
    body = []
    for k, (column, (name, true)) in enumerate(zip(columns, names, strict=True)):
        told = math.nan if best is None else best[k].sure
        counted = (bits or {}).get(column.name)
        share = _bits(*counted) if counted else "" if math.isnan(told) else _bar(told)
        own = {who: sure[k] for who, sure in (agree or {}).items() if sure}
        near = f' title="right within {escape(column.tolerance)}"' if column.tolerance else ""
        shown = f'<th scope="row"{near}>{escape(name)}</th><td>{escape(true)}</td>'
        body.append(
            f"<tr>{shown}{_guessed(best, k)}{''.join(_guessed(one, k, who in faded, own.get(who)) for who, one in real.items())}<td>{share}</td></tr>",
        )
    heads = (
        ("column", ""),
        ("true", ""),
        (f"ideal attacker{_count(best)}", ' class="ideal"'),
        *((f"{who}{_count(one)}", ' class="real old"' if who in faded else ' class="real"') for who, one in real.items()),
        (
            "how sure",
            ' title="Of a number the share of what was unknown that the message tells; of words the bits, told to whoever knows all other cells."',
        ),
    )
    head = "".join(f'<th scope="col"{more}>{escape(text)}</th>' for text, more in heads)
    return (
        f'<div class="rows{" dark" if dark else ""}" tabindex="0"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody><caption>{CAPTION}</caption></table></div>"
    )


def _count(found: list[Cell] | None) -> str:
    return "" if found is None else f" ({sum(cell.right for cell in found)} of {len(found)} right)"


def _guessed(found: list[Cell] | None, k: int, old: bool = False, agree: float | None = None) -> str:
    """A guessed cell: a tick, or a word for those who do not see it, what was guessed, and how sure the attack is of it."""
    if found is None:
        return "<td></td>"
    cell = found[k]
    weight = "" if math.isnan(cell.weight) or cell.weight > 0.995 else f' <span class="weight">{100 * cell.weight:.0f} %</span>'
    mark = (
        '<span aria-hidden="true">&#10003;</span><span class="said">right: </span>' if cell.right else '<span class="said">wrong: </span>'
    )
    if agree is not None:
        weight = f' <span class="weight">{"certain" if agree >= 1 else f"{100 * agree:.0f} % agree"}</span>'
    return f'<td class="{"hit" if cell.right else "miss"}{" old" * old}">{mark} {escape(cell.guess)}{weight}</td>'


def _bits(bits: float, of: float) -> str:
    """Bits told of a cell, as a bar with their number."""
    return f"{_bar(bits / of).rpartition('</span>')[0]}</span>{max(bits, 0.0):.1f} of {of:.1f} bits"


def _bar(share: float) -> str:
    """A share as a bar with its number."""
    percent = 100 * min(max(share, 0.0), 1.0)
    return f'<span class="bar" aria-hidden="true"><i style="width:{percent:.0f}%"></i></span>{percent:.0f} %'
