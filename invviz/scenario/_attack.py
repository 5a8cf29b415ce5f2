"""What an attack asks of the message, of the net and of the way in which the client computes."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ._scenario import Scenario


def message(s: Scenario) -> Iterator[str]:
    """What is sent, and of how many samples."""
    attack = s.attack
    if attack.needs_gradient and s.protocol.sends_embedding:
        yield f"{attack.name} reads a gradient; {s.protocol.name} sends an embedding. Use dlg, which looks for a picture with the same message."
    if attack.max_batch is not None and s.batch > attack.max_batch:
        most = f"{attack.max_batch} sample" + ("s" if attack.max_batch > 1 else "")
        yield f"{attack.name} recovers at most {most}; batch is {s.batch}. Lower the batch or use inverting_gradients."
    if attack.fewer_than_classes and 1 < s.batch >= s.data.num_classes:
        yield (
            f"{attack.name} tells fewer samples apart than there are classes; batch is {s.batch}, and {s.data.name} has {s.data.num_classes} classes. "
            "Lower the batch or use inverting_gradients."
        )
    if getattr(attack, "labels", "") == "inferred" and (s.batch > 1 or s.protocol.sends_embedding):
        sent = "an embedding" if s.protocol.sends_embedding else f"a batch of {s.batch}"
        yield f"{attack.name} reads the label of one sample off its gradient; the client sends {sent}. Set labels=known."


def net(s: Scenario) -> Iterator[str]:
    """How the net begins: attacks that read the first layer rest on its kind."""
    attack, model = s.attack, s.model
    first = s.server.first_layer or model.begins_with(s.shape)
    if attack.needs_first_linear and first != "linear":
        yield f"{attack.name} reads the picture off a fully connected first layer; {model.name} begins with a {first}. Use model=mlp."
    if attack.needs_positions and first != "patch embedding":
        yield (
            f"{attack.name} reads the gradient of position embeddings before a first attention; {model.name} begins with a {first}. "
            "Use model=vit(skip='off',norm='none')."
        )
    if attack.needs_first_relu and (act := getattr(model, "act", "relu")) != "relu":
        yield f"{attack.name} counts on the zeros that ReLU leaves in a gradient; {model.name} has act={act!r}. Set act='relu'."


def embedding(s: Scenario) -> Iterator[str]:
    """Attacks that invert a bottom net (vertical FL)."""
    if s.attack.needs_embedding and not s.protocol.sends_embedding:
        yield f"{s.attack.name} inverts an embedding; {s.protocol.name} sends a gradient or an update. Use protocol=vfl, or dlg."
    if s.attack.needs_embedding and s.protocol.sends_embedding:
        yield from s.attack.problems(s.rounds * s.protocol.entries(s.model, s.data.shape), math.prod(s.shape), s.batch)


def tangent_noise(s: Scenario) -> Iterator[str]:
    """Noise in the range of the Jacobian, which only those can solve for who know of it."""
    if s.attack.needs_tangent_noise and not (s.coloured and s.coloured.tangent_noise):
        yield f"{s.attack.name} solves for noise along the Jacobian's directions, and there is none here. Use defense=invl_gnp or water_filling, or attack dlg."
    elif s.attack.needs_tangent_noise and s.attacker != "aware":
        yield f"{s.attack.name} has to know of the defense. Set attacker=aware."


def similar(s: Scenario) -> Iterator[str]:
    """Pictures of another data set of the same kind, which not every one has."""
    if s.attack.wants().similar and not s.data.similar:
        yield f"{s.attack.name} asks for another data set of the same kind; there is none for {s.data.name}. Use public='same'."


def local_steps(s: Scenario) -> Iterator[str]:
    """The sum of several steps is not the gradient at one point."""
    steps = getattr(s.protocol, "local_steps", 1)
    if s.attack.needs_gradient and steps > 1:
        yield f"{s.attack.name} reads one gradient; the client sends the sum of {steps} local steps. Set local_steps=1 or use inverting_gradients."
