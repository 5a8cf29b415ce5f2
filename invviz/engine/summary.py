"""The risk of a scenario in numbers and words; what the command line prints and pages show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.figures import number, percent
from ..core.types import Size
from ..metrics import decibels, word_of_share
from ..risk import (
    Decomposition,
    invloss,
    invloss_bound,
    invloss_bound_here,
    invloss_interval,
    invre,
    invre_interval,
    k_star,
    psnr_ceiling,
    psnr_interval,
    psnr_spread,
    sample_loss,
    total_sigma,
)
from ..scenario import Scenario
from . import bounds

WHITENED = "(I + Sigma / sigma^2)^-1/2 J"  # Sigma the coloured noise's covariance, sigma the std of all other noise on an entry
UNSHARP = 0.05  # width of InvRE's interval from which on the estimate alone says too little


def noise_variance(scenario: Scenario, size: Size, stages: Sequence[Size] = ()) -> float:
    """Variance of the defenses' noise on every entry of what the server sees.

    Of a sum each client's own noise adds up, in the share that each adds, and so does what rounding adds on the way (the messages of colluding clients are known, with their noise).

    Args:
        scenario: its defenses, first innermost, and who is summed.
        size: of the victim's noise-free message; it knows those of the others of a sum.
        stages: as of `Stack.variance`.
    """
    theirs = (
        scenario.defense.variance(one, scenario.batch, [stage.others[place] for stage in stages]) for place, one in enumerate(size.others)
    )
    rounding = len(size.others) * scenario.aggregation.rounding_variance(pace_of(scenario))
    return own_variance(scenario, size, stages) + scenario.aggregation.noise_share * sum(theirs) + rounding


def own_variance(scenario: Scenario, size: Size, stages: Sequence[Size] = ()) -> float:
    """The same of one client's message: in the share of its noise that it adds, with what rounding adds on the way."""
    aggregation = scenario.aggregation
    return aggregation.noise_share * scenario.defense.variance(size, scenario.batch, stages) + aggregation.rounding_variance(
        pace_of(scenario)
    )


def pace_of(scenario: Scenario) -> float:
    """What a message is multiplied with to become a change of the weights: the learning rate of a gradient, 1 of an update."""
    protocol = scenario.protocol
    return float(getattr(protocol, "lr", 1.0)) if protocol.sends_gradient else 1.0


def floor_share(scenario: Scenario, size: Size, variance: float) -> float:
    """Variance of the noise floor over that of all noise on an entry.

    Args:
        scenario: gives the floor.
        size: of the noise-free message that is sent.
        variance: of the defenses' noise; of coloured noise, which is in no single number, its mean is not counted.
    """
    floor = (scenario.floor * size.rms) ** 2
    return floor / max(floor + variance, 1e-300)


def caveats(scenario: Scenario, solved: float | None = None) -> list[str]:
    """Where the risk score is less sure than it looks, one sentence each.

    Args:
        scenario: what is scored.
        solved: expected PSNR in dB of an attacker who solves for noise in the tangent space, where it is known.
    """
    found = scenario.defense.caveats()
    if scenario.coloured and scenario.coloured.shaped:
        found.append(
            f"The shape of {scenario.coloured.name}'s noise is that at the private picture, and the score takes it as known to the attacker, who must estimate it "
            "from a guess. What the shape itself may tell is left out, and so are curvature and the bound that does not linearise."
        )
        if scenario.coloured.in_tangent_space:
            even = getattr(scenario.coloured, "isotropic", 0.0)
            found.append(
                f"{f'{percent(1 - even)} of ' if even else ''}{scenario.coloured.name}'s noise lies in the directions in which the message moves with the picture, so an "
                "attacker who knows the defense can solve for picture and noise together (attack tangent). "
                + (
                    f"The other {percent(even)} are isotropic, and how much is left to solve for hangs on how loud they are: the score is no bound."
                    if even
                    else "Where the net is smooth, nothing else is added and the message is at least twice as long as the batch, "
                    "that read 120 of 120 digits exactly behind InvL-GNP and water-filling: the score is then no bound."
                )
            )
            if solved is not None:
                found.append(
                    f"To first order an attacker who solves for it gets about {decibels(solved)} on average over the {scenario.prior} prior (the noise floor is counted as if it "
                    "lay beneath)."
                )
    return found


def doubts(scenario: Scenario, decomposition: Decomposition, sigma: float, solved: float | None = None) -> list[str]:
    """Caveats of the scenario, and where the noise is below what the computation resolves; `solved` as of `caveats`."""
    found, d = caveats(scenario, solved), decomposition
    if scenario.aggregation.others:
        found.append(_of_sum(scenario, d))
    if scenario.aggregation.rounding_variance(1.0):
        found.append(
            "The rounding of secure aggregation is taken for Gaussian noise of the same variance; it leaves every weight within one step for each client."
        )
    unseen = int((d.gains == 0).sum())
    if d.resolved * (d.trace / d.size) ** 0.5 > sigma and unseen and d.num_message >= d.size:
        way = " Use dtype=float64." if scenario.dtype == "float32" else ""
        found.append(
            f"Singular values below {number(d.resolved, 1)} are lost in rounding, the noise is smaller than that: {unseen:,} directions count as unseen that may be "
            f"readable, so the risk may be higher than shown.{way}"
        )
    if d.method == "sketch":
        low, high = invre_interval(d, sigma)
        if high - low > UNSHARP:
            found.append(
                f"The sketch is not sharp at so little noise: only its interval counts (InvRE {low:.2f} to {high:.2f}); the number itself errs to the "
                "cautious, high side. Use method=exact where that fits."
            )
    return found


