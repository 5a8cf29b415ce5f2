"""The Risk page, one picture: which part of it leaks, through which directions, and how sure all this is."""

from __future__ import annotations

import numpy as np
import streamlit as st

from ...plots._colours import IDEAL, TRUTH
from ...plots.calibration import bend
from ...plots.pictures import heat_png, scale_png, to_png
from ...risk import invloss, invloss_bound, invloss_bound_here, invre, invre_interval, k_star, learned_share, psnr_ceiling, psnr_interval
from ...scenario import Scenario, risk_problems
from ...store import Job
from ...summary import doubts, lower_bound
from .. import sources, state
from ..sources import RiskView
from ..stage import waiting
from ..victim import victim_of

SHOWN = 8  # directions in the row of examples


def draw(now: Scenario) -> None:
    """Picture, map, direction, numbers."""
    risk, job = sources.risk_of(now)
    st.markdown("##### What leaks of this picture")
    left, middle, right = st.columns([1, 1, 1], gap="medium")
    with left:
        _truth(now)
    if risk is None or risk.portrait is None:
        _not_yet(now, job, middle)
        return
    sigma = risk.sigma(now)
    with middle:
        _map(risk, sigma)
    with right:
        _direction(risk, sigma)
    _examples(risk, sigma)
    st.markdown("##### The number, its bounds, and how far to trust them")
    words, chart = st.columns([3, 2], gap="medium")
    with words:
        _bounds(now, risk, sigma)
    with chart:
        _trust(risk)


def _truth(now: Scenario) -> None:
    victim = victim_of(now)
    st.markdown("**The client's picture**")
    if isinstance(victim, str):
        st.warning(victim, icon=":material/image_not_supported:")
        return
    st.image(to_png(victim.truth, TRUTH), width="stretch", alt="The private picture, which the client never sends.")
    part = f" · read: layer {now.layer}" if now.layer else ""
    part += f" · over {now.rounds} rounds" if now.rounds > 1 else ""
    st.caption(f"{', '.join(victim.names[:4])} · {now.model.title}, {now.model.init}{part}")


def _not_yet(now: Scenario, job: Job | None, place) -> None:
    with place:
        st.info(" ".join(risk_problems(now)) or waiting(job, "spectrum"), icon=":material/query_stats:")
        if job is not None and job.state == "failed" and st.button("Try again", key=state.key("retry"), icon=":material/refresh:"):
            sources.retry_risk(now)
            st.rerun()


def _map(risk: RiskView, sigma: float) -> None:
    assert risk.portrait is not None
    known = risk.portrait.known(sigma)
    low, high = (float(np.quantile(known.mean(axis=1), q)) for q in (0.01, 0.99))
    high = max(high, low + 0.02)
    st.markdown("**What an :violet[ideal] attacker knows of each pixel**")
    finding = f"Between {100 * max(low, 0):.0f} % and {100 * min(high, 1):.0f} % of a pixel's variance is learned"
    st.image(heat_png(risk.truth, known, low, high), width="stretch", alt=f"{finding}; deep purple pixels are known best.")
    st.image(scale_png(), width="stretch", alt="Scale from pale (least known) to deep purple (best known).")
    rough = "" if risk.decomposition.method == "exact" else " At least so much: a sketch sees the strongest directions only."
    st.caption(f"{finding}; deep purple: best known.{rough}")


def _direction(risk: RiskView, sigma: float) -> None:
    portrait, gains = risk.portrait, risk.decomposition.gains
    assert portrait is not None
    st.markdown("**A direction, as a picture**")
    offered = (
        [int(i) for i in portrait.indices]
        if len(portrait.indices) <= 64
        else sorted({*range(32), *np.geomspace(32, len(portrait.indices), 60).astype(int) - 1})
    )
    wanted = int(state.view("direction")) - 1 if state.view("direction").isdigit() else 0
    now = min(offered, key=lambda i: abs(i - wanted))
    st.image(
        to_png(portrait.direction(now), IDEAL), width="stretch", alt=f"Right singular vector number {now + 1} as a picture; grey is zero."
    )
    name = state.key("direction")
    st.select_slider(
        "Direction, strongest first",
        [i + 1 for i in offered],
        now + 1,
        key=name,
        on_change=lambda: state.set_view("direction", str(st.session_state[name])),
        help="A pattern in picture space: add a little of it to the picture, and the message moves by its singular value. Strong ones leak first.",
    )
    share = float(learned_share(gains[now : now + 1], sigma)[0])
    word = "readable" if share >= 0.5 else "drowned in noise"
    st.caption(
        f"Number {now + 1:,} of {risk.decomposition.size:,}: {word}; an ideal attacker learns {100 * share:.0f} % of how much of it the picture holds."
    )


