"""Real attacks on the audited message, one after the other within a time: what each got, and why others did not."""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ...attacks import ATTACKS, Attack
from ...core.errors import InvvizError
from ...core.task import CLASSIFICATION
from ...metrics import EXACT, PSNR, SSIM, Baseline, rank, word
from ...scenario import problems
from ..attack import run
from ._first import OTHER
from .findings import NO_TIME, NOT_NEEDED, ON_REQUEST, UNFIT, Tried
from .settings import Case, case_of

if TYPE_CHECKING:
    from ...scenario import Scenario
    from ..results import Event, Result
    from .subject import Subject

STRONGEST = ("linear_layer", "peeling", "spear", "features", "tangent", "gauss_newton", "dlg", "inverting_gradients")
"""Tried where nobody names attacks, in this order: those in closed form first, which take moments."""
LEARNING = ("pca_prior", "class_prior")
"""Tried after them where there are public records to learn from."""
READS_LAYERS = ("linear_layer", "peeling", "spear", "features")
"""They read the input of a layer, which is on the net's own scale."""
STEPS = 10  # of a search that are worth beginning it; setting it up takes as long as some
ENDED = re.compile(rf"(?:Picture \d+: )?{re.escape(ON_REQUEST)}\s*|; stopped on request(?=\.)")
LEFT = 0.05  # share of the time that is too little to begin another search


@dataclasses.dataclass(frozen=True, eq=False)
class Attempt:
    """One attack.

    Attributes:
        told: what there is to say of it.
        guess: private inputs between 0 and 1, (b, ...); None without an answer.
    """

    told: Tried
    guess: np.ndarray | None = None


def attempts(
    subject: Subject,
    scenario: Scenario,
    attacks: Sequence[Attack] | None,
    seconds: float,
    report: Callable[[Event], bool] | None = None,
    product: float = 0.0,
) -> list[Attempt]:
    """Try attacks, strongest first; those that were not tried come last.

    Each search has an equal share of what is left of the time; once every record is read to rounding no other attack is begun.

    Args:
        subject: net and batch.
        scenario: of the audit.
        attacks: to try; None: those that are the strongest by experience.
        seconds: for all of them; one that is running then hands over its best so far.
        report: progress; answering False ends the running attack.
        product: seconds of one product with the Jacobian, about a step of a search; where fewer than STEPS of them are left, no search is begun.
    """
    listed = listed_of(scenario, attacks, (subject.similar is not None) * LEARNING)
    start, found = time.monotonic(), list[Attempt]()
    barred = [unfit(subject, scenario, attack) for attack in listed]
    for place, (attack, why) in enumerate(zip(listed, barred, strict=True)):
        text, skipped = attack.text(), UNFIT * bool(why)
        if not why and attacks is None and (name := next((a.told.attack for a in found if _exact(a)), "")):
            why, skipped = f"not needed: {name} read every record to rounding", NOT_NEEDED
        left = seconds - (time.monotonic() - start)
        if not why and left < LEFT * seconds:
            why, skipped = f"no time was left of {seconds:.3g} s", NO_TIME
        if not why and attack.name not in READS_LAYERS and left < STEPS * product:
            why, skipped = f"no time was left: {left:.0f} s, and {STEPS} steps of a search take about {STEPS * product:.0f} s here", NO_TIME
        if why:
            found.append(Attempt(Tried(text, error=why, skipped=skipped)))
            continue
        found.append(_tried(subject, scenario, attack, left / barred[place:].count(""), report))
    return sorted(found, key=_place)


def _place(one: Attempt) -> tuple[float, ...]:
    """What attacks are ranked by.

    Those that read every record to rounding come first, the quickest first; then by the word for what pictures show (PSNR and SSIM), then by the PSNR of the mean squared
    error, which is all that there is of other records; then those without an answer.
    """
    told = one.told
    if _exact(one):
        return 0.0, told.seconds
    return (1.0, -rank(told.word), -told.overall) if told.psnr else (2.0,)


def listed_of(scenario: Scenario, attacks: Sequence[Attack] | None, more: Sequence[str] = ()) -> list[Attack]:
    """The attacks to try, as they fit the records; `more` behind those that are the strongest by experience."""
    listed = [ATTACKS[name]() for name in (*STRONGEST, *more)] if attacks is None else list(attacks)
    return [_fitted(attack, scenario) for attack in listed]


def _exact(one: Attempt) -> bool:
    return bool(one.told.psnr) and min(one.told.psnr) >= EXACT


def _fitted(attack: Attack, scenario: Scenario) -> Attack:
    """Where records have no neighbours nothing is smoothed, and numbers are searched one by one."""
    if scenario.data.modality.grid:
        return attack
    plain = {"tv": 0.0, "space": "pixels"}
    return attack.replace(**{name: value for name, value in plain.items() if name in attack.values()})


