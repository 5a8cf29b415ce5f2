"""How many tangents to push through a map at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .lazy import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

WORK = 1_000_000_000  # bytes that all tangents of one vmapped product may take together
MOST_AT_ONCE = 64  # tangents; more were slower on one core (LeNet, ConvNet, MLP at 32x32): they leave the cache


def tangents_that_fit(written: int) -> int:
    """How many tangents to push through a map at once: the bytes that one evaluation writes, twice (value and tangent), within WORK."""
    return max(1, min(MOST_AT_ONCE, WORK // (2 * written)))


def bytes_written(map: Callable[[Tensor], Tensor], point: Tensor) -> int:
    """Bytes of the results of all operators in one evaluation; views count too, so it is rather too much."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Meter(TorchDispatchMode):
        total = 0

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            out = func(*args, **(kwargs or {}))
            leaves = out if isinstance(out, (tuple, list)) else (out,)
            self.total += sum(leaf.numel() * leaf.element_size() for leaf in leaves if isinstance(leaf, torch.Tensor))
            return out

    with Meter() as meter:
        map(point)
    return max(1, meter.total)
