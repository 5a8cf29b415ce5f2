"""What a promise of differential privacy is worth: epsilon, and for which rate and steps."""

from __future__ import annotations

import streamlit as st

from ..core.errors import InvvizError
from ..defenses.dp_sgd import DPSGD
from ..scenario import Scenario
from ..utility import Spent, spent, split_counts
from .session import station


def draw(now: Scenario) -> None:
    """Epsilon and delta of the scenario's DP-SGD, if it has one, over the scenario's training."""
    if words := said(now):
        st.caption(words)


def said(now: Scenario, trained: bool = False) -> str:
    """The same as one line of markdown; nothing without DP-SGD. Of a training that was done, rate and steps are its own, whatever the knobs say."""
    if not any(isinstance(d, DPSGD) and not d.off for d in now.defense):
        return ""
    try:
        found = _spent(f"{trained} {now.for_train().form('train')}", now, getattr(now.train, "rounds", None) if trained else None)
    except InvvizError as err:
        return f":material/info: epsilon is not known: {err}"
    if found is None:
        return ""
    if found.why:
        return f":material/lock_open: N{found.words()[1:]}"
    number, _, rest = found.words().partition(" at delta")
    return f":material/lock: **{number}** at delta{rest}. Small protects; above 10 the promise says little. The pictures show one single release."


@st.cache_data(show_spinner=False, max_entries=200)
def _spent(mark: str, _now: Scenario, _done: int | None) -> Spent | None:
    return spent(_now, split_counts(_now, _now.data.load(station().site.data_dir)), _done)
