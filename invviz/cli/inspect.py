"""`inspect`: what a client's detectors say of a net, of a scenario or of a file of weights."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.errors import InvvizError, TextError
from ..datasets.own import OWN_DISK, read_safetensors
from ..defenses.detectors import DETECTORS
from ..scenario import Scenario
from ._show import ProgressLine, to_json
from ._site import read_site

if TYPE_CHECKING:
    from typing import Any

    import numpy as np

    from ..engine.inspect import Inspected

ENDING = ".safetensors"
DIGITS = 64


def add(verbs: Any, every: argparse.ArgumentParser, places: argparse.ArgumentParser) -> None:
    """The verb."""
    verb = verbs.add_parser(
        "inspect",
        parents=[places],
        help="what a client's detectors say of a net that it was sent, before it answers",
        epilog="Of a file only the weights are looked at; what takes samples, the net of the round before or other clients says that it cannot judge. Exit 0, flagged or not.",
    )
    verb.add_argument("what", metavar="NET.safetensors|SCENARIO", help="a file of weights, or a scenario, whose victim looks")
    verb.add_argument("--previous", type=Path, metavar="FILE", help="of a file: the net of the round before, to compare with")
    verb.add_argument(
        "--digest",
        action="append",
        default=[],
        type=_digest,
        metavar="HEX",
        help="of a file: what another client says its net's digest is; may be repeated",
    )
    verb.add_argument("--json", action="store_true", help="as JSON")
    verb.set_defaults(go=show)


def _digest(text: str) -> str:
    """As argparse's type."""
    if len(text) != DIGITS or not all(c in "0123456789abcdef" for c in text.lower()):
        raise argparse.ArgumentTypeError(f"{text!r} is no digest: write the {DIGITS} hexadecimal digits that `inspect` prints")
    return text.lower()


def show(args: argparse.Namespace) -> int:
    """Look and print."""
    from ..engine.inspect import inspect_weights, inspected

    path, site = Path(args.what), read_site(args.set)
    if path.suffix == ENDING or ("=" not in args.what and path.is_file()):
        previous = _weights(args.previous) if args.previous else None
        with ProgressLine() as line:
            line.show(0, None, f"{args.what} is read")
            found = inspect_weights(_weights(path), previous, args.digest, line.report)
        of = {"file": args.what}
    elif args.previous or args.digest:
        raise TextError(
            "--previous and --digest go with a file of weights; a scenario says by itself what came before and what others were sent."
        )
    else:
        scenario = Scenario.parse(args.what)
        with ProgressLine() as line:
            line.show(0, None, "the net is made, and what the server changes of it")
            found = inspected(scenario, site, report=line.report)
        of = {"scenario": scenario.only("inspect").text(full=True), "key": scenario.key("inspect")}
    print(to_json({**of, **found.to_json()}) if args.json else _words(args.what, found))
    return 0


def _weights(path: Path) -> dict[str, np.ndarray]:
    if path.suffix != ENDING:
        raise InvvizError(
            f"{path}: weights are read from {ENDING} files alone, in which nothing can run. Save them with safetensors, or with `invviz convert`."
        )
    with path.open("rb") as file:
        return read_safetensors(file, path.name, OWN_DISK)


def _words(what: str, found: Inspected) -> str:
    lines = [what, f"digest {found.digest}", "", found.words, ""]
    for name, one in found.findings.items():
        word = "FLAGGED" if one.flagged else "passed" if one.judged else "?"
        score = f"{one.score:.3g}" if one.judged else ""
        lines.append(f"{word:<8} {DETECTORS[name].short_title():<31} {score:>9}  {one.reason}")
    return "\n".join(lines)
