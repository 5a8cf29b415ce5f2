"""The Lab's chart of a series: the client's line, what an ideal attacker makes of it, and what a real attack got, over each other."""

from __future__ import annotations

import numpy as np
import streamlit as st

from ...charts.series import series_spec
from ...datasets._series import SeriesSet
from ...jobs.store import Job
from ...scenario import Scenario
from .. import alts, lesson, sources
from ..victim import victim_of
from ..views import RiskView, RunView

LINES = {"truth": "Grey: the client's.", "ideal": " Dashed purple: the ideal attacker's.", "guess": " Orange: the real attack's."}
BAND = " Band: one standard deviation that the ideal attacker is left in doubt, as the {prior} prior counts; where it is wide, that part has drowned."


def draw(now: Scenario, risk: RiskView | None, run: RunView | None, old: RunView | None, job: Job | None) -> None:
    """All lines over each other; nothing where the series cannot be shown, which is said below.

    Args:
        now: the scenario on the screen.
        risk: its spectrum.
        run: the result of its attack.
        old: the last result shown for the same series, where there is none of this very scenario.
        job: that is after it.
    """
    victim, data = victim_of(now), now.data
    if isinstance(victim, str):
        return
    assert isinstance(data, SeriesSet)
    low, high = data.ends
    sigma = risk.sigma(now) if risk else 0.0
    live = sources.live_picture(now) if job is not None and job.state == "running" else None
    shown = run or old
    guess = live / 255 if live is not None else shown and shown.guess  # what is sent while it runs are bytes
    ideal = risk.draw(sigma) if risk and not lesson.hidden("ideal") else None
    known = risk.portrait.known(sigma) if risk and risk.portrait and ideal is not None else None
    spread = None if known is None or risk is None else np.sqrt(risk.decomposition.variances.reshape(known.shape) * (1 - known).clip(0))
    scaled = lambda values: low + (high - low) * values[0, 0]  # noqa: E731
    line = lambda values: None if values is None else scaled(values)  # noqa: E731
    there = {"truth": True, "ideal": ideal is not None, "guess": guess is not None and not lesson.hidden("attack")}
    with st.container(key="after-noise-series"):
        spec = series_spec(
            data.seconds,
            data.unit,
            scaled(victim.truth),
            line(ideal),
            None if spread is None else (high - low) * spread[0, 0],
            None if lesson.hidden("attack") else line(guess),
            st.context.theme.type == "dark",
        )
        st.vega_lite_chart(spec, key="series", alt=alts.alt(_told(now, there["ideal"], there["guess"])))
    more = f" The first of {now.batch} series in the batch." * (now.batch > 1)
    told = "".join(words for name, words in LINES.items() if there[name])
    st.caption(told + (BAND.format(prior=now.prior) if spread is not None else "") + more)


def _told(now: Scenario, ideal: bool, guess: bool) -> str:
    """What the chart shows, for those who do not see it."""
    lines = ["the client's series", *["what an ideal attacker makes of it"] * ideal, *["what the real attack got"] * guess]
    return f"Over {now.data.seconds:g} seconds: {', '.join(lines)}."  # type: ignore[attr-defined]
