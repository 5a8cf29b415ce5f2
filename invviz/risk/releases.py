"""Releases made from releases: a part of the message, several rounds, several clients. Risk then needs no code of its own for them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from ..core.tree import map_tree, side_by_side
from ..core.types import Batch, Net

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from torch import Generator, Tensor

    from ..core.types import Release, Tree


def only(release: Release, names: Collection[str]) -> Release:
    """The release as seen by somebody who reads these entries of the message alone (hidden or encrypted rows of J fall away). Source: [D] T6.

    Args:
        release: of the whole message.
        names: keys of the message tree.
    """

    def part(net: Net, batch: Batch, rng: Generator | None) -> Tree:
        message = release(net, batch, rng)
        return {name: message[name] for name in names}

    return part


def masked(release: Release, kept: Tree) -> Release:
    """The release with every entry multiplied by 1 where it was sent and by 0 where it was held back (rows of J fall away). Source: [D] T6.

    Args:
        release: of the whole message.
        kept: a tree like the message.
    """
    return lambda net, batch, rng: map_tree(lambda leaf, keep: leaf * keep, release(net, batch, rng), kept)


def scaled(release: Release, factor: float) -> Release:
    """The release with its whole message multiplied by a number."""
    return release if factor == 1 else lambda net, batch, rng: map_tree(lambda leaf: leaf * factor, release(net, batch, rng))


def moved(net: Net, shift: Mapping[str, Tensor]) -> Net:
    """The net with its parameters moved, {name: tensor}; those without a name in the shift stay."""
    return dataclasses.replace(net, params={name: p + shift[name].to(p) if name in shift else p for name, p in net.params.items()})


def joint_release(releases: Sequence[Release]) -> Release:
    """The messages of several releases of the same batch in one tree; no two of them have a name in common."""
    return lambda net, batch, rng: {name: leaf for release in releases for name, leaf in release(net, batch, rng).items()}


def over_rounds(release: Release, shifts: Sequence[Mapping[str, Tensor]], scales: Sequence[float]) -> Release:
    """All messages of one batch over several rounds, as one message: precisions add. Source: [D] T8.

    Args:
        release: of one round.
        shifts: how far the net's parameters have moved by each round, {name: tensor}; zeros or {} for the net itself.
        scales: what each round's message is multiplied with: sigma_1 / sigma_t gives all of them the noise of the first.
    """

    def joint(net: Net, batch: Batch, rng: Generator | None) -> Tree:
        messages = [release(moved(net, shift), batch, rng) for shift in shifts]
        return side_by_side([map_tree(lambda leaf, scale=scale: leaf * scale, m) for m, scale in zip(messages, scales, strict=True)])

    return joint


def aggregate(release: Release, clients: int) -> Release:
    """What secure aggregation shows the server: the mean of the messages of several clients, whose batches are stacked. Source: [D] T7.

    Args:
        release: of one client.
        clients: how many; the batch is split evenly among them.
    """

    def mean(net: Net, batch: Batch, rng: Generator | None) -> Tree:
        count = len(next(iter(batch.inputs.values())))
        if count % clients:
            raise ValueError(f"a batch of {count} samples cannot be split evenly among {clients} clients.")
        own = count // clients
        cut = lambda tree, i: map_tree(lambda leaf: leaf[i * own : (i + 1) * own], tree)  # noqa: E731
        messages = [
            release(net, dataclasses.replace(batch, inputs=cut(batch.inputs, i), targets=cut(batch.targets, i)), rng)
            for i in range(clients)
        ]
        return {name: sum(m[name] for m in messages) / clients for name in messages[0]}  # type: ignore[misc]

    return mean
