"""The Risk page, one picture: the number, its bounds, and how far to trust them."""

from __future__ import annotations

from itertools import takewhile
from typing import Any

import numpy as np
import streamlit as st

from ...charts.calibration import bend
from ...core.figures import number
from ...core.papers import cite, title
from ...engine import bounds
from ...engine.summary import doubts
from ...risk import Decomposition, invloss, invloss_bound, invloss_bound_here, k_star, psnr_spread, subspace_error, trusted_radius
from ...scenario import Scenario
from .. import glossary, things
from ..finding import UNKNOWN
from ..views import RiskView

PAPER = "xu2025invloss"
STRAIGHT = 0.1  # share of the slope by which a straight line may be left
LEADING = 64  # directions among which the largest gap is looked for


def draw(now: Scenario, risk: RiskView, sigma: float) -> None:
    """Score and bounds, beside how far the straight line holds."""
    st.markdown("## The number, its bounds, and how far to trust them", help=glossary.tip("invre", "bound"))
    words, chart = st.columns([3, 2], gap="medium")
    with words:
        _bounds(now, risk, sigma)
    with chart:
        _trust(now, risk)


def _bounds(now: Scenario, risk: RiskView, sigma: float) -> None:
    d, f = risk.decomposition, risk.figures(sigma)
    exact = d.method == "exact"
    interval, decibels = ("", "") if exact else (f" ({f.low:.2f} to {f.high:.2f})", f" ({f.worst:.1f} to {f.best:.1f})")
    st.markdown(
        f"**InvRE {f.score:.2f}{interval}: an ideal attacker recovers {100 * f.score:.0f} % of what was unknown.** "
        f"Expected best {f.ceiling:.1f} dB{decibels}{f.tells and ', the message '}{f.tells} ({bounds.in_brackets(risk.against(now))}).{things.say(now, f'{_spread(d, sigma)} {UNKNOWN}')}"
    )
    lines = [things.say(now, "| | squared error, summed over pixels | | PSNR (dB) |"), "|---|---|---|---|"]
    for label, words, value in _rows(now, risk, sigma):
        about = "about " if label == "T3" else ""
        lines.append(
            f"| {label} | {things.say(now, words)} | {about}{number(value)} | {about}{-10 * np.log10(max(value / d.size, 1e-20)):.1f} |"
        )
    st.markdown("\n".join(lines))
    lower = risk.lower(now)
    said = (
        f"T3: no lower bound is known that holds for every attacker: {lower.reason}."
        if lower.value is None
        else f"T3 counts {lower.counts}, and averages J over a few pictures of the prior: it need not lie below the lines for this picture."
    )
    st.caption(things.say(now, said))
    st.caption(
        f"{d.method}{f': {risk.why}' if risk.why else ''} · {d.products:,} Jacobian products in {d.seconds:.1f} s · singular values above {number(d.resolved, 1)} resolved · {d.prior} prior · "
        f"definitions ours after {cite(PAPER)}; T1 to T5 derived here",
        help=title(PAPER),
    )
    for words in doubts(now, d, sigma, risk.solved):
        st.caption(f":material/info: {words}")


def _spread(d: Decomposition, sigma: float) -> str:
    ends = psnr_spread(d, sigma)
    return (
        ""
        if ends is None
        else f" Of pictures drawn from the prior 19 in 20 lie between {ends[0]:.1f} and {ends[1]:.1f} dB; real ones spread more."
    )


def _rows(now: Scenario, risk: RiskView, sigma: float) -> list[tuple[str, str, float]]:
    """Theorem, what it says, squared error; from the lowest to the highest, as a rule."""
    d, exact = risk.decomposition, risk.decomposition.method == "exact"
    sure = f"on the straight line{'' if exact else ' (estimate)'}, {bounds.least_error(now)}"
    found = [
        ("T1", f"InvLoss: the ideal attacker's squared error, {sure}", invloss(d, sigma)),
        (
            "T2",
            f"on the straight line, the truncated inverse with its best k = {k_star(d, sigma):,}{'' if exact else ' or more'}, on average{'' if exact else ', estimate'}",
            invloss_bound(d, sigma),
        ),
    ]
    if (lower := risk.lower(now).value) is not None:
        found.insert(0, ("T3", "no attacker of any kind comes below, on average over pictures drawn from the prior", lower))
    if exact:
        found.append(("T2", "the same on this very picture", invloss_bound_here(d, sigma)))
    return [*found, ("", "guessing the prior's mean", d.trace)]


def _trust(now: Scenario, risk: RiskView) -> None:
    t = risk.trust
    if t is None:
        st.caption("The curvature of this release was not measured: how far the straight line holds is not known.")
        return
    steps, random, top = t["steps"], t["random"], t["top"]
    good = [s for s, _, _ in takewhile(lambda p: max(p[1:]) <= STRAIGHT, zip(steps, random, top, strict=True))]
    reach = (
        f"holds within 10 % up to changes of {number(good[-1])} per pixel"
        if good
        else f"does not hold within 10 % even for changes of {number(steps[0])} per pixel"
    )
    reach = things.say(now, reach)
    st.markdown(f"### The straight line {reach}")
    dark = st.context.theme.type == "dark"
    words = f"Distance from the straight line over the size of the change; the line {reach}."
    st.vega_lite_chart(bend(steps, random, top, dark), key="bend", alt=words)
    local = (
        "Beyond the line the expected best is an expectation on a straight line, not a bound"
        if good
        else "**So here the expected best is local and no bound** (kinks of ReLU do this)"
    )
    st.caption(f"{things.say(now, _turning(t, risk.decomposition))} {local}; see the calibration below.")


def _turning(t: dict[str, Any], d: Decomposition) -> str:
    """What the change of the Jacobian means for stable inverses and for single directions; of a spectrum that is known as a whole."""
    beta, step = t["bend"], t["steps"][0]
    start = f"Measured at a few points, not proven: the Jacobian turns by at least beta = {number(beta, 2)} per unit of change."
    if d.method != "exact":
        return start
    stable = sum(trusted_radius(float(s), beta, d.size) >= step for s in d.singular_values)
    words = f"{start} At most {stable:,} directions are strong enough for a stable inverse within {number(step)} per pixel (T4). "
    k, sine = widest_gap(d, beta * step * d.size**0.5)
    if sine >= 1:
        return words + "No gap between the leading singular values protects their directions there (T5)."
    first = "first of them" if k == 1 else f"first {k} together"
    return words + f"With this beta the {first} may turn by a sine of up to {sine:.2f} there (T5)."


def widest_gap(d: Decomposition, change: float) -> tuple[int, float]:
    """The k behind which the leading singular values fall most, relatively, of those gaps that T5 can use, and how far it lets the first k turn.

    Args:
        d: an exact spectrum.
        change: of the Jacobian, spectral norm.

    Returns:
        k, and the largest sine in [0, 1]; 0 and 1 where no gap promises anything.
    """
    s = d.singular_values[: LEADING + 1]
    s = s[s > d.resolved]
    falls = [(float(s[k] / s[k - 1]), k, subspace_error(s, k, change)) for k in range(1, len(s))]
    _, k, sine = min((fall for fall in falls if fall[2] < 1), default=(1.0, 0, 1.0))
    return k, sine
