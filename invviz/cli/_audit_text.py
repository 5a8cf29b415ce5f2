"""`audit` of sentences: a scenario of invviz whose samples are sentences, or a net of one's own that reads numbers of words."""

from __future__ import annotations

import argparse
import dataclasses
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.errors import InvvizError, TextError, UploadError
from ..datasets import read_sentences, read_vocabulary
from ..scenario import Scenario, check
from . import _origin, _own
from ._records import similar, span
from ._show import ProgressLine

if TYPE_CHECKING:
    from ..core.vocabulary import Vocabulary
    from ..report.audit import Reconstructed, TextAudit

INPUTS = ("input_ids", "tokens", "ids", "words", "input", "x")  # what an array of words may be called
LONGEST = 64  # words of a line
PUBLIC = 2_000  # sentences
ONLY = {"bounds": None, "ceiling": None, "prior": "white", "method": "auto"}  # options for real numbers, with their defaults


def is_scenario(net: str) -> bool:
    """Whether NET is a scenario and no place of code."""
    return net.startswith(("data=", "model=", "batch=", "defense="))


def wanted(args: argparse.Namespace) -> bool:
    """Whether sentences are audited."""
    return is_scenario(args.net) or args.vocabulary is not None or (args.data is not None and args.data.suffix.lower() == ".txt")


def audited(args: argparse.Namespace) -> TextAudit:
    """The audit.

    Raises:
        TextError: the arguments do not fit; says which, and what to do.
    """
    from ..report.audit import audit_text, came_from

    given = _of_scenario(args) if is_scenario(args.net) else _of_own(args)
    with ProgressLine() as line, warnings.catch_warnings():
        found = audit_text(
            given["net"], given["sentences"], given["vocabulary"], given["targets"], given.get("loss"), beside=given.get("beside"), protocol=given["protocol"],
            defense=given["defense"], attacks=args.attacks, similar=given["similar"], floor=args.floor, seconds=args.seconds, within=args.within, first=given["first"],
            device=None if args.device == "auto" else args.device, seed=args.seed, progress=line.report,
        )  # fmt: skip
    if name := given.get("name"):
        found = dataclasses.replace(found, findings=dataclasses.replace(found.findings, facts={**found.findings.facts, "module": name}))
    code = None if is_scenario(args.net) else _origin.code_of(args.net)
    vocabulary = args.vocabulary if args.vocabulary and not args.vocabulary.isdigit() else None
    read = _origin.files(NET=code, data=args.data, labels=args.labels, weights=args.weights, similar=args.similar, vocabulary=vocabulary)
    note = "" if args.weights or is_scenario(args.net) else f"Weights: {given['weights']}"
    return came_from(found, given["weights"], note, args.typed, read)


def message_read(args: argparse.Namespace, sent: Mapping[str, np.ndarray]) -> tuple[Reconstructed, Vocabulary]:
    """What is read off a message; of `--data` only the shape is used.

    Raises:
        TextError: the arguments do not fit.
    """
    from ..report.audit import reconstruct_text

    _refuse(args)
    words = _vocabulary(args)
    shape, target = args.shape, None
    if args.data is not None:
        tokens, _, _, target = _sentences(args, args.data, words)
        shape = shape or tuple(tokens.shape)
    net, loss = _own.net(args.net, args.weights, args.seed), _own.loss(args.loss)
    with ProgressLine():
        return reconstruct_text(
            sent, net, shape, words, target, loss, protocol=args.protocol, defense=args.defense, attacks=args.attacks, seconds=args.seconds or 120.0,
            device=None if args.device == "auto" else args.device, seed=args.seed,
        )  # fmt: skip


def _of_scenario(args: argparse.Namespace) -> dict[str, Any]:
    """Net, sentences and settings of a scenario; sentences of one's own in place of its victims where --data names some."""
    from ..engine.client import Site, meet_client

    if odd := [
        f"--{name}" for name in ("weights", "labels", "message", "shape", "loss", "public", "similar", "vocabulary") if getattr(args, name)
    ]:
        raise TextError(
            f"{', '.join(odd)}: a scenario says net, vocabulary and classes itself. Leave it out, or name a net of your own in place of the scenario."
        )
    _refuse(args)
    s = Scenario.parse(args.net)
    known = s.data.vocabulary
    if known is None:
        raise TextError(
            f"{s.data.name} is {s.data.modality.a_set}; a scenario is audited where its samples are sentences (data=notes, data=own_text). Of others `invviz risk` and `invviz run` say as much; "
            "for a net and records of your own name NET and --data."
        )
    odd = [name for name in ("server", "aggregation", "rounds", "upload", "layer") if getattr(s, name) != getattr(Scenario(), name)]
    if odd:
        raise TextError(
            f"An audit is of one whole message to an honest server; the scenario sets {', '.join(odd)}. Leave {'them' if len(odd) > 1 else 'it'} out."
        )
    s = check(s.replace(attack=Scenario.parse("attack=tag").attack))
    client = meet_client(s, Site.from_env())
    net = client.net.module.requires_grad_(True)
    tokens, targets = client.batch.private.numpy(), None if client.net.task.of_inputs else client.batch.label.numpy()
    if args.data is not None:
        if targets is not None:
            raise TextError(
                f"{s.model.name} tells classes, and sentences of your own have none here. Use model=tiny_lm, or hand over the net with --labels."
            )
        tokens = _lines(args.data, known, s.data.shape[0])
    start, stop = span(args, len(tokens), "sentences")
    public = client.samples.public.take(range(min(len(client.samples.public), PUBLIC)))[0]
    place = "own file" if args.data is not None else f"{s.data.text()}"
    print(f"The scenario's net reads {stop - start} sentences ({place}); its attacker has {len(public):,} public ones.", file=sys.stderr)
    return {
        "net": net, "sentences": tokens[start:stop], "vocabulary": known, "targets": None if targets is None else targets[start:stop], "protocol": s.protocol,
        "defense": args.defense or list(s.defense), "similar": public, "first": start, "name": s.model.text(), "weights": f"of the scenario ({s.model.init}, seed {s.seed})",
    }  # fmt: skip


