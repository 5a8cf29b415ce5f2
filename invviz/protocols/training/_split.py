"""Dealing training pictures to clients."""

from __future__ import annotations

import numpy as np

TRIES = 100


def shards(labels: np.ndarray, clients: int, alpha: float | None, rng: np.random.Generator) -> list[np.ndarray]:
    """Which pictures each client holds: every picture belongs to one client, and every client has at least one.

    Args:
        labels: class of every picture, shape (n,).
        clients: at most n.
        alpha: concentration of the Dirichlet law by which each class is dealt (Source: [P] key hsu2019noniid, with each class's share
            drawn over the clients as in key li2022niid); None deals all alike.
        rng: of the deal.

    Returns:
        Ascending places of its pictures, for every client.

    Raises:
        ValueError: fewer pictures than clients.
    """
    if len(labels) < clients:
        raise ValueError(f"{len(labels)} pictures cannot be dealt to {clients} clients.")
    if alpha is None:
        return [np.sort(part) for part in np.array_split(rng.permutation(len(labels)), clients)]
    found: list[np.ndarray] = []
    for _ in range(TRIES):
        found = _dealt(labels, clients, alpha, rng)
        if min(map(len, found)) > 0:
            return found
    for poor in (k for k in range(clients) if not len(found[k])):  # at very small alpha some would stay empty for ever
        rich = max(range(clients), key=lambda k: len(found[k]))
        found[poor], found[rich] = found[rich][:1], found[rich][1:]
    return found


def _dealt(labels: np.ndarray, clients: int, alpha: float, rng: np.random.Generator) -> list[np.ndarray]:
    piles: list[list[np.ndarray]] = [[] for _ in range(clients)]
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        ends = (rng.dirichlet(np.full(clients, alpha)).cumsum() * len(members)).round().astype(int)[:-1]
        for pile, part in zip(piles, np.split(members, ends), strict=True):
            pile.append(part)
    return [np.sort(np.concatenate(pile)) for pile in piles]
