"""What a promise of differential privacy is worth: epsilon, and for which rate and steps."""

from __future__ import annotations

import threading

import streamlit as st

from ..core.errors import InvvizError
from ..defenses.dp_sgd import DPSGD
from ..engine.training import ASSUMED, Spent, spent, split_counts
from ..scenario import Scenario
from . import trouble
from .session import station

LITTLE = 10.0  # epsilon above which the promise says little
KEEP = 1000  # answers; beyond that the oldest is counted again when it is asked for
_counting = threading.Lock()
_counted: dict[str, Spent | None] = {}  # not in Streamlit's cache, which any browser can have emptied


def draw(now: Scenario, trained: bool = False) -> None:
    """Epsilon and delta of the scenario's DP-SGD, if it has one. Of a training that was done, rate and steps are its own, whatever the knobs say."""
    if now.defense.of(DPSGD) is None:
        return
    try:
        done = getattr(now.train, "rounds", None) if trained else None
        found = _spent(f"{trained} {now.only('train').form('train')}", now, done)
    except InvvizError as err:
        st.caption(f":material/info: epsilon is not known: {trouble.plain(str(err))}")
        return
    if found is None:
        return
    if found.why:
        st.caption(f":material/lock_open: N{found.words()[1:]}")
        return
    icon = "lock" if found.epsilon <= LITTLE else "lock_open"
    number, _, rest = found.short().partition(" at delta")
    more = f"{found.counted[0].upper()}{found.counted[1:]}; {ASSUMED}. Small protects; above {LITTLE:g} the promise says little. The pictures show one single release."
    with st.container(key="after-noise-budget"):
        st.caption(f":material/{icon}: **{number}** at delta{rest}, if batches are Poisson samples.", help=more)


def _spent(mark: str, now: Scenario, done: int | None) -> Spent | None:
    """Counted once for all visitors, one after the other: a second of plain Python each, at worst, which side by side would make every page wait for all of them."""
    with _counting:
        if mark not in _counted:
            _counted[mark] = spent(now, split_counts(now, now.data.load(station().site.data_dir)), done)
            if len(_counted) > KEEP:
                del _counted[next(iter(_counted))]
        return _counted[mark]
