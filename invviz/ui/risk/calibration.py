"""The Risk page: is the ceiling right? Shipped studies of what was foretold against what attacks reached."""

from __future__ import annotations

from typing import Any

import streamlit as st

from ... import calibration
from ...calibration import ARMS, Study, correlate
from ...plots.calibration import scatter
from .. import state

AGAINST = {
    "ceiling": ("psnr_ceiling", "PSNR ceiling (dB), expected over pictures"),
    "ideal": ("ideal_psnr", "PSNR of the ideal attacker on this very picture (dB)"),
    "invre": ("invre", "InvRE"),
}


def draw() -> None:
    """One study, one way to attack."""
    studies = {study.name: study for study in calibration.studies()}
    st.markdown("##### Calibration: is the ceiling right?")
    if not studies:
        st.caption("No study is on this machine; make one with `python -m invviz.calibration photos`.")
        return
    left, middle, right = st.columns([2, 4, 3], vertical_alignment="bottom")
    with left:
        name = _choose("Study", "study", {n: s.title for n, s in studies.items()})
    with middle:
        arm = _choose("Attacker", "arm", {"attack": "Real", "oracle": "Oracle start", "oracle_map": "Oracle, told of noise"})
    with right:
        against = _choose("Against", "against", {"ceiling": "Ceiling", "ideal": "Ideal attacker", "invre": "InvRE"})
    study = studies[name]
    field, title = AGAINST[against]
    points = [_point(p, arm, field) for p in study.points if arm in p["arms"]]
    dark = st.context.theme.type == "dark"
    st.markdown(f"**{_title(points, against)}**")
    with st.container(horizontal=True, gap="medium"):
        with st.container(width=560, key="coefficients"):
            _coefficients(points, study, arm)
        with st.container(width="stretch", key="scatter"):
            st.vega_lite_chart(scatter(points, title, arm != "attack", dark), key="calibration", alt=_title(points, against))


def _choose(label: str, view: str, options: dict[str, str]) -> str:
    now = state.view(view) if state.view(view) in options else next(iter(options))
    name = state.key(view)
    st.segmented_control(
        label,
        list(options),
        default=now,
        format_func=options.__getitem__,
        required=True,
        key=name,
        on_change=lambda: state.set_view(view, st.session_state[name]),
    )
    return now


def _point(point: Any, arm: str, field: str) -> dict[str, Any]:
    model, defense = point["model"], point["defense"]
    facts = {
        "model": model,
        "defense": defense,
        "picture": str(point["index"]),
        "group": point["index"],
        "settled": not point["arms"][arm]["failed"],
    }
    return {"x": point[field], "y": point["arms"][arm]["psnr"], **facts}


def _title(points: list[dict[str, Any]], against: str) -> str:
    if against == "invre":
        return f"{len(points)} scenarios: PSNR that the attack reached, over InvRE"
    near = sum(abs(p["y"] - p["x"]) <= 3 for p in points)
    short = sum(p["y"] < p["x"] - 3 for p in points)
    over = len(points) - near - short
    return f"Of {len(points)} scenarios the attack reaches the foretold quality within 3 dB in {near}, falls short in {short} and beats it in {over}"


def _coefficients(points: list[dict[str, Any]], study: Study, arm: str) -> None:
    lines = ["| | Spearman (95 %) | Pearson (95 %) | n |", "|---|---|---|---|"]
    models = sorted({p["model"] for p in points})
    settled = [("search settled", [p for p in points if p["settled"]])]
    for label, some in [("all", points), *settled, *((m, [p for p in points if p["model"] == m]) for m in models)]:
        try:
            c = correlate([p["x"] for p in some], [p["y"] for p in some], [p["group"] for p in some])
            lines.append(
                f"| {label} | {c.spearman:.2f} ({c.spearman_low:.2f} to {c.spearman_high:.2f}) | {c.pearson:.2f} ({c.pearson_low:.2f} to {c.pearson_high:.2f}) | {c.count} |"
            )
        except ValueError:
            lines.append(f"| {label} | too few points | | {len(some)} |")
    st.markdown("\n".join(lines))
    st.caption("Intervals: whole pictures are drawn again (bootstrap), because scenarios of one picture are not independent.")
    st.markdown(_near_ideal(study) if arm == "oracle_map" else LESSONS[arm])
    st.caption(
        f"{ARMS[arm]} · {study.prior} prior, floor {study.floor:g}, seed {study.seed} · made by `{study.command}`"
        + (f" on {study.facts['machine']}" if "machine" in study.facts else "")
    )


LESSONS = {
    "attack": "A point far **below** the line is an attack that fell short, not a picture that is safe. With much noise it fits the noise, because nobody told it of noise or of what pictures "
    "look like; without noise its search ends or gets stuck early. A point **above** the line beats an expectation over pictures: this picture is easier than the prior expects, or the prior is too wide.",
    "oracle": "**Oracle, for calibration only:** the search starts next to the truth, so it cannot get lost. What is still missing to the line was lost to noise that this attacker fits, "
    "because nobody told it of the noise.",
}


def _near_ideal(study: Study) -> str:
    """What the strongest oracle shows, counted from the study itself."""
    settled = [p for p in study.points if "oracle_map" in p["arms"] and not p["arms"]["oracle_map"]["failed"]]
    near = sum(abs(p["arms"]["oracle_map"]["psnr"] - p["ideal_psnr"]) <= 1 for p in settled)
    never = sorted({p["model"] for p in study.points} - {p["model"] for p in settled})
    words = (
        "**Oracle, for calibration only:** starts next to the truth, knows noise and prior, and looks for the most likely picture. "
        f"Where its search settles ({len(settled)} of {len(study.points)}) it lands within 1 dB of the ideal attacker in {near}: there the straight line holds and the ceiling is tight."
    )
    kinked = (
        f" It never settles on {', '.join(never)}: ReLU's kinks break the straight line, and there the ceiling is local, not a bound."
        if never
        else ""
    )
    return words + kinked + " Faint marks: not settled, little more than the start."
