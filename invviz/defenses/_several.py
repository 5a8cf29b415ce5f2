"""Defenses in order: parts of them, and the facts that hold of them together."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, overload

from ._base import Defense
from ._coloured import Coloured
from ._noise import UNIT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Self

    from ..core.modality import Modality

D = TypeVar("D", bound=Defense)


class Several(tuple[Defense, ...]):
    """What holds of one of them, or of all; and those of which something holds."""

    __slots__ = ()

    @overload
    def __getitem__(self, place: int) -> Defense: ...  # type: ignore[override]
    @overload
    def __getitem__(self, place: slice) -> Self: ...
    def __getitem__(self, place: int | slice) -> Defense | Self:
        return type(self)(tuple(self).__getitem__(place)) if isinstance(place, slice) else tuple(self).__getitem__(place)

    # Of all of them

    @property
    def noisy(self) -> bool:
        """One of them adds noise."""
        return any(d.noisy for d in self)

    @property
    def adds_noise(self) -> bool:
        """They do nothing but add noise, or nothing at all."""
        return all(d.adds_noise for d in self)

    @property
    def relative(self) -> bool:
        """All their noise is a share of the message, or there is none."""
        return all(getattr(d, "relative", False) for d in self if d.noisy)

    @property
    def at_first_noise(self) -> tuple[Self, Self]:
        """All up to the first one that adds noise of any law, that one included, and those after it."""
        place = next((place for place, d in enumerate(self, 1) if d.noise(UNIT).law != "none"), len(self))
        return self[:place], self[place:]

    @property
    def additions(self) -> Self:
        """Those at the beginning that do nothing but add noise."""
        return self[: next((place for place, d in enumerate(self) if not d.adds_noise), len(self))]

    @property
    def jumps(self) -> frozenset[str]:
        """What of the message changes abruptly as the picture moves, some of `bounds.JUMPS`."""
        return frozenset(d.jumps for d in self if d.jumps)

    @property
    def draws(self) -> bool:
        """Chance decides more than noise: how the net computes, or which entries are sent."""
        return any(d.draws_inside or d.redraws for d in self)

    @property
    def linear(self) -> bool:
        """The noise-free message is linear in the one before them."""
        return all(d.linear for d in self)

    @property
    def unshared(self) -> Defense | None:
        """The first one whose noise several clients cannot add in shares: it is not Gaussian or Laplace, not the last thing that is done, or not the same in all directions. None where there is none."""
        for place, d in enumerate(self):
            odd = d.noise(UNIT).law not in ("none", "gaussian", "laplace") or d.coloured or d.redraws or d.draws_inside
            if odd or (self[:place].noisy and not d.adds_noise):
                return d
        return None

    @property
    def separable(self) -> bool:
        """None of them looks at a whole message: several messages read as one are defended as one."""
        return all(d.trains or d.stated for d in self)

    @property
    def coloured(self) -> Coloured | None:
        """The last one, if its noise is stronger in some directions than in others; None where it is not, or off."""
        last = self[-1] if self else None
        return last if isinstance(last, Coloured) and not last.off else None

    @property
    def hides(self) -> bool:
        """One of them holds entries back."""
        return any(d.hides for d in self)

    @property
    def uses_public(self) -> bool:
        """One of them needs public pictures to act."""
        return any(d.uses_public for d in self)

    @property
    def shown_public(self) -> bool:
        """There are public pictures in the world of these: one needs them, or has coloured noise, whose cost they tell."""
        return any(d.uses_public or d.coloured for d in self)

    @property
    def per_sample(self) -> bool:
        """One of them asks for the message of every sample."""
        return any(d.needs.per_sample for d in self)

    @property
    def asks_inside(self) -> bool:
        """One of them looks into the net or alters it: it asks for more than messages."""
        return any(d.needs.inside or d.alters_net for d in self)

    @property
    def rereading(self) -> Self:
        """Those that look at the private batch again, so that what earlier ones promised of it no longer holds."""
        return self.where(lambda d: d.reads_batch)

    @property
    def live(self) -> Self:
        """Those that are not off."""
        return self.where(lambda d: not d.off)

    @property
    def sources(self) -> Self:
        """Those that add noise, whatever else they do."""
        return self.where(lambda d: d.noisy or d.coloured)

    @property
    def reshaping(self) -> Self:
        """Those that do not only add noise."""
        return self.where(lambda d: not d.adds_noise)

    @property
    def in_training(self) -> Self:
        """Those that act on the loss while a net is trained."""
        return self.where(lambda d: d.trains)

    @property
    def on_messages(self) -> Self:
        """Those that act on messages."""
        return self.where(lambda d: not d.trains)

    def not_for(self, kind: Modality) -> Self:
        """Those that are made for other kinds of samples."""
        return self.where(lambda d: not d.acts_on(kind))

    @property
    def redrawing(self) -> Self:
        """Those that hold back other entries in every message of the same picture."""
        return self.where(lambda d: d.redraws)

    @property
    def on_net(self) -> Self:
        """Those that change the net that everybody trains, which server and attacker see."""
        return self.where(lambda d: d.alters_net)

    def said(self, rule: Callable[[Defense, Self, Self], Iterable[str]]) -> Iterator[str]:
        """What a rule says of each, given those before and those after it."""
        for place, defense in enumerate(self):
            yield from rule(defense, self[:place], self[place + 1 :])

    def where(self, holds: Callable[[Defense], bool]) -> Self:
        """Those of which something holds, in their order."""
        return type(self)(d for d in self if holds(d))

    def of(self, kind: type[D]) -> D | None:
        """The first one of a kind that is not off."""
        return next((d for d in self if isinstance(d, kind) and not d.off), None)

    def put(self, place: int, defense: Defense) -> Self:
        """The same with another one at a place."""
        return type(self)((*self[:place], defense, *self[place + 1 :]))

    def last_with(self, knob: str) -> int | None:
        """Place of the last one that has a knob."""
        return next((place for place in reversed(range(len(self))) if knob in self[place].values()), None)

    def changed(self, other: Self) -> list[tuple[Defense, Defense, str]] | None:
        """Knobs in which the same defenses differ: the one here, the one there, the knob's name; None where they are not the same ones."""
        if self.names != other.names:
            return None
        return [(a, b, knob) for a, b in zip(self, other, strict=True) for knob, value in a.values().items() if value != b.values()[knob]]

    @property
    def names(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(d.name for d in self)

    def by_name(self) -> dict[str, Defense]:
        """The last one of each name."""
        return {d.name: d for d in self}

    @property
    def title(self) -> str:
        """Their titles; empty where there are none."""
        return " + ".join(d.title for d in self)

    def level(self) -> str:
        """Their strengths in words; empty where there are none."""
        return " + ".join(d.level() for d in self)

    @property
    def called(self) -> str:
        """Their short titles with their strengths; empty where there are none."""
        return " + ".join(f"{d.short_title()}, {d.level()}" for d in self)

    def usual(self) -> Self:
        """The same defenses at their usual strengths: what stacks have in common that differ in strength alone."""
        return type(self)(d.replace(**{d.strength: d.strength_knob().default}) for d in self)

    def text(self) -> str:
        """Their texts; "none" where there are none."""
        return " + ".join(self.texts()) or "none"

    def texts(self, full: bool = False) -> list[str]:
        """The text of each, innermost first; with every knob where it is `full`."""
        return [d.text(full=full) for d in self]
