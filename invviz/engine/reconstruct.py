"""The attack at work. Behind noise in the tangent space, whoever knows of it solves for the noise first, whatever the attack's name."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from ..attacks._matching import is_smooth
from ..attacks.tangent import Tangent
from ..core.rng import stream
from ..core.tree import flatten, numel
from ..risk.solved import MOST

if TYPE_CHECKING:
    from ..core.types import Batch, Observation, Progress, Reconstruction, Step
    from ..scenario import Scenario

LOUDER = (
    1.1  # times the energy of noise behind the attack's answer that tangent search may imply to be believed where nothing is determined
)
READS = 30.0  # dB that tangent search must state of its answer to be believed. With noise beneath, what it states is up to 5 dB too much, and from 25 to 30 dB either search may be ahead


def reconstruct(scenario: Scenario, obs: Observation, progress: Progress) -> tuple[Reconstruction, bool]:
    """The attack's answer, and whether the noise was solved for beside it.

    An attacker who knows that noise lies along the Jacobian's own directions tries tangent search first (theory T11) and takes its answer where its own figures say
    that it read the picture; the truth plays no part. Where a message of n to 2n numbers determines neither picture nor noise, the answer that takes less noise is taken. Otherwise, and where
    tangent search has nothing to go on, the attack does what it does; its note says so.

    Args:
        scenario: names attack and seed.
        obs: what the attacker sees.
        progress: told of every step, of both searches.
    """
    attack, rng = scenario.attack, stream(scenario.seed, "attack")
    if obs.sigma_beneath is None or attack.needs_tangent_noise:
        ruled = (
            attack.knows_classes and obs.rules is not None
        )  # it goes by what is sure of the message, which need not look like what the answer would send
        return attack.reconstruct(obs, rng, progress), attack.solves or ruled
    if why := untried(scenario, obs):
        found = attack.reconstruct(obs, rng, progress)
        return dataclasses.replace(found, note=f"{found.note} Tangent search was not tried: {why}.".strip()), attack.solves
    if obs.covariance_at is not None:  # that search takes the other's answer for its first start, and can only come to a likelier picture
        first = attack.reconstruct(obs, rng, progress)
        if first.stopped:
            return first, attack.solves
        spent = len(first.trace)
        solved, _ = Tangent().solved(
            obs, stream(scenario.seed, "tangent search"), lambda step: progress(_later(step, spent)), first.batch.private
        )
        trace = (*first.trace, *((number + spent, loss) for number, loss in solved.trace))
        note = f"{first.note} Tangent search went on from there, and from other starts. {solved.note}".strip()
        return dataclasses.replace(solved, trace=trace, note=note), True
    if numel(obs.message) <= 2 * obs.template.private.numel():
        return _quieter(scenario, obs, progress)
    solved, error = Tangent().solved(obs, stream(scenario.seed, "tangent search"), progress)
    if solved.stopped or error >= READS:
        note = f"Read by tangent search, which an attacker who knows of this noise tries first. {solved.note}"
        return dataclasses.replace(solved, note=solved.note if solved.stopped else note), True
    spent = len(solved.trace)
    later = lambda step: progress(_later(step, spent))  # noqa: E731
    found = attack.reconstruct(obs, rng, later)
    trace = tuple((number + spent, loss) for number, loss in found.trace)
    return dataclasses.replace(
        found, trace=trace, note=f"{found.note} Tangent search was tried first and did not read it.".strip()
    ), attack.solves


def _quieter(scenario: Scenario, obs: Observation, progress: Progress) -> tuple[Reconstruction, bool]:
    """Of the attack's answer and tangent search's the one that takes less noise to explain the message, where that does not determine picture and noise together.

    Many pictures then explain it with some noise along their own directions, and tangent search finds one of them. The attacker cannot tell whether it is the right one, but
    where the noise would have to be louder than behind the attack's answer, it made the noise up.
    """
    first = scenario.attack.reconstruct(obs, stream(scenario.seed, "attack"), progress)
    if first.stopped:
        return first, scenario.attack.solves
    spent = len(first.trace)
    solved, _ = Tangent().solved(obs, stream(scenario.seed, "tangent search"), lambda step: progress(_later(step, spent)))
    trace = (*first.trace, *((number + spent, loss) for number, loss in solved.trace))
    if solved.failed or solved.stopped or implied_noise(obs, solved.batch) > LOUDER * implied_noise(obs, first.batch):
        note = f"{first.note} Tangent search was tried, too: the message does not determine the picture, and its answer takes more noise to explain it.".strip()
        return dataclasses.replace(first, trace=trace, note=note, stopped=solved.stopped), scenario.attack.solves
    note = f"By tangent search, whose answer takes no more noise to explain the message than {scenario.attack.name}'s. {solved.note}"
    return dataclasses.replace(solved, trace=trace, note=note), True


def implied_noise(obs: Observation, answer: Batch) -> float:
    """Energy of what a picture leaves to noise: |message - release at it|^2; infinite where that is no number."""
    left = flatten(obs.message) - flatten(obs.simulate(answer))
    energy = float(left.double().square().sum())
    return energy if math.isfinite(energy) else math.inf


def untried(scenario: Scenario, obs: Observation) -> str:
    """Why tangent search is not tried first, in words; empty where it is."""
    size, count = obs.template.private.numel(), numel(obs.message)
    if not (obs.knowledge.labels or scenario.protocol.sends_embedding):
        return "it has to know the label"
    if not is_smooth(obs.net):
        return "the net has kinks (ReLU or max pooling)"
    if count <= size:
        return f"the message has {count:,} numbers, and noise along {size:,} directions explains any of them"
    if count <= 2 * size and obs.covariance_at is not None:
        return f"the message has {count:,} numbers, and picture and noise are {2 * size:,} unknowns"
    if size > MOST:
        return f"for {size:,} unknowns it takes long (limit here {MOST:,}); choose it as the attack"
    return ""


def _later(step: Step, spent: int) -> Step:
    """A step as one of all steps, those of tangent search included."""
    return dataclasses.replace(step, number=step.number + spent, total=step.total + spent)
