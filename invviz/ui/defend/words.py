"""The Defend page in words: the finding above the grid, and how its numbers are written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...core.figures import number
from ...risk import band
from .row import Row

TELLING = 3.0  # dB between two attackers that are worth a title
UNSEEN = 15.0  # dB below which a picture is at most blurred: who gets less is held off


def finding(rows: Sequence[Row]) -> str:
    """What the grid says, in one line: the most telling gap between two attackers, from the results that are there.

    Args:
        rows: no defense first.
    """
    defended = [row for row in rows if row.stack and not row.unfit]
    gap, row, low, high = _widest((r, r.got["unaware"], r.got["aware"]) for r in defended)
    if row is not None and gap >= TELLING:
        return f"{title(row, rows)} fools the unaware attacker ({low:.1f} dB) and not the aware one ({high:.1f} dB)"
    whole = [r for r in defended if None not in r.got.values()]
    gap, row, low, high = _widest((r, _real(r), r.ideal_psnr) for r in whole)
    if row is not None and gap >= TELLING:
        return f"{title(row, rows)} stops both real attacks ({low:.1f} dB) and not the ideal attacker ({high:.1f} dB)"
    if whole:
        safest = min(whole, key=lambda r: r.best or 0.0)
        when = "here" if len(whole) == len(defended) else "so far"
        return f"Safest {when}: {title(safest, rows)}; the best attacker gets {safest.best or 0:.1f} dB ({band(safest.best or 0)})"
    scored = [r for r in defended if r.ideal_psnr is not None]
    if scored:
        safest = min(scored, key=lambda r: r.ideal_psnr or 0.0)
        return f"Before any attack: the ideal attacker gets least behind {title(safest, rows)}, {safest.ideal_psnr or 0:.1f} dB"
    return (
        "Scoring the defenses ..."
        if any(r.job is not None and r.job.active for r in defended)
        else "Nothing is known of these defenses yet"
    )


def title(row: Row, rows: Sequence[Row]) -> str:
    """A row's name, with its strength where another row has the same name."""
    twins = sum(other.name == row.name for other in rows)
    return f"{row.name} ({row.level})" if twins > 1 else row.name


def amount(count: float) -> str:
    """Bytes with a unit.

    Example:
        >>> amount(61_680)
        '61.7 kB'
    """
    for unit, size in (("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{number(count / size)} {unit}"
    return f"{count:.0f} B"


def change(before: str, after: str) -> str:
    """Before and after, or one of them where they are the same."""
    return after if before in ("", after) else f"{before} → {after}"


def _real(row: Row) -> float | None:
    """What the better real attack got."""
    return max((a.psnr for a in row.attacks.values() if a.psnr is not None), default=None)


def _widest(pairs: Iterable[tuple[Row, float | None, float | None]]) -> tuple[float, Row | None, float, float]:
    """The row where the first attacker is held off and the second is furthest ahead: by how much, which, and what both got."""
    known = [
        (high - low, row, low, high)
        for row, low, high in pairs
        if low is not None and high is not None and low < UNSEEN and band(low) != band(high)
    ]
    return max(known, key=lambda found: found[0], default=(0.0, None, 0.0, 0.0))
