"""A message that somebody already has, behind a defense."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...core.errors import InvvizError, ScenarioError
from ...core.lazy import torch
from ...core.rng import stream
from ...core.tree import map_tree
from ...core.types import Batch, Net, World
from ...defenses import DEFENSES
from .settings import defenses_of


def defended_message(message: Mapping[str, Any], defense: Any, seed: int) -> dict[str, Any]:
    """A message behind defenses that need nothing but the message; names, order, shapes and types stay.

    Args:
        message: tensors or arrays by name; an update, the difference of two states, where clients send parameters.
        defense: as of an audit.
        seed: of the noise.

    Raises:
        ScenarioError: a defense needs more than the message; says which do not.
    """
    stack = defenses_of(defense)
    if said := [f"{one.name} {one.needs_more}; there is the message alone." for one in stack if one.needs_more]:
        able = [name for name, kind in DEFENSES.items() if not kind().needs_more]
        raise ScenarioError([*said, f"Those that need no more than the message: {', '.join(able)}."])
    if bad := [name for name, value in message.items() if not torch.as_tensor(value).is_floating_point()]:
        raise InvvizError(f"{', '.join(bad[:4])} are no real numbers; leave counters and other whole numbers out of what is defended.")
    tree = {name: torch.as_tensor(value).detach().clone() for name, value in message.items()}
    net, nothing = Net(torch.nn.Module(), {}), torch.zeros(1, 1)
    batch = Batch({"image": nothing}, {"label": torch.zeros(1, dtype=torch.int64)})
    made = stack.wrap(lambda *_: tree, World(net, nothing[:0]))(net, batch, stream(seed, "defense"))
    found = map_tree(lambda leaf: leaf.detach(), made)
    return {
        name: found[name].to(tree[name].dtype) if torch.is_tensor(value) else found[name].to(tree[name].dtype).numpy()
        for name, value in message.items()
    }