def _of_own(args: argparse.Namespace) -> dict[str, Any]:
    """A net of one's own, its words and sentences. Code of the user is imported after all else was looked at."""
    _refuse(args)
    if args.data is None:
        raise TextError("Name the sentences with --data: a .txt, one a line, or whole numbers of words as .npz, .npy or .csv.")
    words = _vocabulary(args)
    tokens, beside, argument, target = _sentences(args, args.data, words)
    start, stop = span(args, len(tokens), "sentences")
    public = None
    if args.similar is not None:
        public = _lines(args.similar, words) if args.similar.suffix.lower() == ".txt" and not isinstance(words, int) else similar(args)
    net, loss = _own.net(args.net, args.weights, args.seed), _own.loss(args.loss)
    cut = tokens[start:stop]
    return {
        "net": net, "sentences": {argument: cut} if argument else cut, "vocabulary": words, "targets": None if target is None else target[start:stop], "loss": loss,
        "beside": {name: value[start:stop] for name, value in beside.items()}, "protocol": args.protocol, "defense": args.defense, "similar": public, "first": start,
        "weights": f"loaded from {args.weights}" if args.weights else _origin.drawn(args.seed),
    }  # fmt: skip


def _refuse(args: argparse.Namespace) -> None:
    """Options that are made for real numbers."""
    if odd := [f"--{name}" for name, default in ONLY.items() if getattr(args, name) != default]:
        raise TextError(
            f"{', '.join(odd)}: words have no scale, no spectrum and no decibels; their alternatives are counted. Leave it out."
        )


def _vocabulary(args: argparse.Namespace) -> Any:
    """A count, words out of a file, or None."""
    given = args.vocabulary
    if given is None:
        return None
    if given.isdigit():
        return int(given)
    try:
        return read_vocabulary(Path(given).read_bytes())
    except UploadError as err:
        raise TextError(f"--vocabulary {given}: {err}") from err
    except OSError as err:
        raise TextError(
            f"--vocabulary {given} cannot be read: {err.strerror or err}. Name a file with one word a line, or how many numbers there are."
        ) from err


def _sentences(args: argparse.Namespace, path: Path, words: Any) -> tuple[np.ndarray, Mapping[str, np.ndarray], str, np.ndarray | None]:
    """Numbers of words, other inputs by name, the argument that the words go to (empty: the first), and targets."""
    if path.suffix.lower() == ".txt":
        if words is None or isinstance(words, int):
            raise TextError(
                f"{path} holds words, and their numbers are not known. Name --vocabulary FILE: one word a line, in the order of their numbers from 1 on (0 is no word)."
            )
        target = None if args.labels is None else _own.targets(Path(args.labels), path)
        return _lines(path, words), {}, "", target
    inputs, target = _own.records(path, args.labels)
    name = next(iter(inputs)) if len(inputs) == 1 else next((name for name in INPUTS if name in inputs), "")
    if not name:
        raise TextError(
            f"{path} holds {', '.join(list(inputs)[:12])}; which of them are the words cannot be told. Call that array input_ids or tokens."
        )
    value = inputs[name]
    if value.dtype.kind == "f" and (value == np.round(value)).all():  # of a table
        value = value.astype(np.int64)
    beside = {other: array for other, array in inputs.items() if other != name}
    return value, beside, name if beside else "", target


def _lines(path: Path, words: Any, length: int = 0) -> np.ndarray:
    """The sentences of a text, numbers of words (n, length); without a length as long as the longest one."""
    from ..core.vocabulary import Vocabulary

    known = words if isinstance(words, Vocabulary) else Vocabulary.of(words)
    try:
        found = read_sentences(path.read_bytes(), known, length or LONGEST)
    except UploadError as err:
        raise TextError(f"{path}: {err}") from err
    except OSError as err:
        raise TextError(f"{path} cannot be read: {err.strerror or err}. Check its name.") from err
    except InvvizError as err:
        raise TextError(str(err)) from err
    return found if length else found[:, : int((found != 0).sum(1).max())]
