"""What an audit of sentences found: every sentence beside what attackers make of it, the bits over the noise, what to do, files to take away."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from html import escape
from typing import Any

import numpy as np
import streamlit as st

from ...charts import sentences as html
from ...charts.bits import bits_spec
from ...core.vocabulary import Vocabulary
from ...report.audit import promise, text_html, text_words
from .. import glossary, more, trouble
from . import pieces

CERTAIN = 0.99  # probability of a word from which it is called certain
SHOWN = 8  # sentences that are drawn
GENIE = "Bits are of each word alone, by whoever knows the net, the noise's size and all other words; every word of the vocabulary counts alike."


def draw(found: dict[str, Any], arrays: Mapping[str, np.ndarray], stopped: bool) -> None:
    """All of it.

    Args:
        found: the audit as JSON.
        arrays: "truth", "ideal", "guess", numbers of words (b, length), and "words", those of the vocabulary as JSON in UTF-8.
        stopped: whether it was stopped early.
    """
    st.markdown(f"## {trouble.plain(text_words.finding(found))}", help=GENIE)
    st.caption(f"{trouble.plain(text_words.headline(found))}{' Stopped early: attacks had less time.' if stopped else ''}")
    left, right = st.columns([1.7, 1], gap="large")
    with left:
        _sentences(found, arrays)
        _curve(found)
    with right, st.container(key="own-figures"):
        _figures(found)
        st.markdown("### What to do")
        pieces.listed(found["advice"] or ["Nothing that follows from these figures."])
        pieces.files(found, maker(found), "No sentence is in these files.")
    with more.figures("attacks, validator, limits", "own"):
        st.markdown("### Attacks that were tried, and those that were not")
        pieces.listed([f"{one['attack']}: {_told(one)}" for one in found["attacks"]] or ["none"])
        st.markdown("### Validator")
        said = [
            f"{one['what']} {one['repair']}" + (f" ({', '.join(one['where'][:4])})" if one["where"] else "") for one in found["reasons"]
        ]
        pieces.listed([*said, *found["notes"]] or ["Nothing stands against the numbers of this net."])
        st.markdown("### What this does not show")
        pieces.listed(found["limits"])


def maker(found: dict[str, Any]) -> Callable[[], str]:
    """Makes the report of this audit when it is asked for."""
    return lambda: text_html(found)


def _dark() -> bool:
    return st.context.theme.type == "dark"


def _sentences(found: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    words = Vocabulary(tuple(json.loads(arrays["words"].tobytes().decode())))
    best = text_words.strongest(found)
    rows = []
    for row in found["records"][:SHOWN]:
        k = row["record"] - found["asked"]["first"]
        truth = arrays["truth"][k]
        ideal, got = '<span class="blank"></span>not counted', "no answer"
        if "ideal" in arrays:
            ideal = html.known_html([_known(words, arrays["ideal"][k], row)], found["counted"]["entropy"], _dark())
            ideal += escape(f"{text_words.share(row['share'])} of the bits")
        if best and "guess" in arrays:
            pairs = [html.Guessed(words.word(int(g)), bool(g == t)) for g, t in zip(arrays["guess"][k], truth, strict=True) if g or t]
            got = html.guessed_html([pairs], _dark())
            got += escape(
                "word by word"
                if best["exact"][k]
                else f"{text_words.share(best['read'][k])} right, {text_words.share(best['anywhere'][k])} anywhere"
            )
        cells = [f"<b>{row['record']}</b>", html.plain_html([words.sentence(truth)], _dark()), ideal, got]
        rows.append(
            "<tr>"
            + "".join(f'<td class="{name}">{cell}</td>' for name, cell in zip(("", "own", "ideal", "real"), cells, strict=True))
            + "</tr>"
        )
    heads = ["sentence", "original", "an ideal attacker", f"strongest attack{': ' + best['attack'].partition('(')[0] if best else ''}"]
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads)
    caption = (
        "Every sentence of the batch, the most exposed first. Certain words are underlined, others fainter; pause on a word for its bits."
    )
    dark = " dark" if _dark() else ""
    st.html(
        f'<div class="vertical depths audit{dark}" tabindex="0"><table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
    )
    if len(found["records"]) > SHOWN:
        st.caption(f"{len(found['records']) - SHOWN} more sentences stand in the files below, less exposed.")


def _known(words: Vocabulary, likely: np.ndarray, row: Mapping[str, Any]) -> list[html.Known]:
    return [
        html.Known(words.word(int(word)), sure, sure >= CERTAIN, bits)
        for word, sure, bits in zip(likely[likely != 0], row["sure"], row["bits"], strict=True)
    ]


def _curve(found: dict[str, Any]) -> None:
    told = found["counted"]
    if told is None:
        st.caption(trouble.plain(found["uncounted"]))
        return
    title = f"Half of a word drowns at {text_words.half(found)}"
    st.markdown(f"### {title}", help=GENIE)
    spec = bits_spec(told["levels"], told["curve"], told["entropy"], told["noise"], _dark())
    st.vega_lite_chart(spec, key="own bits", alt=f"Bits learned of a word over the noise, falling; {title}.")


def _figures(found: dict[str, Any]) -> None:
    told, best = found["counted"], text_words.strongest(found)
    reached = "none had an answer" if best is None else f"{best['attack']}: {text_words.got(best)}"
    rows = [
        (
            "Bits of a word",
            f"{told['bits']:.2f} of {told['entropy']:.2f} (InvRE of words {told['share']:.2f})" if told else found["uncounted"],
        ),
        ("Likeliest word right", text_words.share(told["right"]) if told else "not counted"),
        ("Strongest attack", f"{reached}; it knows the defense" if found["defense"] else reached),
        ("Least noise", text_words.noise(found)),
        ("Formal promise", promise(found)),
    ]
    st.markdown("### In figures", help=glossary.tip("invre", "ideal", "noise"))
    pieces.table(rows)


def _told(attack: Mapping[str, Any]) -> str:
    if not attack["read"]:
        return attack["error"]
    said = text_words.got(dict(attack))
    return f"{said}, {attack['seconds']:.1f} s{f', {text_words.state(dict(attack))}' if attack['stopped'] or attack['failed'] else ''}"
