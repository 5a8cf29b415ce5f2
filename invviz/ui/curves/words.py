"""The Curves page in words: what defenses, strengths and figures are called."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ...core.figures import number
from ...defenses import DEFENSES, Stack
from ...scenario import Scenario
from ...studies.tradeoff import PRIVACY, Mean, Point

NONE = "none"  # what a table calls cells without a defense
AXES = {
    "tokens": "Words right",
    "cells": "Cells right",
    "strongest": "Strongest",
    "aware": "Aware",
    "unaware": "Unaware",
    "ssim": "SSIM",
    "ceiling": "Expected best",
    "invre": "InvRE",
}
MEANS = {
    "strongest": "PSNR of the strongest attack: on every picture the best of all attacks that were run, told of the defense (aware) or not. Its word "
    "says how much that is beyond what somebody gets who sees no message.",
    "aware": "PSNR of attacks that are told the defense and its parameters, not its random draw.",
    "unaware": "PSNR of attacks that take the update at face value. A defense that only fools them hides nothing.",
    "ssim": "SSIM of the strongest attack: likeness of structure, from 0 (none) to 1 (the same picture).",
    "tokens": "Share of a sentence's words that the strongest attack has right, place by place. Some are right by what is known of the language alone.",
    "cells": "Share of a row's cells that the strongest attack has right: the same word, or a number within 5 % of the column's range. Some are right without any message.",
    "ceiling": "PSNR that an ideal attacker reaches on average: no search, the best guess that noise and spectrum allow. "
    "No bound: pictures smoother than the prior takes them for, the noise floor, noise that is not normal and curvature let attacks get more.",
    "invre": "InvRE: the share of the squared error of a guess without the message that the message takes away, on average; 0.93 is 93 %, and not of the pixels. "
    "Of sentences: the share of a word's bits that are learned by whoever knows all other words.",
}
OF_SOME = ("tokens", "cells", "ssim")  # measures of some kinds of samples alone
BUDGETS = {name: name for name in ("0", "1", "2", "5")}


def axes_of(rows: Any) -> dict[str, str]:
    """The measures of which a table has figures: pictures have no cells, rows no SSIM, sentences no PSNR; while nothing is known of any, those of every sweep."""
    held = {name: [c for c in PRIVACY[name].columns if c in rows] for name in AXES}
    known = {name for name in AXES if rows[held[name]].notna().any(axis=None)}
    absent = {name for name in AXES if name in OF_SOME or ("tokens" in known and PRIVACY[name].unit)} - known
    return {name: title for name, title in AXES.items() if name not in absent}


def titles(labels: Iterable[str]) -> dict[str, str]:
    """Names of defenses for people, by label, with knobs that make another defense of it (`reuse` saves time alone); all knobs where two would have the same name."""
    short = {label: _short(label) + (f" ({knobs})" if (knobs := _telling(label)) else "") for label in dict.fromkeys(labels)}
    twins = [name for name in short.values() if list(short.values()).count(name) > 1]
    return {label: f"{name} ({_knobs(label) or 'defaults'})" if name in twins else name for label, name in short.items()}


def stack_of(label: str) -> Stack:
    """The defenses that a label names, at their default knobs; none where one is not known here."""
    names = [part.split("(")[0] for part in label.split(" + ")]
    return Stack(DEFENSES[name]() for name in names) if all(name in DEFENSES for name in names) else Stack()


def _short(label: str) -> str:
    if label == NONE:
        return "No defense"
    names = [part.split("(")[0] for part in label.split(" + ")]
    return " + ".join(DEFENSES[name].short_title() if name in DEFENSES else name for name in names)


def _knobs(label: str) -> str:
    return ", ".join(part.partition("(")[2].removesuffix(")") for part in label.split(" + ") if "(" in part)


def _telling(label: str) -> str:
    return ", ".join(knob for knob in re.split(r",\s*(?![^(]*\))", _knobs(label)) if knob and not knob.startswith("reuse="))


def name(point: Point) -> str:
    """A point's name in the address."""
    return point.defense if point.strength != point.strength else f"{point.defense}@{point.strength:g}"


@functools.lru_cache(maxsize=2_000)
def level(text: str) -> str:
    """The strength of the last defense of a scenario in words; empty where there is none."""
    stack = Scenario.parse(text).defense
    return stack[-1].level() if stack and stack[-1].strength else ""


def called(point: Point, names: Mapping[str, str]) -> str:
    """Defense and strength in a few words."""
    if point.defense == NONE or point.strength != point.strength:
        return names[point.defense]
    return f"{names[point.defense]}, {point.strength_name} {number(point.strength)}"


def spread(mean: Mean, form: str, unit: str = "", times: float = 1.0) -> str:
    """Value with its interval where it has one."""
    value = f"{mean.value * times:{form}}{unit}"
    if mean.interval is None:
        return value
    low, high = (f"{end * times:{form}}" for end in mean.interval)
    return f"{value} [{low} to {high}]"


def accuracy(mean: Mean) -> str:
    """An accuracy in percent."""
    return spread(mean, ".1f", " %", 100)


def figure(mean: Mean, measure: str, word: str = "") -> str:
    """A measure with its word, unit and interval."""
    kind = PRIVACY[measure]
    unit = f" {kind.unit}" if kind.unit else ""
    said = spread(mean, kind.format, unit)
    return f"{word}, {said}" if word and mean.value == mean.value else said
