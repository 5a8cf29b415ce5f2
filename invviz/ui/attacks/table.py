"""The Attacks page: what each attack got, must be told, and says of itself."""

from __future__ import annotations

from html import escape

import numpy as np
import streamlit as st

from ...core.figures import readable
from ...metrics import EXACT
from .. import drawn, sources
from ..known import AttackOutcome, Known
from ..waits import waits
from . import words

HEAD = (
    ("Attack", "Its name, and what it must be told beside the net."),
    (
        "Got",
        f"What it got, in a word (of rows of a table: how many cells are right) and in dB. The best in bold; from {EXACT:.0f} dB on all are exact to rounding, and the quickest comes first.",
    ),
    ("Time", "Seconds until its answer, on one thread of the machine that ran it; steps."),
    ("Exact when", "The condition under which it recovers the batch exactly, whatever it holds."),
    (
        "It says of itself",
        "What the attacker can tell without seeing the truth: certificates, starts that failed, searches that did not converge.",
    ),
)


def draw(here: Known) -> None:
    """One row an attack, the best first, then what has not been run."""
    order = [(name, here.attacks[name]) for name in words.ordered(here)]
    best = words.strongest(here)
    head = "".join(f'<th scope="col" title="{escape(said)}">{escape(label)}</th>' for label, said in HEAD)
    body = "".join(_row(name, attack, name == best) for name, attack in order)
    dark = " dark" if st.context.theme.type == "dark" else ""
    caption = "Every attack that fits this victim. Pause on a heading for what it means."
    st.html(
        f'<div class="attacks grid{dark}" tabindex="0"><table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _row(name: str, attack: AttackOutcome, best: bool) -> str:
    kind, result = attack.scenario.attack, attack.result
    told = kind.wants().words().replace("message, net", "").replace("message, architecture", "no weights").strip(", ")
    first = f'<th scope="row"><b>{escape(words.title(name))}</b><small>told: {escape(told or "nothing more")}</small></th>'
    if result is None or (attack.job is not None and attack.job.active):
        time, note = "", ""
    else:
        steps = result.get("steps", 0)
        time = f"{words.time(float(result['seconds']))}<small>{steps:,} step{'s' * (steps != 1)}</small>"
        note = escape(readable(str(result.get("note") or ""))) or '<span class="wait">nothing to remark</span>'
        note = f'<b class="fail">failed:</b> {note}' if result.get("failed") else note
    exact = escape(kind.exact[:1].upper() + kind.exact[1:]) if kind.exact else '<span class="wait">never guaranteed</span>'
    return f'<tr>{first}<td>{_got(attack, best)}</td><td class="time">{time}</td><td class="exact">{exact}</td><td class="note">{note}</td></tr>'


def _got(attack: AttackOutcome, best: bool) -> str:
    job = attack.job
    if job is not None and job.active:
        frame = sources.live_picture(attack.scenario) if job.state == "running" else None
        return _cell(frame if frame is not None else attack.guess, f'<span class="wait">{escape(waits(job))}</span>', "still searching")
    if attack.psnr is None or attack.result is None:
        return _cell(None, f'<span class="wait">{escape(waits(job) or words.waiting(attack))}</span>', "")
    stopped = " (stopped)" if attack.result["stopped"] else ""
    said = f"{attack.quality('<br>')}{stopped}"
    return _cell(attack.guess, f'<span class="{"best" if best else ""}">{said}</span>', attack.quality())


def _cell(picture: np.ndarray | None, said: str, alt: str) -> str:
    shown = '<span class="blank"></span>' if picture is None else f'<img src="{drawn.thumb(picture)}" alt="{escape(alt)}">'
    return f'<div class="got">{shown}{said}</div>'
