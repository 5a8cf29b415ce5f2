"""One result in words: what it is of, what came out."""

from __future__ import annotations

import time

from ...core.errors import InvvizError
from ...jobs.store import Row
from ...scenario import Scenario
from ...scenario.kinds import WORK

STATES = {"stopped": "stopped early", "pruned": "pictures were removed to make room"}


def read(row: Row) -> Scenario | None:
    """Its scenario; None of another version of invviz, which knew other parts."""
    try:
        return Scenario.parse(row.scenario)
    except InvvizError:
        return None


def found(row: Row) -> str:
    """The score, with its name, and what became of the rest."""
    work = WORK.get(row.kind)
    score = "" if work is None or work.score is None or row.score is None else f"{work.score.title} {work.score.words(row.score)}"
    return ", ".join(filter(None, (score, STATES.get(row.state, "")))) or "no score"


def parts(row: Row, scenario: Scenario | None) -> dict[str, str]:
    """Data, model, defense and attack for people, "" where one plays no part in this kind of work."""
    if scenario is None:
        return {"data": "(of another version)", "model": row.scenario[:60], "defense": "", "attack": ""}
    there = {part.partition("=")[0] for part in row.scenario.split("&")}
    stack, aware = scenario.defense, scenario.defense and scenario.attacker == "aware"
    level = f", {stack[-1].level()}" if stack and stack[-1].strength else ""
    spectrum = row.kind in WORK and WORK[row.kind].spectrum and scenario.any_noise
    victim = "" if row.kind in ("train", "clients", "labels") else f" #{scenario.data.index}"
    return {
        "data": f"{scenario.data.title}{victim}",
        "model": scenario.model.title + (", trained" if getattr(scenario.model, "init", "") == "trained" else ""),
        "defense": f"{stack.title or 'none'}, noise of any strength" if spectrum else f"{stack.title}{level}" if stack else "none",
        "attack": (scenario.attack.title + (", knows it" if aware else "")) if "attack" in there else "",
    }


def when(row: Row) -> str:
    """When it was done, by this server's clock."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(row.finished))


def kind(row: Row) -> str:
    """Of work, for people."""
    return WORK[row.kind].title if row.kind in WORK else row.kind


def counted(kinds: dict[str, int]) -> str:
    """So many of each kind, as far as they are listed without being named."""
    there = [(work, kinds[name]) for name, work in WORK.items() if work.listed and kinds.get(name)]
    return ", ".join(work.counted(count).replace(f"{count} ", f"{count:,} ", 1) for work, count in there)
