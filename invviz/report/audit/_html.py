"""The report of an audit for a reviewer, as one HTML file that is made from its JSON alone."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np

from ...core.figures import number
from ...core.plain import read
from .._html import _breaking, _page
from .._svg import Axis, Dot, Level, Line, chart
from ._blocks import items, listed, note, pairs, plot, section, table
from ._checklist import mapped, to_sign
from ._finding import exposed, headline
from ._words import (
    SCALE,
    dB,
    expected_dB,
    interval,
    noise,
    ordered,
    overall,
    promise,
    ranked,
    share,
    state,
    strongest,
    warned,
    word,
)

TOP = 100.0  # dB that are drawn
UNSAID = "not said: the audit was made by an earlier version"


def to_html(found: Mapping[str, Any]) -> str:
    """One page that opens anywhere and prints; no picture of a record is in it.

    Args:
        found: `Audit.to_json()`, or the same read back from a file.
    """
    found = dict(found)
    parts = (
        _found(found), _scope(found), _threat(found), _records(found), _beside(found), _spectrum(found), _promise(found), _validator(found),
        listed("Limits", found["limits"]), to_sign(found), mapped(found), _again(found),
    )  # fmt: skip
    made = datetime.datetime.fromisoformat(found["made"])
    return _page(f"Audit of {found['facts']['module']}", made, found["versions"], "\n".join(parts), "")


def _found(found: dict[str, Any]) -> str:
    return section(
        "Finding",
        *(f"<p><b>{escape(one)}</b></p>" for one in warned(found)),
        f"<p><b>{escape(headline(found))}</b></p>",
        f"<p>{escape(exposed(found))}</p>",
        note(SCALE),
        "<p>What to do</p>",
        items(found["advice"] or ["Nothing that follows from these figures."]),
    )


def _scope(found: dict[str, Any]) -> str:
    facts = found["facts"]
    inputs = "; ".join(
        f"{name} {'x'.join(map(str, v['shape']))} {v['dtype']}, {'private' if v['private'] else 'known to everybody'}"
        for name, v in facts["inputs"].items()
    )
    rows = [
        ("Net", f"{facts['module']}, {facts['parameters']:,} parameters, of which {facts['trained']:,} are trained and sent"),
        ("Inputs", inputs),
        ("Records", str(facts["records"])),
        ("Loss", f"{found['asked']['loss']} ({facts['task']})"),
        ("Protocol", found["asked"]["protocol"]),
        ("Defense", found["defense"] or "none"),
        ("Computed", f"in {facts['dtype']} on {facts['device']}, in {found['seconds']:.1f} s"),
        ("Model, SHA-256 (first 16 digits)", facts["hashes"]["model"]),
        ("Data, SHA-256 (first 16 digits)", facts["hashes"]["data"]),
        ("Settings, SHA-256 (first 16 digits)", found["settings"]),
        ("Seed", str(found["asked"]["seed"])),
        ("Weights", found["asked"].get("weights", UNSAID)),
        *((f"{one['option']} {one['name']}, SHA-256 (first 16 digits)", one["sha256"]) for one in found["asked"].get("files", ())),
    ]
    return section("Scope", pairs(rows), *(note(one) for one in found["notes"] if not one.startswith("Weights: ")))  # a row says it


def _threat(found: dict[str, Any]) -> str:
    model = found["threat_model"]
    rows = [
        ("Server", model["server"]),
        ("Sees", model["sees"]),
        ("Knows", model["knows"]),
        ("Letter", f"{model['letter'] or 'not stated'}, of the systematisation by Carletti et al. (2025)"),
        ("Of the defense", "knows it and its parameters, not its random draw" if model["aware"] else "there is none"),
    ]
    return section("Threat model", pairs(rows))


def _records(found: dict[str, Any]) -> str:
    rows = [
        [
            str(r["record"]),
            expected_dB(r["ideal_psnr"]),
            share(r["ideal_share"]),
            r["ideal_word"],
            dB(r["attacked_psnr"]),
            r["attack"] or "none",
            expected_dB(r["blind_psnr"]),
        ]
        for r in found["records"]
    ]
    sketch = not ordered(found)
    head = (
        "record",
        "expected best, at least" if sketch else "expected best",
        "share told",
        "in a word",
        "best real attack",
        "which",
        "guessing gets",
    )
    marks: list[Any] = []
    values = [v for r in found["records"] for v in (r["ideal_psnr"], r["attacked_psnr"]) if v is not None]
    drawn = ""
    if values:
        for place, r in enumerate(found["records"], 1):
            if r["ideal_psnr"] is not None:
                marks.append(
                    Dot(
                        place,
                        _seen(r["ideal_psnr"]),
                        "dot-ideal",
                        f"record {r['record']}: {'at least ' * sketch}{expected_dB(r['ideal_psnr'])} expected",
                    )
                )
            if r["attacked_psnr"] is not None:
                marks.append(
                    Dot(place, _seen(r["attacked_psnr"]), "dot-real", f"record {r['record']}: {dB(r['attacked_psnr'])} by {r['attack']}")
                )
        count = len(found["records"])
        low, high = min(0.0, *map(_seen, values)), max(20.0, *map(_seen, values)) + 4
        drawn = plot(
            f"Every record: {'the least that ' * sketch}the ideal attacker {'is expected to get ' * sketch}(purple) and the best real attack (orange)",
            chart(
                "Exposure of every record",
                Axis(
                    "record" if sketch else "record, most exposed first",
                    0.5,
                    count + 0.5,
                    names=tuple(str(r["record"]) for r in found["records"]),
                ),
                Axis("PSNR (dB)", low, high),
                marks,
            ),
        )
    return section(
        "Records", drawn, table(f"Every record, {'order not known: sketch' if sketch else 'the most exposed first'}", head, rows)
    )


def _seen(value: Any) -> float:
    return max(-20.0, min(read(value), TOP))


def _beside(found: dict[str, Any]) -> str:
    best, risk = strongest(found), found["risk"]
    got = "none gave an answer" if best is None else f"{best['attack']}: {overall(best)}, {best['seconds']:.1f} s"
    rows = [("Strongest attack", got)]
    if best and best["note"]:
        rows.append(("It says", best["note"]))
    rows.append(
        ("Expected best", f"{interval(risk, 'psnr', 1, ' dB')}, {found['expected']}" if risk else f"not computed: {found['risk_error']}")
    )
    if risk:
        rows += [
            ("InvRE", f"{interval(risk, 'invre', 3)} ({word(risk)}), prior {risk['prior']}"),
            ("Spectrum", f"{risk['method']}: {risk['why']}; {risk['n']:,} private numbers, {risk['p']:,} in the message"),
        ]
    rows.append(("Least noise", noise(found)))
    tried = [
        [a["attack"], "none" if not a["psnr"] else overall(a), f"{a['seconds']:.1f}", state(a), a["error"] or a["note"]]
        for a in found["attacks"]
    ]
    tried_table = (
        table(
            f"Attacks that were tried, and those that were not. {ranked(found)}",
            ("attack", "got", "seconds", "state", "what it says, or why not"),
            tried,
        )
        if tried
        else note("No attack was tried.")
    )
    return section("Strongest attack beside the ceiling", pairs(rows), tried_table)


def _spectrum(found: dict[str, Any]) -> str:
    risk = found["risk"]
    if risk is None:
        return section("Spectrum", note(found["risk_error"]))
    values = np.maximum(np.array([read(v) for v in risk["singular_values"]]), 1e-30)
    values = values[values > values.max() * 1e-10]
    high, low = float(values.max()) * 2, float(values.min()) / 2
    level = read(risk["sigma"]) * 4  # a direction of variance tau^2 = 1/16 is known by half where its singular value is sigma / tau
    marks: list[Any] = [Line(np.arange(1, len(values) + 1), values, "ideal")]
    marks += [Level(level, "known by half", "floor")] if low < level < high and risk["prior"] == "white" else []
    drawn = chart(
        "Singular values of the Jacobian",
        Axis("direction, strongest first", 1, max(2, len(values)), form=",d"),
        Axis("singular value", low, high, log=True),
        marks,
    )
    known = f"noise of {number(risk['sigma'], 3)} on every entry of the message, of which the noise floor is {100 * read(risk['floor']):g} % of its root mean square"
    return section(
        "Spectrum",
        plot("Singular values of what the message says of the records", drawn),
        note(f"At {known}."),
        *(note(c) for c in risk["caveats"]),
    )


def _promise(found: dict[str, Any]) -> str:
    return section(
        "Formal promise",
        f"<p>{escape(promise(found))}</p>",
        items(found["budget"]["assumptions"]) if found["budget"]["assumptions"] else "",
    )


def _validator(found: dict[str, Any]) -> str:
    if not found["reasons"]:
        return section("Validator", note("Nothing stands against the numbers of this net."))
    rows = [[one["weight"], one["what"], ", ".join(one["where"][:4]) or "", one["repair"]] for one in found["reasons"]]
    return section(
        "Validator", table("What makes the numbers mean less, and what is only said", ("weight", "what", "where", "repair"), rows)
    )


def _again(found: dict[str, Any]) -> str:
    return section(
        "To compute it again",
        f"<p><code>{escape(found['asked'].get('call', UNSAID))}</code></p>",
        f'<p class="note">Scenario of the computation</p><p><code>{_breaking(found["scenario"])}</code></p>',
    )
