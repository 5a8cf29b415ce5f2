"""A layer of the list: its knobs with their ranges, what it makes of a shape, and its parameters. No PyTorch."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from ...core.component import shown

Shape = tuple[int, ...]  # of what one record is at some place of the net
Knobs = Mapping[str, Any]
WIDEST = 1_000_000  # features, channels, tokens
REQUIRED = object()


class Misfit(Exception):
    """A layer that cannot stand where it does; says why, without naming the layer."""


@dataclasses.dataclass(frozen=True)
class Knob:
    """A knob of a layer.

    Attributes:
        kind: "whole", "number", "flag", "sides" (one whole number, or one a side), or "list" (of whole numbers).
        default: REQUIRED where there is none.
        low: least value, or least of each.
        high: greatest.
    """

    kind: str = "whole"
    default: Any = REQUIRED
    low: float = 1
    high: float = WIDEST

    @property
    def allowed(self) -> str:
        """What it may be, in words."""
        ends = f"{self.low:,} to {self.high:,}"
        return {
            "whole": f"a whole number, {ends}",
            "number": f"a number, {ends}",
            "flag": "true or false",
            "sides": f"a whole number, {ends}, or a list of one a side",
            "list": f"a list of whole numbers, {ends}",
        }[self.kind]

    def read(self, name: str, value: Any) -> Any:
        """The value, checked.

        Raises:
            Misfit: says what was given and what is allowed.
        """
        if not self._fits(value):
            raise Misfit(f"{name} is {shown(value, 40)}; allowed: {self.allowed}")
        return tuple(value) if isinstance(value, list) else value

    def _fits(self, value: Any) -> bool:
        whole = lambda v: isinstance(v, int) and not isinstance(v, bool) and self.low <= v <= self.high  # noqa: E731
        if self.kind == "flag":
            return isinstance(value, bool)
        if self.kind == "number":
            return isinstance(value, (int, float)) and not isinstance(value, bool) and self.low <= value <= self.high
        listed = isinstance(value, list) and 1 <= len(value) <= 8 and all(map(whole, value))
        return listed if self.kind == "list" else whole(value) or (self.kind == "sides" and listed)


@dataclasses.dataclass(frozen=True)
class Kind:
    """A layer of the list.

    Attributes:
        module: its name in torch.nn; empty for what is put together of others.
        knobs: by name.
        shape: of what it makes of one record; raises Misfit.
        params: shapes of its parameters and running numbers.
        given: names of torch's arguments that follow from the shape before it -> the value.
    """

    module: str
    knobs: Mapping[str, Knob] = dataclasses.field(default_factory=dict)
    shape: Callable[[Knobs, Shape], Shape] = lambda knobs, given: given
    params: Callable[[Knobs, Shape], dict[str, Shape]] = lambda knobs, given: {}
    given: Callable[[Knobs, Shape], dict[str, Any]] = lambda knobs, given: {}
