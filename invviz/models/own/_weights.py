"""Weights matched to a net by name, shape and type, with words for whatever does not fit."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...core.component import shown
from ...core.errors import UploadError
from ._layer import Shape

WRAPPERS = ("module.", "_orig_mod.")  # what DataParallel and the compiler put before names
NAMED = 3  # names that a message lists
COUNTER = "num_batches_tracked"  # batch norm counts batches, which no number here depends on


def matched(given: Mapping[str, np.ndarray], wanted: Mapping[str, Shape]) -> tuple[dict[str, np.ndarray], list[str]]:
    """The tensors under the names of the net, floats all of one precision; and what is to be said of them.

    Args:
        given: of a file.
        wanted: shapes of the net's parameters and running numbers, by name.

    Raises:
        UploadError: names, shapes or types that are not those of the net; lists the first of each.
    """
    notes = []
    for wrapper in WRAPPERS:
        if given and all(name.startswith(wrapper) for name in given):
            given = {name.removeprefix(wrapper): value for name, value in given.items()}
            notes.append(f"All names began with {wrapper}, which was taken off.")
    missing = [name for name in wanted if name not in given and not name.endswith(COUNTER)]
    wrong = [
        f"{name} is {_x(given[name].shape)}, and the net's is {_x(shape)}"
        for name, shape in wanted.items()
        if name in given and given[name].shape != shape
    ]
    types = [
        f"{name} holds {given[name].dtype}"
        for name in wanted
        if name in given and (given[name].dtype.kind == "f") == name.endswith(COUNTER)
    ]
    strange = [shown(name, 60) for name in given if name not in wanted]
    said = [
        _first(missing, "missing"), _first(strange, "not of this net"), _first(wrong, "of another shape"),
        _first(types, "of another type (parameters are real numbers, counters whole ones)"),
    ]  # fmt: skip
    if any(said):
        have = f"The net has {len(wanted)} tensors{_first(list(wanted), 'among them') and ', such as ' + ', '.join(list(wanted)[:NAMED])}."
        raise UploadError(f"The weights do not go with the net: {'; '.join(filter(None, said))}. {have}")
    floats = {value.dtype.itemsize for name, value in given.items() if value.dtype.kind == "f"}
    if len(floats) > 1:
        notes.append("Parameters are of several precisions; the audit computes in single precision.")
    if 2 in floats:
        notes.append("Parameters are in half precision; the audit computes in single precision.")
    target = np.float64 if floats == {8} else np.float32
    with np.errstate(over="ignore"):  # what becomes infinite is refused below
        found = {name: value.astype(target if value.dtype.kind == "f" else np.int64) for name, value in given.items()}
    if broken := next((name for name, value in found.items() if not np.isfinite(value).all()), ""):
        raise UploadError(f"Tensor {broken} holds numbers that single precision cannot hold.")
    return found, notes


def _first(listed: list[str], what: str) -> str:
    more = f" and {len(listed) - NAMED:,} more" if len(listed) > NAMED else ""
    return f"{len(listed):,} {what}: {', '.join(listed[:NAMED])}{more}" if listed else ""


def _x(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "one number"


__all__ = ["matched"]
