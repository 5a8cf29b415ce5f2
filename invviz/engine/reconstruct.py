"""The attack at work. Behind noise in the tangent space, whoever knows of it solves for the noise first, whatever the attack's name."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from ..attacks._matching import is_smooth
from ..attacks.tangent import Tangent
from ..core.rng import stream
from ..core.tree import numel
from ..risk.solved import MOST

if TYPE_CHECKING:
    from ..core.types import Observation, Progress, Reconstruction, Step
    from ..scenario import Scenario

READS = 30.0  # dB that tangent search must state of its answer to be believed. With noise beneath, what it states is up to 5 dB too much, and from 25 to 30 dB either search may be ahead


def reconstruct(scenario: Scenario, obs: Observation, progress: Progress) -> tuple[Reconstruction, bool]:
    """The attack's answer, and whether the noise was solved for beside it.

    An attacker who knows that noise lies along the Jacobian's own directions tries tangent search first (theory T11) and takes its answer where its own figures say
    that it read the picture; the truth plays no part. Otherwise, and where tangent search has nothing to go on, the attack does what it does; its note says so.

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


def untried(scenario: Scenario, obs: Observation) -> str:
    """Why tangent search is not tried first, in words; empty where it is."""
    size, count = obs.template.private.numel(), numel(obs.message)
    if not (obs.knowledge.labels or scenario.protocol.sends_embedding):
        return "it has to know the label"
    if not is_smooth(obs.net):
        return "the net has kinks (ReLU or max pooling)"
    if count <= 2 * size:
        return f"the message has {count:,} numbers, and picture and noise are {2 * size:,} unknowns"
    if size > MOST:
        return f"for {size:,} unknowns it takes long (limit here {MOST:,}); choose it as the attack"
    return ""


def _later(step: Step, spent: int) -> Step:
    """A step as one of all steps, those of tangent search included."""
    return dataclasses.replace(step, number=step.number + spent, total=step.total + spent)
