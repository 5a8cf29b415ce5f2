"""The Defend page in words: the finding above the grid, and how its numbers are written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...core.figures import number
from ...metrics import decibels, rank
from .row import Row

TELLING = 3.0  # dB between two attackers that are worth a title
BLURRED = 1  # place among the words up to which an attacker is held off


def finding(rows: Sequence[Row]) -> str:
    """What the grid says, in one line: the most telling gap between two attackers, from the results that are there.

    Args:
        rows: no defense first.
    """
    defended = [row for row in rows if row.stack and not row.unfit]
    gap, row, low, high = _widest((r, "unaware", "aware") for r in defended)
    if row is not None and gap >= TELLING:
        return f"{title(row, rows)} fools the unaware attacker ({decibels(low)}) and not the aware one ({decibels(high)})"
    whole = [r for r in defended if all(_ended(r, who) for who in r.got)]
    gap, row, low, high = _widest((r, _real(r), "ideal") for r in whole)
    if row is not None and gap >= TELLING:
        return f"{title(row, rows)} stops both real attacks ({decibels(low)}) and not the ideal attacker ({decibels(high)})"
    if whole:
        safest = min(whole, key=lambda r: r.best or 0.0)
        when = "here" if len(whole) == len(defended) else "so far"
        who = max((w for w in safest.got if safest.got[w] is not None), key=lambda w: safest.got[w] or 0.0)
        return f"Safest {when}: {title(safest, rows)}; the best attacker gets {decibels(safest.best or 0)}{f' ({word})' if (word := safest.word(who)) else ''}"
    scored = [r for r in defended if r.ideal_psnr is not None]
    if scored:
        safest = min(scored, key=lambda r: r.ideal_psnr or 0.0)
        return f"Before any attack: the ideal attacker gets least behind {title(safest, rows)}, {decibels(safest.ideal_psnr or 0)}"
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


def _real(row: Row) -> str:
    """The better real attack."""
    return max(row.attacks, key=lambda who: -1.0 if row.attacks[who].psnr is None else row.attacks[who].psnr or 0.0)


def _ended(row: Row, who: str) -> bool:
    """Whether it is known what an attacker gets. One that was stopped early may yet get more: nobody was held off by that."""
    attack = row.attacks.get(who)
    return row.got[who] is not None and not (attack is not None and attack.result is not None and attack.result["stopped"])


def _widest(pairs: Iterable[tuple[Row, str, str]]) -> tuple[float, Row | None, float, float]:
    """The row where the first attacker is held off and the second is furthest ahead: by how much, which, and what both got."""
    known = []
    for row, weak, strong in pairs:
        low, high = row.got[weak], row.got[strong]
        if (
            low is not None
            and high is not None
            and _ended(row, weak)
            and 0 <= rank(row.word(weak)) <= BLURRED
            and rank(row.word(strong)) > rank(row.word(weak))
        ):
            known.append((high - low, row, low, high))
    return max(known, key=lambda found: found[0], default=(0.0, None, 0.0, 0.0))
