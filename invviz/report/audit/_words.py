"""An audit in sentences, from its JSON alone."""

from __future__ import annotations

import math
from typing import Any

from ...core.figures import number
from ...core.plain import read
from ...engine.audit.advice import UNSHARP, cautious, times
from ...engine.audit.findings import BY_MEAN, ON_REQUEST
from ...metrics import EXACT, GAINS, WORDS, decibels, word_of_share
from ...risk import TAU, least_products, psnr_of

GONE = [100 * (1 - 10 ** (-gain / 10)) for gain in GAINS]
SCALE = (
    f"Words: by how much of the squared error of a guess without the message the message takes away: {WORDS[0]} up to {GONE[0]:.0f} %, {WORDS[1]} from there on, "
    f"{WORDS[2]} from {GONE[1]:.0f} %, {WORDS[3]} from {GONE[2]:.0f} %. InvRE is that share over all records, from 0 (nothing) to 1 (everything). "
    "A sketch computes it from some products instead of all directions, and gives an interval."
)
TRAINING = "Batch norm is in training mode: these figures are of a message made with the statistics that the net has, which nobody sends if clients train in that mode."


def dB(value: Any) -> str:  # noqa: N802
    """A PSNR for a table; what is exact to rounding is said to be."""
    if value is None:
        return "none"
    psnr = read(value)
    return f"{decibels(psnr)}{' (exact)' if EXACT <= psnr < float('inf') else ''}"


def expected_dB(value: Any) -> str:  # noqa: N802
    """An expected PSNR for a table."""
    return "not computed" if value is None else decibels(read(value))


def share(value: Any) -> str:
    """A share for a table."""
    return "none" if value is None else f"{100 * read(value):.1f} %"


def interval(found: dict[str, Any], name: str, digits: int, unit: str = "") -> str:
    """A figure of the spectrum with its interval where it has one; the interval alone where the sketch is not sharp."""
    low, high = (read(v) for v in found[f"{name}_interval"])
    if not sharp(found):
        return f"between {low:.{digits}f} and {high:.{digits}f}{unit}"
    value = f"{read(found['psnr_ceiling' if name == 'psnr' else name]):.{digits}f}{unit}"
    return value if low == high else f"{value} [{low:.{digits}f}, {high:.{digits}f}]"


def sharp(risk: dict[str, Any]) -> bool:
    """Whether the spectrum is exact, or the sketch's interval is narrow."""
    low, high = (read(v) for v in risk["invre_interval"])
    return high - low <= UNSHARP


def knows(risk: dict[str, Any]) -> bool:
    """Whether the spectrum says anything: a sketch whose interval reaches from the first word to the last does not."""
    ends = [word_of_share(read(v)) for v in risk["invre_interval"]]
    return ends != [WORDS[0], WORDS[-1]]


def products_for(risk: dict[str, Any], half: float = 0.1) -> int | None:
    """Products after which a sketch's two quadrature rules are at most about 2 `half` of InvRE apart; None where the prior is not white, for which the largest gain is not known here.

    After k blocks the Gauss rule misses the share that stays unknown, sigma^2 b^T (M + sigma^2)^-1 b, by what k steps of conjugate gradients miss:
    at most 4 q^2k of it, q = (sqrt(kappa) - 1) / (sqrt(kappa) + 1), kappa = 1 + (largest gain) / sigma^2 (golub2010matrices). Chance in the probes comes on top.
    """
    if risk["prior"] != "white" or not risk["singular_values"]:
        return None
    root = math.sqrt(1 + (TAU * read(risk["singular_values"][0]) / read(risk["sigma"])) ** 2)
    if root <= 1:
        return None
    blocks = math.ceil(math.log(4 / (2 * half)) / (2 * math.log((root + 1) / (root - 1))))
    return max(least_products(True), least_products(True, blocks))


def unknown(risk: dict[str, Any]) -> str:
    """That the sketch does not know, and what it would take, in place of a number."""
    low, high = (read(v) for v in risk["invre_interval"])
    many = products_for(risk)
    made = risk.get("products")
    more = (
        f"; for InvRE to about 0.1 it needs up to about {number(many, 2)} (an estimate from how fast such sketches converge)"
        if many
        else ""
    )
    return (
        f"how much an ideal attacker gets is not known: after {f'{made:,} products' if made else 'the products that there was time for'} the sketch leaves InvRE anywhere "
        f"between {low:.2f} and {high:.2f}{more}"
    )


