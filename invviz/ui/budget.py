"""What a promise of differential privacy is worth: epsilon, and for which rate and steps."""

from __future__ import annotations

import streamlit as st

from ..core.errors import InvvizError
from ..defenses.dp_sgd import DPSGD
from ..scenario import Scenario
from ..utility import ASSUMED, Spent, spent, split_counts
from . import trouble
from .session import station


def draw(now: Scenario, trained: bool = False) -> None:
    """Epsilon and delta of the scenario's DP-SGD, if it has one. Of a training that was done, rate and steps are its own, whatever the knobs say."""
    if not any(isinstance(d, DPSGD) and not d.off for d in now.defense):
        return
    try:
        done = getattr(now.train, "rounds", None) if trained else None
        found = _spent(f"{trained} {now.for_train().form('train')}", now, done)
    except InvvizError as err:
        st.caption(f":material/info: epsilon is not known: {trouble.plain(str(err))}")
        return
    if found is None:
        return
    if found.why:
        st.caption(f":material/lock_open: N{found.words()[1:]}")
        return
    number, _, rest = found.short().partition(" at delta")
    more = f"{found.counted[0].upper()}{found.counted[1:]}; {ASSUMED}. Small protects; above 10 the promise says little. The pictures show one single release."
    st.caption(f":material/lock: **{number}** at delta{rest}, if batches are Poisson samples.", help=more)


@st.cache_data(show_spinner=False, max_entries=200)
def _spent(mark: str, _now: Scenario, _done: int | None) -> Spent | None:
    return spent(_now, split_counts(_now, _now.data.load(station().site.data_dir)), _done)
