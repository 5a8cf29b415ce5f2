"""The records of `audit`: which of a file are audited, and what they are called."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import TextError
from . import _own

BATCH = 8  # records that are audited where nobody says how many


def batch(args: argparse.Namespace) -> tuple[Any, Any]:
    """The records that are audited: one array goes in as it is, several by their names."""
    inputs, target = _own.records(args.data, args.labels)
    count = len(next(iter(inputs.values())))
    start, stop = span(args, count, "records")
    if len(inputs) > 1:
        more = "" if args.labels or target is not None else "; --labels names the one that is the target"
        print(f"{', '.join(inputs)} go to the net by these names{more}.", file=sys.stderr)
    shapes = "; ".join(f"{name} {' x '.join(map(str, value.shape))}, {value.dtype}" for name, value in inputs.items())
    print(f"Read: {shapes}{'' if target is None else f'; targets {target.dtype}'}.", file=sys.stderr)
    cut = {name: value[start:stop] if np.ndim(value) and len(value) == count else value for name, value in inputs.items()}
    return (cut if len(cut) > 1 else next(iter(cut.values()))), None if target is None else target[start:stop]


def span(args: argparse.Namespace, count: int, what: str) -> tuple[int, int]:
    """Number of the first that is taken of so many, and that behind the last; said where it is not all of them."""
    start, stop = args.records or (0, min(BATCH, count))
    if stop > count:
        raise TextError(f"--records {start}:{stop}: there are {count:,} {what}.")
    if stop - start < count:
        print(
            f"{stop - start:,} of {count:,} {what} are taken as the batch of one message, from number {start}; --records says which.",
            file=sys.stderr,
        )
    return start, stop


def names(inputs: Any) -> tuple[str, ...]:
    """Of the arrays that go to the net; one alone is called input."""
    return tuple(inputs) if isinstance(inputs, Mapping) else () if inputs is None else ("input",)


def columns(args: argparse.Namespace) -> tuple[str, ...]:
    """Of a table, without the targets'; none elsewhere."""
    return _own.columns(args.data, args.labels) if args.data is not None and args.data.suffix.lower() == ".csv" else ()


def similar(args: argparse.Namespace) -> Any:
    """Public records, with their class numbers where --labels names them there, too."""
    if args.similar is None:
        return None
    inside = args.labels if args.labels is None or not Path(args.labels).exists() else None
    inputs, target = _own.records(args.similar, inside)
    records = inputs if len(inputs) > 1 else next(iter(inputs.values()))
    return records if target is None else (records, target)


def places(text: str) -> tuple[int, int]:
    """As argparse's type: a number of records, or the first and the one behind the last."""
    if not (found := re.fullmatch(r"(?:(\d{1,9}):)?(\d{1,9})", text)) or int(found[2]) <= int(found[1] or 0):
        raise argparse.ArgumentTypeError(f"{text!r}: write how many, as in 8, or from where to before where, as in 16:24")
    return int(found[1] or 0), int(found[2])


def shape(text: str) -> tuple[int, ...]:
    """As argparse's type: whole numbers above 0."""
    if not re.fullmatch(r"[1-9]\d{0,8}(,[1-9]\d{0,8}){0,7}", text):
        raise argparse.ArgumentTypeError(f"{text!r}: write whole numbers from 1 on, as in 4,3,32,32, the number of records first")
    return tuple(map(int, text.split(",")))
