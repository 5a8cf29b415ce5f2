"""A message of sentences that somebody already has: attacked without the truth."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...core.component import parse_component
from ...core.errors import InvvizError
from ...core.lazy import torch
from ...protocols import PROTOCOLS
from ._text_attempts import STRONGEST, listed_of, unfit
from .message import Answer, answer_of, read_message
from .settings import scenario_of
from .text import text_case
from .text_subject import text_subject

if TYPE_CHECKING:
    from torch import nn

    from ...attacks import Attack
    from ...core.vocabulary import Vocabulary

READ = 1e-8  # of the message that an answer may leave for no other to be needed


def text_answers(
    message: Any, module: nn.Module, shape: Sequence[int], vocabulary: Any = None, targets: Any = None, loss: Any = None, beside: Mapping[str, Any] | None = None,
    protocol: Any = "hfl", defense: Any = "", attacks: Sequence[Attack] | None = None, similar: Any = None, argument: str = "", seconds: float = 120.0,
    device: str | None = None, seed: int = 7,
) -> tuple[list[Answer], Vocabulary]:  # fmt: skip
    """What attacks make of a message, the most believable first: those that did not fail, then by what they leave of the message.

    Args:
        message: as of `message.answers`.
        module: the net that made it.
        shape: sentences, and words of the longest one.
        vocabulary: as of `text_subject`.
        targets: likewise.
        loss: likewise.
        beside: likewise.
        protocol: as of an audit.
        defense: likewise.
        attacks: likewise.
        similar: as of `text_subject`.
        argument: of the module by which the words go in; empty where they are the first one.
        seconds: for all attacks together.
        device: where to compute; None: where the net is.
        seed: of attacks.

    Returns:
        The answers, whose inputs are numbers of words (sentences, length); and the words.

    Raises:
        InvvizError: the message does not go with the net, or no such shape.
    """
    if len(shape) != 2 or not all(isinstance(one, int) and one > 0 for one in shape):
        raise InvvizError(f"The shape of the sentences is {tuple(shape)}; allowed: how many, and words of the longest one, as in (4, 12).")
    sends = parse_component(protocol, PROTOCOLS, "protocol") if isinstance(protocol, str) else protocol
    net, sent = read_message(message, module, sends)
    drawn = torch.ones(tuple(shape), dtype=torch.int64)
    who = text_subject(net, {argument: drawn} if argument else drawn, vocabulary, targets, loss, beside, similar, device)
    scenario = scenario_of(who, sends, defense, seed=seed, attack=STRONGEST[-2])
    sent = {name: value.to(who.batch.private.device, who.net.params[name].dtype) for name, value in sent.items()}
    start, found, listed = time.monotonic(), list[Answer](), listed_of(who, attacks)
    for place, attack in enumerate(listed):
        why = unfit(who, scenario, attack)
        if not why and attacks is None and any(one.misfit is not None and not one.failed and one.misfit < READ for one in found):
            why = "not needed: an answer gives the very message"
        left = (seconds - (time.monotonic() - start)) / (len(listed) - place)
        if why or left <= 0:
            found.append(Answer(attack.text(), error=why or "no time was left"))
            continue
        found.append(answer_of(who, scenario, attack, sent, left, text_case(who, scenario.replace(attack=attack))))
    return sorted(found, key=lambda one: (one.misfit is None, one.failed, one.misfit or 0.0)), who.known
