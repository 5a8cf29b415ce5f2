"""Whether the risk of a scenario can be computed."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator

from ..attacks import ATTACKS, Attack
from ..defenses import Defense
from ._depends import unsteered
from ._problems import problems
from ._scenario import KEPT, Scenario
from ._settings import MAX_EXACT_INPUTS

MOST_WORDS = 120  # places of words in a batch, each of which takes as many messages as there are words
WORDS = "A spectrum says how a message moves with continuous inputs; {data} is {kind}, and words do not move in small steps: their alternatives are counted instead (bits learned)."


def risk_problems(scenario: Scenario) -> list[str]:
    """Why the risk of a scenario is not computed, one sentence each."""
    return list(_found(scenario))


def bits_problems(scenario: Scenario) -> list[str]:
    """Why the alternatives of a scenario's words, in sentences or in the cells of rows, are not counted, one sentence each."""
    s = unsteered(scenario)
    found = problems(s.replace(attack=any_attack(s)))
    thing, each = ("words", math.prod(s.shape)) if s.data.modality.discrete else ("cells", sum(bool(c.choices) for c in s.columns))
    if not s.data.modality.discrete and not each:
        what = "a table of numbers alone" if s.columns else s.data.modality.a_set
        return [*found, f"Alternatives are counted of words; {s.data.name} is {what}. Ask for the risk score of its spectrum."]
    if s.rounds > 1 or s.aggregation.others or s.layer:
        found.append(
            f"Alternatives of words are counted for one whole message; rounds is {s.rounds}, aggregation is {s.aggregation.name}, layer is "
            f"{s.layer_name or 'empty'}. Set rounds=1 and aggregation=plain, and leave layer out."
        )
    if s.batch * each > MOST_WORDS:
        found.append(
            f"Alternatives are counted for at most {MOST_WORDS} {'places of words' if thing == 'words' else 'cells of words'}; this batch has {s.batch * each}. Set batch={MOST_WORDS // each} or less."
        )
    return found


def any_attack(s: Scenario) -> Attack:
    """An attack that fits wherever the rest fits."""
    kind = s.data.modality
    return ATTACKS["dlg"]() if not kind.discrete else next(a() for a in ATTACKS.values() if a.made_for(kind) and not a.needs_gradient)


@functools.lru_cache(maxsize=KEPT)
def _found(s: Scenario) -> tuple[str, ...]:
    s = unsteered(s)
    found = problems(s.replace(attack=any_attack(s), rounds=1 if s.aggregation.others else s.rounds))
    if s.data.modality.discrete:
        return (*found, WORDS.format(data=s.data.name, kind=s.data.modality.a_set))
    if s.prior == "natural" and not s.data.modality.grid:
        either = ", or prior=dataset, which knows its columns" * bool(s.data.columns)
        found.append(
            f"The natural prior expects neighbouring pixels to be alike; {s.data.name} is {s.data.modality.a_set}. Use prior=white{either}."
        )
    summed = len(s.aggregation.members(s.rounds))
    if summed > 1 and s.rounds > 1:
        found += _over_rounds(s)
    inputs = summed * s.batch * math.prod(s.shape)
    if s.method == "exact" and inputs > MAX_EXACT_INPUTS:
        found.append(
            f"The exact spectrum serves up to {MAX_EXACT_INPUTS:,} input values; {_whose(summed)} {inputs:,}. Use method=sketch, smaller pictures or a smaller batch{_fewer(summed)}."
        )
    if summed > 1 and s.coloured:
        found.append(
            f"The risk of a sum is computed for noise that is the same in all directions; each client's {s.coloured.name} has directions of its own. "
            "Set aggregation=plain, or use isotropic noise."
        )
        return tuple(found)
    if s.rounds > 1:
        found += [
            f"{d.name} drops other entries of every message, and its risk is computed for one; rounds is {s.rounds}. Set rounds=1, or use random_pruning."
            for d in s.defense.live.redrawing
        ]
    return (*found, *(_coloured(s, s.coloured, inputs) if s.coloured else ()))


def _over_rounds(s: Scenario) -> list[str]:
    """Sums of several rounds: what else must be the same in all of them."""
    if s.malicious:
        return [f"Several rounds move the net as an honest server does; {s.server.name} plants one net. Set rounds=1."]
    return []


def _whose(summed: int) -> str:
    return "this batch has" if summed == 1 else f"the batches of {summed} clients have"


def _fewer(summed: int) -> str:
    return "" if summed == 1 else ", or fewer clients"


def _coloured(s: Scenario, defense: Defense, inputs: int) -> Iterator[str]:
    """Noise that is stronger in some directions: its risk takes all directions of one whole message."""
    if s.floor == 0 and not s.defense[:-1].noisy:
        yield f"{defense.name} leaves some directions without noise, and floor=0 adds none: they would tell everything. Set floor to 0.01 or another share above 0."
    if s.rounds > 1:
        yield f"The risk of {defense.name} is computed for one round; rounds is {s.rounds}. Set rounds=1."
    if s.layer:
        yield f"The risk of {defense.name} is computed for the whole message; layer is {s.layer_name}. Read all of it."
    if s.method == "sketch" or inputs > MAX_EXACT_INPUTS:
        yield (
            f"The risk of {defense.name} takes all directions of up to {MAX_EXACT_INPUTS:,} input values (method=exact or auto); this batch has {inputs:,} and "
            f"method is {s.method}. Use smaller pictures, a smaller batch or isotropic noise."
        )
