"""The Risk page: is the expected best right? Shipped studies of what was foretold against what attacks reached."""

from __future__ import annotations

import functools
from typing import Any

import streamlit as st

from ...charts.calibration import scatter
from ...core.figures import number
from ...engine.gap import tally
from ...scenario import Scenario
from ...studies import calibration
from ...studies.calibration import ARMS, CalibrationStudy, Correlation, Within, correlate, correlate_within
from .. import choice, glossary, things

CONFIRMED = 0.8  # Spearman from which an order counts as confirmed
NEAR = 3.0  # dB
AGAINST = {
    "ceiling": ("psnr_ceiling", "expected best (dB), an average over pictures"),
    "ideal": ("ideal_psnr", "PSNR of the ideal attacker on this very picture (dB)"),
    "invre": ("invre", "InvRE"),
    "right": ("right", "share of words right, expected of an ideal attacker who knows all others"),
}
SAID = {"ceiling": "Expected best", "ideal": "Ideal attacker", "invre": "InvRE", "right": "Expected share right"}
ATTACKERS = {"attack": "Real", "oracle": "Oracle start", "oracle_map": "Oracle, told of noise"}


def draw() -> None:
    """One study, one way to attack."""
    studies = {study.name: study for study in calibration.studies()}
    st.markdown("## Calibration: is the expected best right?", help=glossary.tip("best"))
    if not studies:
        st.caption("No study is on this machine; make one with `python -m invviz.calibration photos`.")
        return
    with st.container(horizontal=True, gap="large"):
        name = choice.of_view("study", {n: s.title for n, s in studies.items()}, "Study")
        study = studies[name]
        arm = choice.of_view("arm", {a: title for a, title in ATTACKERS.items() if a in study.points[0]["arms"]}, "Attacker")
        against = choice.of_view("against", {a: SAID[a] for a, (field, _) in AGAINST.items() if field in study.points[0]}, "Against")
    field, title = AGAINST[against]
    points, told = ([_point(p, a, field) for p in study.points if a in p["arms"]] for a in (arm, "oracle_map"))
    dark = st.context.theme.type == "dark"
    st.markdown(f"### {_title(points, against)}")
    with st.container(horizontal=True, gap="medium"):
        with st.container(width=560, key="coefficients"):
            _coefficients(points, told, study, arm)
        with st.container(width="stretch", key="scatter"):
            chart = scatter(points, title, arm == "oracle_map", dark, "words right" if in_words(study) else "")
            st.vega_lite_chart(chart, key="calibration", alt=_title(points, against))
            marks = "Filled marks: told of the noise." if arm == "oracle_map" else "Hollow marks: not told of the noise."
            st.caption(f"{marks} Faint: its search failed in its own eyes.")


def _line(label: str, c: Correlation | None, count: int) -> str:
    """A line of the table."""
    if c is None:
        return f"| {label} | too few points | | {count} |"
    return f"| {label} | {c.spearman:.2f} ({c.spearman_low:.2f} to {c.spearman_high:.2f}) | {c.pearson:.2f} ({c.pearson_low:.2f} to {c.pearson_high:.2f}) | {c.count} |"


def in_words(study: CalibrationStudy) -> bool:
    """Whether its samples are sentences, of which attacks have words right."""
    return "right" in study.points[0]


def _point(point: Any, arm: str, field: str) -> dict[str, Any]:
    model, defense = point["model"], point["defense"]
    facts = {
        "model": model,
        "defense": defense,
        "picture": str(point["index"]),
        "group": point["index"],
        "settled": not point["arms"][arm]["failed"],
        "limit": point.get("ideal_psnr", point.get("right")),
    }
    score = "psnr" if "psnr" in point["arms"][arm] else "tokens"
    return {"x": point[field], "y": point["arms"][arm][score], **facts}


def _title(points: list[dict[str, Any]], against: str) -> str:
    if all(p["y"] <= 1 for p in points):  # shares
        return f"{len(points)} scenarios: words that the attack has right, over {SAID[against] if against == 'invre' else SAID[against].lower()}"
    if against == "invre":
        return f"{len(points)} scenarios: PSNR that the attack reached, over InvRE"
    near = sum(abs(p["y"] - p["x"]) <= NEAR for p in points)
    short = sum(p["y"] < p["x"] - NEAR for p in points)
    over = len(points) - near - short
    return f"Of {len(points)} scenarios the attack reaches the foretold quality within 3 dB in {near}, falls short in {short} and beats it in {over}"


