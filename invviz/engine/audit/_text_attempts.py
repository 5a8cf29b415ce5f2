"""Real attacks on an audited message of sentences, one after the other within a time."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...attacks import ATTACKS, Attack
from ...core.errors import InvvizError
from ...core.task import NEXT_TOKEN
from ...scenario import problems
from ..attack import run
from .attempts import LEFT, said_of
from .findings import NO_TIME, NOT_NEEDED, ON_REQUEST, UNFIT
from .settings import Case
from .text_findings import Tried

if TYPE_CHECKING:
    from ...scenario import Scenario
    from ..results import Event, Result
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
    scenario, start = case.scenario.replace(attack=attack), time.monotonic()
    asked: list[bool] = []

    def progress(event: Event) -> bool:
        if report is not None and not report(event):
            asked.append(True)
            return False
        return time.monotonic() - start < seconds

    try:
        result: Result = run(scenario, case.site, progress, client=case.client)
    except InvvizError as err:
        return Attempt(Tried(attack.text(), error=str(err), seconds=time.monotonic() - start))
    except Exception as err:  # noqa: BLE001  (the user's own net and loss run here: that one attack fails on them is a finding)
        said = f"{type(err).__name__}: {err}".splitlines()[0][:300]
        return Attempt(Tried(attack.text(), error=f"it broke off: {said}", seconds=time.monotonic() - start))
    read, anywhere = (tuple(map(float, result.scores[name] or ())) for name in ("token_accuracy", "rouge_1"))
    exact = tuple((result.guess == result.truth).all(1).tolist())
    note = said_of(scenario, result.note, result.stopped)
    note = f"{ON_REQUEST} {note}".strip() if result.stopped and asked else note
    told = Tried(
        attack.text(), read, anywhere, exact, result.seconds, result.given, result.threat_model, note, result.failed, result.stopped
    )
    return Attempt(told, result.guess)
