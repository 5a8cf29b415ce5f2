"""The grid of the Defend page: defenses down, attackers across, as one dense table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
import streamlit as st

from ...defenses import Stack
from ...engine.bounds import in_brackets
from ...scenario import Scenario
from ...scenario.families import defenses
from .. import beyond, drawn, sources, trouble
from ..known import AttackOutcome
from ..waits import waits
from .row import ATTACKERS, Old, Row
from .words import amount, change, title

HEAD = (
    ("defense", "Defense", "What the client does to its update before it sends it, and how strongly."),
    ("unaware", "○ Unaware attacker", "Knows nothing of the defense: takes the update at face value."),
    ("aware", "● Aware attacker", "Told of the defense and its parameters, not of its random draw."),
    (
        "ideal",
        "Ideal attacker",
        "Does not search: the best guess that noise and spectrum allow, in closed form, held to the noise floor of this scenario.",
    ),
    (
        "risk",
        "InvRE, expected best",
        "Share of the squared error of a guess without the message that the message takes away, on average; not a share of pixels, without and with the defense; and the PSNR that an ideal attacker reaches on average over pictures and noise, which is a bound only where that is said.",
    ),
    ("cost", "Per update", "Bytes that are sent and milliseconds that the client takes, without and with the defense."),
    ("promise", "Formal guarantee", "What is proven, whoever attacks."),
)
ALL = len(HEAD)


def draw(rows: Sequence[Row], order: Sequence[Row], now: Scenario, old: Mapping[tuple[Row, str], Old]) -> None:
    """The table.

    Args:
        rows: as listed, no defense first.
        order: the same in the order in which they are shown.
        now: the scenario on the screen, whose row is marked.
        old: what is shown, faintly, where nothing is known.
    """
    head = "".join(f'<th scope="col" class="{name}" title="{escape(words)}">{escape(label)}</th>' for name, label, words in HEAD)
    body = "".join(_row(row, rows[0], row.stack == now.defense, old) for row in order)
    scored = "its cells that are right" if now.data.columns else "its word"
    caption = f"One row a defense: the {now.data.modality.one} that each attacker got, {scored} and PSNR (the best attacker in bold). Pause on a heading for what it means."
    dark = " dark" if st.context.theme.type == "dark" else ""
    st.html(
        f'<div class="defend{dark}" tabindex="0"><table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )
    fit = [row for row in order if not row.unfit]
    for note in (*beyond.notes(fit, lambda row: title(row, rows)), *beyond.bounds_of(fit)):
        st.caption(note)


def _row(row: Row, bare: Row, opened: bool, old: Mapping[tuple[Row, str], Old]) -> str:
    mark = '<span class="mark">open below</span>' if opened else ""
    name = f'<th scope="row"><b>{escape(row.name)}</b> {mark}<span class="level">{escape(row.level)}</span></th>'
    if row.unfit:
        cells = f'<td colspan="{ALL - 1}" class="wait">Does not fit: {escape(row.unfit)}</td>'
    else:
        cells = (
            "".join(_attacked(row, row.attacks[who], who, old.get((row, who))) for who in ATTACKERS)
            + _ideal(row, old.get((row, "ideal")))
            + _risk(row, bare)
            + _cost(row, bare)
        )
        cells += _promise(row)
    return f'<tr class="open" aria-current="true">{name}{cells}</tr>' if opened else f"<tr>{name}{cells}</tr>"


def _attacked(row: Row, attack: AttackOutcome, who: str, old: Old | None) -> str:
    job, words = attack.job, "not run yet"
    frame = sources.live_picture(attack.scenario) if job is not None and job.state == "running" else None
    picture = attack.guess if frame is None else frame
    if job is not None and (job.active or (job.state == "failed" and attack.guess is None)):
        words = waits(job)
    elif attack.psnr is not None and attack.result is not None:
        return _cell(
            who,
            attack.guess,
            _said(row, who, attack.quality()),
            _score(attack.quality("<br>"), attack.psnr == row.best, attack.result["stopped"]),
        )
    if picture is None:
        return _missing(who, words, job.error if job else "", old)
    return _cell(who, picture, f"{row.name}, {who} attacker: still searching", f'<span class="wait">{escape(words)}</span>')


def _ideal(row: Row, old: Old | None) -> str:
    if row.rough is not None and row.ideal is None:
        return _cell("ideal", row.rough, f"{row.name}, ideal attacker: a first sketch", f'<span class="wait">{escape(row.so_far)}</span>')
    if row.ideal is None or row.ideal_psnr is None:
        words = "not scored" if row.unscored else waits(row.job) or "..."
        return _missing("ideal", words, row.unscored or (row.job.error if row.job else ""), old)
    return _cell(
        "ideal",
        row.ideal,
        _said(row, "ideal", row.ideal_quality()),
        _score(f"{row.ideal_quality('<br>')}{_mark(row)}", row.ideal_psnr == row.best),
    )


def _cell(who: str, picture: np.ndarray | None, alt: str, words: str) -> str:
    shown = '<span class="blank"></span>' if picture is None else f'<img src="{drawn.thumb(picture)}" alt="{escape(alt)}">'
    return f'<td class="{who}"><div class="got">{shown}{words}</div></td>'


def _missing(who: str, words: str, hover: str, old: Old | None) -> str:
    """Where nothing is known; faintly, what was shown at another strength."""
    said, hover = escape(words), trouble.public(hover)
    if old is None:
        return _cell(who, None, "", f'<span class="wait" title="{escape(hover)}">{said}</span>')
    was = f"{old.psnr:.1f} dB at {old.level}"
    words = f'<span class="wait" title="{escape(hover)}">{said}<br>was {escape(was)}</span>'
    return _cell(f"{who} old", old.picture, f"Of another strength: {was}", words)


def _mark(row: Row) -> str:
    """Behind the ideal attacker's figure where a real attack got more."""
    return f' <span title="{escape(beyond.why(row))}">{beyond.MARK}</span>' if beyond.exceeded(row) else ""


