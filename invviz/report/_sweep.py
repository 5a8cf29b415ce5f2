"""A sweep: what protection costs, as tables and as the plane of utility and privacy."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..core.errors import InvvizError
from ..engine.bounds import reasons
from ..engine.client import Site
from ..scenario import Scenario
from ..studies.tradeoff import PRIVACY, Point, at_drop, baselines, blunt, operating_point, passed_over, points, sentence, settings, word_of
from ._collect import Swept
from ._figures import Figure
from ._numbers import mean, number, percent, with_interval
from ._plane import plane
from ._told import Section, Table

if TYPE_CHECKING:
    import pandas as pd

MEASURES = ("tokens", "cells", "strongest", "ssim", "ceiling", "invre")  # columns of the table, where they are known
DRAWN = {"tokens": "real", "cells": "real", "strongest": "real", "ceiling": "ideal"}  # planes, and their colours
BUDGETS = (0.01, 0.02, 0.05)  # accuracy that may be lost, shares
MOST = 6  # settings that are shown
SAID = {"unfit": "Cells that are left out, as their parts do not fit together", "done": "What is to be said of cells that are done"}
NUMBER = re.compile(r"[-+]?\d(?:[\d,]*\d)?(?:\.\d+)?(?:[eE][-+]?\d+)?|[0-9a-f]{16,}")
MEANS = (
    "accuracy",
    "psnr_unaware",
    "psnr_aware",
    "ssim_unaware",
    "ssim_aware",
    "cells_unaware",
    "cells_aware",
    "tokens_unaware",
    "tokens_aware",
    "psnr_ceiling",
    "invre",
)
GIVEN = (
    "unaware attackers: nothing of the defense; aware ones: the defense and its parameters, not its random draw; both: message, net and what the "
    "attack asks for. A defense is judged by the strongest attack that was run, chosen sample by sample with the truth at hand."
)


def sweep_section(swept: Swept) -> Section:
    """Of a sweep of the store."""
    return rows_section(swept.rows, "", (swept.text,), swept.command, swept.key)


def rows_section(rows: pd.DataFrame, title: str, lines: Sequence[str], command: str, anchor: str = "sweep") -> Section:
    """Of a sweep's table.

    Args:
        rows: as `invviz.studies.sweep.table` makes them.
        title: heading; empty for what was found.
        lines: scenario lines.
        command: that computes it again.
        anchor: name of the section.
    """
    states = rows["state"].value_counts()
    words = ", ".join(f"{count:,} {state}" for state, count in states.items())
    tables, figures, notes, best = [], [], [], ""
    parts = list(_settings(rows))
    if len(parts) > MOST:
        notes.append(f"Of {len(parts)} settings only the first {MOST} are told here; all are in the CSV and JSON forms of this report.")
    for name, part in parts[:MOST]:
        try:
            found_tables, found_figures, found_words = _of_setting(part, name)
            best = best or found_words[0]
            notes += found_words
        except InvvizError as err:
            found_tables, found_figures = [_means(part, name)], []
            notes.append(f"{name + ': ' if name else ''}{err}")
        tables += found_tables
        figures += found_figures
    facts = [("cells", words), ("attacker was given", GIVEN)]
    if "psnr_ceiling" in rows and bool(rows["psnr_ceiling"].notna().any()):
        facts.append(("expected best", f"an average over pictures and noise{_bounds(rows)}"))
    state = "done" if set(states.index) <= {"done", "unfit"} else "not all done"
    remarks = [(title, found) for state_, title in SAID.items() if (found := _reasons(rows, state_))]
    return Section(
        anchor, "Sweep", title or best or f"Sweep of {len(rows):,} cells", state, tuple(lines), "", command, tuple(facts), (),
        tuple(n for n in notes if title or n != best), tuple(figures), tuple(tables), tuple(remarks), _reasons(rows, "failed"),
    )  # fmt: skip


def _bounds(rows: pd.DataFrame) -> str:
    """Why it is no bound, of all cells; those of shipped studies are told from their scenarios alone."""
    why: dict[str, None] = {}
    for text in rows.loc[rows["psnr_ceiling"].notna(), "scenario"].astype(str):
        why |= dict.fromkeys(one.name for one in reasons(Scenario.parse(text)))
    return f", not a bound: {', '.join(why)}" if why else ""


def _reasons(rows: pd.DataFrame, state: str) -> tuple[str, ...]:
    """What is said of cells in a state, most frequent first; reasons that differ in their numbers only are told once, with the numbers of the first."""
    mine = rows.loc[rows["state"] == state, "reason"].fillna("").astype(str)
    groups: dict[str, list[str]] = {}
    for why in mine if state == "failed" else mine[mine != ""]:
        groups.setdefault(NUMBER.sub("0", why), []).append(why)
    return tuple(
        f"{len(found):,} cell{'s' * (len(found) > 1)}{' failed' * (state == 'failed')}: {found[0] or 'no reason is known'}"
        + (" (and the like)" if len(set(found)) > 1 else "")
        for found in sorted(groups.values(), key=len, reverse=True)
    )


def _settings(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Parts of the table that share data, model, protocol, training and batch, with what tells them apart."""
    try:
        each = settings(rows).drop(columns="cells")
    except InvvizError:
        yield "", rows
        return
    differ = [name for name in each if each[name].nunique() > 1]
    for _, one in each.iterrows():
        keep = (rows[list(each)] == one).all(axis=1)
        yield ", ".join(f"{name}={one[name]}" for name in differ), rows.loc[keep.to_numpy(bool)]


