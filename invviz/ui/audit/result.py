"""What an audit found: the finding, every record beside what attackers make of it, the spectrum, what to do, files to take away."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from typing import Any

import numpy as np
import streamlit as st

from ...charts.spectrum import spectrum_spec
from ...core.plain import read
from ...metrics import EXACT, decibels
from ...report.audit import (
    finding,
    headline,
    interval,
    knows,
    noise,
    ordered,
    overall,
    promise,
    ranked,
    state,
    to_html,
    warned,
    word,
)
from ...risk import TAU
from .. import drawn, glossary, more, trouble
from . import pieces

COLUMNS = 8  # of a row whose numbers are written out
SHOWN = 8  # records whose pictures are drawn


def draw(found: dict[str, Any], arrays: Mapping[str, np.ndarray], stopped: bool) -> None:
    """All of it.

    Args:
        found: the audit as JSON.
        arrays: "truth", "ideal", "guess", (b, ...) between 0 and 1.
        stopped: whether it was stopped early.
    """
    st.markdown(f"## {trouble.plain(finding(found))}", help=glossary.tip("invre", "ideal", "best"))
    st.caption(f"{trouble.plain(' '.join([*warned(found), headline(found)]))}{' Stopped early: attacks had less time.' if stopped else ''}")
    left, right = st.columns([1.7, 1], gap="large")
    with left:
        _records(found, arrays)
    with right, st.container(key="own-figures"):
        _figures(found)
        _advice(found)
        pieces.files(found, maker(found), "No picture of a record is in these files.")
    with more.figures("spectrum, attacks, validator, limits", "own"):
        _spectrum(found)
        _attacks(found)
        _validator(found)
        st.markdown("### What this does not show")
        pieces.listed(found["limits"])


def maker(found: dict[str, Any]) -> Callable[[], str]:
    """Makes the report of this audit when it is asked for."""
    return lambda: to_html(found)


def _records(found: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    best = None if found["strongest"] is None else found["attacks"][found["strongest"]]
    heads = [
        "record",
        "original",
        "an ideal attacker",
        f"strongest attack{': ' + best['attack'].partition('(')[0] if best else ''}",
        "guessing gets",
    ]
    classes = ["", "own", "ideal", "real", ""]
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads)
    rows = []
    for row in found["records"][:SHOWN]:
        number = row["record"]
        k = number - found["asked"]["first"]
        ideal = _said(row["ideal_psnr"], row["ideal_word"])
        got = "no answer" if best is None else _said(best["psnr"][k], "exact" if read(best["psnr"][k]) >= EXACT else "")
        cells = [
            f"<b>{number}</b>", _picture(found, arrays.get("truth"), k, f"record {number}", ""), _picture(found, arrays.get("ideal"), k, f"ideal attacker, record {number}", ideal),
            _picture(found, arrays.get("guess"), k, f"strongest attack, record {number}", got), _said(row["blind_psnr"], ""),
        ]  # fmt: skip
        rows.append("<tr>" + "".join(f'<td class="{name}">{cell}</td>' for name, cell in zip(classes, cells, strict=True)) + "</tr>")
    caption = f"Every record of the batch, {'the most exposed first' if ordered(found) else 'order not known: sketch'}. PSNR in dB; the ideal attacker's is expected, single records lie above and below it."
    dark = " dark" if st.context.theme.type == "dark" else ""
    st.html(
        f'<div class="vertical depths audit{dark}" tabindex="0"><table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
    )
    if beyond := [
        r["record"] for r in found["records"] if r["attacked_psnr"] and r["ideal_psnr"] and read(r["attacked_psnr"]) > read(r["ideal_psnr"])
    ]:
        which = f"Record{'s' * (len(beyond) > 1)} {', '.join(map(str, beyond[:SHOWN]))}"
        st.caption(
            f":material/info: {which}: a real attack got more than the ideal attacker is expected to. The expected best is {found['expected']}."
        )
    if len(found["records"]) > SHOWN:
        st.caption(f"{len(found['records']) - SHOWN} more records stand in the files below{', less exposed' * ordered(found)}.")


def _picture(found: dict[str, Any], every: np.ndarray | None, k: int, alt: str, said: str) -> str:
    """A record as a picture, and where it is a short row its numbers on their own scale."""
    if every is None:
        return f'<div class="got"><span class="blank"></span><span>{said}</span></div>'
    numbers = _numbers(found, every[k])
    shown = f'<img src="{drawn.thumb(every[k : k + 1].clip(0, 1))}" alt="{escape(f"{alt}: {numbers}" if numbers else alt)}">'
    return f'<div class="got">{"" if numbers else shown}<span>{numbers}{"<br>" * bool(numbers and said)}{said}</span></div>'


def _numbers(found: dict[str, Any], record: np.ndarray) -> str:
    """Of a row of few columns; empty elsewhere."""
    bounds = found["asked"].get("bounds") or {}
    if record.size > COLUMNS or max(record.shape) != record.size or len(bounds) != 1:
        return ""
    low, high = (np.asarray(end, np.float64).reshape(-1) for end in next(iter(bounds.values())))
    return ", ".join(f"{value:.3g}" for value in low + (high - low) * record.reshape(-1).astype(np.float64))


def _said(psnr: Any, word: str) -> str:
    return "not computed" if psnr is None else escape(f"{decibels(read(psnr))}{', ' * bool(word)}{word}")


def _figures(found: dict[str, Any]) -> None:
    risk = found["risk"]
    rows = (
        [
            ("InvRE", f"{interval(risk, 'invre', 2)}, {word(risk) if knows(risk) else 'not known'}"),
            ("Expected best", f"{interval(risk, 'psnr', 1, ' dB')}; {found['expected']}"),
        ]
        if risk
        else []
    )
    rows = rows or [("Spectrum", found["risk_error"])]
    best = None if found["strongest"] is None else found["attacks"][found["strongest"]]
    reached = "none had an answer" if best is None else f"{best['attack']}: {overall(best)}"
    aware = "knows the defense" if found["defense"] else "there is no defense to know"
    rows += [
        ("Strongest attack", f"{reached}; it {aware}" if found["defense"] else reached),
        ("Least noise", noise(found)),
        ("Formal promise", promise(found)),
    ]
    st.markdown("### In figures", help=glossary.tip("invre", "best", "noise"))
    pieces.table(rows)


def _advice(found: dict[str, Any]) -> None:
    st.markdown("### What to do")
    pieces.listed(found["advice"] or ["Nothing that follows from these figures."])
    if less := [one for one in found["reasons"] if one["weight"] == "less"]:
        st.caption(f":material/info: {len(less)} finding{'s' * (len(less) != 1)} of the validator, with the repair, under More figures.")


def _spectrum(found: dict[str, Any]) -> None:
    risk = found["risk"]
    if risk is None:
        st.caption(trouble.plain(found["risk_error"]))
        return
    values = np.array([read(v) for v in risk["singular_values"]])
    floor = read(risk["sigma"]) / TAU
    title = f"{int((values > floor).sum()):,} of {risk['n']:,} directions lie above the noise floor"
    st.markdown(f"### {title}", help=glossary.tip("direction", "singular", "floor"))
    st.vega_lite_chart(
        spectrum_spec(values, floor, st.context.theme.type == "dark"),
        key="own spectrum",
        alt=f"Singular values of the Jacobian, falling; {title}.",
    )
    for words in (f"{risk['method']}: {risk['why']}", *risk["caveats"]):
        st.caption(trouble.plain(words))


def _attacks(found: dict[str, Any]) -> None:
    st.markdown("### Attacks that were tried, and those that were not")
    said = [
        f"{one['attack']}: " + (f"{overall(one)}, {one['seconds']:.1f} s{', ' + state(one) if one['stopped'] else ''}" if one["psnr"] else one["error"])
        for one in found["attacks"]
    ]  # fmt: skip
    pieces.listed(said or ["none"])
    if any(one["psnr"] for one in found["attacks"]):
        st.caption(ranked(found))


def _validator(found: dict[str, Any]) -> None:
    st.markdown("### Validator")
    said = [f"{one['what']} {one['repair']}" + (f" ({', '.join(one['where'][:4])})" if one["where"] else "") for one in found["reasons"]]
    pieces.listed([*said, *found["notes"]] or ["Nothing stands against the numbers of this net."])
