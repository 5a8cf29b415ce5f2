"""`isotropic`: how much of a defense's noise along the Jacobian's directions is better isotropic."""

from __future__ import annotations

import argparse
from typing import Any

from ..engine.isotropic_share import KNOB, Choice, choose
from ..scenario import Scenario
from ._show import ProgressLine, to_json
from ._site import read_site

NOTE = (
    "To first order, at this picture, on average over what the prior draws; no attack was run. known: who knows the covariance as it is at the private picture; "
    "solved: who also uses that it moves with the picture (attack tangent). "
    "The noise floor counts as noise that lies beneath."
)


def add(verbs: Any, every: argparse.ArgumentParser, places: argparse.ArgumentParser) -> None:
    """The verb."""
    verb = verbs.add_parser(
        KNOB,
        parents=[places],
        help="choose the isotropic share of invl_gnp, invl_enp or water_filling, which must stand last: the one that leaves the strongest attacker least, at the same cost",
    )
    verb.add_argument("scenario", metavar="SCENARIO")
    verb.add_argument("--json", action="store_true", help="as JSON, with every share that was tried")
    verb.set_defaults(go=show)


def show(args: argparse.Namespace) -> int:
    """Print the share, what attackers are expected to get at every one that was tried, and the scenario with it."""
    scenario = Scenario.parse(args.scenario)
    with ProgressLine() as line:
        found = choose(scenario, read_site(args.set), line.report)
    last = scenario.defense[-1].replace(**{KNOB: found.best.share})
    chosen = scenario.replace(defense=(*scenario.defense[:-1], last)).text()
    print(
        to_json({"scenario": chosen, **found.to_json(), "note": NOTE})
        if args.json
        else f"{_table(found)}\n{found.sentence()}\n{NOTE}\n{chosen}"
    )
    return 0


def _table(found: Choice) -> str:
    lines = [f"{KNOB}  known (dB)  solved (dB)"]
    for one in found.tried:
        solved = "–" if one.solved is None else f"{one.solved:.1f}"
        lines.append(f"{one.share:>9g}  {one.known:>10.1f}  {solved:>11}{'  <' if one is found.best else ''}")
    return "\n".join(lines)