def _examples(risk: RiskView, sigma: float) -> None:
    """From what leaks first to what leaks last."""
    portrait, gains = risk.portrait, risk.decomposition.gains
    assert portrait is not None
    places = np.unique(np.geomspace(1, len(portrait.indices), SHOWN).round().astype(int)) - 1
    st.markdown("**What leaks first, what leaks last**")
    for column, place in zip(st.columns(len(places)), places, strict=True):
        index = int(portrait.indices[place])
        share = 100 * float(learned_share(gains[index : index + 1], sigma)[0])
        with column:
            st.image(
                to_png(portrait.direction(index), IDEAL if share >= 50 else TRUTH, 160),
                width="stretch",
                alt=f"Direction {index + 1}: {share:.0f} % is learned.",
            )
            st.caption(f"no. {index + 1:,}: {share:.0f} %")


def _bounds(now: Scenario, risk: RiskView, sigma: float) -> None:
    d, exact = risk.decomposition, risk.decomposition.method == "exact"
    score, ceiling = invre(d, sigma), psnr_ceiling(d, sigma)
    (low, high), (worst, best) = invre_interval(d, sigma), psnr_interval(d, sigma)
    st.markdown(
        f"**InvRE {score:.2f}{'' if exact else f' ({low:.2f} to {high:.2f})'}: an ideal attacker recovers {100 * score:.0f} % of what was unknown.** "
        f"PSNR ceiling {ceiling:.1f} dB{'' if exact else f' ({worst:.1f} to {best:.1f})'}."
    )
    rows = [
        (
            "T3",
            "no attacker of any kind comes below, on average over pictures",
            None if risk.trust is None else lower_bound(risk.trust, d.size, sigma),
        ),
        ("T1", "InvLoss: the ideal attacker's squared error, exact on the straight line", invloss(d, sigma)),
        ("T2", f"the truncated inverse with its best k = {k_star(d, sigma):,}, on average", invloss_bound(d, sigma)),
        ("T2", "the same on this very picture", invloss_bound_here(d, sigma) if exact else None),
        ("", "guessing the prior's mean", d.trace),
    ]
    lines = ["| | squared error, summed over pixels | | PSNR (dB) |", "|---|---|---|---|"]
    for label, words, value in rows:
        if value is not None:
            lines.append(f"| {label} | {words} | {value:.3g} | {-10 * np.log10(max(value / d.size, 1e-20)):.1f} |")
    st.markdown("\n".join(lines))
    st.caption(
        f"{d.method}{f': {risk.why}' if risk.why else ''} · {d.products:,} Jacobian products in {d.seconds:.1f} s · singular values above {d.resolved:.0e} resolved · {d.prior} prior · "
        "definitions ours after xu2025invloss; T1-T3 derived (theory)"
    )
    for words in doubts(now, d, sigma):
        st.caption(f":material/info: {words}")


def _trust(risk: RiskView) -> None:
    if risk.trust is None:
        st.caption("The curvature of this release was not measured.")
        return
    t = risk.trust
    steps, random, top = t["steps"], t["random"], t["top"]
    good = [s for s, a, b in zip(steps, random, top, strict=True) if max(a, b) <= 0.1]
    reach = (
        f"holds within 10 % up to changes of {max(good):g} per pixel"
        if good
        else f"does not hold within 10 % even for changes of {steps[0]:g} per pixel"
    )
    st.markdown(f"**The straight line {reach}**")
    dark = st.context.theme.type == "dark"
    st.vega_lite_chart(
        bend(steps, random, top, dark),
        key="bend",
        alt=f"Distance from the straight line over the size of the change; the line {reach}.",
    )
    beta, d = t["bend"], risk.decomposition
    stable = int((2 * d.singular_values / max(beta, 1e-30) / d.size**0.5 >= steps[0]).sum())
    st.caption(
        f"Measured at a few points, not proven. Jacobian turns by at least {beta:.2g} per unit of change (T4, T5): {stable:,} directions are strong enough for a stable inverse "
        f"within {steps[0]:g} per pixel. "
        + ("Beyond the line" if good else "**So here")
        + (
            " the ceiling is an expectation on a straight line, not a bound; see the calibration below."
            if good
            else " the ceiling is local and no bound** (kinks of ReLU do this); see the calibration below."
        )
    )
