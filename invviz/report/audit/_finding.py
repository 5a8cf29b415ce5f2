"""What an audit found, in the sentences that lead: of the report, of the page, on a terminal."""

from __future__ import annotations

from typing import Any

from ...core.plain import read
from ...engine.audit.findings import BY_MEAN, BY_ONE, GUESSED, NO_TIME, ON_REQUEST, READ, UNFIT
from ...engine.audit.verdict import UNKNOWN
from ...metrics import EXACT, decibels
from ._words import _read, dB, expected_dB, interval, knows, of_mean_error, ordered, sharp, strongest, unknown, warned


def finding(found: dict[str, Any]) -> str:
    """The worst record in one sentence."""
    told = found["verdict"]
    if told["by"] == BY_MEAN:
        if len(found["records"]) == 1 and told["word"] != UNKNOWN:
            return f"Record {found['records'][0]['record']} is {told['word']}, by a sketch"
        unordered = exposed(found).partition(":")[0]
        return unordered if told["word"] == UNKNOWN else f"By the mean over the records {told['word']}. {unordered}"
    worst = next(r for r in found["records"] if r["record"] == told["record"])
    name, ideal, real = f"Record {worst['record']}", worst["ideal_psnr"], worst["attacked_psnr"]
    if real is not None and read(real) >= EXACT:
        return f"{name} is read to rounding by a real attack"
    if ideal is None:
        return (
            f"{name} is most exposed: a real attack gets {decibels(read(real))}"
            if real is not None
            else "Neither a spectrum nor an attack has an answer"
        )
    if worst["ideal_word"] == GUESSED and real is None:
        return exposed(found).rstrip(".")
    if told["by"] == BY_ONE:
        return f"{name} is {told['word']}, and others may be more exposed: the ideal attacker is expected to get at least {decibels(read(ideal))}"
    return f"{name} is most exposed: the ideal attacker is expected to get {decibels(read(ideal))}, {worst['ideal_word']}"


def headline(found: dict[str, Any]) -> str:
    """The finding in one sentence."""
    risk, best = found["risk"], strongest(found)
    parts = [said] if (said := _worst(found)) else []
    if best:
        parts.append(
            f"the strongest attack ({best['attack']}) gets {decibels(of_mean_error(best['psnr']))} over {_records(found['facts']['records'])}{_read(best)}"
        )
    if said := _late(found):
        parts.append(said)
    if risk and not knows(risk):
        parts.append(unknown(risk))
    elif risk:
        above = (
            best is not None and risk["floor"] > 0 and of_mean_error(best["psnr"]) > read(risk["psnr_ceiling"])
        )  # without a reason that reads as a contradiction
        held = f", held to a noise floor of {100 * risk['floor']:g} % that the message does not have," if above else ""
        parts.append(
            f"{_over(found)}the ideal attacker{held} is expected to get {interval(risk, 'psnr', 1, ' dB')}, InvRE {interval(risk, 'invre', 2)}{'' if sharp(risk) else ' (a sketch that is not sharp)'}"
        )
    if best or risk:
        parts.append(f"guessing the middle gets {decibels(of_mean_error([row['blind_psnr'] for row in found['records']]))}")
    said = "; ".join(parts) or "neither an attack nor the spectrum gave an answer"
    return said[:1].upper() + said[1:] + "."


def exposed(found: dict[str, Any]) -> str:
    """The most exposed record in a sentence, where the order is known."""
    if not ordered(found):
        return "Which record is most exposed is not known: the spectrum is a sketch, which says of each record that the ideal attacker is expected to get at least so much."
    worst = found["records"][0]
    if worst["ideal_word"] == GUESSED and worst["attacked_psnr"] is None:
        return "No record is told beyond what guessing the middle gets."
    run = not all(attack["error"] for attack in found["attacks"])
    got = (
        "no attack was run"
        if not run
        else "no attack had an answer"
        if worst["attacked_psnr"] is None
        else f"{dB(worst['attacked_psnr'])} by a real attack"
    )
    return f"Most exposed: record {worst['record']}, {expected_dB(worst['ideal_psnr'])} expected at best ({worst['ideal_word']}), {got}."


def summary(found: dict[str, Any]) -> list[str]:
    """A few lines for a terminal."""
    facts = found["facts"]
    lines = [
        f"{facts['module']}: {facts['trained']:,} trained parameters, {_records(facts['records'])}, {found['defense'] or 'no defense'}.",
        headline(found),
    ]
    lines[1:1] = warned(found)
    lines.append(exposed(found))
    lines += [f"Note: {note}" for note in found["notes"]]
    lines += [f"{'Less' if one['weight'] == 'less' else 'Note'}: {one['what']} {one['repair']}" for one in found["reasons"]]
    lines += [f"- {one}" for one in found["advice"]]
    return [*lines, f"Limit: {found['limits'][0]}"]


def _over(found: dict[str, Any]) -> str:
    """That a figure is of all records; empty where there is one."""
    count = len(found["records"])
    if count < 2:
        return ""
    return f"over all {count} records " if ordered(found) else f"by the mean over {count} records (a sketch, which ranks none) "


def _worst(found: dict[str, Any]) -> str:
    """The verdict on the most exposed record; empty where it is on the mean, nothing was computed, or the report was written before there were verdicts."""
    told = found.get("verdict") or {}
    if not told or told["by"] == BY_MEAN or told["word"] == "not computed":
        return ""
    if told["word"] == GUESSED:
        return "no record is told beyond what guessing the middle gets"
    by = " by a real attack" if told["word"] == READ else ""
    more = "" if told["psnr"] is None or by else f" ({'at least ' * (told['by'] == BY_ONE)}{expected_dB(told['psnr'])} expected at best)"
    which = " (others may be more exposed)" if told["by"] == BY_ONE else ", the most exposed,"
    return f"record {told['record']}{which if len(found['records']) > 1 else ''} is {told['word']}{by}{more}"


def _late(found: dict[str, Any]) -> str:
    """How many of the attacks that fit were not run or stopped for lack of time; empty where none."""
    fit = [one for one in found["attacks"] if one.get("skipped") != UNFIT]
    unrun = sum(one.get("skipped") == NO_TIME for one in fit)
    ended = sum(one["stopped"] and not one["note"].startswith(ON_REQUEST) for one in fit)
    parts = (f"{unrun} not run" if unrun else "", f"{ended} stopped before {'they were' if ended > 1 else 'it was'} done" if ended else "")
    said = " and ".join(part for part in parts if part)
    return f"for lack of time, of {len(fit)} attack{'s' * (len(fit) > 1)} that fit, {said}" if said else ""


def _records(count: int) -> str:
    return f"{count} record{'s' if count != 1 else ''}"
