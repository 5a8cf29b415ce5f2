"""The Attacks page: quality over seconds."""

from __future__ import annotations

import numpy as np
import streamlit as st

from ...charts import race
from ...scenario.families import attacks
from .. import beyond, shipped, things
from ..known import AttackOutcome, Known
from ..session import station
from . import words


def draw(here: Known, unseen: float | None) -> None:
    """One line an attack, as far as it has come."""
    dark = st.context.theme.type == "dark"
    runs = [run for place, (name, attack) in enumerate(here.attacks.items()) if (run := _run(place, name, attack)) is not None]
    best = words.strongest(here)
    said = things.say(here.scenario, "How good each attack's picture is, second by second")
    st.markdown(f"### {said}")
    chart = race.race(runs, words.short(best) if best else "", here.ideal_psnr, unseen, dark, things.say(here.scenario, "picture"))
    st.vega_lite_chart(chart, key="race chart", alt=said)
    st.caption(
        "Orange: real attacks, timed on one thread of the machine that ran them; each line ends in its mark, hollow where the attacker is not told of the defense, and a thin line leads to its name. Dashed purple: the best "
        f"guess that noise and spectrum allow, to first order. Grey: who sees no message. {race.TOP:.0f} dB and more stand at the top. The attacker itself sees no PSNR, only its matching loss."
    )
    if why := beyond.why(here):
        st.caption(why)


def _run(place: int, name: str, attack: AttackOutcome) -> race.Run | None:
    """A line, where there is at least one point."""
    ended = attack.result is not None and not (attack.job is not None and attack.job.active)
    at, got = _curve(attack)
    total = float(attack.result["seconds"]) if ended and attack.result else np.inf
    seconds, psnr = attacks.curve(at, got, total, attack.psnr if ended else None)
    return race.Run(words.short(name), seconds, psnr, ended, words.untold(attack.scenario), place) if len(seconds) else None


def _curve(attack: AttackOutcome) -> tuple[np.ndarray, np.ndarray]:
    key = attack.scenario.key("run")
    if attack.job is not None and attack.job.state != "failed":
        kept = station().store.curve(key)
        return kept.seconds, kept.psnr
    ready = shipped.results(attack.scenario, "run")
    kept = ready[0].get("curve") if ready else None
    return (np.zeros(0), np.zeros(0)) if kept is None else (kept[0], kept[1])
