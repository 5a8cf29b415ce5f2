"""`list`, `check` and `epsilon`: what there is, whether it fits together, and what it promises. The first two import no torch."""

from __future__ import annotations

import argparse
import re
import sys
from typing import TYPE_CHECKING, Any

from ..core.component import Component, parse_component
from ..core.errors import TextError
from ..core.figures import number
from ..core.remaining import in_words
from ..defenses import DEFENSES
from ..defenses.detectors import DETECTORS
from ..defenses.dp_sgd import DPSGD
from ..jobs.price import seconds
from ..metrics import METRICS
from ..scenario import KINDS, PARTS, Scenario, check, problems, risk_problems
from ._show import to_json
from ._site import read_site

if TYPE_CHECKING:
    from ..engine.client import Site
    from ..engine.training import Spent

TABLES: dict[str, dict[str, type[Any]]] = {
    **{KINDS[part] + "s": table for part, table in PARTS.items()},
    "detectors": DETECTORS,
    "metrics": METRICS,
}


def add(verbs: Any, every: argparse.ArgumentParser, places: argparse.ArgumentParser) -> None:
    """The verbs."""
    lister = verbs.add_parser("list", parents=[every], help="what a scenario can name, with every knob")
    lister.add_argument("what", nargs="?", choices=list(TABLES), help="one kind; all of them where it is left out")
    lister.add_argument("--json", action="store_true", help="as JSON")
    lister.set_defaults(go=show_list)
    checker = verbs.add_parser("check", parents=[every], help="whether a scenario can be computed; prints its full form and key")
    checker.add_argument("scenario", metavar="SCENARIO")
    checker.set_defaults(go=show_check)
    budget = verbs.add_parser("epsilon", parents=[places], help="privacy budget of DP-SGD over a whole training, by Opacus's accountant")
    budget.add_argument(
        "defense",
        metavar="DEFENSE|SCENARIO",
        nargs="+",
        help='"dp_sgd(noise_multiplier=1.1,sample_rate=0.01,steps=1000,delta=1e-5)", or a scenario, whose training says rate and steps',
    )
    budget.add_argument("--json", action="store_true", help="as JSON, {defense: epsilon}; of a scenario {scenario: all that was counted}")
    budget.set_defaults(go=show_epsilon)


def show_list(args: argparse.Namespace) -> int:
    """Print components and their knobs."""
    chosen = {args.what: TABLES[args.what]} if args.what else TABLES
    if args.json:
        print(to_json({kind: [facts(part) for part in table.values()] for kind, table in chosen.items()}))
        return 0
    for kind, table in chosen.items():
        print(kind)
        for part in table.values():
            print(f"  {part.name:<20} {part.title}: {part.first_line()}")
            for knob in part.knobs():
                print(f"    {knob.name + '=' + repr(knob.default):<26} {knob.range}; {knob.help}")
    return 0


def facts(part: type[Component]) -> dict[str, Any]:
    """What there is to say about a component."""
    knobs = [
        {
            "name": knob.name,
            "default": knob.default,
            "range": knob.range,
            "low": knob.low,
            "high": knob.high,
            "choices": list(knob.choices),
            "unit": knob.unit,
            "help": knob.help,
        }
        for knob in part.knobs()
    ]
    return {"name": part.name, "title": part.title, "doc": part.first_line(), "paper": part.paper, "knobs": knobs}


def show_check(args: argparse.Namespace) -> int:
    """Print the full form and the key, or what does not fit."""
    scenario = Scenario.parse(args.scenario)
    found = problems(scenario)
    for problem in found:
        print(problem, file=sys.stderr)
    if found:
        return 2
    print(scenario.text(full=True))
    print(f"key: {scenario.key('run')}")
    for problem in risk_problems(scenario):
        print(f"note: no risk score: {problem}")
    risk = "" if risk_problems(scenario) else f", {in_words(seconds('risk', scenario))} for the risk score"
    print(f"price: about {in_words(seconds('run', scenario))} for the attack, if it takes all its steps{risk} (one core of this machine)")
    return 0


def show_epsilon(args: argparse.Namespace) -> int:
    """Print epsilon of every defense or scenario that is named, and for which rate and steps."""
    found: dict[str, Any] = {}
    lines = []
    for text in args.defense:
        if re.match(r"\??\w+=", text):
            spent = budget_of(check(Scenario.parse(text)), read_site(args.set))
            if spent is None:
                raise TextError(f"{text}: no dp_sgd in it, and no other defense has an accountant. Add defense=dp_sgd.")
            found[text] = spent.to_json()
            lines.append(f"{text}: {spent.words()}")
            continue
        defense = parse_component(text, DEFENSES, "defense")
        if not isinstance(defense, DPSGD):
            raise TextError(f"{defense.name} has no accountant; epsilon is that of dp_sgd. Its guarantee: {defense.guarantee}.")
        found[text] = defense.epsilon()
        counted = f"{defense.steps:,} step{'s' if defense.steps > 1 else ''} at sample rate {number(defense.sample_rate)}, Poisson batches"
        lines.append(f"{text}: epsilon = {number(found[text], 4)} at delta = {number(defense.delta)}, over {counted}")
    print(to_json(found) if args.json else "\n".join(lines))
    return 0


def budget_of(scenario: Scenario, site: Site) -> Spent | None:
    """What the whole training of a scenario spends of its dp_sgd's promise; None without one. Reads the data set, and trains nothing."""
    if scenario.defense.of(DPSGD) is None:
        return None
    from ..engine.training import spent, split_counts

    return spent(scenario, split_counts(scenario, scenario.data.load(site.data_dir)))
