"""Who holds what: the split of the training pictures among clients, as a heat map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st

from ...charts._colours import DEFENSE, line
from ...core.figures import number
from ...scenario import Scenario
from .. import state, things, trouble
from ..session import station


def draw(now: Scenario) -> None:
    """Behind a switch, as the data set has to be read."""
    if not st.toggle("Show the split: which client holds which classes", key=state.key("split")):
        return
    with trouble.shown():
        counts, names = _counts(now.key("train"), now)
        said = things.say(now, sentence(counts, getattr(now.train, "split", "iid"), getattr(now.train, "alpha", 0.0)))
        st.markdown(f"**{said}**")
        drawn = chart(counts, names, st.context.theme.type == "dark", things.say(now, "pictures"))
        st.vega_lite_chart(drawn, key="split chart", alt=f"Clients and classes: {said}")


def sentence(counts: np.ndarray, how: str, alpha: float) -> str:
    """What the heat map says, in one line.

    Example:
        >>> sentence(np.array([[9, 1], [1, 9]]), "dirichlet", 0.1)
        'Dirichlet split, alpha 0.1: the largest class is 90 % of what a client holds, on average (10 to 10 pictures a client)'
    """
    sizes = counts.sum(1)
    share = float((counts.max(1) / np.maximum(sizes, 1)).mean())
    name = f"Dirichlet split, alpha {number(alpha)}" if how == "dirichlet" else "Dealt alike (iid)"
    return (
        f"{name}: the largest class is {100 * share:.0f} % of what a client holds, on average "
        f"({sizes.min():,} to {sizes.max():,} pictures a client)"
    )


@st.cache_data(max_entries=20, show_spinner="Dealing them to clients ...")
def _counts(key: str, _scenario: Scenario) -> tuple[np.ndarray, list[str]]:
    from ...engine.training import split_counts

    samples = _scenario.data.load(station().site.data_dir)
    names = [samples.class_names[i] if i < len(samples.class_names) else str(i) for i in range(_scenario.data.num_classes)]
    return split_counts(_scenario, samples), names


def chart(counts: np.ndarray, classes: Sequence[str], dark: bool = False, many: str = "pictures") -> dict[str, Any]:
    """Who holds what: a heat map of clients and classes.

    Args:
        counts: samples, shape (clients, classes).
        classes: names.
        dark: choose colours for a dark ground.
        many: what samples are called.
    """
    rows: list[Mapping[str, Any]] = [
        {"client": client + 1, "class": classes[label], "pictures": int(n)}
        for client, row in enumerate(counts)
        for label, n in enumerate(row)
    ]
    few = len(counts) <= 20
    across = {"field": "client", "type": "ordinal", "title": "client", "axis": {"labelAngle": 0, "labels": few, "ticks": few}}
    down = {"field": "class", "type": "nominal", "title": "class", "sort": list(classes), "axis": {"labelOverlap": False}}
    colour = {
        "field": "pictures", "type": "quantitative", "title": many,
        "scale": {"range": ["#20252C" if dark else "#F3F4F6", line(DEFENSE, dark)], "domainMin": 0},
    }  # fmt: skip
    tooltip = [{"field": name, "title": many if name == "pictures" else name} for name in ("client", "class", "pictures")]
    return {
        "data": {"values": rows}, "mark": "rect", "height": 70 + 19 * len(classes),
        "encoding": {"x": across, "y": down, "color": colour, "tooltip": tooltip},
    }  # fmt: skip
