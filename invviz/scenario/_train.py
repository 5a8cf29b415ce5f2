"""Whether a scenario's net can be trained."""

from __future__ import annotations

from ..protocols.training import TRAININGS
from ._depends import unsteered
from ._problems import problems
from ._risk import any_attack
from ._scenario import Scenario


def train_problems(scenario: Scenario) -> list[str]:
    """Why a scenario's net is not trained, one sentence each."""
    s = unsteered(scenario)
    model = s.model.replace(init="trained") if s.defense.in_training else s.model  # here a fresh net is trained, too
    found = problems(s.replace(model=model, attack=any_attack(s), train=TRAININGS["federated"](), rounds=1)) + s.train.problems()
    if s.protocol.training_mode:
        found.append(
            f"Training through {s.protocol.name} is not built yet: clients' running statistics would have to be averaged. Use protocol=hfl."
        )
    return found + [
        f"{defense.name} adds layers of its own to the net, and training them is not built yet. Train with another defense."
        for defense in s.defense.on_net
    ]
