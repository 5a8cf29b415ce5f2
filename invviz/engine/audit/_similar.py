"""Public records of the same kind as the audited ones, which the user hands over: what an attacker may learn from beside the message."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...core.errors import InvvizError
from ...core.lazy import torch
from ._own import Part

LEAST = 8  # records of which a law can be learned
UNKNOWN = -1  # class number of a record that nobody named one for


@dataclasses.dataclass(frozen=True, eq=False)
class Similar:
    """Records between 0 and 1 as a batch holds them, and their class numbers.

    Attributes:
        images: (n, ...) float32.
        labels: (n,) int64; UNKNOWN where nobody named any.
    """

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.images)

    def take(self, indices: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Records and class numbers."""
        chosen = np.asarray(indices, dtype=np.int64)
        return self.images[chosen], self.labels[chosen]

    @property
    def labelled(self) -> bool:
        """Whether class numbers are known."""
        return bool((self.labels != UNKNOWN).all())


def similar_of(given: Any, parts: tuple[Part, ...], batch_shape: Sequence[int]) -> Similar | None:
    """The user's public records, on the unit scale of the private inputs.

    Args:
        given: records as a batch has its private inputs: a tensor, or tensors by name; or a pair of those and class numbers; None: there are none.
        parts: the private inputs.
        batch_shape: of one record in the batch.

    Raises:
        InvvizError: other names, other shapes, too few, not finite; says what is allowed.
    """
    if given is None:
        return None
    records, labels = given if isinstance(given, (tuple, list)) and len(given) == 2 else (given, None)
    named = records if isinstance(records, Mapping) else {parts[0].name: records}
    if set(named) != {part.name for part in parts}:
        raise InvvizError(
            f"similar holds {', '.join(map(str, named))}; it has to hold the private inputs, {', '.join(p.name for p in parts)}, by these names."
        )
    pieces = []
    for part in parts:
        value = torch.as_tensor(named[part.name]).detach().cpu()
        if tuple(value.shape[1:]) != part.shape or len(value) < LEAST or not value.is_floating_point():
            raise InvvizError(
                f"similar records of {part.name!r} have shape {tuple(value.shape)}, {value.dtype}; allowed are {LEAST} or more of shape {part.shape}, real numbers."
            )
        if not bool(torch.isfinite(value).all()):
            raise InvvizError(f"similar records of {part.name!r} are not finite.")
        pieces.append(part.to_unit(value).flatten(1))
    if len({len(piece) for piece in pieces}) > 1:
        raise InvvizError("similar records have different numbers of records by input.")
    images = torch.cat(pieces, 1).float().numpy().reshape(-1, *batch_shape)
    known = np.full(len(images), UNKNOWN, np.int64) if labels is None else np.asarray(torch.as_tensor(labels).cpu())
    if known.shape != (len(images),) or known.dtype.kind not in "iu":
        raise InvvizError(
            f"There are {len(images)} similar records and class numbers of shape {known.shape}; give one whole number for each."
        )
    return Similar(images, known.astype(np.int64))
