"""Random streams: one per purpose, derived from the scenario's seed, so that victim and attacker never share draws."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from .lazy import torch

if TYPE_CHECKING:
    from torch import Generator


def derive(seed: int, purpose: str) -> int:
    """A 63-bit seed for one purpose.

    Example:
        >>> derive(7, "weights") != derive(7, "attack")
        True
    """
    return int.from_bytes(hashlib.sha256(f"{seed}/{purpose}".encode()).digest()[:8], "big") >> 1


def stream(seed: int, purpose: str) -> Generator:
    """A CPU generator for one purpose ("weights", "defense", "attack", ...)."""
    return torch.Generator().manual_seed(derive(seed, purpose))
