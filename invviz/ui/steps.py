"""The Lab's attack, step by step: matching loss and PSNR over its way, and the picture at any step that was kept."""

from __future__ import annotations

import numpy as np
import streamlit as st

from ..attacks import ATTACKS
from ..charts._colours import REAL
from ..charts.progress import loss_spec, psnr_spec
from ..core.figures import number
from ..engine.summary import noise_variance
from ..metrics import decibels
from . import drawn, pulse
from .views import RiskView, RunView

LOST = 1.0  # dB: a fall of the PSNR from its best to the end that is worth a sentence
PICTURE = 150  # screen pixels
ORACLE = "PSNR takes the truth (an oracle value): the attacker sees the matching loss alone."


def draw(run: RunView, risk: RiskView | None) -> None:
    """The way of a finished attack, with a slider over its steps."""
    _title(run)
    if words := lesson(run, noise_share(run, risk)):
        st.markdown(words)
    pulse.inner(_play, run)


def before(old: RunView, differs: str) -> None:
    """The way of an earlier attack, faintly, where none of this very scenario is known."""
    st.caption(f":material/history: **From before**, made for {differs}: {_ended(old)}.")
    if len(old.frames) > 1:
        with st.container(key="stale-way"):
            _chart(old, None, f"Of an attack from before, made for {differs}.")


def lesson(run: RunView, share: float | None) -> str:
    """That the picture got worse while the matching loss got better, where it did; empty elsewhere.

    It is said where the best picture that was kept is better than the last by at least 1 dB, and the loss of the answer no higher than the loss there. That
    the attack fits the noise is said only where its loss is below what the true picture itself would have.

    Args:
        run: with its kept pictures.
        share: the expected matching loss of the true picture, where that is known: the noise's share of the message.
    """
    psnr, at_end = run.frame_psnr, run.result["matching_loss"]
    if len(psnr) < 3 or not np.isfinite(psnr).all() or not len(run.loss) or at_end is None:
        return ""
    best = int(np.argmax(psnr))
    if psnr[best] - psnr[-1] < LOST or at_end > np.interp(run.frame_steps[best], run.steps, run.loss):
        return ""
    where = "at the start" if best == 0 else f"at step {run.frame_steps[best]:,}"
    words = f"**The {run.scenario.data.modality.one} was best {where}**, {decibels(psnr[best])}, and got worse while the matching loss fell: {decibels(psnr[-1])} at the end. "
    if share is None or at_end >= share:
        return words + f"A lower loss is not always a better {run.scenario.data.modality.one}."
    return (
        words
        + f"It fits the noise: its loss, {number(at_end, 2)}, is below what the true {run.scenario.data.modality.one} would have, about {number(share, 2)}."
    )


def noise_share(run: RunView, risk: RiskView | None) -> float | None:
    """What matching loss the true picture is expected to have: |noise|^2 over |message|^2; None where the loss is another one, or the noise is not known.

    For searches whose loss is the relative squared error alone: DLG and iDLG that are not told of the defense.
    """
    plain = type(run.scenario.attack) in (ATTACKS["dlg"], ATTACKS["idlg"]) and run.scenario.attacker == "unaware"
    if risk is None or not plain or run.scenario.rounds > 1 or not run.scenario.defense.adds_noise:
        return None
    variance = noise_variance(run.scenario, risk.size, risk.stages)
    return variance / (variance + risk.size.rms**2) if variance > 0 else None


def _title(run: RunView) -> None:
    st.markdown(f"### {run.scenario.attack.title} {_ended(run)}")


def _ended(run: RunView) -> str:
    verb = "was stopped after" if run.result["stopped"] else "ended after"
    steps = run.result["steps"]
    return f"{verb} {steps:,} step{'s' * (steps != 1)} at {decibels(float(np.mean(run.result['scores']['psnr'])))}"


def _play(run: RunView) -> None:
    """Redrawn alone when the slider moves."""
    name = f"step {run.scenario.key('run')} {len(run.frames)}"
    stops = {int(step): place for place, step in enumerate(run.frame_steps)}
    shown = st.session_state.get(name, max(stops))
    place = stops.get(shown, len(run.frames) - 1)
    psnr, loss = float(run.frame_psnr[place]), float(np.interp(run.frame_steps[place], run.steps, run.loss)) if len(run.loss) else np.nan
    told = f"step {int(run.frame_steps[place]):,}: {decibels(psnr)}, matching loss {number(loss, 2)}"
    with st.container(horizontal=True, gap="small", key="way"):
        with st.container(width=PICTURE):
            st.image(
                drawn.png(run.frames[place], REAL, PICTURE), width="stretch", output_format="PNG", alt=f"The attack's picture at {told}."
            )
        with st.container(width="stretch"):
            _chart(run, int(run.frame_steps[place]), f"Shown is {told}.")
    st.select_slider(
        "Step of the attack",
        list(stops),
        max(stops),
        format_func=lambda step: f"{step:,}",
        key=name,
        help="The picture at each step that was kept. Arrow keys go from one to the next.",
    )
    st.caption(f"**{told[0].upper()}{told[1:]}**. {ORACLE}")


def curves(name: str, loss: tuple[np.ndarray, np.ndarray], psnr: tuple[np.ndarray, np.ndarray], alt: str, here: int | None = None) -> None:
    """Matching loss and, below it, PSNR over the steps.

    Args:
        name: of the charts, the only ones of that name on the page.
        loss: steps and matching loss.
        psnr: steps and PSNR in dB.
        alt: what they say.
        here: the step whose picture is shown.
    """
    dark = st.context.theme.type == "dark"
    last = int(max(loss[0].max(initial=1), psnr[0].max(initial=1)))
    st.vega_lite_chart(loss_spec(*loss, last, here, dark), key=f"loss {name}", alt=f"Matching loss over the steps. {alt}")
    st.vega_lite_chart(psnr_spec(*psnr, last, here, dark), key=f"psnr {name}", alt=f"PSNR over the steps. {alt}")


def _chart(run: RunView, here: int | None, alt: str) -> None:
    curves(run.scenario.key("run"), (run.steps, run.loss), (run.frame_steps, run.frame_psnr), alt, here)