def _of_setting(rows: pd.DataFrame, name: str) -> tuple[list[Table], list[Figure], list[str]]:
    """Tables, planes and sentences.

    Raises:
        InvvizError: no measure is known for any point.
    """
    found: dict[str, list[Point]] = {}
    reason: InvvizError | None = None
    for measure in MEASURES:
        if measure in ("tokens", "cells") and not rows.filter(like=f"{measure}_").notna().to_numpy().any():
            continue  # samples of another kind: that they are not known is no reason to be told
        try:
            found[measure] = points(rows, measure)
        except InvvizError as err:
            reason = reason or err
    found = {measure: each for measure, each in found.items() if each}
    if not found:
        raise reason or InvvizError("No strength has both an accuracy and a score.")
    head = next(iter(found))
    where = f" ({name})" if name else ""
    tables = [_points_table(found, where), _drops_table(rows, head, found[head], where)]
    word = word_of(found[head][0], rows, baselines(rows, Site.from_env().data_dir))
    best = {budget: operating_point(rows, head, budget, found[head]) for budget in BUDGETS}
    says = [" ".join(filter(None, (sentence(one, budget), passed_over(one)))) for budget, one in best.items()]
    says = [says_not, *says] if (says_not := blunt(found[head], word)) else says
    figures = [plane(found[m], m, style, name) for m, style in DRAWN.items() if m in found]
    return [t for t in tables if t], figures, says


def _points_table(found: dict[str, list[Point]], where: str) -> Table:
    measures = list(found)
    known = {m: {p.label: p for p in each} for m, each in found.items()}
    labels = {p.label: p for each in found.values() for p in each}
    rows = []
    for label, p in labels.items():
        own = [known[m].get(label) for m in measures]
        values = [with_interval(q.value.value, q.value.interval, PRIVACY[q.measure].format) if q else "?" for q in own]
        rows.append((
            label, percent(p.accuracy.value, p.accuracy.interval), f"{100 * p.drop.value:.1f}", *values,
            p.attack or "?", f"{p.num_seeds} x {p.num_pictures}" + ("" if p.whole else " (not all done)"), "yes" if p.on_front else "",
        ))  # fmt: skip
    titles = [f"{PRIVACY[m].title}{' (' + PRIVACY[m].unit + ')' if PRIVACY[m].unit else ''}" for m in measures]
    cap = PRIVACY[measures[0]].cap
    capped = f"; PSNR above {cap:g} dB counts as {cap:g}" if math.isfinite(cap) else ""
    title = (
        f"Utility and privacy{where}: means over seeds, [95 % intervals]; on the front: none has more accuracy and gives away less{capped}"
    )
    return Table(
        title, ("defense", "accuracy (%)", "drop (points)", *titles, "strongest attack", "seeds x samples", "on the front"), tuple(rows)
    )


def _drops_table(rows: pd.DataFrame, measure: str, known: list[Point], where: str) -> Table | None:
    """What each defense gives away at equal cost."""
    try:
        found = at_drop(rows, measure, BUDGETS, known=known)
    except InvvizError:
        return None
    if not found:
        return None
    kind = PRIVACY[measure]
    drops = sorted({r.drop for r in found})
    named = {(r.defense, r.strength_name): dict[float, str]() for r in found}
    for r in found:
        mark = {-1: " (costs more)", 1: " (costs less)"}.get(r.missed, "")
        named[r.defense, r.strength_name][r.drop] = with_interval(r.value.value, r.value.interval, kind.format) + mark
    body = tuple((defense, *(cells.get(d, "?") for d in drops)) for (defense, _), cells in named.items())
    title = f"{kind.title}{' in ' + kind.unit if kind.unit else ''} at equal loss of accuracy{where}; costs more or less: no strength that was tried is there"
    return Table(title, ("defense", *(f"{100 * d:g} point{'s' * (d != 0.01)} lost" for d in drops)), body)


def _means(rows: pd.DataFrame, name: str) -> Table:
    """The plain table, where the rest cannot be said."""
    columns = [c for c in MEANS if c in rows and rows[c].notna().to_numpy().any()]
    body = []
    for (defense, strength), cells in rows.groupby(["defense", "strength"], dropna=False, sort=False):  # type: ignore[misc]
        values = [
            number(mean(cells[c].tolist()), 2 if c.startswith(("ssim", "cells", "tokens", "invre")) else 3 if c == "accuracy" else 1)
            for c in columns
        ]
        body.append(
            (
                str(defense),
                number(strength, 3, "g").replace("?", ""),
                *values,
                f"{(cells['state'] == 'done').sum()} of {len(cells)}",
            )
        )
    return Table(f"Means over the cells{' of ' + name if name else ''}", ("defense", "strength", *columns, "done"), tuple(body))
