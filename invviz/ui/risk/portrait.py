"""The Risk page, one picture: which part of it leaks, and through which directions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from ...charts._colours import IDEAL, TRUTH
from ...charts.pictures import heat, heat_png, scale_png
from ...core.figures import percent
from ...jobs.limits import risk_problems
from ...jobs.store import Job
from ...risk import learned_share, pixel_knowledges
from ...scenario import Scenario
from .. import drawn, look, more, press, sources, state, things, trouble
from ..components import noise, stops
from ..components.table import NoiseTable, Shown
from ..victim import victim_of
from ..views import RiskView
from ..waits import waiting
from ..widgets import holds
from . import certainty

SHOWN = 8  # directions in the row of examples
NARROW = 0.02  # share of a pixel's variance that the map's colours span at least


def draw(now: Scenario, risk: RiskView | None, job: Job | None, live: bool) -> None:
    """Picture, map, direction, numbers; where `live`, the browser draws the map."""
    st.markdown(things.say(now, "## What leaks of this picture"))
    left, middle, right = st.columns([1, 1, 1], gap="medium")
    with left:
        _truth(now)
    if risk is None or risk.portrait is None:
        _not_yet(now, job, middle)
        return
    if not len(risk.portrait.indices) or not risk.decomposition.gains.any():
        middle.info(things.say(now, "The message does not change with this picture: nothing of it leaks."), icon=":material/query_stats:")
        return
    sigma = risk.sigma(now)
    with middle:
        _map(now, risk, sigma, live)
    with right, st.container(key="after-noise-direction"):
        _direction(now, risk, sigma)
    with more.figures("what leaks first, what leaks last", "directions"):
        _examples(risk, sigma)
    if risk.first:
        known = risk.figures(sigma)
        st.caption(
            f":material/draw: InvRE between {known.low:.2f} and {known.high:.2f} (95 %): {look.said(job)}. Bounds, and how far to trust them, come with the spectrum."
        )
        return
    with more.figures("the number, its bounds, and how far to trust them", "certainty"):
        certainty.draw(now, risk, sigma)


def _truth(now: Scenario) -> None:
    victim = victim_of(now)
    st.markdown(things.say(now, "**The client's picture**"))
    if isinstance(victim, str):
        st.warning(trouble.plain(victim), icon=":material/image_not_supported:")
        return
    st.image(
        drawn.png(victim.truth, TRUTH),
        width="stretch",
        output_format="PNG",
        alt=things.say(now, "The private picture, which the client never sends."),
    )
    part = f" · read: layer {now.layer_name}" if now.layer else ""
    part += f" · over {now.rounds} rounds" if now.rounds > 1 else ""
    st.caption(f"{', '.join(victim.names[:4])} · {now.model.title}, {now.model.init}{part}")


def _not_yet(now: Scenario, job: Job | None, place) -> None:
    with place:
        st.info(trouble.plain(" ".join(risk_problems(now)) or waiting(job, "spectrum")), icon=":material/query_stats:")
        if job is not None and job.state == "failed":
            press.button("Try again", "retry", lambda: sources.retry_risk(now), icon=":material/refresh:")


def _map(now: Scenario, risk: RiskView, sigma: float, live: bool) -> None:
    assert risk.portrait is not None
    known, sketched = risk.portrait.known(sigma), risk.decomposition.method != "exact"
    st.markdown(things.say(now, f"**What an :violet[ideal] attacker knows{' at least' if sketched else ''} of each pixel**"))
    if live:
        noise.part("risk", "picture", title="What is known of each pixel, deep purple best")
    low, wide, said = _told(now, risk, known)
    with noise.instead("map", live) as needed:
        if needed:
            st.image(heat_png(risk.truth, known, low, wide), width="stretch", output_format="PNG", alt=said)
            st.caption(said)
    st.image(scale_png(), width="stretch", output_format="PNG", alt="Scale from pale (least known) to deep purple (best known).")


def _told(now: Scenario, risk: RiskView, known: np.ndarray) -> tuple[float, float, str]:
    """Ends of the map's scale, and what it says."""
    sketched = risk.decomposition.method != "exact"
    low, high = (float(np.quantile(known.mean(axis=1), q).clip(0, 1)) for q in (0.01, 0.99))
    least = "at least " if sketched else ""
    finding = things.say(now, f"For 98 % of the pixels {least}between {percent(low)} and {percent(high)} of the variance is learned")
    rough = " A sketch sees the strongest directions only." if sketched else ""
    return low, max(high, low + NARROW), f"{finding}; deep purple: best known.{rough}"  # a flat map stays flat


