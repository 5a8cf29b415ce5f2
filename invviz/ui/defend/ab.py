"""The Defend page: two runs side by side that differ in one thing."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import streamlit as st

from ...charts._colours import IDEAL, REAL, TRUTH
from ...engine import calibrate_noise
from ...metrics import EXACT, decibels
from ...scenario import Scenario
from .. import asking, choice, drawn, press, state, things, trouble
from ..waits import waits
from .row import Row

OPTIONS = {
    "undefended": "no defense",
    "unaware": "defended, unaware attacker",
    "aware": "defended, aware attacker",
    "weaker": "weaker defense, aware attacker",
    "stronger": "stronger defense, aware attacker",
    "seed": "defended, aware attacker, another seed",
}
DEFAULT = {"a": "undefended", "b": "aware"}


def variants(now: Scenario) -> dict[str, Scenario]:
    """What A and B can be, each in one thing different from the defended picture and its aware attacker."""
    base = now.replace(upload="", attacker="aware")
    made = {
        "undefended": base.replace(defense=()),
        "unaware": base.replace(attacker="unaware"),
        "aware": base,
        "seed": base.replace(seed=now.seed + 1),
    }
    if now.defense:
        for name in ("weaker", "stronger"):
            new = calibrate_noise.shifted(now.defense[-1], name == "stronger")
            if new is not None:
                made[name] = base.replace(defense=(*now.defense[:-1], new))
    else:
        del made["aware"], made["unaware"]
    return {name: made[name] for name in OPTIONS if name in made}


def chosen(now: Scenario) -> dict[str, str]:
    """Which variants A and B are."""
    offered = variants(now)
    names = {side: state.view(side) if state.view(side) in offered else DEFAULT[side] for side in DEFAULT}
    return {side: name if name in offered else ("undefended" if side == "a" else "seed") for side, name in names.items()}


def sides(now: Scenario) -> dict[str, Scenario]:
    """Scenarios of A and B."""
    return {side: variants(now)[name] for side, name in chosen(now).items()}


def differing(a: Scenario, b: Scenario) -> list[str]:
    """In what two variants differ; without a defense there is nothing to be aware of."""
    names = ["defense", "seed"] + (["attacker"] if a.defense and b.defense else [])
    return [name for name in names if getattr(a, name) != getattr(b, name)]


def draw(now: Scenario, found: Mapping[str, Row]) -> None:
    """Both columns, and the difference in one line."""
    st.markdown(things.say(now, "## A and B: the same picture, one thing changed"))
    st.markdown(f"**{_difference(found)}**")
    if len(parts := differing(found["a"].scenario, found["b"].scenario)) > 1:
        st.caption(f":material/info: A and B differ in more than one thing here: {', '.join(parts)}.")
    for column, side in zip(st.columns(2, gap="large"), DEFAULT, strict=True):
        with column:
            _choose(now, side)
            _side(found[side])
    missing = [row.attacks[row.scenario.attacker] for row in found.values() if row.attacks[row.scenario.attacker].left and not row.unfit]
    if missing:
        press.button("Run the attacks of A and B", "run ab", lambda: asking.start(missing), icon=":material/play_arrow:")


def _choose(now: Scenario, side: str) -> None:
    offered = list(variants(now))
    taken = lambda value: state.set_view(side, value)  # noqa: E731
    choice.from_list(side.upper(), f"side {side}", offered, chosen(now)[side], taken, OPTIONS.__getitem__)


def _side(row: Row) -> None:
    attack, grey = row.attacks[row.scenario.attacker], np.full_like(row.truth, 0.5)
    ideal, real = (row.ideal if row.ideal is not None else grey), (attack.guess if attack.guess is not None else grey)
    told = [
        f"ideal attacker {row.ideal_quality() if row.ideal is not None else waits(row.job) or 'unknown'}",
        f"real attack {attack.quality() if attack.psnr is not None else waits(attack.job) or 'not run yet'}",
    ]
    alt = f"Truth, ideal attacker, real attack: {', '.join(told)}."
    st.image(drawn.strip([row.truth, ideal, real], [TRUTH, IDEAL, REAL], 160), output_format="PNG", alt=alt)
    strengths = f"{row.name}{f', {row.level}' if row.level else ''} · seed {row.scenario.seed}"
    st.caption(f"truth · :violet[{told[0]}] · :orange[{told[1]}]  \n{strengths}" + (f"  \n{trouble.plain(row.unfit)}" if row.unfit else ""))


def _change(before: float, after: float) -> str:
    if min(before, after) >= EXACT:
        return "exact in both"
    if max(before, after) >= EXACT or not np.isfinite(after - before):
        return f"{decibels(before)} → {decibels(after)}"
    return f"{abs(after - before):.1f} dB {'more' if after >= before else 'less'}"


def _difference(found: Mapping[str, Row]) -> str:
    a, b = found["a"], found["b"]
    if a.scenario == b.scenario:
        return "A and B are the same: choose something else for one of them"
    parts = []
    for who, left, right in (
        ("the ideal attacker", a.ideal_psnr, b.ideal_psnr),
        ("the real attack", a.attacks[a.scenario.attacker].psnr, b.attacks[b.scenario.attacker].psnr),
    ):
        if left is not None and right is not None:
            parts.append(f"{who} {_change(left, right)}")
    return f"From A to B: {' and '.join(parts)}" if parts else "The difference appears here as soon as both sides are known"