def _coefficients(points: list[dict[str, Any]], told: list[dict[str, Any]], study: CalibrationStudy, arm: str) -> None:
    """The table and what it means.

    Args:
        points: of the chosen attacker.
        told: the same scenarios of the oracle that knows noise and prior.
        study: whence they are.
        arm: name of the attacker.
    """
    say = functools.partial(things.say, Scenario.parse(study.points[0]["scenario"]))
    lines = ["| | Spearman (95 %) | Pearson (95 %) | n |", "|---|---|---|---|"]
    models = sorted({p["model"] for p in points})
    settled = [("search settled", [p for p in points if p["settled"]])]
    for label, some in [("all", points), *settled, *((m, [p for p in points if p["model"] == m]) for m in models)]:
        c = _pooled(some)
        lines.append(_line(label, c, len(some)))
    if arms := [p["arms"][arm] for p in study.points if "cells" in p["arms"][arm]]:
        cells = [{**p, "y": own["cells"]} for p, own in zip(points, arms, strict=True)]
        lines.append(_line("all, by cells right", _pooled(cells), len(cells)))
    alone = _pictures_alone(points)
    lines.append(
        "| pictures alone | too few points | | |"
        if alone is None
        else f"| pictures alone | {alone.spearman:.2f}, mean of {alone.cells} cells | | {alone.count} |"
    )
    st.markdown(say("\n".join(lines)))
    st.caption(
        say(
            "Intervals: whole pictures are drawn again (bootstrap), because scenarios of one picture are not independent. "
            "Pictures alone: inside cells of the same model and defense, of at least 4 pictures."
        )
    )
    st.markdown(say(order_words(alone)))
    if in_words(study):
        st.markdown(OF_WORDS[arm])
        _made(study, arm)
        return
    if arm == "attack" and (words := weak_words(_pooled(points), points, _pooled(told))):
        st.markdown(say(words))
    st.markdown(say(_near_ideal(study) if arm == "oracle_map" else LESSONS[arm]))
    if knows := _knowing(study, arm):
        st.markdown(knows)
    if above := _above(study, arm):
        st.caption(f"Of these, {above}")
    _made(study, arm)


def _knowing(study: CalibrationStudy, arm: str) -> str:
    """What an attack on rows knows that the score's prior does not, counted from the study itself; empty of other samples."""
    knowing = [p for p in study.points if arm == "attack" and "cells" in p["arms"][arm] and "attack=tableak" in p["scenario"]]
    over = sum(p["arms"][arm]["psnr"] > p["ideal_psnr"] + NEAR for p in knowing)
    return (
        f"`tableak` knows that one entry of a choice is 1 and the others 0, which the score's prior does not: {over} of its {len(knowing)} searches beat the ideal attacker "
        "by more than 3 dB. For rows the expected best orders, and does not bound, what such an attacker gets."
        if knowing
        else ""
    )


def _made(study: CalibrationStudy, arm: str) -> None:
    st.caption(
        f"{ARMS[arm]} · {study.prior} prior, floor {number(study.floor)}, seed {study.seed} · made by `{study.command}`"
        + (f" on {study.facts['machine']}" if "machine" in study.facts else "")
    )


OF_WORDS = {
    "attack": "A mark far **below** what was foretold is an attack that fell short, not a sentence that is safe: it is told neither of the noise nor which words are likely. The expectation is of one word at a time, "
    "all others known, and every word as likely as any other; whoever knows the language may have more right.",
    "oracle_map": "**Oracle, for calibration only:** starts at the truth and takes, word by word, the one whose message lies nearest to what was sent, until none changes. One noise each: single marks scatter around what is foretold.",
}
LESSONS = {
    "attack": "A point far **below** the line is an attack that fell short, not a picture that is safe. With much noise it fits the noise, because nobody told it of noise or of what pictures "
    "look like; without noise its search ends or gets stuck early. A point **above** the line beats an average over pictures and noise, as single pictures may: this one is easier than the prior expects.",
    "oracle": "**Oracle, for calibration only:** the search starts next to the truth, so it cannot get lost. What is still missing to the line was lost to noise that this attacker fits, "
    "because nobody told it of the noise.",
}


