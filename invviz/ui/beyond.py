"""Real attacks that got more than the ideal attacker, and why that can be, wherever both stand side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from .. import gap
from .known import Known

MARK = "†"  # behind the ideal attacker's figure
K = TypeVar("K", bound=Known)


def exceeded(one: Known) -> str | None:
    """The best real attack, where it got more than the ideal attacker; None elsewhere."""
    ended = {name: a.psnr for name, a in one.attacks.items() if a.psnr is not None}
    best = max(ended, key=ended.__getitem__, default=None)
    return best if best is not None and one.ideal_psnr is not None and gap.exceeds(ended[best], one.ideal_psnr) else None


def why(one: Known) -> str:
    """One sentence; empty where no attack got more."""
    name = exceeded(one)
    if name is None or one.view is None:
        return ""
    attack = one.attacks[name]
    return gap.above(
        attack.scenario, attack.psnr or 0.0, one.ideal_psnr or 0.0, one.view.floor_share(one.scenario), one.view.decomposition.method
    )


def notes(shown: Sequence[K], called: Callable[[K], str]) -> list[str]:
    """What is to be said of all that stands side by side: one sentence for those with the same reasons.

    Args:
        shown: side by side.
        called: names one of them.
    """
    groups: dict[tuple[str, ...], list[str]] = {}
    for one in shown:
        name = exceeded(one)
        if name is not None and one.view is not None:
            found = gap.reasons(one.attacks[name].scenario, one.view.floor_share(one.scenario), one.view.decomposition.method)
            groups.setdefault(tuple(found), []).append(called(one))
    return [
        f"{MARK} {', '.join(names)}: a real attack got more than the ideal attacker, who {'; '.join(found)}."
        for found, names in groups.items()
    ]
