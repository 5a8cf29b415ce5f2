"""The Lab's rows of a table: each cell as it is, as the ideal attacker and a real one have it, and how much the message tells of it."""

from __future__ import annotations

import streamlit as st

from ...charts.rows import table_html
from ...engine.bits import Counted, choices_of
from ...jobs.store import Job
from ...scenario import Scenario
from .. import lesson, sources
from ..victim import victim_of
from ..views import RiskView, RunView
from ._counted import counted

TOLD = "Bits: told to whoever knows all other cells, an upper bound for that cell."
AGREE = "Certain: all starts of the attack say the same, blind to the truth."


def words_told(now: Scenario) -> tuple[Counted | None, Job | None]:
    """The alternatives of the words in the cells, and the job that counts them, where there are such cells and nothing is hidden."""
    victim = victim_of(now)
    shown = now.columns and not lesson.lesson().hide and not isinstance(victim, str)
    return counted(now, victim.truth) if shown and not isinstance(victim, str) else (None, None)


def table(now: Scenario, risk: RiskView | None, run: RunView | None, old: RunView | None, job: Job | None, found: Counted | None) -> None:
    """The first row of the batch; arguments as of the stage's pictures, and what is counted of its words."""
    victim = victim_of(now)
    if isinstance(victim, str):
        return
    sigma = risk.sigma(now) if risk else 0.0
    live = sources.live_picture(now) if job is not None and job.state == "running" else None
    shown, faded = run or old, live is None and run is None and old is not None
    guess = live / 255 if live is not None else shown.guess if shown else None  # what is sent while it runs are bytes
    known = risk.portrait.known(sigma)[0] if risk and risk.portrait else None
    spread = risk.decomposition.variances.reshape(risk.truth.shape)[0] if risk else None
    ideal = risk.draw(sigma)[0] if risk else None
    bits = None if found is None else {c.name: (one.bits, one.entropy) for c, one in zip(choices_of(now), found.here[0], strict=True)}
    sure = None if live is not None or shown is None else (shown.result.get("certainty") or [None])[0]
    name = "an earlier attack" if faded else "real attack"
    dark = st.context.theme.type == "dark"
    guesses = {name: None if guess is None else guess[0]}
    st.html(table_html(now.columns, victim.truth[0], ideal, guesses, known, spread, dark, {name} if faded else (), bits, {name: sure}))
    first = f"The first of {now.batch} rows in the batch." if now.batch > 1 else ""
    st.caption(" ".join(part for part in (first, TOLD if bits else "", AGREE if sure else "") if part))
