"""The Attacks page: the same attacks on other nets with other starts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from ...charts.spread import spread
from .. import asking
from ..known import Known
from . import words


def draw(every: Sequence[Known]) -> None:
    """A dot for each seed; what is missing is run when a person asks."""
    attacks = [a for one in every for a in one.attacks.values()]
    st.markdown("## Luck: the same attacks with other seeds")
    st.caption(
        f"A seed decides the fresh weights of the net, the draw of the defense and the attack's starts. Seeds {every[0].scenario.seed} to {every[-1].scenario.seed}; a cross: the attack itself "
        "says that it failed; hollow: not told of the defense. One good picture proves that a victim is exposed; one bad one proves nothing."
    )
    found = {}
    for name in every[0].attacks:
        runs = [
            (one.scenario.seed, attack.psnr, bool(attack.result.get("failed")))
            for one in every
            if (attack := one.attacks.get(name)) is not None and attack.psnr is not None and attack.result is not None
        ]
        if runs:
            found[words.title(name)] = runs
    found = dict(sorted(found.items(), key=lambda item: -float(np.median([psnr for _, psnr, _ in item[1]]))))
    if found and any(len(runs) > 1 for runs in found.values()):
        said = "PSNR of every seed, attack by attack; the worst seed is named"
        st.vega_lite_chart(spread(found, words.untold(every[0].scenario), st.context.theme.type == "dark"), key="spread chart", alt=said)
    with st.container(horizontal=True, gap="small"):
        asking.run_all(attacks, f"Run {len(every)} seeds of every attack", prominent=False, name="run seeds")
