"""How much of each wave there is in samples whose neighbours are alike: the one law that attackers and the risk score expect."""

from __future__ import annotations

from typing import Any

KNEE = 16.0  # half waves in a series up to which its power is about even: waves longer than an eighth of it are as likely as longer ones


def power(*waves: Any) -> Any:
    """Variance of each cosine coefficient, on average 1; NumPy or PyTorch, as the arguments are.

    Of pictures it falls as 1 / (1 + k^2 + l^2), as where first differences of neighbours are small. Of series it falls as 1 / (1 + (k / KNEE)^4), as where second differences are: a
    smooth curve bends little (of GunPoint's hands the power falls by 15 for twice the frequency, tests/numerics/test_series.py). KNEE is a round number and fitted to nothing.

    Args:
        waves: numbers of half waves along each side, which broadcast: two of pictures, one of series.
    """
    if len(waves) == 1:
        found = 1 / (1 + (waves[0] / KNEE) ** 4)
    else:
        down, across = waves
        found = 1 / (1 + down**2 + across**2)
    return found / found.mean()


__all__ = ["KNEE", "power"]
