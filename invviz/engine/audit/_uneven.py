"""Columns of a table that are spread over very different ranges under common bounds: decibels then speak of the widest alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from ._reason import Reason

if TYPE_CHECKING:
    from torch import Tensor

    from ._own import Part

FACTOR = 20.0  # between the widest and the narrowest column
RECORDS = 4  # of fewer, what they are spread over says little of the columns


def uneven(parts: tuple[Part, ...], inputs: Mapping[str, Tensor]) -> Iterator[Reason]:
    """A reason for every table with one pair of bounds whose columns, greatest minus least value of the batch, differ by more than FACTOR; constant columns do not count."""
    for part in parts:
        value = inputs[part.name]
        if value.ndim != 2 or len(value) < RECORDS or part.low.numel() > 1 or part.high.numel() > 1:
            continue
        spread = (value.max(0).values - value.min(0).values).double()
        wide = [int(k) for k in spread.argsort(descending=True) if spread[k] > 0]
        if len(wide) < 2 or spread[wide[0]] <= FACTOR * spread[wide[-1]]:
            continue
        few = [k for k in wide if spread[k] * FACTOR >= spread[wide[0]]]
        what = (
            f"Columns of {part.name!r} have one common range, {float(part.low):.4g} to {float(part.high):.4g}, and are spread over very different ones: column {wide[0] + 1} over "
            f"{float(spread[wide[0]]):.3g}, column {wide[-1] + 1} over {float(spread[wide[-1]]):.3g}. Decibels here speak of the widest ({len(few)} of {value.shape[1]} columns)."
        )
        repair = "Give a pair a column: bounds=(least values, greatest values) in Python, --bounds FILE.csv or NAME=LOW:HIGH,... from a terminal."
        yield Reason("uneven_columns", "less", what, repair, tuple(f"column {k + 1}" for k in few))
