"""The Attacks page: the victim, the ideal attacker's picture and the best attack's."""

from __future__ import annotations

from html import escape

import numpy as np
import streamlit as st

from .. import drawn, things
from ..known import Known
from ..victim import Victim
from ..waits import waits
from . import words


def draw(here: Known, victim: Victim) -> None:
    """One below the other."""
    best = words.strongest(here)
    cells = [_figure("own", things.say(here.scenario, "The client's picture"), victim.truth, ", ".join(victim.names[:3]))]
    if here.ideal is not None and here.ideal_psnr is not None:
        cells.append(_figure("ideal", "An ideal attacker", here.ideal, here.ideal_quality(" · ")))
    elif here.rough is not None:
        cells.append(_figure("ideal", "An ideal attacker", here.rough, here.so_far))
    else:
        cells.append(_figure("ideal", "An ideal attacker", None, here.unscored or waits(here.job) or "..."))
    if best is None:
        cells.append(_figure("real", "The best attack", None, "none has been run yet"))
    else:
        cells.append(_figure("real", words.title(best), here.attacks[best].guess, here.attacks[best].quality(" · ")))
    dark = " dark" if st.context.theme.type == "dark" else ""
    st.html(f'<div class="attacks tiles{dark}">{"".join(cells)}</div>')


def _figure(role: str, title: str, picture: np.ndarray | None, said: str) -> str:
    shown = '<span class="blank"></span>' if picture is None else f'<img src="{drawn.thumb(picture)}" alt="{escape(f"{title}: {said}")}">'
    return f'<figure class="{role}"><b>{escape(title)}</b>{shown}<figcaption>{escape(said)}</figcaption></figure>'