def _said(row: Row, who: str, quality: str) -> str:
    return f"{row.name}, {who} attacker: {quality}"


def _score(quality: str, best: bool, stopped: bool = False) -> str:
    return f'<span class="score{" best" if best else ""}">{quality}{" (stopped)" if stopped else ""}</span>'


def _risk(row: Row, bare: Row) -> str:
    after, before = row.figures, bare.figures
    if after is None:
        return '<td class="risk wait">...</td>'
    span = f"InvRE {after.low:.3f} to {after.high:.3f}, expected best {after.worst:.1f} to {after.best:.1f} dB (95 %), {in_brackets(row.against)}"
    score = change(f"{before.score:.2f}" if before else "", f"{after.score:.2f}")
    return (
        f'<td class="risk" title="{span}">InvRE {score}<br>{after.ceiling:.1f} dB{after.tells and ", "}{after.tells}{beyond.word(row)}</td>'
    )


def _cost(row: Row, bare: Row) -> str:
    counts = [r.view.size.count if r.view is not None else None for r in (bare, row)]  # a larger net sends more numbers
    before, after = counts[0] or counts[1], counts[1] or counts[0]
    sent = "–" if before is None or after is None else change(amount(Stack().bytes_of(before)), amount(row.stack.bytes_of(after)))
    timed = next((a.result["release_ms"] for a in row.attacks.values() if a.result and a.result.get("release_ms")), None)
    took = "–" if timed is None else change(_time(timed["bare"]), _time(timed["defended"] if row.stack else timed["bare"]))
    return f'<td class="cost">{sent}<br>{took}</td>'


def _time(milliseconds: float) -> str:
    return f"{milliseconds:.1f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"


def _promise(row: Row) -> str:
    whole = row.stack.promise or "none"
    return f'<td class="promise" title="{escape(whole)}"><span>{escape(defenses.in_short(whole))}</span></td>'
