"""Beside the plane: the open point, its pictures and its figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import streamlit as st

from ...core.figures import number as figured
from ...core.modality import PICTURE
from ...engine.gap import above
from ...metrics import Baseline, quality
from ...scenario import Scenario
from ...studies.tradeoff import Operating, Point, reached
from .. import budget, choice, press, sight, state, things
from . import numbers, plane, source
from .numbers import Part
from .source import Shown
from .words import NONE, accuracy, called, figure, level, name, spread, titles

Table = Any
WHO = {"unaware": "○ unaware", "aware": "● aware"}


def draw(shown: Shown, part: Part, found: Sequence[Point], best: Operating | None, measure: str) -> None:
    """Choice of the point, pictures, figures, and the way to the Lab."""
    names, point = titles(p.defense for p in found), plane.at(found, best)
    _choose(found, point, best, names)
    cells = cells_of(part.rows, point)
    number = seen(part)
    st.html(_pictures(shown, part.like, cells, number, point.defense != NONE, numbers.unseen(part).get(number)))
    lost = f", {spread(point.drop, '.1f', ' points', 100)} lost" if point.defense != NONE else ""
    lines = [f"Accuracy **{accuracy(point.accuracy)}**{lost}".replace("[", "\\[")]
    what = {"ssim": "SSIM of the strongest attack", "ceiling": "Ideal attacker", "invre": "InvRE"}.get(measure, "Strongest attack")
    what = {"aware": "Aware attack", "unaware": "Unaware attack", "tokens": "Words right", "cells": "Cells right"}.get(measure, what)
    lines.append(f"{what} **{figure(point.value, measure, numbers.words(part, [point])[point])}**".replace("[", "\\["))
    if more := _above(cells, number):
        lines.append(f":gray[{more}]")
    if point.attack and measure not in ("ceiling", "invre"):
        lines.append(things.say(part.like, f":gray[On most pictures the strongest was {point.attack}.]").replace("_", "\\_"))
    st.markdown("  \n".join(lines))
    scenario = run_shown(cells, number, measure) or Scenario.parse(point.scenario)
    budget.draw(scenario, trained=True)
    press.button(
        "Open in the Lab",
        "curves lab",
        lambda: state.open_scenario(scenario),
        page="pages/lab.py",
        shows=sight.TOP,
        icon=":material/science:",
        help=things.say(part.like, "The attack that is shown here: this picture, seed, strength and attacker."),
    )
    st.code(scenario.text(), language=None, wrap_lines=True)


def _above(cells: Table, number: int) -> str:
    """Why the better attack on the shown picture got more than the expected best, where it did."""
    found = {who: cell for who in WHO if (cell := strongest(cells, number, who)) is not None}
    who = max(found, key=lambda w: reach(found[w], w), default=None)
    if who is None or not float(found[who]["psnr_ceiling"]) > 0:
        return ""
    cell = found[who]
    return above(Scenario.parse(str(cell["scenario"])), float(cell[f"psnr_{who}"]), float(cell["psnr_ceiling"]), expected=True)


def _choose(found: Sequence[Point], point: Point, best: Operating | None, names: Mapping[str, str]) -> None:
    keys = [name(p) for p in plane.ordered(found)]
    said = {name(p): called(p, names) + (" (best at this cost)" if best and p == best.point else "") for p in found}
    choice.from_list("Open point", "curves point", keys, name(point), plane.open_point, said.__getitem__, label_visibility="collapsed")
    st.caption(level(point.scenario) or "The update is sent as it is.")


def run_shown(cells: Table, number: int, measure: str) -> Scenario | None:
    """The attack that a point is shown by: of the attackers that the measure takes, the one that got more of this picture; None where none is known."""
    wanted = [measure] if measure in WHO else list(WHO)
    found = {who: cell for who in wanted if (cell := strongest(cells, number, who)) is not None}
    if not found:
        return None
    who = max(found, key=lambda w: reach(found[w], w))
    scenario = Scenario.parse(str(found[who]["scenario"]))
    return scenario.replace(attacker=who) if scenario.defense else scenario


def cells_of(rows: Table, point: Point) -> Table:
    """The cells of a point."""
    same = rows["defense"] == point.defense
    if point.strength == point.strength:
        same &= (rows["strength_name"] == point.strength_name) & (rows["strength"] == point.strength)
    return rows[same]


def pictures(part: Part) -> list[int]:
    """Numbers of the victims."""
    return sorted(int(n) for n in part.rows["picture"].unique())


def seen(part: Part) -> int:
    """Which victim is shown."""
    numbers = pictures(part)
    chosen = state.whole("seen")
    return chosen if chosen in numbers else numbers[0]


def strongest(cells: Table, number: int, who: str) -> Any:
    """The cell of one picture and its first seed with the best attack of a kind; None where none is known."""
    mine = cells[(cells["picture"] == number) & reached(cells, who).notna()]
    if not len(mine):
        return None
    first = mine[mine["seed"] == mine["seed"].min()]
    return first.loc[reached(first, who).idxmax()]


def reach(cell: Any, who: str) -> float:
    """How far the attack of a cell got (`reached`)."""
    psnr = float(cell[f"psnr_{who}"])
    return psnr if psnr == psnr else float(cell.get(f"tokens_{who}", psnr))


def told(cell: Any, who: str, unseen: Baseline | None, between: str = ", ") -> str:
    """What an attack got, in words: of sentences the words that are right, of rows the cells, and the PSNR where there is one."""
    known = {name: float(cell.get(f"{name}_{who}", np.nan)) for name in ("psnr", "tokens", "cells")}
    said = [
        f"{figured(100 * known[k], 2)} % of the {word} right"
        for k, word in (("tokens", "words"), ("cells", "cells"))
        if known[k] == known[k]
    ]
    if known["psnr"] == known["psnr"]:
        said.append(quality(known["psnr"], float(cell[f"ssim_{who}"]), unseen, between))
    return between.join(said)


def _pictures(shown: Shown, like: Scenario, cells: Table, number: int, defended: bool, unseen: Baseline | None) -> str:
    keys = [v for who in WHO if f"key_{who}" in cells for v in cells.loc[cells["picture"] == number, f"key_{who}"]]
    names = [*(things.say(like, words) for words in (f"The client's picture {number}.", f"picture {number}")), absent(like)]
    figures = [shot(source.truth(shown, number, keys), names[0], "the truth", names[1], "own", names[2])]
    for who, title in WHO.items():
        cell = strongest(cells, number, who)
        if cell is None:
            said = "the same: there is nothing to know" if who == "aware" and not defended else "not known yet"
            figures.append(shot("", "", title, said, who, names[2]))
            continue
        ssim = float(cell[f"ssim_{who}"])
        said = told(cell, who, unseen, "<br>") + (f", SSIM {ssim:.2f}" if ssim == ssim else "")
        found = source.picture(shown, cell.get(f"key_{who}"))
        figures.append(shot(found, f"What the {who} attack got: {told(cell, who, unseen)}.", title, said, who, names[2]))
    return f'<div class="curves shots">{"".join(figures)}</div>'


def absent(like: Scenario) -> str:
    """What stands in the place of a picture that is not here; nothing of other samples, of which studies keep none."""
    return "no picture here" if like.data.modality is PICTURE else ""


def shot(address: str, alt: str, title: str, said: str, kind: str, absent: str = "no picture here") -> str:
    """One picture with its words; an empty frame that says so where there is none, and no frame where nothing is said."""
    blank = f'<span class="blank">{escape(absent)}</span>' if absent else ""
    image = f'<img src="{address}" alt="{escape(alt)}">' if address else blank
    return f'<figure class="{kind}">{image}<figcaption>{escape(title)}<br>{said}</figcaption></figure>'
