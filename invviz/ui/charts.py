"""The Lab's charts below the pictures: the spectrum with the noise floor, and the attack over its steps."""

from __future__ import annotations

import streamlit as st

from ..charts.spectrum import spectrum_spec
from ..core.figures import number
from ..jobs.limits import risk_problems
from ..jobs.store import Job
from ..metrics import decibels
from ..scenario import Scenario
from . import finding, glossary, lesson, look, press, sources, stale, steps, trouble
from .components import noise
from .stale import UNFINISHED
from .views import RiskView, RunView
from .waits import waiting

ABOVE = glossary.tip("direction", "singular", "floor")


def spectrum(now: Scenario, risk: RiskView | None, job: Job | None, live: bool = False) -> None:
    """Singular values with the floor across them; where `live`, the browser draws them."""
    if risk is None:
        st.info(
            trouble.plain(" ".join(risk_problems(now)) or f"Singular values: {waiting(job, 'spectrum')}"), icon=":material/query_stats:"
        )
        if job is not None and job.state == "failed":
            press.button("Try again", "retry", lambda: sources.retry_risk(now), icon=":material/refresh:")
        return
    values, floor = finding.levels(risk.decomposition, risk.sigma(now))
    count = int((values > floor).sum())
    least = "At least " if risk.decomposition.method == "sketch" else ""
    title = f"{least}{count:,} of {risk.decomposition.size * risk.decomposition.clients:,} directions lie above the noise floor"
    if live:
        noise.part("lab", "spectrum")
    with noise.instead("spectrum", live) as needed:
        if needed:
            spec = spectrum_spec(values, floor, st.context.theme.type == "dark")
            st.markdown(f"### {title}", help=ABOVE)
            st.vega_lite_chart(spec, key="spectrum", alt=f"Singular values of the Jacobian, falling; {title}.")
    st.caption(finding.about_spectrum(now), help=ABOVE)
    if lesson.hidden("score"):
        return
    with st.container(key="after-noise-spectrum"):
        st.caption(f":material/draw: Leading directions only: {look.said(job)}" if risk.first else finding.details(risk, now))


def attack(now: Scenario, run: RunView | None, old: RunView | None, risk: RiskView | None, job: Job | None) -> None:
    """Live curves while the attack runs; afterwards its way, step by step, or faintly that of an earlier one."""
    if job is not None and job.state == "running" and job.phase != "attack":
        st.info(trouble.plain(waiting(job, "attack")), icon=":material/timeline:")
    elif job is not None and job.state == "running":
        _live(now, job)
    elif run is not None and len(run.frames) > 1:
        steps.draw(run, risk)
    elif run is not None and run.study:
        words = f"This is the attack of the study “{run.study}”, which keeps pictures and scores. Run the attack to see its way."
        st.info(words, icon=":material/timeline:")
    elif run is not None:
        loss = run.result["matching_loss"]
        count = run.result["steps"]
        took = (
            "one step in closed form, nothing to play back"
            if count <= 1
            else f"it took {count:,} steps, which were not kept: run it to see its way"
        )
        said = f"{run.scenario.attack.title}: {took}."
        st.info(said + ("" if loss is None else f" Matching loss {number(loss, 2)}."))
    elif old is not None:
        steps.before(old, stale.made_for(old.scenario, now) or UNFINISHED)
    else:
        words = "Matching loss and guesses appear here while the attack runs; afterwards a slider shows every step again."
        st.info(words, icon=":material/timeline:")


def _live(now: Scenario, job: Job) -> None:
    curve = sources.live_curve(now)
    psnr = f", now {decibels(job.psnr)}" if job.psnr is not None else ""
    st.markdown(f"### Step {job.done:,}: matching loss {number(job.loss or 0.0, 2)}{psnr}", help=glossary.tip("loss", "psnr"))
    steps.curves("live", (curve.steps, curve.loss), (curve.steps, curve.psnr), "So far; it is still running.")
    st.caption(steps.ORACLE)
