"""Places for the names of lines, so that they cover neither marks nor each other."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

LETTER, HIGH, GAP = 7.2, 16.0, 9.0  # width and height of a letter, distance from a mark, in pixels
CROSSED = 5  # points of other lines, six pixels apart, that a name may cover
Spot = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Box:
    """Left, top, right and bottom, in pixels from the top left corner."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Box) -> bool:
        """Whether the two overlap."""
        return self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom

    def holds(self, spot: Spot) -> bool:
        """Whether a point lies inside."""
        return self.left <= spot[0] <= self.right and self.top <= spot[1] <= self.bottom


def place(
    tracks: Mapping[str, Sequence[Spot]],
    names: Sequence[str],
    taken: Sequence[tuple[float, float, float, float]],
    size: tuple[float, float],
) -> dict[str, Spot]:
    """Middle of each name that fits beside a mark of its line.

    Args:
        tracks: marks of every line in pixels, by name.
        names: those that want a place, most important first.
        taken: where no name may stand: left, top, right, bottom.
        size: of the plane.
    """
    boxes = [*(Box(*one) for one in taken), *(Box(x - 6, y - 6, x + 6, y + 6) for track in tracks.values() for x, y in track)]
    between = {name: list(_between(track)) for name, track in tracks.items()}
    found: dict[str, Spot] = {}
    for name in names:
        others = [spot for other, spots in between.items() if other != name for spot in spots]
        best: tuple[int, Box] | None = None
        for box in _candidates(tracks[name], LETTER * len(name)):
            inside = box.left >= 0 and box.top >= 0 and box.right <= size[0] and box.bottom <= size[1]
            if not inside or any(box.meets(other) for other in boxes):
                continue
            crossed = sum(map(box.holds, others)) + sum(map(box.holds, between[name])) // 2
            if best is None or crossed < best[0]:
                best = crossed, box
        if best is not None and best[0] <= CROSSED:
            boxes.append(best[1])
            found[name] = (best[1].left + best[1].right) / 2, (best[1].top + best[1].bottom) / 2
    return found


def _candidates(track: Sequence[Spot], wide: float) -> list[Box]:
    """Right, left, above and below every mark, from the last one on."""
    boxes = []
    for x, y in reversed(track):
        boxes += [
            Box(x + GAP, y - HIGH / 2, x + GAP + wide, y + HIGH / 2),
            Box(x - GAP - wide, y - HIGH / 2, x - GAP, y + HIGH / 2),
            Box(x - wide / 2, y - GAP - HIGH, x + wide / 2, y - GAP),
            Box(x - wide / 2, y + GAP, x + wide / 2, y + GAP + HIGH),
        ]
    return boxes


def _between(track: Sequence[Spot]) -> list[Spot]:
    """Points along a line, six pixels apart."""
    spots = []
    for (x0, y0), (x1, y1) in zip(track, track[1:], strict=False):
        steps = max(1, round(max(abs(x1 - x0), abs(y1 - y0)) / 6))
        spots += [(x0 + (x1 - x0) * k / steps, y0 + (y1 - y0) * k / steps) for k in range(steps + 1)]
    return spots


def aside(others: Sequence[Spot], wide: float, room: tuple[float, float, float, float]) -> tuple[bool, float, float]:
    """Where the words of the operating point cover the fewest marks: whether they end there, and the way there in pixels.

    Args:
        others: all marks, in pixels from the operating point.
        wide: of the words.
        room: to the left, top, right and bottom of the plane, in pixels from there.
    """

    def covered(spot: tuple[bool, float, float]) -> tuple[int, float]:
        ends, x, y = spot
        left, right = (x - wide, x) if ends else (x, x + wide)
        outside = left < room[0] or right > room[2] or y - 12 < room[1] or y + 12 > room[3]
        return 100 * outside + sum(left - 8 <= a <= right + 8 and y - 18 <= b <= y + 18 for a, b in others), abs(x) + abs(y)

    return min(
        ((ends, (-1 if ends else 1) * x, y) for ends in (True, False) for x in (30, 80, 140) for y in (-120, -70, -35, 35, 70, 120)),
        key=covered,
    )