def _above(study: CalibrationStudy, arm: str) -> str:
    """Why attacks got more than the ideal attacker on their picture, counted from the study itself."""
    return tally(
        (Scenario.parse(p["scenario"]), p["arms"][arm]["psnr"], p["ideal_psnr"], (study.floor / p["sigma"]) ** 2 if p["sigma"] else 1.0)
        for p in study.points
        if arm in p["arms"]
    )


def _near_ideal(study: CalibrationStudy) -> str:
    """What the strongest oracle shows, counted from the study itself."""
    settled = [p for p in study.points if "oracle_map" in p["arms"] and not p["arms"]["oracle_map"]["failed"]]
    near = sum(abs(p["arms"]["oracle_map"]["psnr"] - p["ideal_psnr"]) <= 1 for p in settled)
    never = sorted({p["model"] for p in study.points} - {p["model"] for p in settled})
    words = (
        "**Oracle, for calibration only:** starts next to the truth, knows noise and prior, and looks for the most likely picture. "
        f"Where its search settles ({len(settled)} of {len(study.points)}) it lands within 1 dB of the ideal attacker in {near}: there the straight line holds and the expected best is tight."
    )
    kinked = (
        f" It never settles on {', '.join(never)}: ReLU's kinks break the straight line, and there the expected best is local, not a bound."
        if never
        else ""
    )
    return words + kinked + " Faint marks: not settled, little more than the start."


def _pooled(points: list[dict[str, Any]]) -> Correlation | None:
    return _correlated(tuple(p["x"] for p in points), tuple(p["y"] for p in points), tuple(p["group"] for p in points))


@functools.lru_cache(maxsize=200)  # 2,000 resamples each, of a few figures that are shipped: not at every move of a control above
def _correlated(x: tuple[float, ...], y: tuple[float, ...], groups: tuple[int, ...]) -> Correlation | None:
    try:
        return correlate(x, y, groups)
    except ValueError:
        return None


def _pictures_alone(points: list[dict[str, Any]]) -> Within | None:
    try:
        return correlate_within([p["x"] for p in points], [p["y"] for p in points], [(p["model"], p["defense"]) for p in points])
    except ValueError:
        return None


def order_words(alone: Within | None) -> str:
    """Whether an attacker finds the pictures easier that the risk calls more exposed, in one sentence."""
    if alone is None:
        return "Too few scenarios differ by their picture alone: nothing is said about the order of pictures."
    figure = f"Spearman {alone.spearman:.2f} inside {alone.cells} cells of the same model and defense; few pictures, so rough"
    if alone.spearman >= CONFIRMED:
        return f"This attacker **confirms the order of pictures** ({figure})."
    if alone.spearman >= CONFIRMED / 2:
        return f"This attacker confirms the order of pictures **only in part** ({figure})."
    return f"This attacker **does not confirm the order of pictures** ({figure}): what agrees above is the order of models and noise."


def weak_words(pooled: Correlation | None, points: list[dict[str, Any]], told: Correlation | None) -> str:
    """Why a real attack follows the foretold order only loosely, where it does; counted from the points.

    Args:
        pooled: of this attack, over all scenarios.
        points: its scenarios.
        told: the same of the oracle that is told of noise and prior.
    """
    if pooled is None or pooled.spearman >= CONFIRMED:
        return ""
    short = [p for p in points if p["y"] < p["limit"] - NEAR]
    free = sum(p["defense"] == "none" for p in short)
    words = (
        f"**Over all scenarios Spearman is {pooled.spearman:.2f}, below {CONFIRMED:g}:** {len(short)} of {len(points)} searches end more than "
        f"{NEAR:g} dB below the ideal attacker, {free} of these without any defense. This attacker knows neither the noise nor what pictures look like"
    )
    return words + ("." if told is None else f"; the oracle that is told of both has {told.spearman:.2f}.")
