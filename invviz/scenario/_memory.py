"""What is held in memory at a time while a message is made and searched for, and what no machine of today's classrooms has room for."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ..core.modality import PICTURE
from ._scenario import Scenario

MOST = 8_000_000_000  # bytes; a notebook's whole memory


def memory(s: Scenario) -> Iterator[str]:
    """A batch whose way through the net is too much to be held."""
    bytes_ = held(s)
    if bytes_ > MOST:
        rounds = f", {s.rounds} rounds" if s.rounds > 1 else ""
        yield (
            f"A step of {s.attack.name} holds about {bytes_ / 1e9:,.0f} GB in memory ({s.model.name}, {s.batch} x {' x '.join(map(str, s.data.shape[1:]))} {'pixels' if s.data.modality is PICTURE else 'numbers'}{rounds}, "
            f"{s.dtype}); at most {MOST / 1e9:.0f} GB are taken. Lower the batch, the rounds, the size of the pictures or the width of the net."
        )


def held(s: Scenario) -> int:
    """Bytes that automatic differentiation keeps of one message at least: the numbers that every stage makes of a sample, times what a net keeps for each.

    A search looks at the derivative of a gradient, and keeps the steps of every round; whatever else reads a gradient once, and keeps half of it. The weights are not counted.
    """
    shape, model = s.shape, s.model
    depth = getattr(s.protocol, "cut", model.depth) if s.protocol.sends_embedding else model.depth
    made = sum(model.entries(shape, cut, cut not in model.open_cuts) for cut in range(1, depth + 1)) + math.prod(shape)
    searched = "steps" in s.attack.values() and not s.protocol.sends_embedding
    times = s.rounds * getattr(s.protocol, "local_steps", 1) if searched else 0.5
    return int(s.batch * made * model.held * times * (8 if s.dtype == "float64" else 4))
