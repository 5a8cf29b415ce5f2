"""`export`: a defense as a module for another system."""

from __future__ import annotations

import argparse
import re
from typing import Any

from ..core.command import quoted
from ..core.component import parse_component
from ..core.errors import InvvizError, TextError
from ..defenses import DEFENSES, Stack, flower_module
from ..scenario import Scenario, check
from . import _out

ABOUT = """The module needs numpy and flwr, not invviz. Its docstring says how it is used, what it guarantees (or that it guarantees nothing), and what it cannot do.
Several are joined by &, the first innermost, as in `audit --defense`: "clipping(clip_norm=1.0)&gaussian_noise(sigma=0.1,relative=False)".
Of a SCENARIO its defenses are taken, in their order: "defense=clipping(clip_norm=1.0)&defense=gaussian_noise(sigma=0.1,relative=False)"."""
SCENARIO = re.compile(r"\??\w+=")  # how a part of a scenario's text begins


def add(verbs: Any, every: argparse.ArgumentParser, places: argparse.ArgumentParser) -> None:
    """The verb."""
    verb = verbs.add_parser(
        "export",
        parents=[every],
        help="a defense as one module for Flower, which applies it to a client's update",
        epilog=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verb.add_argument("defense", metavar="DEFENSE|SCENARIO")
    verb.add_argument("--to", choices=("flower",), required=True, help="the system")
    verb.add_argument("--out", type=_out.path, metavar="FILE.py", help="write there instead of to stdout")
    verb.set_defaults(go=show)


def show(args: argparse.Namespace) -> int:
    """Write the module."""
    name = args.out.stem if args.out else "invviz_mod"
    if args.out and not (args.out.suffix == ".py" and name.isidentifier()):
        raise TextError(
            f"--out {args.out}: Python could not import it. Name a file such as invviz_mod.py: letters, digits and _, ending with .py."
        )
    stack = _stack(args.defense)
    text = flower_module(stack, name, _typed(args, stack))
    if args.out is None:
        print(text, end="")
        return 0
    _out.file(args.out)
    try:
        args.out.write_text(text, encoding="utf-8")
    except OSError as err:
        raise InvvizError(f"The module cannot be written to {args.out}: {err.strerror or err}. Name another file with --out.") from err
    print(f"{args.out}: a client mod for Flower, ClientApp(mods=[mod]). Its docstring says what it promises and what it cannot do.")
    return 0


def _stack(text: str) -> Stack:
    """The defenses of a scenario, or those that are joined by & as in `audit --defense`.

    Raises:
        TextError: the message is no update, or it cannot be read.
        ScenarioError: the parts do not go together.
    """
    parts = [part.strip() for part in text.split("&")]
    if all(part.startswith("defense=") or not SCENARIO.match(part) for part in parts):
        stack = Stack(parse_component(part.removeprefix("defense="), DEFENSES, "defense") for part in parts)
        return check(Scenario().replace(defense=stack)).defense if len(stack) > 1 else stack
    scenario = Scenario.parse(text)
    if scenario.protocol.sends_embedding:
        raise TextError(f"{scenario.protocol.name} sends embeddings; a Flower client sends an update. Leave protocol= out.")
    return check(scenario).defense


def _typed(args: argparse.Namespace, stack: Stack) -> str:
    """The command that made the module, in the form in which the defenses were typed, every knob written out: a default of tomorrow does not change it."""
    before = "defense=" if SCENARIO.match(args.defense.strip()) else ""
    out = ["--out", str(args.out)] if args.out else []
    text = "&".join(before + one for one in stack.texts(full=True))
    return " ".join(map(quoted, ["invviz", "export", text, "--to", args.to, *out]))
