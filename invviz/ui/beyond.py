"""Real attacks that got more than the ideal attacker or the expected best, why that can be, and where the expected best is no bound, wherever they stand side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from ..engine import bounds, gap
from . import things
from .known import Known

MARK = "†"  # behind the ideal attacker's figure, or the expected best
K = TypeVar("K", bound=Known)


def exceeded(one: Known) -> str | None:
    """The best real attack, where it got more than the ideal attacker on this picture; None elsewhere."""
    best = _best(one)
    return best if best is not None and one.ideal_psnr is not None and gap.exceeds(_reached(one, best), one.ideal_psnr) else None


def exceeded_expected(one: Known) -> str | None:
    """The best real attack, where it got more than the expected best."""
    best = _best(one)
    return best if best is not None and one.figures is not None and gap.exceeds(_reached(one, best), one.figures.ceiling) else None


def _best(one: Known) -> str | None:
    ended = {name: a.psnr for name, a in one.attacks.items() if a.psnr is not None}
    return max(ended, key=ended.__getitem__, default=None)


def _reached(one: Known, name: str) -> float:
    return one.attacks[name].psnr or 0.0


def why(one: Known) -> str:
    """One sentence; empty where no attack got more than the ideal attacker or the expected best."""
    expected = exceeded(one) is None
    name = exceeded_expected(one) if expected else exceeded(one)
    if name is None or one.view is None or one.figures is None:
        return ""
    limit = one.figures.ceiling if expected else one.ideal_psnr or 0.0
    attack, view = one.attacks[name], one.view
    return gap.above(attack.scenario, _reached(one, name), limit, view.floor_share(one.scenario), view.decomposition.method, expected)


def notes(shown: Sequence[K], called: Callable[[K], str]) -> list[str]:
    """What is to be said of all that stands side by side: one sentence for those with the same reasons.

    Args:
        shown: side by side.
        called: names one of them.
    """
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for one in shown:
        name, than = exceeded(one), "the ideal attacker, who"
        if name is None:
            name, than = exceeded_expected(one), "the expected best of an ideal attacker, who"
        if name is not None and one.view is not None:
            found = gap.reasons(one.attacks[name].scenario, one.view.floor_share(one.scenario), one.view.decomposition.method)
            groups.setdefault((than, tuple(found)), []).append(called(one))
    return [f"{MARK} {', '.join(names)}: a real attack got more than {than} {'; '.join(found)}." for (than, found), names in groups.items()]


def word(one: Known) -> str:
    """Behind an expected best, as HTML: that it is no bound, and the mark where an attack got more; empty where there is no spectrum."""
    if one.view is None:
        return ""
    mark = f" {MARK}" if exceeded_expected(one) else ""
    return f'{mark}<br><span class="level">{"no bound" if one.against else "a bound"}</span>'


def bounds_of(shown: Sequence[K]) -> list[str]:
    """Why the expected bests that stand together are no bounds, in one sentence."""
    said = bounds.of_all([one.against for one in shown if one.view is not None])
    return [things.say(shown[0].scenario, said)] if said else []
