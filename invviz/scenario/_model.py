"""What a model asks of the pictures."""

from __future__ import annotations

from collections.abc import Iterator

from ..core.task import CLASSIFICATION
from ._scenario import Scenario


def size(s: Scenario) -> Iterator[str]:
    """A net with strides and pooling needs some pixels to begin with."""
    side, whose = min(s.shape[1:], default=s.model.min_side), s.data.name if s.shape == s.data.shape else f"a party's part of {s.data.name}"
    if side < s.model.min_side:
        yield f"{s.model.name} needs pictures of at least {s.model.min_side}x{s.model.min_side}; {whose} has {s.shape[1]}x{s.shape[2]}. Choose a smaller model."


def labels(s: Scenario) -> Iterator[str]:
    """A net that tells classes apart needs two."""
    if s.model.task is CLASSIFICATION and not s.data.labelled:
        yield f"{s.model.name} tells classes apart, and all samples of this {s.data.name} are of one. Give it two, or use model=tiny_lm, which foretells words."
