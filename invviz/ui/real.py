"""The Lab's real attack: what it got, is getting, or could get, and the button that runs it."""

from __future__ import annotations

import numpy as np
import streamlit as st

from ..charts._colours import REAL
from ..core.remaining import in_words
from ..jobs.limits import too_dear
from ..jobs.price import seconds
from ..jobs.store import Job
from ..scenario import Scenario, problems
from . import drawn, glossary, lesson, press, sources, stale, trouble
from .guessed import how_good, image, level, level_of_words, likeness
from .victim import victim_of
from .views import RunView
from .waits import could_not, waiting


def picture(now: Scenario, run: RunView | None, old: RunView | None, job: Job | None) -> None:
    """What a real attack got, is getting, or could get.

    Args:
        now: the scenario on the screen.
        run: the result of its attack.
        old: the last result shown for the same picture, where there is none of this very scenario.
        job: that is after it.
    """
    st.markdown("**A :orange[real] attack got this**", help=glossary.tip("attack"))
    if lesson.hidden("attack"):
        image(now, drawn.placeholder(now.shape, now.batch, REAL), lesson.HIDDEN)
        st.caption(lesson.HIDDEN)
        return
    frame = sources.live_picture(now) if job is not None and job.state == "running" else None
    if frame is not None:
        image(now, drawn.png(frame, REAL), "The attack's present guess.")
    elif run is not None:
        with st.container(key="after-noise-real"):
            image(now, drawn.png(run.guess, REAL), f"The attack's picture: {_scores(now, run)}")
    elif old is not None:
        with st.container(key="stale-picture"):
            image(now, drawn.png(old.guess, REAL), f"A picture from before: {_origin(old, now)}")
    else:
        image(now, drawn.placeholder(now.shape, now.batch, REAL), "No attack has been run on this scenario yet.")
    if old is not None and frame is None:
        st.caption(f":material/history: **From before**, {_origin(old, now)}")
    below(now, run, old, job)


def below(now: Scenario, run: RunView | None, old: RunView | None, job: Job | None) -> None:
    """What stands under the guess: how far the attack is, or how good it was, and the button that runs it."""
    if job is not None and job.active:
        _progress(now, job)
    else:
        _run_button(now, run, old, job)


def _origin(old: RunView, now: Scenario) -> str:
    """How good an earlier result was, and what it was made for."""
    psnr = float(np.mean(np.array(old.result["scores"]["psnr"], np.float64)))
    return f"{level(psnr)}, made for {stale.made_for(old.scenario, now) or stale.UNFINISHED}"


def _scores(now: Scenario, run: RunView) -> str:
    scores = {name: np.array(values, np.float64) for name, values in run.result["scores"].items() if values}  # None is NaN
    if now.data.modality.discrete:
        return level_of_words(float(scores["token_accuracy"].mean()), float(scores["rouge_2"].mean()))
    none, victim = np.array([np.nan]), victim_of(now)
    if isinstance(victim, str):
        return level(float(scores["psnr"].mean()))
    ssim, cells = scores.get(likeness(now).name, none), scores.get("cells", none)
    return how_good(now, victim.truth, scores["psnr"].tolist(), ssim.tolist(), float(cells.mean()))


def _progress(now: Scenario, job: Job) -> None:
    """Bar, estimate, Stop."""
    share = min(job.done / job.total, 1.0) if job.total else 0.0
    st.progress(share, "running" if lesson.hidden("score") else waiting(job, "attack"))
    if not sources.asked_for(now):
        st.caption("Somebody else has started it; you see it as it goes.")
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
