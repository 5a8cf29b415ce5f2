"""Whether the parts of a scenario fit together: the rules of every subject, in the order in which their sentences are shown."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

from ..core.errors import ScenarioError
from . import _attack, _defense, _memory, _modality, _model, _rounds, _server, _training_mode
from ._scenario import KEPT, Scenario

Rule = Callable[[Scenario], Iterator[str]]
"""Looks at one subject, and says a sentence for everything that does not fit: what was given, what is allowed, what to do."""

RULES: tuple[Rule, ...] = (
    _model.size,
    _model.labels,
    _attack.message,
    _attack.net,
    _attack.embedding,
    _attack.similar,
    _attack.tangent_noise,
    _training_mode.training_mode,
    _rounds.rounds,
    _attack.local_steps,
    _defense.defenses,
    _server.read_out,
    _server.server,
    _server.steering,
    _server.aggregation,
    _memory.memory,
)


def problems(scenario: Scenario) -> list[str]:
    """Why the parts of a scenario do not fit together, one sentence each; empty when they do."""
    return list(_found(scenario))


@functools.lru_cache(maxsize=KEPT)
def _found(scenario: Scenario) -> tuple[str, ...]:
    first = list(_modality.modality(scenario)) or scenario.protocol.problems(scenario.model, scenario.data.shape)
    if first:
        return tuple(first)  # without a net of the data's shape the rest cannot be asked
    found = tuple(sentence for rule in RULES for sentence in rule(scenario))
    return found + tuple(_of_joint_batch(scenario)) if scenario.aggregation.others and not scenario.malicious else found


def _of_joint_batch(s: Scenario) -> Iterator[str]:
    """What speaks against reading a sum: clients that were all sent the same net are one batch to the attacker."""
    alone = s.replace(aggregation=type(s)().aggregation)
    clients = len(s.aggregation.members(s.rounds))
    for sentence in _found(alone.replace(batch=s.batch * clients)):
        if sentence not in _found(alone):
            yield f"Read as a batch, the sum over {clients} clients holds {s.batch * clients} samples: {sentence} Or set aggregation=plain, or let fewer clients hide the victim (colluding)."


def check(scenario: Scenario) -> Scenario:
    """The scenario itself.

    Raises:
        ScenarioError: its parts do not fit together; lists every reason.
    """
    if found := problems(scenario):
        raise ScenarioError(found)
    return scenario
