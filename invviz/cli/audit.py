"""`audit`: what one message of a net of one's own gives away of records of one's own; or what can be read off a message that somebody has."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.errors import InvvizError, TextError
from . import _audit_text, _bounds, _origin, _out, _own, _records
from ._show import ProgressLine, to_json
from ._site import DEVICES

if TYPE_CHECKING:
    from ..report.audit import Audit, Reconstructed, TextAudit

FORMS = ("text", "html", "json", "csv")
ABOUT = f"""NET is {_own.PLACE}: a torch.nn.Module, or a class or function that gives one when it is called without arguments.
IMPORTING IT RUNS ITS CODE, with your rights; so does a loss of your own. Data and weights hold no code, and none is run: .npz, .npy, .csv (one record a row),
a folder of pictures (of one size; in one folder a class, these are the labels), .safetensors; nothing is ever unpickled.

An .npz with several arrays hands them to the net by their names. Real numbers are private; whole numbers, and what --public names, everybody knows;
bytes with three dimensions or more are pictures, divided by 255, channels first. Nothing is stored and nothing leaves this machine.

Sentences are whole numbers of words that --vocabulary makes private (0 is no word), or a .txt, one a line; NET may then be a scenario of invviz, too.

With --message the records are not known: attacks read the message, and of --data only the shapes are used.

  invviz audit mynets.small:build --data batch.npz --labels y --to html --out audit.html
  invviz audit net.py:Net --data table.csv --labels outcome --loss mse_loss --defense "gaussian_noise(sigma=0.1)"
  invviz audit net.py:Net --message update.safetensors --shape 4,3,32,32 --out found.npz
  invviz audit net.py:Reader --data tokens.npz --vocabulary words.txt --weights net.safetensors
  invviz audit "data=notes&model=tiny_lm&batch=4&defense=gaussian_noise(sigma=1.0)" """


def add(verbs: Any, every: argparse.ArgumentParser, places: argparse.ArgumentParser) -> None:
    """The verb."""
    verb = verbs.add_parser(
        "audit",
        parents=[every],
        help="your own net and data: what one message gives away (runs the net's code)",
        epilog=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verb.add_argument("net", metavar="NET", help=f"{_own.PLACE}; or a scenario whose samples are sentences")
    verb.add_argument("--data", type=Path, metavar="FILE|FOLDER", help="the records: .npz, .npy, .csv or a folder of pictures")
    verb.add_argument("--labels", metavar="NAME|FILE", help="targets: an array of the .npz, a column of the .csv, or a file")
    verb.add_argument(
        "--records", type=_records.places, metavar="N|A:B", help=f"how many, or which, from 0 (default: the first {_records.BATCH})"
    )
    verb.add_argument(
        "--weights",
        type=Path,
        metavar="FILE",
        help="load these into the net (.safetensors; `invviz convert` makes one); without, the weights are those that NET's code makes",
    )
    verb.add_argument("--message", type=Path, metavar="FILE", help="a message that you have, by the names of the parameters (.safetensors)")
    verb.add_argument(
        "--vocabulary",
        metavar="FILE|N",
        help="the records are sentences: the words, one a line, in the order of their numbers from 1 on (0 is no word), or how many numbers there are",
    )
    verb.add_argument("--shape", type=_records.shape, metavar="N,...", help="with --message: shape of the records, their number first")
    verb.add_argument(
        "--loss", metavar="NAME", help=f"{', '.join(_own.LOSSES)}, or your own as package.module:name (default: cross_entropy)"
    )
    verb.add_argument("--protocol", default="hfl", help='"hfl" (the gradient) or "hfl(local_steps=5,lr=0.1)"')
    verb.add_argument("--defense", default="", help='as in "clipping(clip_norm=1.0)&gaussian_noise(sigma=0.1)"')
    verb.add_argument("--attacks", default="strongest", help='"strongest", "none", or one such as "dlg(steps=200)" (default: strongest)')
    verb.add_argument("--prior", default="white", help='"white", for pictures "natural", or "dataset": learned from --similar')
    verb.add_argument("--public", action="append", default=[], metavar="NAME", help="an input that everybody knows; may be repeated")
    verb.add_argument(
        "--similar", type=Path, metavar="FILE|FOLDER", help="public records of the same kind, in the form of --data, which the attacker has"
    )
    verb.add_argument("--bounds", type=_bounds.read, metavar=_bounds.FORMS, help=_bounds.HELP)
    verb.add_argument("--ceiling", type=float, metavar="DB", help="wanted expected best, for the least noise")
    verb.add_argument("--floor", type=float, default=0.01, help="noise of any real system, for the ideal attacker only (default: 0.01)")
    verb.add_argument("--method", choices=("auto", "exact", "sketch", "quick"), default="auto", help="of the spectrum")
    verb.add_argument("--seconds", type=float, help="for all attacks together (default: what is left of --within)")
    verb.add_argument("--within", type=float, default=240.0, help="seconds for everything, about; what is cut short is said (default: 240)")
    verb.add_argument(
        "--seed",
        type=int,
        default=7,
        help="of noise and attacks; torch is seeded with it before NET's code is run, so that weights that it draws are the same each time (default: 7)",
    )
    verb.add_argument("--device", choices=DEVICES, default="auto", help="where to compute (default: auto)")
    verb.add_argument("--to", choices=FORMS, help="form (default: by the ending of --out, text where there is none)")
    verb.add_argument("--out", type=_out.path, metavar="FILE", help="write there; of a message, .npz takes what was read")
    verb.set_defaults(go=show)


def show(args: argparse.Namespace) -> int:
    """Audit, or read a message. Code of the user is imported after all else was looked at."""
    from ..engine.audit.subject import NotAuditable

    form = _form(args)
    if _audit_text.wanted(args):
        return _sentences(args, form)
    if args.data is None and not (args.message and args.shape):
        raise TextError("Name the records with --data (.npz, .npy, .csv or a folder of pictures); with --message their --shape is enough.")
    inputs, target = (None, None) if args.data is None else _records.batch(args)
    args.of_bounds = args.bounds
    args.bounds = _bounds.laid(args.bounds, _records.columns(args) if isinstance(args.bounds, dict) else (), _records.names(inputs))
    if target is None and args.loss is None and args.message is None:
        raise TextError(
            "No targets were named. Say --labels (an array of the .npz, a column of the .csv, or a file), or a --loss that needs none."
        )
    similar = _records.similar(args)
    sent = _own.tensors(args.message, "messages") if args.message else None
    if args.out:
        _out.file(args.out)
    net, loss = _own.net(args.net, args.weights, args.seed), _own.loss(args.loss)
    try:
        if sent is not None:
            return _read(args, form, net, loss, sent, inputs, target)
        return _audited(args, form, net, loss, inputs, target, similar)
    except NotAuditable as err:
        columns = _records.columns(args) if any(one.name == "forward" for one in err.reasons) else ()
        told = f"\nThe {len(columns):,} columns of {args.data} that go to the net: {', '.join(columns)}." if columns else ""
        raise TextError(f"{err}{told}") from err


def _sentences(args: argparse.Namespace, form: str) -> int:
    """The same of sentences."""
    from ..engine.audit.subject import NotAuditable

    if args.data is None and args.shape is None and not _audit_text.is_scenario(args.net):
        raise TextError(
            "Name the sentences with --data (.txt, or whole numbers of words as .npz, .npy or .csv); with --message their --shape is enough."
        )
    if args.out:
        _out.file(args.out)
    try:
        if args.message and not _audit_text.is_scenario(args.net):
            read, words = _audit_text.message_read(args, _own.tensors(args.message, "messages"))
            lines = [words.sentence(row.numpy()) or "(no words)" for row in next(iter(read.inputs.values()), [])]
            return _put_read(args, form, read, lines)
        found = _audit_text.audited(args)
    except NotAuditable as err:
        raise TextError(str(err)) from err
    _put(args, _words(found) if form == "text" else found.text(form))
    return 0


def _audited(args: argparse.Namespace, form: str, net: Any, loss: Any, inputs: Any, target: Any, similar: Any) -> int:
    from ..report.audit import audit, came_from

    with ProgressLine() as line, warnings.catch_warnings():
        warnings.showwarning = _warn
        found = audit(
            net, inputs, target, loss, protocol=args.protocol, defense=args.defense, attacks=args.attacks, prior=args.prior, public=args.public, similar=similar, bounds=args.bounds,
            ceiling=args.ceiling, floor=args.floor, method=args.method, seconds=args.seconds, within=args.within, device=_device(args.device), seed=args.seed, progress=line.report,
            first=(args.records or (0, 0))[0],
        )  # fmt: skip
    read = _origin.files(
        NET=_origin.code_of(args.net), data=args.data, labels=args.labels, weights=args.weights, similar=args.similar,
        loss=_origin.code_of(args.loss or ""), bounds=getattr(args.of_bounds, "file", None),
    )  # fmt: skip
    weights = f"loaded from {args.weights}" if args.weights else _origin.drawn(args.seed)
    found = came_from(found, weights, "" if args.weights else f"Weights: {weights}", args.typed, read)
    _put(args, _words(found) if form == "text" else found.text(form))
    return 0


def _warn(message: Warning | str, *_: object, **__: object) -> None:
    """What is said before the work begins, on stderr, without the line of code that says it."""
    print(message, file=sys.stderr, flush=True)


def _read(args: argparse.Namespace, form: str, net: Any, loss: Any, sent: Any, inputs: Any, target: Any) -> int:
    from ..report.audit import reconstruct

    shapes = args.shape or ({name: v.shape for name, v in inputs.items()} if isinstance(inputs, Mapping) else inputs.shape)
    with ProgressLine():
        found = reconstruct(
            sent, net, shapes, target, loss, protocol=args.protocol, defense=args.defense, attacks=args.attacks, public=args.public, bounds=args.bounds or (0.0, 1.0),
            seconds=args.seconds or 120.0, device=_device(args.device), seed=args.seed,
        )  # fmt: skip
    return _put_read(args, form, found)


def _put_read(args: argparse.Namespace, form: str, found: Reconstructed, sentences: Sequence[str] = ()) -> int:
    """Write what was read off a message; of sentences those of the most believable answer stand below the rest."""
    said = "\n".join([_answers(found), *([""] if sentences else []), *sentences])
    if form == "npz":
        answer: dict[str, Any] = {name: np.asarray(value) for name, value in found.inputs.items()}
        try:
            np.savez_compressed(args.out, **answer)
        except OSError as err:
            raise InvvizError(f"{args.out} cannot be written: {err.strerror or err}. Name another file with --out.") from err
        print(said)
    else:
        _put(args, to_json(found.to_json()) if form == "json" else said)
    return 0


def _form(args: argparse.Namespace) -> str:
    """In which form, found out before anything is computed."""
    forms = ("text", "json", "npz") if args.message else FORMS
    ending = args.out.suffix.removeprefix(".").replace("txt", "text") if args.out else ""
    form = args.to or ending or "text"
    if form not in forms:
        known = ", ".join(f for f in forms if f != "text")
        raise TextError(
            f"{'--to' if args.to else '--out'} {args.to or args.out}: {'what is read off a message' if args.message else 'an audit'} is written as {known} or text."
        )
    return form


def _put(args: argparse.Namespace, text: str) -> None:
    if args.out is None:
        print(text, end="" if text.endswith("\n") else "\n")
        return
    try:
        args.out.write_text(text, encoding="utf-8")
    except OSError as err:
        raise InvvizError(f"The report cannot be written to {args.out}: {err.strerror or err}. Name another file with --out.") from err
    print(f"{args.out} is written.", file=sys.stderr)


def _words(found: Audit | TextAudit) -> str:
    return f"{found}\n\n{found.rows().to_string(index=False, float_format=lambda v: f'{v:.2f}')}"


def _answers(found: Reconstructed) -> str:
    lines = [
        "Nobody can tell from a message alone that an answer is right; those below leave least of it, and did not fail in their own eyes, first."
    ]
    for one in found.answers:
        said = (
            one.error
            or f"leaves {one.misfit:.2g} of the message{', failed' if one.failed else ''}{', stopped at the end of its time' if one.stopped else ''}. {one.note}"
        )
        lines.append(f"{one.attack}: {said}")
    return "\n".join(lines)


def _device(name: str) -> str | None:
    return None if name == "auto" else name


__all__ = ["add", "show"]
