"""How much fits in memory, and what to say where it does not."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from ..core.errors import RiskError
from ..core.lazy import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

WAY_OUT = "Choose method=sketch, a smaller batch or smaller pictures."
NO_MEMORY = ("not enough memory", "can't allocate memory", "cannot allocate memory")  # how PyTorch's CPU allocators put it


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
        if too_little(err):
            raise RiskError(f"There is not enough memory for {what}. {WAY_OUT}") from err
        raise


def too_little(err: BaseException) -> bool:
    """Whether it says that there was not enough memory."""
    return isinstance(err, (MemoryError, torch.OutOfMemoryError)) or any(words in str(err).lower() for words in NO_MEMORY)
