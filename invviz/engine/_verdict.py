"""What is said of an attack's answer: the message is looked at, and other pictures' messages are set beside it. The truth plays no part."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from ..attacks._judge import judged, silence
from ..attacks._priors import textures
from ..core.lazy import torch
from ..core.rng import stream
from ..core.tree import randn_like

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..core.types import Batch, Observation, Reconstruction
    from ..scenario import Scenario
    from .client import Client

OTHERS = 24  # batches of other pictures
DRAWN = 400  # public pictures that they are taken from, at most ...
NUMBERS = 5_000_000  # ... and numbers in them, but four times as many pictures as there are batches
FEW = 4  # public pictures of one label, or in all, that are too few


def unreadable(obs: Observation) -> bool:
    """Whether the message is all zeros, so that no attack need begin."""
    return not any(bool(leaf.any()) for leaf in obs.message.values())


def verdict(scenario: Scenario, client: Client, obs: Observation, found: Reconstruction, solves: bool = False) -> Reconstruction:
    """The answer with what the message and other pictures' messages say of it in its note, and `failed` accordingly.

    Args:
        scenario: what was computed.
        client: has the public pictures; nothing of its private ones is used.
        obs: what the attacker saw.
        found: the attack's answer.
        solves: whether noise was found beside it, so that its picture alone does not reproduce the message.
    """
    if said := silence(obs.message):
        quiet = unreadable(obs)
        image = obs.grey if quiet else found.batch.private
        note = said if quiet else f"{said} {found.note}".strip()
        return dataclasses.replace(found, batch=found.batch.at(image), note=note, failed=not found.stopped)
    pictures, whose = others(scenario, client, found.batch, stream(scenario.seed, "other pictures"))
    return judged(obs, found, pictures, whose, solves, scenario.attack.decodes)


def others(scenario: Scenario, client: Client, answer: Batch, rng: Generator) -> tuple[Tensor, str]:
    """Pictures that have nothing to do with the message, (k, b, c, h, w), and what they are: public ones with the answer's labels, where labels play a part and there are such; textures for want of any.

    Args:
        scenario: names the data set.
        client: has the public pictures.
        answer: gives the labels.
        rng: draws.
    """
    public, like = client.samples.public, client.batch.private
    count = min(len(public), DRAWN, max(FEW * OTHERS, NUMBERS // like[0].numel()))
    if count < FEW:
        return _drawn(scenario, like, rng)
    images, labels = public.take(np.linspace(0, len(public) - 1, count).astype(int).tolist())
    known = torch.as_tensor(labels)
    wanted = (answer.label.argmax(1) if answer.label.ndim == 2 else answer.label).cpu()
    own = [(known == label).nonzero().flatten() for label in wanted]
    alike = not scenario.protocol.sends_embedding and all(len(places) >= FEW for places in own)
    own = own if alike else [torch.arange(count)] * len(own)
    chosen = torch.stack([places[torch.randint(len(places), (OTHERS,), generator=rng)] for places in own], 1)
    image = torch.as_tensor(scenario.protocol.part(images)).to(like)
    whose = (
        f"public {scenario.data.modality.many} of the same label{'s' if len(own) > 1 else ''}"
        if alike
        else f"public {scenario.data.modality.many}"
    )
    return image[chosen.to(like.device)], whose


def _drawn(scenario: Scenario, like: Tensor, rng: Generator) -> tuple[Tensor, str]:
    """The same for want of public ones: textures of pictures, of what has no neighbours numbers that are drawn alone, on the scale of the bounds; of sentences drawn words."""
    low, high = scenario.data.modality.bounds
    if scenario.data.modality.discrete:
        rows, length = OTHERS * len(like), like.shape[1]
        words = torch.randint(1, scenario.data.num_classes, (rows, length), generator=rng)
        ends = torch.randint(1, length + 1, (rows, 1), generator=rng)
        drawn = torch.where(torch.arange(length) < ends, words, 0)
        return drawn.to(like).view(OTHERS, *like.shape), "drawn sentences"
    if scenario.data.modality.grid:
        kind = "textures" if scenario.data.modality.name == "picture" else "smooth lines"
        unit, what = textures(OTHERS * len(like), like, rng), f"drawn {kind}"
    else:
        unit, what = 0.5 + 0.25 * randn_like(like.new_empty((OTHERS * len(like), *like.shape[1:])), rng), "drawn numbers"
    return (low + (high - low) * unit.clamp(0, 1)).view(OTHERS, *like.shape), what
