"""The Lab's stage: slider, three pictures, the finding in words, spectrum and attack. Redrawn alone when the slider moves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from ..charts._colours import IDEAL, REAL, TRUTH
from ..charts.rows import table_html
from ..core.remaining import in_words
from ..jobs.limits import risk_problems, too_dear
from ..jobs.price import seconds
from ..jobs.store import Job
from ..metrics import PSNR, SSIM, Cells, decibels, quality
from ..scenario import Scenario, problems
from . import alts, charts, drawn, finding, form, look, press, pulse, sources, stale, state, trouble
from .components import noise, stops
from .components.table import NoiseTable
from .victim import baseline, cells_unseen, victim_of
from .views import RiskView, RunView
from .waits import could_not, waiting


def draw() -> None:
    """The whole stage for the scenario in the session."""
    with trouble.shown():
        _draw()


def _draw() -> None:
    form.slider(attacker=True)
    now = state.scenario()
    state.write_address()
    risk, risk_job = look.risk_of(now)
    run, run_job = look.run_of(now)
    active = [j for j in (risk_job, run_job) if j is not None and j.active]
    pulse.keep(bool(active))
    old = _remembered(now, run)
    moves = table_of(now, risk)
    noise.table(moves)
    with st.container(horizontal=True, gap="medium", key="row"):
        with st.container(width=740, key="pictures"):
            if now.columns:
                table(now, risk, run, old, run_job)
            truth, best, real = st.columns(3, gap="small")
            with truth:
                picture_truth(now)
            with best:
                ideal_psnr = picture_ideal(now, risk, risk_job, moves is not None and moves.pictures and not now.columns)
            with real:
                picture_real(now, run, old, run_job)
        with st.container(width="stretch", key="finding"):
            finding.draw(now, risk, run, ideal_psnr, moves is not None)
    left, right = st.columns(2, gap="medium")
    with left:
        charts.spectrum(now, risk, risk_job, moves is not None)
    with right:
        charts.attack(now, run, old, risk, run_job)
    finding.footer(now, run)


def table(now: Scenario, risk: RiskView | None, run: RunView | None, old: RunView | None, job: Job | None) -> None:
    """In place of the pictures of a table: its row, what the ideal attacker and the real one make of it, and how sure each cell is."""
    victim = victim_of(now)
    if isinstance(victim, str):
        return
    sigma = risk.sigma(now) if risk else 0.0
    live = sources.live_picture(now) if job is not None and job.state == "running" else None
    shown, faded = run or old, live is None and run is None and old is not None
    guess = live / 255 if live is not None else shown and shown.guess  # what is sent while it runs are bytes
    known = risk.portrait.known(sigma)[0] if risk and risk.portrait else None
    spread = risk.decomposition.variances.reshape(risk.truth.shape)[0] if risk else None
    ideal = risk.draw(sigma)[0] if risk else None
    dark = st.context.theme.type == "dark"
    name = "an earlier attack" if faded else "real attack"
    guesses = {name: None if guess is None else guess[0]}
    st.html(table_html(now.columns, victim.truth[0], ideal, guesses, known, spread, dark, {name} if faded else ()))
    if now.batch > 1:
        st.caption(f"The first of {now.batch} rows in the batch.")


def _image(now: Scenario, png: bytes, alt: str) -> None:
    """A picture; a row of a table stands above as a table instead."""
    if not now.columns:
        st.image(png, width="stretch", output_format="PNG", alt=alts.alt(alt))


def _quality(now: Scenario, truth: np.ndarray, psnr: Sequence[float], ssim: Sequence[float], cells: float) -> str:
    """How good a guess is, in a few words."""
    if now.columns:
        mean = cells_unseen(now, truth)
        without = "" if mean is None else f" ({100 * mean:.0f} % without a message: the mean row)"
        return f"**{100 * cells:.0f} % of the cells right**{without} · {decibels(float(np.mean(psnr)))}"
    likeness = float(np.mean(ssim))
    return f"**{quality(psnr, ssim, baseline(now, truth), '** · ')}" + ("" if np.isnan(likeness) else f" · SSIM {likeness:.2f}")


def picture_truth(now: Scenario) -> None:
    """The client's own picture."""
    victim, thing = victim_of(now), now.data.modality.one
    st.markdown(f"**The client's {thing}{'s' * (now.batch > 1)}**")
    if isinstance(victim, str):
        _image(now, drawn.placeholder(now.shape, now.batch, TRUTH), victim)
        st.warning(trouble.plain(victim), icon=":material/image_not_supported:")
        return
    what = ", ".join(victim.names[:4]) + (" ..." if len(victim.names) > 4 else "")
    _image(now, drawn.png(victim.truth, TRUTH), f"What is private ({what}), and what the client never sends.")
    where = "your own picture, in memory only" if now.upload else f"{thing} {now.data.index} of {victim.count:,}"
    where += f" · trained on in {now.rounds} rounds, all of them seen" if now.rounds > 1 else ""
    st.caption(f"never sent · {what} · {where}" + (f" · {victim.note}" if victim.note else ""))