def word(risk: dict[str, Any]) -> str:
    """InvRE in a word, or from which to which word its interval reaches."""
    ends = [word_of_share(read(v)) for v in risk["invre_interval"]]
    return risk["word"] if sharp(risk) or ends[0] == ends[1] else " to ".join(ends)


def strongest(found: dict[str, Any]) -> dict[str, Any] | None:
    """The strongest attack's row."""
    return None if found["strongest"] is None else found["attacks"][found["strongest"]]


def overall(attack: dict[str, Any]) -> str:
    """What an attack that gave an answer got of all records: the word where they are pictures, and the PSNR of the mean squared error."""
    said = attack.get("word", "")  # reports that were written before there were words have none
    return f"{said}{', ' * bool(said)}{dB(of_mean_error(attack['psnr']))}"


def ranked(found: dict[str, Any]) -> str:
    """What attacks are ranked by, in words."""
    word = (
        "by the word for the picture that they show most of (PSNR and SSIM), then " if any(a.get("word") for a in found["attacks"]) else ""
    )
    return f"Ranked {word}by the PSNR of their mean squared error; those that read every record to rounding come first, the quickest first."


def of_mean_error(values: list[Any]) -> float:
    """PSNR of the mean squared error in dB: a mean of decibels would let one record that is right stand for many that are wrong."""
    errors = [10 ** (-read(v) / 10) for v in values]
    return psnr_of(sum(errors) / len(errors))


def _read(attack: dict[str, Any]) -> str:
    """How many records it has to rounding, which a mean error hides unless it has all."""
    count = sum(read(v) >= EXACT for v in attack["psnr"])
    return f", {count} of them to rounding" if 0 < count < len(attack["psnr"]) else ""


def ordered(found: dict[str, Any]) -> bool:
    """Whether it is known which record is more exposed than which: a sketch knows the least of each alone."""
    return found["risk"] is None or found["risk"]["method"] != "sketch"


def state(attack: dict[str, Any]) -> str:
    """How an attack ended."""
    if not attack["psnr"]:
        return "no answer"
    if attack["stopped"]:
        return (
            "stopped on request" if attack["note"].startswith(ON_REQUEST) else f"stopped at the end of its time ({attack['seconds']:.0f} s)"
        )
    return "failed in its own eyes" if attack["failed"] else "answered"


def warned(found: dict[str, Any]) -> list[str]:
    """What has to be read before any figure."""
    return [TRAINING] if any(one["name"] == "batch_norm" for one in found["reasons"]) else []


def noise(found: dict[str, Any]) -> str:
    """The least noise in words."""
    least = found["least_noise"]
    if least is None:
        return "not computed"
    if least["sigma"] is None:
        return f"none for {number(least['wanted'], 4)} dB: {least['reason']}"
    whose = _whose(least, len(found["records"]))
    if (now := read(least.get("now", found["risk"]["psnr_interval"][1]))) <= least["wanted"]:
        more = " beyond what there is" if found["risk"]["noise_variance"] > 0 else ""
        return f"none needed{more}: the expected best{whose} is {decibels(now)}, and {least['wanted']:.1f} dB were wanted"
    brings = f"{least['defense']} ({times(least['sigma'])}) brings the expected best"
    if least.get("by") == BY_MEAN:
        return f"{brings} down to {least['wanted']:.1f} dB {cautious([read(end) for end in least['interval']], len(found['records']))}"
    return f"{brings}{whose} down to {least['wanted']:.1f} dB"


def _whose(least: dict[str, Any], records: int) -> str:
    """Whose expected best is meant; of one record, and in reports that do not say, nothing."""
    if least.get("by") == BY_MEAN:
        return " by the mean over the records" if records > 1 else ""
    return " of the most exposed record" if "by" in least and records > 1 else ""


def promise(found: dict[str, Any]) -> str:
    """The formal promise in words."""
    budget = found["budget"]
    if budget["promise"] == "none":
        return "none: no formal promise is made"
    known = (
        "epsilon is not known"
        if budget["epsilon"] is None
        else f"epsilon = {number(budget['epsilon'], 4)} at delta = {number(budget['delta'])}"
    )
    return f"{known}; {budget['promise']}"
