"""How much fits in memory: Jacobian products at once, matrices, and what to say where they do not."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from ..core.errors import RiskError
from ..core.lazy import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

WORK = 1_000_000_000  # bytes that all tangents of one vmapped product may take together
WAY_OUT = "Choose method=sketch, a smaller batch or smaller pictures."
NO_MEMORY = ("not enough memory", "can't allocate memory", "cannot allocate memory")  # how PyTorch's CPU allocators put it
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


def check_memory(n: int) -> None:
    """Refuse an n x n eigenproblem that this machine cannot hold, before hours of work on it.

    Raises:
        RiskError: five matrices of float64 are more than the free memory.
    """
    needed = 5 * 8 * n * n
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else needed
    if needed > max(free, 2 << 30):
        raise RiskError(f"The exact spectrum of {n:,} inputs takes about {needed / 1e9:.0f} GB; {free / 1e9:.0f} GB are free. {WAY_OUT}")


@contextlib.contextmanager
def room(what: str) -> Iterator[None]:
    """Turn a failed allocation, PyTorch's or NumPy's, into words.

    Raises:
        RiskError: there was not enough memory; says the way out.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as err:
        if isinstance(err, (MemoryError, torch.OutOfMemoryError)) or any(words in str(err).lower() for words in NO_MEMORY):
            raise RiskError(f"There is not enough memory for {what}. {WAY_OUT}") from err
        raise