def table_of(now: Scenario, risk: RiskView | None) -> NoiseTable | None:
    """What the slider moves in the browser; None where the server has to be asked first."""
    if risk is None or not noise.available():
        return None

    def say(picture: np.ndarray) -> tuple[str, str]:
        psnr, ssim = PSNR().score(picture, risk.truth), SSIM().score(picture, risk.truth)
        best, _, rest = _quality(now, risk.truth, psnr.tolist(), ssim.tolist(), 0.0).replace("**", "").partition(" · ")
        return best, f" · {rest}"

    return stops.table_of(now, risk, say)


def picture_ideal(now: Scenario, risk: RiskView | None, job: Job | None, live: bool = False) -> float | None:
    """What an ideal attacker would see; returns its PSNR.

    Args:
        now: the scenario on the screen.
        risk: its spectrum.
        job: that computes it.
        live: whether the browser draws it.
    """
    st.markdown("**An :violet[ideal] attacker sees this**")
    if risk is None:
        reason = " ".join(risk_problems(now))
        _image(now, drawn.placeholder(now.shape, now.batch, IDEAL), reason or "The ideal attacker's picture is being computed.")
        st.caption(trouble.plain(reason or waiting(job, "spectrum")))
        return None
    picture = risk.draw(risk.sigma(now)).clip(0, 1)
    psnr, ssim = PSNR().score(picture, risk.truth), SSIM().score(picture, risk.truth)
    cells = float(Cells().of_rows(picture, risk.truth, now.columns).mean()) if now.columns else np.nan
    so_far = decibels(float(psnr.mean()))
    said = quality(psnr, ssim, None if now.columns else baseline(now, risk.truth), ": ")
    what = f"A first sketch of the ideal attacker's picture: {so_far} so far." if risk.first else ""
    if live:
        noise.part("picture")
    with noise.instead("picture", live) as needed:
        if needed:
            _image(now, drawn.png(picture, IDEAL), what or f"The ideal attacker's picture is {said}.")
            if not risk.first:
                st.caption(_quality(now, risk.truth, psnr.tolist(), ssim.tolist(), cells))
    if risk.first:  # no word, and no verdict: the spectrum will say more
        st.caption(f":material/draw: {so_far} so far · {look.said(job)}")
        return None
    return float(psnr.mean())


