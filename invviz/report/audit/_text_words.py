"""An audit of sentences in words, from its JSON alone; no sentence is in it."""

from __future__ import annotations

from typing import Any

from ...core.figures import number
from ...engine.audit.findings import NO_TIME, ON_REQUEST, UNFIT
from .._words_told import GENIE

SCALE = (
    f"Bits are learned by whoever knows {GENIE}. InvRE of words is the share of those bits, from 0 (nothing) to 1 (everything). Words right: of an attack's answer, each at its place; anywhere: ROUGE-1, "
    "wherever they stand."
)


def share(value: Any) -> str:
    """A share for a table."""
    return "none" if value is None else f"{100 * value:.0f} %"


def got(attack: dict[str, Any]) -> str:
    """What an attack that gave an answer has of all sentences."""
    count, whole = len(attack["read"]), sum(attack["exact"])
    mean, anywhere = (sum(attack[name]) / count for name in ("read", "anywhere"))
    more = f", {whole} of {count} sentence{'s' * (count != 1)} word by word" if whole else ""
    return f"{100 * mean:.0f} % of the words right ({100 * anywhere:.0f} % anywhere){more}"


def state(attack: dict[str, Any]) -> str:
    """How an attack ended."""
    if not attack["read"]:
        return "no answer"
    if attack["stopped"]:
        return (
            "stopped on request" if attack["note"].startswith(ON_REQUEST) else f"stopped at the end of its time ({attack['seconds']:.0f} s)"
        )
    return "failed in its own eyes" if attack["failed"] else "answered"


def strongest(found: dict[str, Any]) -> dict[str, Any] | None:
    """The strongest attack's row."""
    return None if found["strongest"] is None else found["attacks"][found["strongest"]]


def finding(found: dict[str, Any]) -> str:
    """The most exposed sentence, in one sentence."""
    worst, told = found["records"][0], found["counted"]
    read = next((row for row in found["records"] if row["exact"]), None)
    if read is not None:
        return f"Sentence {read['record']} is read word by word by a real attack"
    if told is None:
        return (
            "Neither the words were counted nor did an attack have an answer"
            if worst["read"] is None
            else f"A real attack has {share(worst['read'])} of the words of sentence {worst['record']}"
        )
    which = ", the most exposed," if len(found["records"]) > 1 else ""
    return f"Sentence {worst['record']}{which} gives away {worst['share'] * told['entropy']:.1f} of the {told['entropy']:.1f} bits of each of its words"


def headline(found: dict[str, Any]) -> str:
    """All sentences, in one sentence."""
    best, told = strongest(found), found["counted"]
    parts = []
    if told is None:
        parts.append(f"bits of words were not counted: {found['uncounted'].rstrip('.')}")
    else:
        parts.append(
            f"over all {told['places']} words {told['bits']:.2f} of {told['entropy']:.2f} bits of a word are learned (InvRE of words {told['share']:.2f}) by whoever knows all others, and the most likely word is the true one "
            f"{100 * told['right']:.0f} % of the time"
        )
    if best:
        parts.append(f"the strongest attack ({best['attack']}) has {got(best)}")
    elif any(not one["skipped"] for one in found["attacks"]):
        parts.append("no attack gave an answer")
    late = [one for one in found["attacks"] if one["skipped"] == NO_TIME or (one["stopped"] and not one["note"].startswith(ON_REQUEST))]
    if late:
        fit = sum(one["skipped"] != UNFIT for one in found["attacks"])
        parts.append(f"{len(late)} of {fit} attacks that fit had too little time")
    parts.append(f"guessing without a message has one word in {found['facts']['words']:,} right")
    said = "; ".join(parts)
    return f"{said[:1].upper()}{said[1:]}."


def noise(found: dict[str, Any]) -> str:
    """The least noise in words."""
    least = found["least_noise"]
    if least is None:
        return "not computed"
    wanted = f"at most {100 * least['wanted']:.0f} % of the bits of any word"
    if least["sigma"] is None:
        return f"for {wanted}: {least['reason']} (now {100 * least['now']:.0f} %)"
    return f"{least['defense']} leaves {wanted} (now {100 * least['now']:.0f} %), about: it is counted over {400} draws of the noise"


def half(found: dict[str, Any]) -> str:
    """At which noise half of the bits drown."""
    return "not computed" if found["counted"] is None else f"{number(found['counted']['half'], 2)} times the typical entry of the message"


def summary(found: dict[str, Any]) -> list[str]:
    """A few lines for a terminal."""
    facts, count = found["facts"], found["facts"]["records"]
    lines = [
        f"{facts['module']}: {facts['trained']:,} trained parameters, {count} sentence{'s' * (count != 1)} of a vocabulary of {facts['words']:,} words, {found['defense'] or 'no defense'}.",
        f"{finding(found)}.",
        headline(found),
        f"Half of the bits of a word drown at noise of {half(found)}.",
        f"Least noise: {noise(found)}.",
    ]
    lines += [f"Note: {one}" for one in found["notes"]]
    lines += [f"{'Less' if one['weight'] == 'less' else 'Note'}: {one['what']} {one['repair']}" for one in found["reasons"]]
    lines += [f"- {one}" for one in found["advice"]]
    return [*lines, *(f"Limit: {one}" for one in found["limits"][:2])]
