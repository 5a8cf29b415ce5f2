"""What goes with messages of several rounds."""

from __future__ import annotations

from collections.abc import Iterator

from ..defenses import Defense
from ._scenario import Scenario


def rounds(s: Scenario) -> Iterator[str]:
    """Whether the attack reads them, and the client moves its net between them."""
    if s.rounds == 1:
        return
    if s.attack.one_round:
        yield f"{s.attack.name} reads the message of one round; rounds is {s.rounds}. Set rounds=1, or use dlg, which takes all rounds together."
    if s.protocol.training_mode:
        yield f"Several rounds move the net in inference mode; {s.protocol.name} computes in training mode. Set rounds=1."


def defended(s: Scenario, defense: Defense) -> Iterator[str]:
    """Whether a defense can be followed over several messages."""
    if s.rounds == 1:
        return
    if defense.rounding and s.protocol.sends_embedding:
        yield f"{defense.name} rounds the same embedding in the same way every time: asking again tells nothing new. Set rounds=1."
    if defense.remembers and not defense.off:
        yield f"{defense.name} saves up what it does not send, which is not followed over several messages. Set rounds=1."
