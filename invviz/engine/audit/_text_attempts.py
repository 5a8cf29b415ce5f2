"""Real attacks on an audited message of sentences, one after the other within a time."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...attacks import ATTACKS, Attack
from ...core.task import NEXT_TOKEN
from ...scenario import problems
from .attempts import LEFT, Broken, ran_within
from .findings import NO_TIME, NOT_NEEDED, UNFIT
from .settings import Case
from .text_findings import Tried

if TYPE_CHECKING:
    from ...scenario import Scenario
    from ..results import Event
    from .text_subject import TextSubject

STRONGEST = ("dager", "embedding_rows", "tag", "lamp")
"""Tried where nobody names attacks, in this order: those in closed form first, which take moments."""
BETWEEN = ("tag", "lamp")
"""They search between words, by shares of them."""


@dataclasses.dataclass(frozen=True, eq=False)
class Attempt:
    """One attack.

    Attributes:
        told: what there is to say of it.
        guess: numbers of words (b, length); None without an answer.
    """

    told: Tried
    guess: np.ndarray | None = None


def listed_of(subject: TextSubject, attacks: Sequence[Attack] | None) -> list[Attack]:
    """The attacks to try; lamp reads how likely sentences are off the public ones where there are some, else off the net's own scores."""
    if attacks is not None:
        return list(attacks)
    found = [ATTACKS[name]() for name in STRONGEST]
    return [a.replace(prior="net") if a.name == "lamp" and subject.public is None else a for a in found]


def unfit(subject: TextSubject, scenario: Scenario, attack: Attack) -> str:
    """Why an attack is not tried, in words; empty where it is."""
    if said := problems(scenario.replace(attack=attack)):
        return " ".join(said)
    if attack.name in BETWEEN and not subject.net.enters:  # type: ignore[attr-defined]
        return (
            f"{attack.name} searches between words, and the words of this net enter no torch.nn.Embedding that could be given a mix of them"
        )
    if attack.wants().public_data and subject.public is None:
        return f"{attack.name} counts words in public sentences; give some as similar="
    if getattr(attack, "prior", "") == "net" and subject.net.task is not NEXT_TOKEN:
        return f"{attack.name} asks the net how likely sentences are, and this one does not foretell every word from a mark in front; give public sentences as similar="
    return ""


def attempts(
    subject: TextSubject, case: Case, attacks: Sequence[Attack] | None, seconds: float, report: Callable[[Event], bool] | None
) -> list[Attempt]:
    """Try attacks, strongest first; those that were not tried come last.

    Each has an equal share of what is left of the time; once every sentence is read word by word no other is begun.

    Args:
        subject: net and sentences.
        case: made of them by `settings.case_of`.
        attacks: to try; None: STRONGEST.
        seconds: for all of them; one that is running then hands over its best so far.
        report: progress; answering False ends the running attack.
    """
    listed, start, found = listed_of(subject, attacks), time.monotonic(), list[Attempt]()
    barred = [unfit(subject, case.scenario, attack) for attack in listed]
    for place, (attack, why) in enumerate(zip(listed, barred, strict=True)):
        skipped = UNFIT * bool(why)
        done = next((a.told.attack for a in found if a.told.exact and all(a.told.exact)), "")
        if not why and attacks is None and done:
            why, skipped = f"not needed: {done} read every sentence word by word", NOT_NEEDED
        left = seconds - (time.monotonic() - start)
        if not why and left < LEFT * seconds:
            why, skipped = f"no time was left of {seconds:.3g} s", NO_TIME
        if why:
            found.append(Attempt(Tried(attack.text(), error=why, skipped=skipped)))
            continue
        found.append(_tried(case, attack, left / barred[place:].count(""), report))
    return sorted(
        found, key=lambda one: (not one.told.read, -sum(one.told.exact), -one.told.mean, -sum(one.told.anywhere), one.told.seconds)
    )


def _tried(case: Case, attack: Attack, seconds: float, report: Callable[[Event], bool] | None) -> Attempt:
    ran = ran_within(dataclasses.replace(case, scenario=case.scenario.replace(attack=attack)), seconds, report)
    if isinstance(ran, Broken):
        return Attempt(Tried(attack.text(), error=ran.why, seconds=ran.seconds))
    result, note = ran
    read, anywhere = (tuple(map(float, result.scores[name] or ())) for name in ("token_accuracy", "rouge_1"))
    exact = tuple((result.guess == result.truth).all(1).tolist())
    told = Tried(
        attack.text(), read, anywhere, exact, result.seconds, result.given, result.threat_model, note, result.failed, result.stopped
    )
    return Attempt(told, result.guess)
