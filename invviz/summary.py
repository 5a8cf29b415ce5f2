"""The risk of a scenario in numbers and words; what the command line prints and pages show."""

from __future__ import annotations

from typing import Any

from .core.types import Size
from .risk import Decomposition, invloss, invloss_bound, invloss_bound_here, invre, k_star, psnr_ceiling, total_sigma
from .scenario import Scenario


def noise_variance(scenario: Scenario, size: Size) -> float:
    """Variance that the defenses add to every entry of a noise-free message of this size; later ones see what earlier ones added."""
    total = 0.0
    for defense in scenario.defense:
        now = Size((size.norm**2 + size.count * total) ** 0.5, size.count, size.peak)
        total += defense.variance(now)
    return total


def caveats(scenario: Scenario) -> list[str]:
    """Where the risk score is less sure than it looks, one sentence each."""
    return [words for words in (defense.caveat() for defense in scenario.defense) if words]


def risk_summary(scenario: Scenario, decomposition: Decomposition, size: Size) -> dict[str, Any]:
    """All risk figures at the scenario's own noise.

    Args:
        scenario: gives the noise: its defenses' and the floor's.
        decomposition: the spectrum, which knows of no noise.
        size: of the noise-free message.

    Returns:
        scenario, key; n and p, numbers in the batch and in the message; singular_values, descending, and `resolved`, below which they are
        rounding noise; method; sigma, standard deviation of all noise on a message entry, made of `floor` (share of the root mean square)
        and noise_variance (of the defenses); prior; invloss; invloss_bound and k_star, of the best truncated inverse on average;
        invloss_bound_here, the same on this very batch; invre; psnr_ceiling; seconds that the spectrum took.
    """
    variance = noise_variance(scenario, size)
    sigma = total_sigma(decomposition, scenario.floor, variance)
    return {
        "scenario": scenario.text(full=True),
        "key": scenario.key("risk"),
        "n": decomposition.size,
        "p": decomposition.num_message,
        "singular_values": decomposition.singular_values.tolist(),
        "resolved": decomposition.resolved,
        "method": decomposition.method,
        "sigma": sigma,
        "floor": scenario.floor,
        "noise_variance": variance,
        "prior": decomposition.prior,
        "invloss": invloss(decomposition, sigma),
        "invloss_bound": invloss_bound(decomposition, sigma),
        "invloss_bound_here": invloss_bound_here(decomposition, sigma),
        "k_star": k_star(decomposition, sigma),
        "invre": invre(decomposition, sigma),
        "psnr_ceiling": psnr_ceiling(decomposition, sigma),
        "seconds": round(decomposition.seconds, 3),
    }