def _of_sum(scenario: Scenario, d: Decomposition) -> str:
    """What the score of a sum over clients leaves out, and how far the others hide the victim."""
    clients, equations = d.clients, d.rows or d.num_message
    more = equations >= clients * d.size
    return (
        f"The server sees {'a sum' if scenario.rounds == 1 else f'{scenario.rounds} sums'} over {clients} clients that do not collude. The score is local: the attacker is given every client's slope at its private batch, and who is who among them, which a "
        f"real one has to find out, so it is an upper bound to first order. There are {equations:,} equations for {clients * d.size:,} unknown numbers"
        + (", so they are still told apart but for noise" if more else ", so the others begin to hide the victim")
        + f"; that begins at about {number(equations / d.size, 2)} clients."
    )


def risk_summary(
    scenario: Scenario,
    decomposition: Decomposition,
    size: Size,
    stages: Sequence[Size] = (),
    trust: dict[str, Any] | None = None,
    solved: float | None = None,
) -> dict[str, Any]:
    """All risk figures at the scenario's own noise.

    Args:
        scenario: gives the noise: its defenses' and the floor's.
        decomposition: the spectrum, which knows of no noise.
        size: of the noise-free message that is sent.
        stages: as in `noise_variance`.
        trust: measured curvature (`Trust.to_json`), where it is known.
        solved: as of `caveats`.

    Returns:
        scenario, key; n and p, numbers in the batch and in the message; clients, whose messages are summed, all of whose numbers the directions are of; singular_values, descending (of a sketch: the leading ones, each at most the true
        one), of what matrix (`singular_values_of`: "J", or under coloured noise J seen through what whitens it together with the other noise, WHITENED), and
        `resolved`, below which they are rounding noise; method; products that it took; sigma, standard deviation of all noise on a message entry,
        made of `floor` (share of the root mean square) and noise_variance (of the defenses); prior; invloss, and what it is the least of (`invloss_is`); invloss_bound and
        k_star, of the best truncated inverse on average; invloss_bound_here, the same on this very batch (exact only); invloss_lower, below which about no attacker of
        any kind comes on average over pictures drawn from the prior (T3; at one picture InvLoss may lie below it), which noise that counts (`invloss_lower_counts`),
        or None and why (`invloss_lower_reason`); invloss_samples, of each sample of the batch (T7; exact only); invre; psnr_ceiling, the expected best, and its word; psnr_solved, what an attacker
        who solves for noise in the tangent space gets instead (to first order; None where there is no such noise or it is not known);
        bound, whether no attacker gets more than that on average over pictures drawn from the prior, and bound_reasons, why not, in short words;
        psnr_spread, between which 19 of 20 pictures that are drawn from the prior lie (white prior, exact spectrum);
        the `_interval`s that hold the true
        values with 95 % probability; trust; caveats; seconds that the spectrum took.
    """
    variance = noise_variance(scenario, size, stages)
    d, sigma = decomposition, total_sigma(decomposition, scenario.floor, variance)
    here = d.method == "exact" and d.basis.size > 0  # shipped spectra are kept without what belongs to the picture alone
    lower = bounds.lower(scenario, trust, d.size, size, stages)
    against = bounds.reasons(scenario, floor_share(scenario, size, variance), d.method)
    return {
        "scenario": scenario.text(full=True),
        "key": scenario.key("risk"),
        "n": d.size,
        "clients": d.clients,
        "p": d.rows or d.num_message,
        "singular_values": d.singular_values.tolist(),
        "singular_values_of": WHITENED if scenario.coloured else "J",
        "resolved": d.resolved,
        "method": d.method,
        "products": d.products,
        "sigma": sigma,
        "floor": scenario.floor,
        "noise_variance": variance,
        "prior": d.prior,
        "invloss": invloss(d, sigma),
        "invloss_interval": list(invloss_interval(d, sigma)),
        "invloss_bound": invloss_bound(d, sigma),
        "invloss_bound_here": invloss_bound_here(d, sigma) if here else None,
        "invloss_is": bounds.least_error(scenario),
        "invloss_lower": lower.value,
        "invloss_lower_counts": lower.counts,
        "invloss_lower_reason": lower.reason,
        "invloss_samples": sample_loss(d, sigma).tolist() if here else None,
        "k_star": k_star(d, sigma),
        "invre": invre(d, sigma),
        "invre_interval": list(invre_interval(d, sigma)),
        "psnr_ceiling": psnr_ceiling(d, sigma),
        "psnr_solved": solved,
        "bound": not against,
        "bound_reasons": [one.name for one in against],
        "word": word_of_share(invre(d, sigma)),
        "psnr_interval": list(psnr_interval(d, sigma)),
        "psnr_spread": list(spread) if (spread := psnr_spread(d, sigma)) else None,
        "trust": trust,
        "caveats": doubts(scenario, d, sigma, solved),
        "seconds": round(d.seconds, 3),
    }