def moves(now: Scenario, risk: RiskView | None) -> NoiseTable | None:
    """What the slider moves of this page in the browser."""
    if risk is None or risk.portrait is None or not risk.decomposition.gains.any():
        return None
    seen, view, portrait, d = {}, risk, risk.portrait, risk.decomposition

    def draw(sigmas: Sequence[float] | np.ndarray) -> np.ndarray:
        whole = d.basis.shape == (d.size, len(d.gains))
        for sigma in (new := [s for s in map(float, sigmas) if s not in seen]):
            seen[sigma] = None if whole else portrait.known(sigma)
        if whole and new:
            seen.update(zip(new, pixel_knowledges(d, new), strict=True))
        told = [(seen[s], *_told(now, view, seen[s])[:2]) for s in map(float, sigmas)]
        return np.stack([heat(view.truth, known, low, wide) for known, low, wide in told])

    return stops.table_of("risk", now, risk, Shown("knowledge", lambda picture, sigma: ("", _told(now, risk, seen[sigma])[2]), draw))


def _direction(shown: Scenario, risk: RiskView, sigma: float) -> None:
    portrait, gains = risk.portrait, risk.decomposition.gains
    assert portrait is not None
    st.markdown(things.say(shown, "**A direction, as a picture**"))
    offered = (
        [int(i) for i in portrait.indices]
        if len(portrait.indices) <= 64
        else sorted({*range(32), *np.geomspace(32, len(portrait.indices), 60).astype(int) - 1})
    )
    wanted = (state.whole("direction") or 1) - 1
    now = min(offered, key=lambda i: abs(i - wanted))
    st.image(
        drawn.png(portrait.direction(now), IDEAL),
        width="stretch",
        output_format="PNG",
        alt=f"Right singular vector number {now + 1} as a picture; grey is zero.",
    )
    st.select_slider(
        "Direction, strongest first",
        [i + 1 for i in offered],
        now + 1,
        **holds("direction", now + 1, lambda value: state.set_view("direction", str(value))),
        help=things.say(
            shown,
            "A pattern in picture space: add a little of it to the picture, and the message moves by its singular value. Strong ones leak first.",
        ),
    )
    share = float(learned_share(gains[now : now + 1], sigma)[0])
    word = "readable" if share >= 0.5 else "drowned in noise"
    st.caption(
        things.say(
            shown,
            f"Number {now + 1:,} of {risk.decomposition.size:,}: {word}; an ideal attacker learns {100 * share:.0f} % of how much of it the picture holds.",
        )
    )


def _examples(risk: RiskView, sigma: float) -> None:
    """From what leaks first to what leaks last."""
    portrait, gains = risk.portrait, risk.decomposition.gains
    assert portrait is not None
    places = np.unique(np.geomspace(1, len(portrait.indices), SHOWN).round().astype(int)) - 1
    st.markdown("### What leaks first, what leaks last")
    for column, place in zip(st.columns(len(places)), places, strict=True):
        index = int(portrait.indices[place])
        share = 100 * float(learned_share(gains[index : index + 1], sigma)[0])
        with column:
            st.image(
                drawn.png(portrait.direction(index), IDEAL if share >= 50 else TRUTH, 160),
                width="stretch",
                output_format="PNG",
                alt=f"Direction {index + 1}: {share:.0f} % is learned.",
            )
            st.caption(f"no. {index + 1:,}: {share:.0f} %")
