"""What a report tells of results about many: the risk of every client, and the labels that a party tells."""

from __future__ import annotations

from typing import Any

from ._collect import Entry
from ._numbers import mean, number, seconds
from ._told import Table, Told


def clients(e: Entry) -> Told:
    """The first message of every client that the training simulates."""
    rows = e.facts["clients"]
    known = [row for row in rows if row.get("invre") is not None]
    finding = "No client has a score"
    if known:
        most, least = max(known, key=lambda row: row["invre"]), min(known, key=lambda row: row["invre"])
        finding = (
            f"Client {most['client']} gives away most (InvRE {most['invre']:.2f}), client {least['client']} least ({least['invre']:.2f})"
        )
    facts = [
        ("clients", f"{len(rows):,}, {len(known):,} of them with a score"),
        ("mean InvRE", number(mean([row["invre"] for row in known]), 2)),
        (
            "attacker was given",
            "message, net, labels, the defense and the prior: the ideal attacker knows all but the picture and the noise drawn",
        ),
        ("expected best", f"an average over pictures and noise{_bounds(known)}"),
        ("what is scored", "the batch that each client holds first, at the net before training"),
        ("time", seconds(e.facts.get("seconds"))),
    ]
    reasons = dict.fromkeys(str(row["reason"]) for row in rows if row.get("reason"))
    return Told(finding, facts, [], [f"No score: {why}" for why in reasons], [], [_deal(rows)])


def _bounds(rows: list[dict[str, Any]]) -> str:
    """Why it is no bound; results from before this was told have nothing to say."""
    why = dict.fromkeys(name for row in rows for name in row.get("bound_reasons", []))
    return f", not a bound: {', '.join(why)}" if why else ""


def _deal(rows: list[dict[str, Any]]) -> Table:
    body = [
        (
            str(row.get("client")),
            f"{row.get('pictures', 0):,}",
            str(row.get("classes", "?")),
            _percent(row.get("largest")),
            number(row.get("invre"), 2),
            number(row.get("psnr_ceiling"), 1),
        )
        for row in rows
    ]
    return Table(
        "Who holds what, and what that gives away",
        ("client", "pictures", "classes", "largest class", "InvRE", "expected best (dB)"),
        tuple(body),
    )


def inspection(e: Entry) -> Told:
    """What a client's detectors say of the net that it was sent."""
    f = e.facts
    rows = [
        (
            str(one["title"]),
            "flagged" if one["flagged"] else "passed" if one["judged"] else "cannot judge",
            number(one["score"], 3, "g") if one["judged"] else "",
            str(one["reason"]),
        )
        for one in f["detectors"].values()
    ]
    facts = [("digest of the net", str(f["digest"])), ("time", seconds(f.get("seconds")))]
    words = str(f["words"])
    return Told(
        words[:1].upper() + words[1:],
        facts,
        [],
        [],
        [],
        [Table("What each detector says", ("detector", "verdict", "score", "reason"), tuple(rows))],
    )


def labels(e: Entry) -> Told:
    """What a curious party of vertical FL tells of the labels that it does not own."""
    f = e.facts
    finding = f"With one known example of each class the party tells {_percent(f['hint'])} of the labels; always naming the largest class tells {_percent(f['chance'])}"
    alone = "not possible: other parties' embeddings enter the server's net, too"
    facts = [
        ("chance", f"{_percent(f['chance'])}: always naming the most frequent class"),
        (
            "hint",
            f"{_percent(f['hint'])}, one known example of each class (spread {100 * f.get('hint_spread', 0):.1f} points over choices)",
        ),
        (
            "trial, own top net",
            alone if f["trial"] is None else f"{_percent(f['trial'])}: each label tried on a top net with fresh weights",
        ),
        (
            "trial, the server's top net",
            alone if f["trial_known"] is None else f"{_percent(f['trial_known'])}: by a party that has got hold of it",
        ),
        ("pictures", f"{f['pictures']:,} public ones, batches of {e.scenario.batch}"),
        ("attacker was given", f"{f.get('given', '?')}: the party, not the server, is curious"),
        ("time", seconds(f.get("seconds"))),
    ]
    body = [
        (str(name), _percent(share), number(auc, 2))
        for name, share, auc in zip(f.get("classes", []), f.get("shares", []), f["norm_auc"], strict=False)
    ]
    table = Table(
        "The gradient's norm alone, each class against the rest (AUC 0.5 tells nothing)",
        ("class", "share of the pictures", "AUC"),
        tuple(body),
    )
    return Told(finding, facts, [], [f["data_note"]] if f.get("data_note") else [], [], [table] if body else [])


def _percent(share: Any) -> str:
    found = number(None if share is None else 100 * share, 0)
    return found if found == "?" else f"{found} %"
