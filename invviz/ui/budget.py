"""What a promise of differential privacy is worth at each stop of the slider, by Opacus's accountant."""

from __future__ import annotations

import json
import subprocess
import sys

import streamlit as st

from ..core.errors import InvvizError
from ..defenses.dp_sgd import DPSGD
from ..scenario import Scenario
from . import strength, trouble

PATIENCE = 120  # seconds


def draw(now: Scenario) -> None:
    """Epsilon and delta of the scenario's DP-SGD, if it has one."""
    found = next((d for d in now.defense if isinstance(d, DPSGD)), None)
    if found is None or found.noise_multiplier == 0:
        return
    if found.relative_clip:
        st.caption(
            ":material/lock_open: No formal guarantee: with relative clip the clip norm is read off the private batch. Switch that off (More, Defenses)."
        )
        return
    if readers := [d.title for d in now.defense[now.defense.index(found) + 1 :] if d.reads_batch]:
        st.caption(f":material/lock_open: No formal guarantee: {', '.join(readers)} looks at the private batch again, after the noise.")
        return
    with trouble.shown(), st.spinner("Opacus adds up the privacy budget ..."):
        stops = [found.replace(noise_multiplier=float(z)).text() for z in strength.options(found)]
        epsilon = _epsilons(tuple(stops))[found.text()]
        st.caption(
            f":material/lock: **epsilon = {epsilon:,.3g}** at delta = {found.delta:g}, for every sample, over {found.steps:,} steps with sample rate "
            f"{found.sample_rate:g} (Opacus). Small protects; above 10 the promise says little. The pictures show one single release."
        )


@st.cache_data(show_spinner=False, max_entries=64)
def _epsilons(texts: tuple[str, ...]) -> dict[str, float]:
    """In a process of its own, because Opacus takes all of torch along."""
    command = [sys.executable, "-m", "invviz", "epsilon", "--json", *texts]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        raise InvvizError(f"Opacus did not answer within {PATIENCE} s; reload the page to ask again.") from None
    if done.returncode:  # raised, so that it is not kept
        raise InvvizError(f"epsilon is not known: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else 'Opacus failed'}")
    return {text: float(value) for text, value in json.loads(done.stdout).items()}
