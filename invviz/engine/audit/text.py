"""The audit of one message of sentences: bits of every word, attacks, the least noise, the formal promise, and what follows from them."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...core.errors import Cancelled
from ...core.figures import number
from ...defenses import DEFENSES
from ...scenario import Scenario
from ..bits import LEVELS, half
from ..client import Client, Site, defended, world_of
from ._text_attempts import Attempt, attempts
from ._time import left_of
from ._word_bits import Bits, Uncounted, counted
from .examine import ATTACKS, LEAST, SHARE, Examined, budget
from .settings import Case, case_of
from .text_advice import advice, limits
from .text_findings import Counted, LeastWordNoise, Sentence, TextFindings

if TYPE_CHECKING:
    from ...attacks import Attack
    from ..results import Event
    from .text_subject import TextSubject

WANTED = 0.1  # share of the bits of any word that may be learned behind the least noise


def text_case(subject: TextSubject, scenario: Scenario) -> Case:
    """What the engine computes; the attacker has the public sentences that were handed over."""
    case = case_of(subject, scenario)
    if subject.public is None:
        return case
    samples = subject.data.samples
    assert samples is not None
    net, batch = subject.net, subject.batch
    world = world_of(scenario, net, batch, samples)
    bare = scenario.protocol.release
    client = Client(net, batch, bare, defended(scenario, bare, scenario.defense, world), samples, None, world)
    return Case(scenario, client, Site(None, case.site.cache_dir, case.site.device))


def examine_text(
    subject: TextSubject, scenario: Scenario, attacks: Sequence[Attack] | None = None, seconds: float | None = None,
    report: Callable[[Event], bool] | None = None, limit: float | None = None, first: int = 0, began: float | None = None,
) -> tuple[TextFindings, Examined]:  # fmt: skip
    """Compute everything.

    Args:
        subject: net and sentences.
        scenario: made by `settings.scenario_of`, with an attack on words.
        attacks: to try; None: the strongest by experience; empty: none.
        seconds: for all attacks together; None: what is left of the limit, ATTACKS without one.
        report: progress; answering False while words are counted stops the audit, during an attack that attack.
        limit: seconds for everything: half of it for the counting, and for the attacks what is left then; None: no limit.
        first: number of the first sentence.
        began: when the audit did, by `time.monotonic`; None: now.

    Returns:
        The findings; and numbers of words (b, length) as arrays: the truth, the most likely word at every place, the strongest attack's.

    Raises:
        Cancelled: `report` answered False while words were counted.
    """
    start, case, given = began or time.monotonic(), text_case(subject, scenario), seconds
    bits, why = None, ""
    try:
        bits = counted(case, WANTED, limit and left_of(limit * (1.0 if attacks == [] else SHARE), start), report)
    except Cancelled:
        raise
    except Uncounted as err:
        why = str(err)
    if limit is not None:
        left = max(limit - (time.monotonic() - start), LEAST)
        seconds = left if seconds is None else min(seconds, left)
    tried = attempts(subject, case, attacks, ATTACKS if seconds is None else seconds, report)
    truth = case.client.batch.private.cpu().numpy()
    records = sentences(truth, bits, tried, first)
    strongest = next((place for place, one in enumerate(tried) if one.told.read), None)
    made = TextFindings(
        facts=dict(subject.facts),
        scenario="&".join(one for one in scenario.text(full=True).split("&") if not one.startswith("attack=")),
        settings=hashlib.sha256(f"{scenario.text(full=True)}|{given}|{limit}|{[a.told.attack for a in tried]}".encode()).hexdigest()[:16],
        reasons=tuple(dataclasses.asdict(one) for one in subject.reasons),
        notes=subject.notes,
        counted=_counted(bits) if bits else None,
        uncounted=why,
        records=records,
        attacks=tuple(one.told for one in tried),
        strongest=strongest,
        least_noise=least_noise(scenario, bits) if bits else None,
        budget=budget(scenario.defense),
        defense="&".join(value for part, value in scenario.pairs(full=True) if part == "defense"),
        advice=(),
        limits=(),
        seconds=0.0,
    )
    made = dataclasses.replace(made, advice=advice(made), limits=limits(scenario.floor), seconds=round(time.monotonic() - start, 3))
    likely = np.zeros_like(truth)
    for at, word in zip(bits.places, bits.likely, strict=True) if bits else ():
        likely[at] = word
    found = Examined(made, truth, likely if bits else None, None if strongest is None else tried[strongest].guess)  # type: ignore[arg-type]
    return made, found


def _counted(bits: Bits) -> Counted:
    curve = bits.curve.mean(0)
    mean = float(bits.bits.mean())
    return Counted(
        bits.sigma / max(bits.size.rms, 1e-300), bits.sigma, bits.entropy, mean, mean / bits.entropy, float(bits.right.mean()),
        LEVELS, tuple(curve.tolist()), half(curve, bits.entropy), len(bits.places),
    )  # fmt: skip


def sentences(truth: np.ndarray, bits: Bits | None, tried: Sequence[Attempt], first: int = 0) -> tuple[Sentence, ...]:
    """What is told of every sentence, the most exposed first: by the share of its bits, then by what a real attack has right.

    Args:
        truth: numbers of words (b, length).
        bits: of all words, in their order; None where they were not counted.
        tried: attacks.
        first: number of the first sentence.
    """
    rows = []
    for k, row in enumerate(truth):
        own = [n for n, place in enumerate(bits.places) if place[0] == k] if bits else []
        learned = bits.bits[own] if bits else np.zeros(0)
        best = max(
            (one.told for one in tried if one.told.read), key=lambda told: (told.exact[k], told.read[k], told.anywhere[k]), default=None
        )
        rows.append(
            Sentence(
                first + k,
                int((row != 0).sum()),
                tuple(learned.tolist()),
                tuple(bits.sure[own].tolist()) if bits else (),
                float(learned.mean() / bits.entropy) if bits else None,
                float(bits.right[own].mean()) if bits else None,
                None if best is None else best.read[k],
                None if best is None else best.anywhere[k],
                best is not None and best.exact[k],
                "" if best is None else best.attack,
            )
        )
    return tuple(sorted(rows, key=lambda one: (-(one.share or 0.0), -(one.read or 0.0), -(one.anywhere or 0.0), one.record)))


def least_noise(scenario: Scenario, bits: Bits) -> LeastWordNoise:
    """The least Gaussian noise in place of the present one; what else the defenses do stays, and the noise floor is not counted upon."""
    now, level = float(bits.bits.max() / bits.entropy), float(bits.least.max())
    if scenario.coloured:
        return LeastWordNoise(WANTED, now, reason=f"{scenario.coloured.name} is part of what was counted; audit the net without it")
    if now <= WANTED and not scenario.defense.noisy:
        return LeastWordNoise(WANTED, now, reason="none is needed")
    top = DEFENSES["gaussian_noise"]().strength_knob().high
    if level > min(LEVELS[-1], top if top is not None else math.inf):
        return LeastWordNoise(
            WANTED, now, reason=f"with noise of {number(LEVELS[-1])} times the typical entry more is learned of some word"
        )
    step = 10.0 ** (math.floor(math.log10(max(level, LEVELS[0]))) - 1)
    sigma = float(f"{math.ceil(max(level, LEVELS[0]) / step - 1e-9) * step:.2g}")
    return LeastWordNoise(WANTED, now, sigma, DEFENSES["gaussian_noise"]().replace(sigma=sigma).text())
