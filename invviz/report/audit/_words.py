"""An audit in sentences, from its JSON alone."""

from __future__ import annotations

from typing import Any

from ...core.figures import number
from ...core.plain import read
from ...engine.audit.advice import UNSHARP
from ...metrics import EXACT, decibels, word_of_share


def dB(value: Any) -> str:  # noqa: N802
    """A PSNR for a table; what is exact to rounding is said to be."""
    if value is None:
        return "none"
    psnr = read(value)
    return f"{decibels(psnr)}{' (exact)' if EXACT <= psnr < float('inf') else ''}"


def expected_dB(value: Any) -> str:  # noqa: N802
    """An expected PSNR for a table."""
    return "not computed" if value is None else decibels(read(value))


def interval(found: dict[str, Any], name: str, digits: int, unit: str = "") -> str:
    """A figure of the spectrum with its interval where it has one; the interval alone where the sketch is not sharp."""
    low, high = (read(v) for v in found[f"{name}_interval"])
    if not sharp(found):
        return f"between {low:.{digits}f} and {high:.{digits}f}{unit}"
    value = f"{read(found['psnr_ceiling' if name == 'psnr' else name]):.{digits}f}{unit}"
    return value if low == high else f"{value} [{low:.{digits}f}, {high:.{digits}f}]"


def sharp(risk: dict[str, Any]) -> bool:
    """Whether the spectrum is exact, or the sketch's interval is narrow."""
    low, high = (read(v) for v in risk["invre_interval"])
    return high - low <= UNSHARP


def word(risk: dict[str, Any]) -> str:
    """InvRE in a word, or from which to which word its interval reaches."""
    ends = [word_of_share(read(v)) for v in risk["invre_interval"]]
    return risk["word"] if sharp(risk) or ends[0] == ends[1] else " to ".join(ends)


def strongest(found: dict[str, Any]) -> dict[str, Any] | None:
    """The strongest attack's row."""
    return None if found["strongest"] is None else found["attacks"][found["strongest"]]


def mean_psnr(attack: dict[str, Any]) -> float:
    """Mean over its records."""
    values = [read(v) for v in attack["psnr"]]
    return sum(values) / len(values)


def headline(found: dict[str, Any]) -> str:
    """The finding in one sentence."""
    risk, best = found["risk"], strongest(found)
    parts = []
    if best:
        parts.append(
            f"the strongest attack ({best['attack']}) gets {decibels(mean_psnr(best))} on average over {_records(found['facts']['records'])}"
        )
    if risk:
        above = (
            best is not None and risk["floor"] > 0 and mean_psnr(best) > read(risk["psnr_ceiling"])
        )  # without a reason that reads as a contradiction
        held = f", held to a noise floor of {100 * risk['floor']:g} % that the message does not have," if above else ""
        parts.append(
            f"the ideal attacker{held} is expected to get {interval(risk, 'psnr', 1, ' dB')}, InvRE {interval(risk, 'invre', 2)}{'' if sharp(risk) else ' (a sketch that is not sharp)'}"
        )
    if parts:
        blind = [read(row["blind_psnr"]) for row in found["records"]]
        parts.append(f"guessing the middle gets {decibels(sum(blind) / len(blind))}")
    said = "; ".join(parts) or "neither an attack nor the spectrum gave an answer"
    return said[:1].upper() + said[1:] + "."


def _records(count: int) -> str:
    return f"{count} record{'s' if count != 1 else ''}"


def summary(found: dict[str, Any]) -> list[str]:
    """A few lines for a terminal."""
    facts, worst = found["facts"], found["records"][0]
    lines = [
        f"{facts['module']}: {facts['trained']:,} trained parameters, {_records(facts['records'])}, {found['defense'] or 'no defense'}.",
        headline(found),
    ]
    least = "at least " if found["risk"] and found["risk"]["method"] == "sketch" else ""
    lines.append(
        f"Most exposed: record {worst['record']}, {least}{expected_dB(worst['ideal_psnr'])} expected at best ({worst['ideal_word']}), {dB(worst['attacked_psnr'])} by a real attack."
    )
    lines += [f"Note: {note}" for note in found["notes"]]
    lines += [f"{'Less' if one['weight'] == 'less' else 'Note'}: {one['what']} {one['repair']}" for one in found["reasons"]]
    lines += [f"- {one}" for one in found["advice"]]
    return [*lines, f"Limit: {found['limits'][0]}"]


def noise(found: dict[str, Any]) -> str:
    """The least noise in words."""
    least = found["least_noise"]
    if least is None:
        return "not computed"
    if least["sigma"] is None:
        return f"none for {number(least['wanted'], 4)} dB: {least['reason']}"
    return f"{least['defense']} brings the expected best down to {least['wanted']:.1f} dB"


def promise(found: dict[str, Any]) -> str:
    """The formal promise in words."""
    budget = found["budget"]
    if budget["promise"] == "none":
        return "none: no formal promise is made"
    known = (
        "epsilon is not known"
        if budget["epsilon"] is None
        else f"epsilon = {number(budget['epsilon'], 4)} at delta = {number(budget['delta'])}"
    )
    return f"{known}; {budget['promise']}"