def picture_real(now: Scenario, run: RunView | None, old: RunView | None, job: Job | None) -> None:
    """What a real attack got, is getting, or could get.

    Args:
        now: the scenario on the screen.
        run: the result of its attack.
        old: the last result shown for the same picture, where there is none of this very scenario.
        job: that is after it.
    """
    st.markdown("**A :orange[real] attack got this**")
    frame = sources.live_picture(now) if job is not None and job.state == "running" else None
    if frame is not None:
        _image(now, drawn.png(frame, REAL), "The attack's present guess.")
    elif run is not None:
        with st.container(key="after-noise-real"):
            _image(now, drawn.png(run.guess, REAL), f"The attack's picture: {_scores(now, run)}")
    elif old is not None:
        with st.container(key="stale-picture"):
            _image(now, drawn.png(old.guess, REAL), f"A picture from before: {_origin(old, now)}")
    else:
        _image(now, drawn.placeholder(now.shape, now.batch, REAL), "No attack has been run on this scenario yet.")
    if old is not None and frame is None:
        st.caption(f":material/history: **From before**, {_origin(old, now)}")
    if job is not None and job.active:
        _progress(now, job)
    else:
        _run_button(now, run, old, job)


def _origin(old: RunView, now: Scenario) -> str:
    """How good an earlier result was, and what it was made for."""
    psnr = float(np.mean(np.array(old.result["scores"]["psnr"], np.float64)))
    return f"{decibels(psnr)}, made for {stale.made_for(old.scenario, now) or stale.UNFINISHED}"


def _scores(now: Scenario, run: RunView) -> str:
    scores = {name: np.array(values, np.float64) for name, values in run.result["scores"].items() if values}  # None is NaN
    none, victim = np.array([np.nan]), victim_of(now)
    if isinstance(victim, str):
        return decibels(float(scores["psnr"].mean()))
    ssim, cells = scores.get("ssim", none), scores.get("cells", none)
    return _quality(now, victim.truth, scores["psnr"].tolist(), ssim.tolist(), float(cells.mean()))


def _progress(now: Scenario, job: Job) -> None:
    """Bar, estimate, Stop."""
    share = min(job.done / job.total, 1.0) if job.total else 0.0
    st.progress(share, waiting(job, "attack"))
    if sources.has_left(now):
        st.caption("You have stopped watching; it goes on for others.")
    else:
        press.button("Stop", "stop", lambda: sources.stop_run(now), icon=":material/stop:", disabled=job.stopping, width="stretch")


def _run_button(now: Scenario, run: RunView | None, old: RunView | None, job: Job | None) -> None:
    if run is not None:
        took = (
            f"from the study “{run.study}”"
            if run.study
            else f"{run.result['seconds']:.1f} s{' · prepared earlier' if run.prepared else ''}"
        )
        st.caption(f"{_scores(now, run)} · {took}")
    elif old is None:
        st.caption("not run yet")
    if job is not None and job.state == "failed":
        st.error(trouble.plain(could_not(job, "The attack could not run")), icon=":material/error:")
    victim = victim_of(now)
    unfit = " ".join(problems(now))
    dear = "" if unfit or run is not None else too_dear("run", now)
    reason = unfit or (victim if isinstance(victim, str) else "") or dear
    stopped = run is not None and run.result["stopped"]
    done = run is not None and not run.prepared and not stopped
    live_words = (
        "" if reason else f"{now.attack.title}, computed live on this machine; at most about {in_words(seconds('run', now))} by its steps."
    )
    press.button(
        "Finished" if done else "Run it again" if stopped else "Run the attack",
        "run",
        lambda: sources.start_run(now),
        icon=":material/check:" if done else ":material/play_arrow:",
        type="primary",
        disabled=bool(reason) or done,
        help=trouble.plain(reason)
        or ("The result of this very scenario is on the screen; change anything to run again." if done else live_words),
        width="stretch",
    )
    if unfit or dear:
        st.caption(f":material/block: {trouble.plain(reason)}")


def _remembered(now: Scenario, run: RunView | None) -> RunView | None:
    """The last result shown for the same picture, where there is none of this very scenario: old results stay until new ones arrive."""
    if run is not None:
        st.session_state["last run"] = run
        return None
    last: RunView | None = st.session_state.get("last run")
    same = last is not None and (last.scenario.data, last.scenario.upload, last.scenario.batch) == (now.data, now.upload, now.batch)
    return last if same and last is not None and last.guess.shape[1:] == now.shape else None
