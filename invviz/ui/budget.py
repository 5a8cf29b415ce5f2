"""What a promise of differential privacy is worth at each stop of the slider, by Opacus's accountant."""

from __future__ import annotations

import json
import subprocess
import sys

import streamlit as st

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
    with trouble.shown(), st.spinner("Opacus adds up the privacy budget ..."):
        stops = [found.replace(noise_multiplier=float(z)).text() for z in strength.options(found)]
        epsilon = _epsilons(tuple(stops)).get(found.text())
        if epsilon is None:
            st.caption(":material/lock: epsilon: Opacus did not answer. `python -m invviz epsilon` says why.")
            return
        st.caption(
            f":material/lock: **epsilon = {epsilon:,.3g}** at delta = {found.delta:g}, for every sample, over {found.steps:,} steps with sample rate "
            f"{found.sample_rate:g} (Opacus). Small protects; above 10 the promise says little. The pictures show one single release."
        )


@st.cache_data(show_spinner=False, max_entries=64)
def _epsilons(texts: tuple[str, ...]) -> dict[str, float]:
    """In a process of its own, because Opacus takes all of torch along."""
    command = [sys.executable, "-m", "invviz", "epsilon", "--json", *texts]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    return {} if done.returncode else {text: float(value) for text, value in json.loads(done.stdout).items()}
