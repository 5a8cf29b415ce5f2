"""Heights of names beside a chart: each as near to its own line's end as there is room, in the order of the ends, none over another."""

from __future__ import annotations

from collections.abc import Sequence


def apart(ends: Sequence[float], gap: float, within: tuple[float, float]) -> list[float]:
    """Places that keep a distance and move as little as they must, in the squares.

    Names of a crowd are shifted together (pool adjacent violators); where all of them do not fit, the distance is smaller.

    Args:
        ends: where each would like to stand; equal ends keep the order in which they come, downwards.
        gap: between two names.
        within: lowest and highest place.
    """
    if not ends:
        return []
    low, high = within
    gap = min(gap, (high - low) / max(len(ends) - 1, 1))
    order = sorted(range(len(ends)), key=lambda i: (ends[i], -i))
    blocks: list[list[float]] = []  # mean and count of what stands together, with k gaps taken off the k-th
    for rank, i in enumerate(order):
        blocks.append([ends[i] - gap * rank, 1])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            mean, count = blocks.pop()
            before = blocks[-1]
            before[0] = (before[0] * before[1] + mean * count) / (before[1] + count)
            before[1] += count
    flat = [mean for mean, count in blocks for _ in range(int(count))]
    room = high - gap * (len(flat) - 1)
    found = [0.0] * len(ends)
    for rank, i in enumerate(order):
        found[i] = round(min(max(flat[rank], low), room) + gap * rank, 2)
    return found
