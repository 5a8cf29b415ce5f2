"""What an attacker who knows the defenses and their parameters, but not what they drew at random, makes of a message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .core.lazy import torch
from .core.tree import map_tree
from .core.types import Batch, Size
from .risk import masked, only
from .summary import noise_variance

if TYPE_CHECKING:
    from .core.types import Release, Tree, World
    from .defenses import Defense
    from .scenario import Scenario


def told(scenario: Scenario, bare: Release, world: World, message: Tree, template: Batch) -> dict[str, Any]:
    """What an attacker who knows the defenses makes of a message.

    It simulates them too, skips what was held back and what chance has ruined, and knows how far noise and rounding reach.

    Args:
        scenario: its defenses, first innermost.
        bare: the release without them.
        world: net and public pictures.
        message: as it came.
        template: shapes, and labels where they are known.

    Returns:
        Fields of an `Observation`.
    """
    defenses = scenario.defense
    hiding = max((place for place, d in enumerate(defenses) if d.hides), default=-1)
    seen = None
    if hiding >= 0 and not any(d.noisy for d in defenses[hiding + 1 :]):  # zeros show what was held back, unless noise covers them
        seen = map_tree(lambda leaf: (leaf != 0).to(leaf.dtype), message)
    release = before = bare
    for place, defense in enumerate(defenses):
        before = release
        if not defense.hides or seen is None:
            release = defense.simulated(release, world, message)
        elif place == hiding:
            release = masked(release, seen)
    size = Size.of(message)  # noise and all: the attacker has nothing else to measure
    last, noisy = defenses[-1], [d for d in defenses if d.noisy]
    interval = last.interval(message) if noisy in ([], [last]) else None
    release = before if interval else release  # the interval is that of the message before it was rounded
    noise = 0.0 if interval else noise_variance(scenario, size, [size] * (len(defenses) + 1)) ** 0.5
    found: dict[str, Any] = {"message": message, "release": release, "seen": seen, "noise": noise, "interval": interval}
    if last.coloured and last.noisy:
        found |= _whitening(last, before, world, template, noise, size.count)
    if distrusted := frozenset().union(*(d.distrusts(list(message)) for d in defenses)):
        kept = [name for name in message if name not in distrusted]
        found["release"] = only(release, kept)
        found |= {name: {k: tree[k] for k in kept} for name in ("message", "seen") if (tree := found[name]) is not None}
        if interval:
            found["interval"] = tuple({k: tree[k] for k in kept} for tree in interval)
    return found


def _whitening(defense: Defense, before: Release, world: World, template: Batch, noise: float, count: int) -> dict[str, Any]:
    """The shape of coloured noise is that at the private picture; the attacker takes that at a grey one instead.

    As the shape is only roughly right, as much noise again (`slack`) is believed to lie evenly in all directions. Source: [D]; measured on digits and LeNet for
    noise along singular directions: 1 to 5 dB better than taking all of it for even, and better than without slack, or with the shape taken again at the attack's
    own answer (which helps where the shape depends little on the picture, and leads astray elsewhere).
    """
    like = next(iter(world.net.params.values()))
    grey = Batch.of(torch.full_like(template.image, 0.5).to(like), template.label)
    colour = defense.colour(defense.basis(before, world, grey))
    sigma = (noise**2 + defense.slack**2 * colour.energy / count) ** 0.5
    return {"noise": sigma, "whiten": lambda message: colour.whiten(message, sigma)}
