"""The report of an audit of sentences for a reviewer, as one HTML file that is made from its JSON alone; no sentence is in it."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from html import escape
from typing import Any

from .._html import _page
from .._svg import Axis, Level, Line, chart
from ._blocks import items, listed, note, pairs, plot, section, table
from ._checklist import mapped, to_sign
from ._html import _again, _promise, _scope, _threat, _validator
from ._text_words import SCALE, finding, got, half, headline, noise, share, state, strongest


def text_html(found: Mapping[str, Any]) -> str:
    """One page that opens anywhere and prints.

    Args:
        found: `TextAudit.to_json()`, or the same read back from a file.
    """
    found = dict(found)
    parts = (
        _found(found), _scope(found), _threat(found), _records(found), _beside(found), _curve(found), _promise(found), _validator(found),
        listed("Limits", found["limits"]), to_sign(found), mapped(found), _again(found),
    )  # fmt: skip
    made = datetime.datetime.fromisoformat(found["made"])
    return _page(f"Audit of {found['facts']['module']}", made, found["versions"], "\n".join(parts), "")


def _found(found: dict[str, Any]) -> str:
    return section(
        "Finding",
        f"<p><b>{escape(finding(found))}.</b></p>",
        f"<p>{escape(headline(found))}</p>",
        note(SCALE),
        "<p>What to do</p>",
        items(found["advice"] or ["Nothing that follows from these figures."]),
    )


def _records(found: dict[str, Any]) -> str:
    rows = [
        [
            str(r["record"]),
            str(r["words"]),
            share(r["share"]),
            ", ".join(f"{bits:.1f}" for bits in r["bits"]) or "none",
            share(r["right"]),
            share(r["read"]),
            share(r["anywhere"]),
            "yes" if r["exact"] else "no",
            r["attack"] or "none",
        ]
        for r in found["records"]
    ]
    head = (
        "sentence", "words", "bits told", "word by word", "likeliest word right", "real attack: right", "anywhere", "whole sentence", "which",
    )  # fmt: skip
    return section("Sentences", table("Every sentence, the most exposed first", head, rows))


def _beside(found: dict[str, Any]) -> str:
    best, told = strongest(found), found["counted"]
    rows = [("Strongest attack", "none gave an answer" if best is None else f"{best['attack']}: {got(best)}, {best['seconds']:.1f} s")]
    if best and best["note"]:
        rows.append(("It says", best["note"]))
    if told is None:
        rows.append(("Bits of words", f"not counted: {found['uncounted']}"))
    else:
        rows += [
            (
                "Bits of a word",
                f"{told['bits']:.2f} of {told['entropy']:.2f} (InvRE of words {told['share']:.2f}), over {told['places']} words",
            ),
            ("Half of them drown at", half(found)),
        ]
    rows.append(("Least noise", noise(found)))
    tried = [
        [a["attack"], got(a) if a["read"] else "none", f"{a['seconds']:.1f}", state(a), a["error"] or a["note"]] for a in found["attacks"]
    ]
    head = ("attack", "got", "seconds", "state", "what it says, or why not")
    ranked = (
        "Attacks that were tried, and those that were not. Ranked by whole sentences, then by words right, then by words right anywhere."
    )
    return section("Strongest attack beside the bits", pairs(rows), table(ranked, head, tried) if tried else note("No attack was tried."))


def _curve(found: dict[str, Any]) -> str:
    told = found["counted"]
    if told is None:
        return section("Bits over the noise", note(found["uncounted"]))
    levels, marks = told["levels"], [Line(told["levels"], told["curve"], "ideal")]
    drawn = chart(
        "Bits learned of a word over the noise",
        Axis("noise over the message's typical entry", levels[0], levels[-1], log=True),
        Axis("bits learned of a word", 0.0, told["entropy"]),
        [*marks, Level(told["entropy"] / 2, "half", "floor")],
    )
    return section(
        "Bits over the noise",
        plot(f"Half of the bits of a word drown at {half(found)}", drawn),
        note(f"Here: noise of {told['noise']:.3g} times the typical entry, the noise floor included."),
    )
