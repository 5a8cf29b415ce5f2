"""The Lab's stage: slider, three pictures, the finding in words, spectrum and attack. Redrawn alone when the slider moves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import streamlit as st

from ..charts._colours import IDEAL, TRUTH
from ..core.modality import SERIES
from ..jobs.limits import risk_problems
from ..jobs.store import Job
from ..metrics import PSNR, SSIM, Cells, quality
from ..scenario import Scenario
from . import charts, drawn, finding, form, glossary, lesson, look, pulse, real, state, trouble
from .components import noise, stops
from .components.table import NoiseTable, Shown
from .guessed import how_good, image, level, likeness, similar
from .samples import rows, sentences, series
from .victim import baseline, victim_of
from .views import RiskView, RunView
from .waits import waiting


def draw() -> None:
    """The whole stage for the scenario in the session."""
    with trouble.shown():
        _draw()


def _draw() -> None:
    form.slider("lab", attacker=True)
    now = state.scenario()
    if now.data.modality.discrete:
        sentences.draw(now)
        return
    state.write_address()
    risk, risk_job = look.risk_of(now)
    run, run_job = look.run_of(now)
    words, counting = rows.words_told(now)
    active = [j for j in (risk_job, run_job, counting) if j is not None and j.active]
    pulse.keep(bool(active))
    old = _remembered(now, run)
    moves = _moves(now, risk)
    noise.table("lab", moves)
    with st.container(horizontal=True, gap="medium", key="row"):
        with st.container(width=740, key="pictures"):
            if now.columns and not lesson.lesson().hide:
                rows.table(now, risk, run, old, run_job, words)
            if now.data.modality is SERIES:
                series.draw(now, risk, run, old, run_job)
            truth, best, got = st.columns(3, gap="small")
            with truth:
                picture_truth(now)
            with best:
                ideal_psnr = picture_ideal(now, risk, risk_job, moves is not None and moves.pictures and not now.columns)
            with got:
                real.picture(now, run, old, run_job)
        with st.container(width="stretch", key="finding"):
            if lesson.hidden("ideal") or lesson.hidden("score"):
                finding.untold(now)
            else:
                finding.draw(now, risk, run, ideal_psnr, moves is not None)
    left, right = st.columns(2, gap="medium")
    with left:
        _unless("spectrum", lambda: charts.spectrum(now, risk, risk_job, moves is not None))
    with right:
        _unless("attack" if lesson.hidden("attack") else "score", lambda: charts.attack(now, run, old, risk, run_job))
    finding.footer(now, run)


def _unless(what: str, draw: Callable[[], None]) -> None:
    """Draw, where the link of a class does not hide it."""
    if lesson.hidden(what):
        st.info(lesson.HIDDEN, icon=":material/visibility_off:")
    else:
        draw()


def picture_truth(now: Scenario) -> None:
    """The client's own picture."""
    victim, thing = victim_of(now), now.data.modality.one
    st.markdown(f"**The client's {thing}{'s' * (now.batch > 1)}**")
    if isinstance(victim, str):
        image(now, drawn.placeholder(now.shape, now.batch, TRUTH), victim)
        st.warning(trouble.plain(victim), icon=":material/image_not_supported:")
        return
    what = ", ".join(victim.names[:4]) + (" ..." if len(victim.names) > 4 else "")
    image(now, drawn.png(victim.truth, TRUTH), f"What is private ({what}), and what the client never sends.")
    where = f"your own {thing}, in memory only" if now.upload else f"{thing} {now.data.index} of {victim.count:,}"
    where += _rounds(now) if now.rounds > 1 else ""
    st.caption(f"never sent · {what} · {where}" + (f" · {victim.note}" if victim.note else ""))


def _rounds(now: Scenario) -> str:
    """In how many rounds the client takes part, and that their messages, or the sums, are all seen."""
    there = sum(now.aggregation.members(now.rounds)[0])
    return (
        f" · trained on in {there} of {now.rounds} rounds, all of them seen"
        if there < now.rounds
        else f" · trained on in {now.rounds} rounds, all of them seen"
    )


def _moves(now: Scenario, risk: RiskView | None) -> NoiseTable | None:
    """What the slider moves in the browser; None where the server has to be asked first."""

    def say(picture: np.ndarray, sigma: float) -> tuple[str, str]:
        assert risk is not None
        psnr, ssim = PSNR().score(picture, risk.truth), SSIM().score(picture, risk.truth)
        best, _, rest = how_good(now, risk.truth, psnr.tolist(), ssim.tolist(), 0.0).replace("**", "").partition(" · ")
        return best, f" · {rest}"

    return stops.table_of("lab", now, risk, Shown("ideal", say))


def picture_ideal(now: Scenario, risk: RiskView | None, job: Job | None, live: bool = False) -> float | None:
    """What an ideal attacker would see; returns its PSNR.

    Args:
        now: the scenario on the screen.
        risk: its spectrum.
        job: that computes it.
        live: whether the browser draws it.
    """
    st.markdown("**An :violet[ideal] attacker sees this**", help=glossary.tip("ideal", "words", "psnr", "ssim"))
    if lesson.hidden("ideal"):
        image(now, drawn.placeholder(now.shape, now.batch, IDEAL), lesson.HIDDEN)
        st.caption(lesson.HIDDEN)
        return None
    if risk is None:
        reason = " ".join(risk_problems(now))
        image(now, drawn.placeholder(now.shape, now.batch, IDEAL), reason or "The ideal attacker's picture is being computed.")
        st.caption(trouble.plain(reason or waiting(job, "spectrum")))
        return None
    picture = risk.draw(risk.sigma(now)).clip(0, 1)
    psnr, ssim = PSNR().score(picture, risk.truth), likeness(now).score(picture, risk.truth)
    cells = float(Cells().of_rows(picture, risk.truth, now.columns).mean()) if now.columns else np.nan
    so_far = level(float(psnr.mean()))
    said = (
        "not scored here"
        if lesson.hidden("score")
        else quality(psnr, similar(now, ssim), None if now.columns else baseline(now, risk.truth), ": ")
    )
    what = f"A first sketch of the ideal attacker's picture: {so_far} so far." if risk.first else ""
    if live:
        noise.part("lab", "picture", title="The ideal attacker's picture")
    with noise.instead("picture", live) as needed:
        if needed:
            image(now, drawn.png(picture, IDEAL), what or f"The ideal attacker's picture is {said}.")
            if not risk.first:
                st.caption(how_good(now, risk.truth, psnr.tolist(), ssim.tolist(), cells))
    if risk.first:  # no word, and no verdict: the spectrum will say more
        st.caption(f":material/draw: {so_far} so far · {look.said(job)}")
        return None
    return float(psnr.mean())


def _remembered(now: Scenario, run: RunView | None) -> RunView | None:
    """The last result shown for the same picture, where there is none of this very scenario: old results stay until new ones arrive."""
    if run is not None:
        st.session_state["last run"] = run
        return None
    last: RunView | None = st.session_state.get("last run")
    same = last is not None and (last.scenario.data, last.scenario.upload, last.scenario.batch) == (now.data, now.upload, now.batch)
    return last if same and last is not None and last.guess.shape[1:] == now.shape else None
