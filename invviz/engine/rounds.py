"""Several rounds in which the client sends the same batch: where the net is by then, and all messages as one observation.

Several servers of which each saw one round, and which put together what they saw, have the same. Theory T8: the precisions of the rounds add.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.gradient import gradient
from ..core.rng import derive
from ..core.tree import map_tree, side_by_side, without_round
from ..risk import moved

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Generator, Tensor

    from ..core.types import Batch, Net, Tree
    from ..datasets import Samples
    from ..scenario import Scenario

ROUND_BATCH = 64  # public pictures by which the net moves on from round to round


def moves(scenario: Scenario, net: Net, batch: Batch, samples: Samples) -> list[dict[str, Tensor]]:
    """How far the net has moved by each round: one gradient step a round on a fresh batch of public pictures; not at all where embeddings are sent.

    Args:
        scenario: its rounds, seed, and the protocol's learning rate.
        net: of the first round.
        batch: gives precision and place; its pictures play no part.
        samples: has the public pictures.
    """
    lr, public = getattr(scenario.protocol, "lr", 0.0), samples.public
    if not lr:
        return [{}] * scenario.rounds
    params, found = dict(net.params), [{}]
    order = np.random.default_rng(derive(scenario.seed, "rounds"))
    for _ in range(scenario.rounds - 1):
        image, label = public.take(order.choice(len(public), min(ROUND_BATCH, len(public)), replace=False).tolist())
        params = map_tree(lambda p, g: p - lr * g, params, gradient(net, params, batch.like(image, label)))
        found.append({name: (params[name] - p).detach() for name, p in net.params.items()})
    return found


def joined(told: Sequence[Mapping[str, Any]], shifts: Sequence[Mapping[str, Tensor]]) -> dict[str, Any]:
    """What was told of every round as if it were one message: all trees side by side, with the round in front of each name.

    Where the noise differs from round to round, every round is scaled to the noise of the first (`whiten`): that is the likelihood of all of them.

    Args:
        told: fields of an `Observation` for each round, with its `message` and `release`; all rounds have the same defenses.
        shifts: how far the net has moved by each of them.
    """
    first = told[0]
    releases = [one["release"] for one in told]

    def release(net: Net, batch: Batch, rng: Generator | None) -> Tree:
        return side_by_side([each(moved(net, shift), batch, rng) for each, shift in zip(releases, shifts, strict=True)])

    found: dict[str, Any] = {"release": release}
    found |= {name: side_by_side([one[name] for one in told]) for name in ("message", "sent", "seen") if first.get(name) is not None}
    if first.get("interval") is not None:
        low, high = zip(*(one["interval"] for one in told), strict=True)
        found["interval"] = (side_by_side(low), side_by_side(high))
    return found | _noise(told)


def _noise(told: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The standard deviation of the first round's noise, and what gives it to all others."""
    sigmas = [one.get("noise", 0.0) for one in told]
    if not any(sigmas):
        return {}
    least = min(s for s in sigmas if s)
    sigmas = [s or least for s in sigmas]  # noise too small to be told from the message
    whitens = [one.get("whiten") for one in told]
    if not any(whitens) and len(set(sigmas)) == 1:
        return {"noise": sigmas[0]}

    def whiten(message: Tree) -> Tree:
        rounds: dict[str, dict[str, Tensor]] = {}
        for name, leaf in message.items():
            rounds.setdefault(name.removesuffix(without_round(name)), {})[without_round(name)] = leaf
        white = [one if each is None else each(one) for each, one in zip(whitens, rounds.values(), strict=True)]
        return side_by_side([map_tree(lambda leaf, s=s: leaf * (sigmas[0] / s), one) for one, s in zip(white, sigmas, strict=True)])

    return {"noise": sigmas[0], "whiten": whiten}


__all__ = ["joined", "moves"]
