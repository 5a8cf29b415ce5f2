"""Several defenses in order, which answer the questions that one defense answers; nothing else goes through the defenses of a scenario one by one."""

from __future__ import annotations

import dataclasses
from itertools import pairwise
from typing import TYPE_CHECKING

from ..core.tree import map_tree
from ..core.types import Size
from ..risk import masked, only, scaled
from ._several import Several

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..core.types import Batch, Release, Rules, Tree, World
    from ._base import Defense
    from ._noise import Noise

BITS = 32.0  # of an entry that is sent as it is


@dataclasses.dataclass(frozen=True, eq=False)
class Belief:
    """What an attacker who knows the defenses and their parameters, but not what they drew at random, makes of a message.

    Attributes:
        message: without the parts that chance has ruined.
        release: the noise-free release that it simulates, of the same parts.
        before: what enters the last defense.
        seen: 1 where an entry was sent, 0 where it was held back; None where all were, or noise covers which.
        interval: between which values each entry lay before it was rounded; None where it was not.
        rules: what else the last defense cannot help telling.
    """

    message: Tree
    release: Release
    before: Release
    seen: Tree | None = None
    interval: tuple[Tree, Tree] | None = None
    rules: Rules | None = None


class Stack(Several):
    """Defenses of one client, the first one innermost; empty where the message is sent as it is. A value: equal to the tuple of its parts."""

    __slots__ = ()

    # What is sent

    def wrap(self, inner: Release, world: World) -> Release:
        """The defended release."""
        for defense in self:
            inner = defense.wrap(inner, world)
        return inner

    def between(self, bare: Release, world: World) -> Iterator[Release]:
        """The noise-free release before and after each defense that adds no noise."""
        yield bare
        for defense in self.reshaping:
            bare = defense.wrap(bare, world)
            yield bare

    def held(self, bare: Release, world: World, batch: Batch) -> Release:
        """The noise-free release in which the same entries are held back as in the message of one batch."""
        for defense in self:
            whole = defense.wrap(bare, world)
            kept = map_tree(lambda leaf: (leaf != 0).to(leaf), whole(world.net, batch, None)) if defense.hides else None
            bare = whole if kept is None else masked(scaled(bare, defense.gain), kept)
        return bare

    def bytes_of(self, count: int) -> float:
        """Bytes of one update of so many numbers."""
        entries, bits, places = float(count), BITS, 0.0
        for defense in self:
            entries, bits, places = defense.traffic(entries, bits, places)
        return entries * (bits + places) / 8

    # The law of what they add

    def noises(self, size: Size, batch: int = 1) -> tuple[Noise, ...]:
        """The noise of each, in a message of one size."""
        return tuple(d.noise(size, batch) for d in self)

    def variance(self, size: Size, batch: int = 1, stages: Sequence[Size] = ()) -> float:
        """Variance of their noise on every entry of the message that is sent.

        Later defenses see what earlier ones added; one that reshapes the message (clipping) reshapes the noise from before it. Source: [D] T6.

        Args:
            size: of the noise-free message that is sent.
            batch: samples in it.
            stages: sizes of the noise-free message at `between`; needed only where a defense that reshapes follows noise.
        """
        total, place = 0.0, 0
        for defense in self:
            now = stages[place] if stages else size
            entering = Size((now.norm**2 + now.count * total) ** 0.5, now.count, now.peak)
            total = total * defense.noise(now, batch).passes ** 2 + defense.noise(entering, batch).variance
            place += not defense.adds_noise
        return total

    def caveats(self) -> list[str]:
        """Where a stated variance is only an approximation, a sentence each."""
        found = [words for words in (d.caveat() for d in self) if words]
        if any(a.noisy and not b.adds_noise for a, b in pairwise(self)):
            found.append(
                "Noise is followed by a defense that reshapes it; the score takes that defense to act as it does on the noise-free message (same mask, same factor)."
            )
        return found

    # What an attacker who knows them makes of a message

    def informed(self, bare: Release, world: World, message: Tree) -> Belief:
        """What such an attacker believes: it simulates them, skips what was held back and what chance has ruined, and knows how far rounding reaches.

        Args:
            bare: the release without them.
            world: the net as the attacker knows it, and public pictures.
            message: as it came, of at least one defense.
        """
        hiding = max((place for place, d in enumerate(self) if d.hides), default=-1)
        seen = None
        if hiding >= 0 and not self[hiding + 1 :].noisy:  # zeros show what was held back, unless noise covers them
            seen = map_tree(lambda leaf: (leaf != 0).to(leaf.dtype), message)
        release = before = bare
        for place, defense in enumerate(self):
            before, later = release, self[place + 1 :]
            if not defense.hides or seen is None:
                readable = all(
                    d.scales and not defense.exact for d in later
                )  # what a later defense has changed no longer shows this one's draw
                release = defense.simulated(release, world, message if readable else {})
                continue
            release = scaled(release, defense.gain)
            if place == hiding:
                release = masked(release, seen)
        first, last = self[:-1], self[-1]
        interval = None if first.noisy else last.interval(message)
        release = before if interval else release  # the interval is that of the message before it was rounded
        ruined = frozenset().union(*(d.distrusts(list(message)) for d in self))
        rules = None if ruined or any(d.noisy or d.hides or d.jumps for d in first) else last.rules(before, message)
        if not ruined:
            return Belief(message, release, before, seen, interval, rules)
        kept = [name for name in message if name not in ruined]
        cut = lambda tree: {name: tree[name] for name in kept}  # noqa: E731
        ends = interval and (cut(interval[0]), cut(interval[1]))
        return Belief(cut(message), only(release, kept), only(before, kept), seen and cut(seen), ends, rules)

    def simulated(self, bare: Release, world: World) -> Release:
        """The release that such an attacker believes in who cannot read off the message what was drawn: of a sum over clients, each of whom drew for itself."""
        for defense in self:
            bare = defense.simulated(bare, world, {})
        return bare

    # What is promised, and what results depend on

    @property
    def promising(self) -> list[Defense]:
        """Those whose formal promise holds for all of them together."""
        return [d for place, d in enumerate(self) if d.promise and not self[place + 1 :].rereading]

    @property
    def promise(self) -> str:
        """What is formally promised of all of them together; empty where nothing is."""
        return "; ".join(self.promises)

    @property
    def promises(self) -> list[str]:
        """The same, one of each that promises."""
        return [d.promise for d in self.promising]

    def for_risk(self) -> Stack:
        """With the same noise-free part that all strengths of their noise share."""
        return Stack(part for d in self if (part := d.for_risk()) is not None)

    def keyed(self) -> Stack:
        """As they stand in keys of results."""
        return Stack(d.keyed() for d in self)


__all__ = ["BITS", "Belief", "Stack"]
