"""The Attacks page in words."""

from __future__ import annotations

from ... import lineup
from ...attacks import ATTACKS
from ...risk import band
from ..known import Attack, Known


def title(name: str) -> str:
    """An attack's name on the page."""
    return ATTACKS[name].title


def short(name: str) -> str:
    """The same without what stands in brackets."""
    return title(name).split(" (")[0]


def finding(here: Known) -> str:
    """What the page says, in one line, from the results that are there."""
    ended, best = {name: a for name, a in here.attacks.items() if a.psnr is not None}, strongest(here)
    ceiling = "" if here.ideal_psnr is None else f" The ideal attacker reaches {here.ideal_psnr:.1f} dB."
    if best is None:
        return f"No attack has been run on this victim yet: run all {len(here.attacks)}.{ceiling}"
    psnr, seconds = ended[best].psnr or 0.0, _seconds(ended[best])
    left = len(here.attacks) - len(ended)
    more = f" ({left} not run yet)" if left else ""
    which = f"is the strongest of {len(ended)} attacks{more}:" if len(ended) > 1 else f"was run{more}:"
    said = f"{title(best)} {which} {band(psnr)}, {psnr:.1f} dB after {time(seconds)}."
    quick = [name for name, a in ended.items() if (a.psnr or 0.0) > psnr - 1 and _seconds(a) < seconds / 2]
    if quick:
        first = min(quick, key=lambda name: _seconds(ended[name]))
        said += f" {title(first)} is as good after {time(_seconds(ended[first]))}."
    elif len(ended) > 1 and psnr >= lineup.EXACT:
        weak = sum((a.psnr or 0.0) < 20 for a in ended.values())
        said += f" {weak} of them stay under 20 dB: their failure says nothing about safety." if weak else ""
    return said + ceiling


def strongest(here: Known) -> str | None:
    """The best attack that has ended."""
    return lineup.strongest({name: (a.psnr, _seconds(a)) for name, a in here.attacks.items() if a.psnr is not None})


def _seconds(attack: Attack) -> float:
    return float((attack.result or {}).get("seconds", 0.0))


def time(seconds: float) -> str:
    """A short time in words."""
    if seconds < 0.1:
        return f"{1e3 * seconds:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
