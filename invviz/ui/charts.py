"""The Lab's charts below the pictures: the spectrum with the noise floor, and the attack over its steps."""

from __future__ import annotations

import numpy as np
import streamlit as st

from ..plots.progress import live_spec
from ..plots.spectrum import spectrum_spec
from ..scenario import Scenario, risk_problems
from ..store import Job
from . import finding, press, sources
from .views import RiskView, RunView
from .waits import waiting


def spectrum(now: Scenario, risk: RiskView | None, job: Job | None) -> None:
    """Singular values with the floor across them."""
    if risk is None:
        st.info(" ".join(risk_problems(now)) or f"Singular values: {waiting(job, 'spectrum')}", icon=":material/query_stats:")
        if job is not None and job.state == "failed":
            press.button("Try again", "retry", lambda: sources.retry_risk(now), icon=":material/refresh:")
        return
    values, floor = finding.levels(risk.decomposition, risk.sigma(now))
    count = int((values > floor).sum())
    least = "At least " if risk.decomposition.method == "sketch" else ""
    title = f"{least}{count:,} of {risk.decomposition.size:,} directions lie above the noise floor"
    dark = st.context.theme.type == "dark"
    st.markdown(f"**{title}**")
    st.vega_lite_chart(spectrum_spec(values, floor, dark), key="spectrum", alt=f"Singular values of the Jacobian, falling; {title}.")
    st.caption(finding.about_spectrum(now))
    st.caption(finding.details(risk, now))


def attack(now: Scenario, run: RunView | None, job: Job | None) -> None:
    """Live curve while the attack runs, scrubber afterwards."""
    if job is not None and job.state == "running" and job.phase != "attack":
        st.info(waiting(job, "attack"), icon=":material/timeline:")
        return
    if job is not None and job.state == "running":
        steps, loss = sources.live_curve(now)
        psnr = f", now {job.psnr:.1f} dB" if job.psnr is not None else ""
        st.markdown(f"**Step {job.done:,}: matching loss {job.loss or 0:.1e}{psnr}**")
        st.vega_lite_chart(live_spec(steps, loss), key="live", alt="Matching loss over the steps so far.")
        return
    if run is None:
        st.info(
            "Matching loss and pictures appear here while the attack runs; afterwards a scrubber plays them again.",
            icon=":material/timeline:",
        )
        return
    if len(run.frames) < 2:
        loss = run.result["matching_loss"]
        took = "closed form, one step" if run.result["steps"] <= 1 else f"over in {run.result['steps']:,} steps"
        st.info(f"{run.scenario.attack.title}: {took}, nothing to play back." + ("" if loss is None else f" Matching loss {loss:.1e}."))
        return
    verb = "stopped after" if run.result["stopped"] else "ended after"
    title = f"{run.scenario.attack.title} {verb} {run.result['steps']:,} steps at {np.mean(run.result['scores']['psnr']):.1f} dB"
    st.markdown(f"**{title}**")
    st.plotly_chart(
        run.scrubber,
        key=f"scrub-{run.scenario.key('run')}",
        config={"displayModeBar": False},
        alt=f"{title}; drag the slider to see each step.",
    )
