"""What normal noise costs in differential privacy: one release in closed form, a training by Opacus's Renyi accountant."""

from __future__ import annotations

import importlib.util
import math
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..core.errors import MissingExtra


@lru_cache(maxsize=256)
def gaussian_multiplier(epsilon: float, delta: float) -> float:
    """Smallest sigma / sensitivity at which normal noise gives (epsilon, delta) privacy, for one release.

    Source: [P] balle2018analytic, theorem 8: `_delta` falls in u = sigma / sensitivity. Solved in log u by SciPy's `brentq`; the root is raised by 1e-9 so that
    rounding cannot break the promise.
    """
    from scipy.optimize import brentq  # slow to import

    log_u = brentq(lambda log_u: _delta(epsilon, math.exp(log_u)) - delta, math.log(1e-5), math.log(1e6), xtol=1e-12)
    return math.exp(log_u + 1e-9)  # type: ignore[operator]


@lru_cache(maxsize=256)
def gaussian_epsilon(u: float, delta: float) -> float:
    """Smallest epsilon >= 0 that one release with normal noise of std u times the sensitivity promises, by the same condition; raised by 1e-9 of itself."""
    from scipy.optimize import brentq

    if _delta(0.0, u) <= delta:
        return 0.0
    most = (
        0.5 / u**2 + math.sqrt(2 * math.log(1 / delta)) / u
    )  # there the loss of privacy, normal of mean 1/2u^2 and std 1/u, is larger with chance < delta
    return float(brentq(lambda epsilon: _delta(epsilon, u) - delta, 0.0, most, xtol=1e-12)) * (1 + 1e-9)  # type: ignore[arg-type]


def _delta(epsilon: float, u: float) -> float:
    """Phi(1/(2u) - epsilon u) - e^epsilon Phi(-1/(2u) - epsilon u): the delta of one release at an epsilon, u = sigma / sensitivity."""
    from scipy.special import log_ndtr, ndtr

    return float(ndtr(0.5 / u - epsilon * u) - math.exp(epsilon + float(log_ndtr(-0.5 / u - epsilon * u))))


@lru_cache(maxsize=1024)
def spent(noise_multiplier: float, sample_rate: float, steps: int, delta: float) -> float:
    """Epsilon of a training whose steps each release a sum over a Poisson sample, clipped to 1, with normal noise of std `noise_multiplier`.

    The smaller one of two upper bounds: Opacus's Renyi accountant (key `yousefpour2021opacus`), and the exact cost of as many releases of all samples (together they are
    one with noise z / sqrt(steps)), of which sampling only takes away. Never below 0, where the Renyi bound's conversion may end.

    Raises:
        MissingExtra: Opacus is not installed, or has changed.
    """
    whole = gaussian_epsilon(noise_multiplier / math.sqrt(steps), delta)
    if sample_rate == 1:
        return whole
    rdp, orders = _opacus(), [1 + x / 10 for x in range(1, 100)] + list(range(12, 64))  # the orders of its RDPAccountant
    costs = rdp.compute_rdp(q=sample_rate, noise_multiplier=noise_multiplier, steps=steps, orders=orders)
    epsilon, _ = rdp.get_privacy_spent(orders=orders, rdp=costs, delta=delta)
    return max(0.0, min(whole, float(epsilon)))


def _opacus() -> Any:
    """Opacus's file of formulas alone, which needs NumPy and SciPy: the package takes all of torch along, and screens shall not."""
    package = importlib.util.find_spec("opacus")
    file = (
        Path(package.submodule_search_locations[0], "accountants/analysis/rdp.py")
        if package and package.submodule_search_locations
        else None
    )
    if file is None or not file.exists():
        raise MissingExtra(
            "The epsilon of DP-SGD needs the package opacus, which is not installed. Install it with: pip install opacus==1.6.0"
        )
    spec = importlib.util.spec_from_file_location("invviz_opacus_rdp", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
