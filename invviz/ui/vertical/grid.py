"""The Vertical page: every depth, attackers down and cuts across."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
import streamlit as st

from ...scenario.families import cuts
from .. import beyond, drawn
from ..known import AttackOutcome, Known
from ..waits import waits
from . import words


def draw(shown: Sequence[Known], here: Known) -> None:
    """The table; the chosen depth is marked."""
    heads = "".join(
        _cell("th", one is here, f"after {escape(cuts.layer_of(one.scenario))}<small>{escape(words.size_of(one))}</small>", 'scope="col"')
        for one in shown
    )
    rows = [_row("An ideal attacker", "ideal", [(one, _ideal(one)) for one in shown], here)]
    rows += [_row(cuts.called(name), "real", [(one, _attack(one, one.attacks[name])) for one in shown], here) for name in here.attacks]
    rows.append(_row("InvRE, expected best", "risk", [(one, _risk(one)) for one in shown], here))
    rows.append(_row("Joint accuracy", "risk", [(one, escape(words.accuracy(one))) for one in shown], here))
    dark = " dark" if st.context.theme.type == "dark" else ""
    caption = "Every cut of the net: what each attacker makes of that embedding, and what the joint model of all parties is worth."
    st.html(
        f'<div class="vertical depths{dark}" tabindex="0"><table><caption>{caption}</caption><thead><tr><td></td>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )
    for note in (*beyond.notes(shown, lambda one: f"after {cuts.layer_of(one.scenario)}"), *beyond.bounds_of(shown)):
        st.caption(note)


def _row(title: str, role: str, cells: Sequence[tuple[Known, str]], here: Known) -> str:
    body = "".join(_cell("td", one is here, html) for one, html in cells)
    return f'<tr class="{role}"><th scope="row">{escape(title)}</th>{body}</tr>'


def _cell(tag: str, marked: bool, html: str, more: str = "") -> str:
    mark = ' class="open" aria-current="true"' if marked else ""
    return f"<{tag}{mark} {more}>{html}</{tag}>"


def _ideal(one: Known) -> str:
    if one.rough is not None and one.ideal is None and not one.scenario.columns:
        return _got(one.rough, f"ideal attacker after {cuts.layer_of(one.scenario)}: a first sketch", escape(one.so_far))
    if one.ideal is None or one.ideal_psnr is None:
        return _got(None, "", "not scored" if one.unscored else escape(waits(one.job)) or "not asked for")
    if one.scenario.columns:
        return escape(words.reached(one, "ideal"))
    return _got(
        one.ideal,
        f"ideal attacker after {cuts.layer_of(one.scenario)}",
        one.ideal_quality("<br>") + (f" {beyond.MARK}" if beyond.exceeded(one) else ""),
    )


def _attack(one: Known, attack: AttackOutcome) -> str:
    if one.scenario.columns:
        busy = attack.job is not None and attack.job.active
        known = not busy and attack.guess is not None and attack.psnr is not None
        return escape(words.reached(one, attack.scenario.attack.name) if known else waits(attack.job) or "not run yet")
    if attack.job is not None and attack.job.active:
        return _got(attack.guess, "still searching", escape(waits(attack.job)))
    if attack.psnr is None or attack.guess is None:
        return _got(None, "", escape(waits(attack.job) or "not run yet"))
    return _got(attack.guess, attack.scenario.attack.title, attack.quality("<br>"))


def _got(picture: np.ndarray | None, alt: str, said: str) -> str:
    shown = '<span class="blank"></span>' if picture is None else f'<img src="{drawn.thumb(picture)}" alt="{escape(alt)}">'
    return f'<div class="got">{shown}<span>{said}</span></div>'


def _risk(one: Known) -> str:
    if one.figures is None:
        return "not scored" if one.unscored else escape(waits(one.job)) or "not asked for"
    return (
        f"<b>{one.figures.score:.2f}</b><br>{one.figures.ceiling:.1f} dB{one.figures.tells and ', '}{one.figures.tells}{beyond.word(one)}"
    )
