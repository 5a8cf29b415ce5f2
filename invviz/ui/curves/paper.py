"""The paper's headline against what the rows of a study say."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import streamlit as st

from ...core.errors import InvvizError
from ...core.figures import number
from ...defenses import GaussianNoise, InvLGNP
from ...studies.tradeoff import Point
from .. import trouble
from . import numbers
from .numbers import Part
from .source import Shown
from .words import NONE, titles

KEPT = 0.95  # of the undefended accuracy
ABOUT = (InvLGNP.name, GaussianNoise.name)


@dataclasses.dataclass(frozen=True)
class Reduction:
    """By how much a defense lowers SSIM at the strength that protects most and keeps KEPT of the accuracy; no point where none does."""

    defense: str
    point: Point | None
    aware: float
    strongest: float
    kept: float


def headline(shown: Shown) -> None:
    """The claim and our figures beside it; nothing where the study has none."""
    try:
        part = numbers.part(shown, 0)
        found = reductions(part)
    except InvvizError:
        return
    if not found:
        return
    names = titles(r.defense for r in found)
    st.markdown("## The paper's headline")
    st.caption(
        "The paper behind InvL-GNP (From Risk to Resilience, arXiv 2512.15460) reports, for noise shaped by the Jacobian in horizontal federated learning, about 95 % of the "
        "accuracy kept with SSIM lowered by about 30 %. The same two figures from this study, at the most protecting strength that keeps at least 95 % of the undefended accuracy:"
    )
    st.markdown("\n".join(f"- {_said(one, names[one.defense])}" for one in found))
    st.caption(
        "The settings differ: the paper's data sets, nets and trainings are larger and its attacks are its own; here small nets see few pictures. So this neither confirms nor "
        "refutes the figure: it says what happens in this study."
    )


def reductions(part: Part) -> list[Reduction]:
    """One a defense of ABOUT that is in the study.

    Raises:
        InvvizError: SSIM or the undefended cells are not known.
    """
    strongest = numbers.points_of(part, "ssim")
    bare = strongest[0]
    found = []
    for label in dict.fromkeys(p.defense for p in strongest if p.defense.split("(")[0] in ABOUT):
        if bare.defense == NONE and bare.value.value > 0:
            found.append(_reduction(part, bare, [p for p in strongest if p.defense == label]))
    return sorted(found, key=lambda r: ABOUT.index(r.defense.split("(")[0]))


def _reduction(part: Part, bare: Point, mine: Sequence[Point]) -> Reduction:
    kept = [p for p in mine if p.accuracy.value >= KEPT * bare.accuracy.value]
    if not kept:
        return Reduction(mine[0].defense, None, math.nan, math.nan, math.nan)
    point = min(kept, key=lambda p: p.value.value)
    cells = part.rows[(part.rows["defense"] == point.defense) & (part.rows["strength"] == point.strength)]
    aware = float(cells["ssim_aware"].mean())
    share = lambda value: 1 - value / bare.value.value  # noqa: E731
    return Reduction(point.defense, point, share(aware), share(point.value.value), point.accuracy.value / bare.accuracy.value)


def _said(one: Reduction, title: str) -> str:
    if one.point is None:
        return f"**{trouble.plain(title)}**: no strength that was tried keeps {100 * KEPT:.0f} % of the undefended accuracy."
    name = f"{title}, {one.point.strength_name} {number(one.point.strength)}"
    return f"**{trouble.plain(name)}**: accuracy {100 * one.kept:.1f} % of the undefended one; SSIM of the strongest attack {_change(one.strongest)}, of the aware one {_change(one.aware)}."


def _change(share: float) -> str:
    if share != share:
        return "not known"
    return f"{abs(100 * share):.0f} % {'lower' if share >= 0 else 'higher'}"
