"""What goes with a client that computes in training mode, where batch norm mixes the batch, and with one that does not."""

from __future__ import annotations

from collections.abc import Iterator

from ..defenses import Defense, Stack
from ._scenario import Scenario


def training_mode(s: Scenario) -> Iterator[str]:
    """Parts that compute in inference mode, or need batch statistics, against the mode of the protocol."""
    attack, protocol = s.attack, s.protocol
    if not protocol.training_mode:
        if attack.needs_training_mode:
            yield f"{attack.name} matches batch norm's batch statistics; {protocol.name} computes in inference mode. Use protocol=hfl_training."
        return
    if attack.wants().bn_statistics and not protocol.sends_statistics:
        yield (
            f"{attack.name} reads batch norm's running statistics, and the client keeps them. "
            "Set statistics='sent' or use gia_estimate, which takes public pictures."
        )
    if attack.needs_gradient and attack.one_round:
        yield (
            f"{attack.name} solves for a net whose layers treat every picture alone; in training mode batch norm mixes the batch. "
            "Use protocol=hfl or inverting_gradients."
        )
    if s.batch * s.model.fewest(s.data.shape) == 1:
        few = " or fewer blocks" if getattr(s.model, "blocks", 1) > 1 else ""
        yield (
            "In training mode batch norm needs more than one number per channel, and deep in "
            f"{s.model.name} a picture of {s.shape[1]}x{s.shape[2]} has only one. Set batch=2, or use larger pictures{few}."
        )
    yield from s.defense.said(_defended)


def _defended(defense: Defense, before: Stack, after: Stack) -> Iterator[str]:
    if defense.needs.per_sample:
        yield f"{defense.name} takes the gradient of every sample alone, and in training mode batch norm mixes the batch. Use protocol=hfl."
    elif defense.needs.inside:
        yield (
            f"{defense.name} looks into the net in inference mode; the client computes in training mode. "
            "Use protocol=hfl or another defense."
        )
