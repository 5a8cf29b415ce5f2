"""What a defense asks of the message, of the net, and of the defenses beside it."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator

from ..defenses import Coloured, Defense, Stack
from ._rounds import defended
from ._scenario import Scenario
from ._settings import MAX_EXACT_INPUTS


def defenses(s: Scenario) -> Iterator[str]:
    """All rules for one defense after the other, first innermost."""
    return s.defense.said(functools.partial(_of_one, s))


def _of_one(s: Scenario, defense: Defense, before: Stack, after: Stack) -> Iterator[str]:
    yield from _per_sample(s, defense, before)
    yield from defended(s, defense)
    yield from _place(defense, before, after)
    yield from _several(s, defense, before)
    yield from _message(s, defense)
    yield from _directions(s, defense)
    yield from defense.problems()


def _per_sample(s: Scenario, defense: Defense, before: Stack) -> Iterator[str]:
    if not defense.needs.per_sample:
        return
    if before:
        yield f"{defense.name} asks for the gradient of every sample, before any other defense. Name it first."
    if (steps := getattr(s.protocol, "local_steps", 1)) > 1:
        yield f"{defense.name} clips the gradient of one step; the client takes {steps} local steps. Set local_steps=1."


def _place(defense: Defense, before: Stack, after: Stack) -> Iterator[str]:
    if defense.coloured and after:
        yield f"{defense.name} shapes its noise by what is sent, so nothing may come after it. Name it last."
    if defense.draws_inside and before.where(lambda d: d.needs.inside or d.coloured):
        yield f"{defense.name} changes the net by chance, before any other defense looks into it. Name it first."


def _directions(s: Scenario, defense: Defense) -> Iterator[str]:
    """Noise that takes the whole spectrum of a message, for which there is not memory for every batch."""
    inputs = s.batch * math.prod(s.shape)
    if not (isinstance(defense, Coloured) and defense.takes_directions and not defense.off) or inputs <= MAX_EXACT_INPUTS:
        return
    if s.protocol.sends_embedding and not s.protocol.problems(s.model, s.data.shape):
        sent = s.batch * s.protocol.entries(s.model, s.data.shape)
        if 2 * sent < inputs and sent * inputs <= MAX_EXACT_INPUTS**2:  # by its rows then, which are few
            return
    fits = MAX_EXACT_INPUTS * s.batch // inputs
    yield (
        f"{defense.name} takes all directions of a message, for up to {MAX_EXACT_INPUTS:,} input values (3 GB of memory); this batch has {inputs:,}. "
        f"{f'Set batch={fits}' if fits else 'Use smaller pictures'}, or use gaussian_noise."
    )


def _several(s: Scenario, defense: Defense, before: Stack) -> Iterator[str]:
    """Several embeddings that are read together: of the parties side by side, or of many pictures of one party."""
    several = getattr(s.protocol, "together", 1) > 1
    if several and (defense.noisy or defense.coloured) and not defense.stated:
        yield (
            f"{defense.name} adds noise by the size of the message, and each of the parties defends its own; {s.protocol.name} reads several at once here. "
            "Set together=1, or use noise of a stated size (gaussian_noise or laplace_noise with relative=False)."
        )
    elif several and not (defense.stated or defense.trains) and before.noisy:
        yield (
            f"{defense.name} would change every party's noise by another share, and {s.protocol.name} reads several at once here. "
            "Set together=1, or name the noise last."
        )
    if s.attacker == "aware" and defense.hides and s.attack.wants().collected_messages:
        yield f"{s.attack.name} compares many embeddings, and {defense.name} holds other entries back in each of them. Set attacker=unaware."


def _message(s: Scenario, defense: Defense) -> Iterator[str]:
    if defense.needs.embedding and not s.protocol.sends_embedding:
        yield f"{defense.name} protects embeddings; {s.protocol.name} sends gradients or updates. Use invl_gnp or dropout."
    if defense.needs.gradient and s.protocol.sends_embedding:
        yield f"{defense.name} is made for gradients; {s.protocol.name} sends an embedding. Use noise, clipping, pruning, quantisation or embedding_dropout."
    if defense.trains and s.protocol.sends_embedding and s.model.init == "random":
        yield (
            f"{defense.name} acts while a net is trained and leaves messages as they are; {s.model.name} has fresh weights. "
            f"Choose a trained net, model={s.model.name}(init='trained')."
        )
