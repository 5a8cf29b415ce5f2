"""The audit of one message: spectrum, attacks, the least noise, the formal promise, and what follows from them."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import time
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.errors import Cancelled, InvvizError, MissingExtra
from ...metrics import WORDS, word_of_share
from ...risk import TAU, ideal, psnr_of, sample_loss
from ..assess import assess
from ..bounds import in_brackets, reasons
from ..summary import floor_share, risk_summary
from ._time import SLOW, AuditTime, left_of, too_short
from .advice import advice
from .attempts import Attempt, attempts, best_of
from .findings import GUESSED, Budget, Exposure, Findings
from .least import least_noise
from .limits import limits
from .settings import case_of
from .verdict import verdict

if TYPE_CHECKING:
    from ...attacks import Attack
    from ...defenses import Stack
    from ...scenario import Scenario
    from ..results import Assessment, Event
    from .subject import Subject

UNCOUNTED = (
    "An audit looks at one message and does not know the training. Write sample_rate and steps, as in dp_sgd(sample_rate=0.01,steps=1000)."
)
MEAN = 0.5  # the middle of the bounds, and the mean of the priors
SHARE = 0.5  # of the limit, for the spectrum where somebody attacks
ATTACKS = 120.0  # seconds for the attacks where nobody sets a time
LEAST = 5.0  # seconds for the attacks, however long the spectrum took: those in closed form need no more


@dataclasses.dataclass(frozen=True, eq=False)
class Examined:
    """Findings, and the arrays behind them, which stay in memory.

    Attributes:
        findings: figures and words.
        truth: private inputs between 0 and 1, (b, ...).
        ideal: the ideal attacker's answer, likewise; None without a spectrum.
        guess: the strongest real attack's, likewise; None where none gave an answer.
    """

    findings: Findings
    truth: np.ndarray
    ideal: np.ndarray | None
    guess: np.ndarray | None


def examine(
    subject: Subject,
    scenario: Scenario,
    attacks: Sequence[Attack] | None = None,
    seconds: float | None = None,
    ceiling: float | None = None,
    report: Callable[[Event], bool] | None = None,
    limit: float | None = None,
    first: int = 0,
    began: float | None = None,
) -> Examined:
    """Compute everything.

    Args:
        subject: net and batch.
        scenario: made by `settings.scenario_of`.
        attacks: to try; None: the strongest by experience; empty: none.
        seconds: for all attacks together; None: what is left of the limit, ATTACKS without one.
        ceiling: wanted expected best in dB; None: where records count as hidden.
        limit: seconds for everything: half of it for the spectrum, and for the attacks what is left then; None: no limit.
        first: number of the first record.
        began: when the audit did, by `time.monotonic`: looking at the net counts, too; None: now.
        report: progress; answering False during the spectrum stops the audit, during an attack that attack.

    Raises:
        Cancelled: `report` answered False while the spectrum was computed.
    """
    start, case, given = began or time.monotonic(), case_of(subject, scenario), seconds
    found, why = None, ""
    if short := too_short(subject, scenario, limit):
        warnings.warn(short, AuditTime, stacklevel=3)
    try:
        found = assess(
            scenario, case.site, report, client=case.client, seconds=limit and left_of(limit * (1.0 if attacks == [] else SHARE), start)
        )
    except Cancelled:
        raise
    except InvvizError as err:  # the attacks need no spectrum
        why = str(err)
    risk = _risk(scenario, found) if found else None
    if limit is not None:
        spent = time.monotonic() - start
        left = max(limit - spent, LEAST)
        seconds = left if seconds is None else min(seconds, left)
    tried = attempts(
        subject, scenario, attacks, ATTACKS if seconds is None else seconds, report, subject.product if subject.product >= SLOW else 0.0
    )
    records = exposures(found, risk, tried, subject, first)
    strongest = next((place for place, one in enumerate(tried) if one.told.psnr), None)
    made = Findings(
        facts=dict(subject.facts),
        scenario="&".join(one for one in scenario.text(full=True).split("&") if not one.startswith("attack=")),  # those tried are listed
        settings=hashlib.sha256(f"{scenario.text(full=True)}|{given}|{limit}|{ceiling}|{[a.told.attack for a in tried]}".encode()).hexdigest()[:16],
        reasons=tuple(dataclasses.asdict(one) for one in subject.reasons),
        notes=(*subject.notes, short) if short else subject.notes,
        risk=risk,
        risk_error=why,
        expected=_expected(scenario, found, risk),
        verdict=verdict(records, risk),
        records=records,
        attacks=tuple(one.told for one in tried),
        strongest=strongest,
        least_noise=least_noise(scenario, found, ceiling) if found else None,
        budget=budget(scenario.defense),
        defense="&".join(value for part, value in scenario.pairs(full=True) if part == "defense"),
        advice=(),
        limits=(),
        seconds=0.0,
    )  # fmt: skip
    made = dataclasses.replace(made, advice=advice(made), limits=limits(made), seconds=round(time.monotonic() - start, 3))
    truth = case.client.batch.private.detach().cpu().numpy()
    picture = ideal(found.decomposition, risk["sigma"], scenario.seed) if found and risk else None
    return Examined(made, truth, picture, None if strongest is None else tried[strongest].guess)


def _risk(scenario: Scenario, found: Assessment) -> dict[str, Any]:
    trust = found.trust.to_json() if found.trust else None
    return {**risk_summary(scenario, found.decomposition, found.size, found.stages, trust, found.solved), "why": found.why}


def _expected(scenario: Scenario, found: Assessment | None, risk: dict[str, Any] | None) -> str:
    if found is None or risk is None:
        return "not computed"
    return in_brackets(reasons(scenario, floor_share(scenario, found.size, risk["noise_variance"]), risk["method"]))


def exposures(
    found: Assessment | None, risk: dict[str, Any] | None, tried: Sequence[Attempt], subject: Subject, first: int = 0
) -> tuple[Exposure, ...]:
    """What is told of every record, the most exposed first: by the better of the ideal and the real attackers. A sketch, which knows the least of each, ranks none."""
    count = subject.facts["records"]
    each = subject.batch.private[0].numel()
    sketch = risk is not None and risk["method"] == "sketch"
    rows = []
    for k in range(count):
        best, loss, share = best_of(tried, k), math.nan, math.nan
        if found and risk:
            loss = float(sample_loss(found.decomposition, risk["sigma"])[k])
            share = 1 - loss / (found.decomposition.trace / count)
        attacked = None if best is None else (best[0], 1 - 10 ** (-best[0] / 10) / TAU**2)
        blind = psnr_of(float((subject.batch.private[k].double() - MEAN).square().mean()))
        expected = psnr_of(loss / each) if found else math.nan
        word = _word(share, sketch) if risk else "not computed"
        rows.append(
            Exposure(
                record=first + k,
                ideal_psnr=expected,
                ideal_share=share,
                ideal_word=GUESSED if blind >= expected and not sketch and word != WORDS[0] else word,
                attacked_psnr=attacked and attacked[0],
                attacked_share=attacked and attacked[1],
                attack=best[1] if best else "",
                blind_psnr=blind,
            )
        )
    known = lambda v: -math.inf if v is None or math.isnan(v) else v  # noqa: E731
    if sketch:
        return tuple(rows)
    guessed = lambda row: max(row.ideal_psnr, known(row.attacked_psnr)) <= row.blind_psnr  # noqa: E731
    return tuple(sorted(rows, key=lambda row: (guessed(row), -max(known(row.ideal_psnr), known(row.attacked_psnr)), row.record)))


def _word(share: float, at_least: bool) -> str:
    """How much of a record is told, in a word; of a sketch, which knows the least of it, no word that more would make wrong."""
    word = word_of_share(share)
    if not at_least or word == WORDS[-1]:
        return word
    return "not known" if word == WORDS[0] else f"at least {word}"


def budget(stack: Stack) -> Budget:
    """The formal promise of the defenses; epsilon where one of them has one."""
    promise = stack.promise
    if not promise:
        return Budget()
    for one in stack.promising:
        delta = getattr(one, "delta", None)
        try:
            epsilon = _epsilon(one)
        except MissingExtra as err:
            return Budget(None, delta, promise, (str(err),))
        except InvvizError:
            return Budget(None, delta, promise, (UNCOUNTED,))
        if epsilon is not None and math.isfinite(epsilon):
            return Budget(float(epsilon), delta, promise, _assumptions(one))
    return Budget(None, None, promise)


def _epsilon(defense: Any) -> float | None:
    """A knob of some, counted by others."""
    found: Any = getattr(defense, "epsilon", None)
    value: Any = found() if callable(found) else found
    return value


def _assumptions(defense: Any) -> tuple[str, ...]:
    if defense.name == "dp_sgd":
        return (
            "Neighbouring data sets differ by one record more or less.",
            f"Every batch is a Poisson sample at the rate {defense.sample_rate:g}, over {defense.steps:,} steps in all.",
            f"Every record's gradient is clipped to {defense.clip_norm:g}; nothing else depends on the records.",
            "Noise comes from a generator that nobody can predict; this package's is seeded, for computing again.",
        )
    return (
        "It is the budget of one message; those of several messages of the same records add up.",
        "Noise comes from a generator that nobody can predict; this package's is seeded, for computing again.",
    )
