"""`labels`: what a party of vertical FL can tell of the labels that it does not own."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING, Any

from ..scenario import Scenario
from ._show import ProgressLine, to_json
from ._site import read_site

if TYPE_CHECKING:
    from ..engine.label_inference import Returned


def add(verbs: Any, every: argparse.ArgumentParser, places: argparse.ArgumentParser) -> None:
    """The verb."""
    verb = verbs.add_parser(
        "labels", parents=[places], help="vertical FL: how well a curious party tells labels from the gradients that come back to it"
    )
    verb.add_argument("scenario", metavar="SCENARIO")
    verb.add_argument("--json", action="store_true", help="as JSON")
    verb.set_defaults(go=show)


def show(args: argparse.Namespace) -> int:
    """Compute and print."""
    from ..engine.label_inference import returned
    from ..jobs.worker import set_threads

    scenario, site = Scenario.parse(args.scenario), read_site(args.set)
    with ProgressLine() as line:
        set_threads("train")
        found = returned(scenario, site, line.report)
    print(to_json(found.to_json()) if args.json else _words(found))
    return 0


def _words(found: Returned) -> str:
    how = found.scenario.protocol
    who = f"party {getattr(how, 'party', 0)}" if getattr(how, "together", 1) == 1 else f"{getattr(how, 'together', 1)} parties together"
    lines = [
        found.scenario.text(),
        "",
        f"the attacker is {who}, not the server: it does not own the labels. It has: {found.given}.",
        f"{found.pictures:,} public pictures, {len(found.classes)} classes, {found.seconds:.1f} s; batches of {found.scenario.batch}",
        "",
        f"chance: always naming the most frequent class is right for {_share(found.chance)}",
        f"hint: one known example of each class tells {_share(found.hint)} of the others (spread {100 * found.hint_spread:.1f} points over choices)",
    ]
    if found.trial is None or found.trial_known is None:
        lines.append("trial of every label: not possible, other parties' embeddings enter the server's net, too")
    else:
        lines.append(f"trial of every label on a top net with fresh weights: {_share(found.trial)}")
        lines.append(f"trial of every label on the server's own top net, if the party has got hold of it: {_share(found.trial_known)}")
    lines += ["", "norm of the gradient alone, AUC of each class against the rest (0.5 tells nothing):"]
    lines += [
        f"  class {one:>3}  {'?' if math.isnan(auc) else f'{auc:.2f}'}  ({_share(share)} of the pictures)"
        for one, auc, share in zip(found.classes, found.norm_auc, found.shares, strict=True)
    ]
    return "\n".join([*lines, *([f"note: {found.data_note}"] if found.data_note else [])])


def _share(value: float) -> str:
    return "?" if math.isnan(value) else f"{100 * value:.0f} %"