def unfit(subject: Subject, scenario: Scenario, attack: Attack) -> str:
    """Why an attack is not tried, in words; empty where it is."""
    if attack.needs_classes and subject.net.task is not CLASSIFICATION:
        return f"{attack.name} counts on the cross-entropy of class scores, and the loss is another one"
    wants = attack.wants()
    if wants.similar or (wants.public_data and subject.similar is None):
        return f"{attack.name} needs public records of the same kind; give some as similar="
    if wants.public_data and not subject.similar.labelled:  # type: ignore[union-attr]
        return f"{attack.name} needs the class numbers of the public records; give similar=(records, class numbers)"
    if wants.bn_statistics and not attack.needs_training_mode:
        return f"{attack.name} reads batch norm's statistics, which are not sent here"
    if attack.name in READS_LAYERS and len(subject.net.parts) > 1:
        return f"{attack.name} reads one private input; there are {len(subject.net.parts)}"
    told = dataclasses.replace(
        subject.model, first_layer="linear", act="relu"
    )  # what nobody can tell of the net is said in words of its own
    unknown = _unknown(subject, attack)
    said = problems(scenario.replace(attack=attack, model=told if unknown else subject.model))
    return " ".join([*(_told_of(scenario, _of_own(one)) for one in said), *([unknown] if unknown else [])])


def _unknown(subject: Subject, attack: Attack) -> str:
    """What an attack needs of the first layer that nobody can tell of this net; empty where it can be told."""
    if attack.needs_first_linear and subject.model.first_layer == OTHER:
        return (
            f"{attack.name} needs a fully connected first layer with a bias, which is given the private numbers as they are and whose weight and bias are the first of the message; "
            "such a one cannot be read off this module."
        )
    if attack.needs_first_relu and not subject.model.act:
        return f"{attack.name} needs the zeros that ReLU behind the first layer leaves in the gradient; what follows that layer cannot be read off this module."
    return ""


def said_of(scenario: Scenario, note: str, stopped: bool) -> str:
    """What an attack says of itself; that it was stopped on request is left out, as the time was over unless somebody asked, and with it the name of the picture it is said of."""
    return _told_of(scenario, ENDED.sub("", note).strip() if stopped else note)


def _told_of(scenario: Scenario, said: str) -> str:
    """What an attack says, in the words for these samples: of records nothing is said of pictures and pixels."""
    kind = scenario.data.modality
    if kind.grid:
        return said
    words = {"pixel value": "number", "pixel": "number", "picture": kind.one, "Picture": kind.one.capitalize()}
    return re.sub(r"(?<!')\b(pixel value|pixel|picture|Picture)(s?)\b(?!')", lambda found: words[found[1]] + found[2], said)


def _of_own(said: str) -> str:
    """A rule's sentence as it is said of a net of one's own, without the repairs that name other scenarios."""
    kept = [one for one in re.split(r"(?<=\.) ", said) if not re.match(r"(Use|Set|Choose|Lower) ", one)]
    return re.sub(r"\bown (begins|has)\b", r"the net \1", " ".join(kept))


def _tried(subject: Subject, scenario: Scenario, attack: Attack, seconds: float, report: Callable[[Event], bool] | None) -> Attempt:
    raw = subject.rescaled and attack.name in READS_LAYERS
    case: Case = case_of(subject, scenario.replace(attack=attack), raw)
    ran = ran_within(case, seconds, report)
    if isinstance(ran, Broken):
        return Attempt(Tried(attack.text(), error=ran.why, seconds=ran.seconds))
    result, note = ran
    guess, truth = (subject.unit(side) if raw else side for side in (result.guess, result.truth))
    psnr = tuple(float(v) for v in PSNR().score(guess.astype(np.float64), truth.astype(np.float64)))
    name = _word(guess, truth) if scenario.data.modality.grid else ""
    told = Tried(attack.text(), psnr, result.seconds, result.given, result.threat_model, note, result.failed, result.stopped, word=name)
    return Attempt(told, guess)


def _word(guess: np.ndarray, truth: np.ndarray) -> str:
    """The house's word for pictures (n, c, h, w) in [0, 1], set against what needs no message."""
    return word(PSNR().score(guess, truth), SSIM().score(guess, truth), Baseline.of(truth))


def best_of(found: Sequence[Attempt], record: int) -> tuple[float, str] | None:
    """The best PSNR that any attack got of a record, and whose it is."""
    return max(((one.told.psnr[record], one.told.attack) for one in found if one.told.psnr), default=None)


class Broken(NamedTuple):
    """An attack that gave no answer: why, in words, and after how many seconds."""

    why: str
    seconds: float


def ran_within(case: Case, seconds: float, report: Callable[[Event], bool] | None) -> tuple[Result, str] | Broken:
    """A case's attack run for at most so long, its answer and what there is to say of it; `report` answering False ends it, too."""
    start = time.monotonic()
    asked: list[bool] = []

    def progress(event: Event) -> bool:
        if report is not None and not report(event):
            asked.append(True)
            return False
        return time.monotonic() - start < seconds

    try:
        result: Result = run(case.scenario, case.site, progress, client=case.client)
    except InvvizError as err:
        return Broken(str(err), time.monotonic() - start)
    except Exception as err:  # noqa: BLE001  (the user's own net and loss run here: that one attack fails on them is a finding)
        said = f"{type(err).__name__}: {err}".splitlines()[0][:300]
        return Broken(f"it broke off: {said}", time.monotonic() - start)
    note = said_of(case.scenario, result.note, result.stopped)
    return result, f"{ON_REQUEST} {note}".strip() if result.stopped and asked else note
