"""What every defense is: a release made from another release."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar

from ..core.component import Component, Knob, Value
from ..core.figures import number, percent
from ._noise import Noise

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from ..core.modality import Modality
    from ..core.types import Release, Rules, Size, Tree, World
    from ._penalty import Penalty


@dataclasses.dataclass(frozen=True)
class Suggested:
    """Strengths of a defense that are worth trying.

    Attributes:
        compared: (place, strength) for every row that it has in the usual set of a comparison; rows are in the order of their places.
        swept: the weakest and the strongest one of a sweep; None: around the default.
        first: it is chosen in a new sweep.
        levels: weak, usual and strong, as the red team attacks it; nothing where it does not.
        victims: what the red team reads behind it, see `studies.redteam`.
    """

    compared: tuple[tuple[int, Value], ...] = ()
    swept: tuple[float, float] | None = None
    first: bool = False
    levels: tuple[float, ...] = ()
    victims: tuple[str, ...] = ("gradient",)


@dataclasses.dataclass(frozen=True)
class Needs:
    """What a defense cannot act without; rules read it.

    Attributes:
        gradient: a gradient or an update as the message.
        embedding: an embedding as the message: it protects what the passive party of vertical FL sends.
        public: public samples of the data set, with labels, in its world.
        per_sample: the message of every sample: it asks for them once each, so it stands first, and on the gradient of one local step.
        inside: derivatives of what happens in the net, which then computes in inference mode.
    """

    gradient: bool = False
    embedding: bool = False
    public: bool = False
    per_sample: bool = False
    inside: bool = False


@dataclasses.dataclass(frozen=True)
class Defense(Component):
    """A defense wraps a release. `rng=None` asks for its noise-free part, which is what the Jacobian is taken of."""

    strength: ClassVar[str]  # the knob that the slider moves
    identity: ClassVar[Value]  # the strength at which nothing changes
    level_words: ClassVar[str] = ""  # a strength in words: {v} the number, {p} the same in percent; empty: the knob's name and the number
    relative_words: ClassVar[str] = "{p} of the message's typical entry"  # the same of one that is relative to the message
    off_words: ClassVar[str] = "none (0)"  # the strength at which nothing changes, in words; empty: as any other
    suggested: ClassVar[Suggested] = Suggested()
    needs: ClassVar[Needs] = Needs()
    adds_noise: ClassVar[bool] = False  # its whole effect is noise of the stated variance: the Jacobian stays as it is
    hides: ClassVar[bool] = False  # entries that it sets to zero were not sent: a zero says nothing about the picture
    by_lot: ClassVar[bool] = False  # of one that hides: which entries are withheld does not depend on the picture
    redraws: ClassVar[bool] = False  # of one that hides: other entries in every message of the same picture
    alters_net: ClassVar[bool] = False  # changes the net that everybody trains: server and attacker see that it is there
    coloured: ClassVar[bool] = False  # its noise is stronger in some directions than in others (see `_coloured.Coloured`); stands last
    reads_batch: ClassVar[bool] = False  # looks at the private batch again, so that what earlier defenses promised of it no longer holds
    rounding: ClassVar[bool] = False  # its noise is rounding: the same message is rounded in the same way every time
    remembers: ClassVar[bool] = False  # what it sends depends on what it sent before
    scales: ClassVar[bool] = False  # does nothing but multiply the whole message by one number
    exact: ClassVar[bool] = False  # `simulated` reads values off the message, not only which entries are zero
    draws_inside: ClassVar[bool] = False  # changes the net by chance: those that look into the net stand after it
    trains: ClassVar[bool] = (
        False  # acts on the loss while a net that makes embeddings is trained (`penalty`); its release is the one that it wraps
    )
    guarantee: ClassVar[str] = "none: it makes no formal promise"
    on_update: ClassVar[Callable[..., Any] | None] = None  # the same in NumPy (`_numpy.py`); None: it cannot be exported

    def wrap(self, inner: Release, world: World) -> Release:
        """The defended release."""
        raise NotImplementedError

    def noise(self, size: Size, batch: int = 1) -> Noise:
        """The law of the noise that it adds, and what it lets through of noise from before it.

        A defense may both reshape and add noise (`adds_noise` is then false): noise from before it is scaled by `passes`, its own is added after that.

        Args:
            size: of the message that enters this defense, with the noise in it for `variance`, without for `passes`.
            batch: samples in the client's batch.
        """
        return Noise()

    @property
    def gain(self) -> float:
        """Of a defense that hides: what the entries that it does send are multiplied with."""
        return 1.0

    @property
    def jumps(self) -> str:
        """What of its noise-free part changes abruptly as the picture moves, which no Jacobian sees, one of `bounds.JUMPS`; empty where nothing does."""
        return "choice of withheld entries" if self.hides and not self.by_lot and not self.off else ""

    @property
    def uses_public(self) -> bool:
        """With these knobs it needs public samples to act."""
        return self.needs.public

    @property
    def linear(self) -> bool:
        """Its noise-free part is linear in the message."""
        return self.off or self.adds_noise or self.trains or (self.hides and self.by_lot)

    @property
    def stated(self) -> bool:
        """It does nothing but add noise whose size does not depend on the message."""
        return self.adds_noise and getattr(self, "relative", None) is False

    @property
    def tangent_noise(self) -> bool:
        """Its noise, or some of it, lies in the range of the Jacobian at the private batch, whatever other noise lies beneath."""
        return False

    @property
    def noisy(self) -> bool:
        """It adds noise, whatever else it does."""
        return self.adds_noise

    def acts_on(self, kind: Modality) -> bool:
        """Whether it can act where these are the samples: one that asks how a message moves with them needs continuous ones."""
        moves = self.coloured or self.reads_batch or self.needs.inside or self.uses_public or self.alters_net or self.draws_inside
        return self.takes(kind.name) and not (kind.discrete and moves)

    def for_risk(self) -> Defense | None:
        """The defense with the same noise-free part that all strengths of its noise share; None where that part changes nothing."""
        return None if self.adds_noise else self

    def keyed(self) -> Defense:
        """The defense as it stands in keys of results: knobs that no result depends on have one fixed value."""
        return self

    def simulated(self, inner: Release, world: World, message: Tree) -> Release:
        """The release that an attacker who knows this defense believes in, after seeing the message (which may show what was drawn at random).

        Args:
            inner: the release that it believes in without this defense.
            world: net and public pictures.
            message: as it came; empty where a later defense has changed what this one drew.
        """
        return self.wrap(inner, world)

    def interval(self, message: Tree) -> tuple[Tree, Tree] | None:
        """Between which values each entry lay before this defense rounded it; None where it does not round. Infinite ends are allowed."""
        return None

    def rules(self, before: Release, message: Tree) -> Rules | None:
        """What this defense cannot help telling of the message before it, whatever it draws, to an attacker who knows it; None: nothing but `interval` and `simulated` say.

        Args:
            before: the release that it wraps.
            message: as it came.
        """
        return None

    def distrusts(self, names: Sequence[str]) -> frozenset[str]:
        """Parts of the message that an attacker who knows this defense leaves out, because chance has ruined them.

        Args:
            names: keys of the message tree, in its order.
        """
        return frozenset()

    def traffic(self, entries: float, bits: float, places: float = 0.0) -> tuple[float, float, float]:
        """What is sent of a message of so many entries, with bits for each value and bits that name its place: the same three afterwards."""
        return entries, bits, places

    def penalty(self, part: Tensor, embedding: Tensor, seed: int) -> Penalty:
        """Of a defense that acts in training: what it adds to the loss for one party's embeddings.

        Args:
            part: what the party holds of a first batch, for its shape, shape (n, c, h, w).
            embedding: of that, likewise, shape (n, ...).
            seed: of what it draws at random.
        """
        raise NotImplementedError

    def update_knobs(self) -> dict[str, Value]:
        """What `on_update` takes beside the update and a generator."""
        return self.values()

    @property
    def needs_more(self) -> str:
        """Why it cannot act on an update alone, after its name; empty where the update is all that it needs."""
        why = {
            "protects embeddings, and an update holds none": self.needs.embedding,
            "clips the gradient of every single sample, which an update no longer shows": self.needs.per_sample,
            "acts on the loss while the client trains": self.trains,
            "changes the net itself": self.alters_net,
            "acts inside the net while the client trains": self.draws_inside,
            "looks at the private batch and the net again": self.reads_batch or self.coloured,
            "keeps what was left over from earlier rounds": self.remembers,
            "needs public samples": self.uses_public,
        }
        return next((words for words, holds in why.items() if holds), "")

    @property
    def beyond_update(self) -> str:
        """Why it cannot be written down as a module that acts on an update alone, after its name; empty where it can (`on_update`)."""
        return "" if self.on_update is not None else self.needs_more or "has no NumPy form yet (`on_update`)"

    @property
    def off(self) -> bool:
        """At this strength nothing changes."""
        return getattr(self, self.strength) == self.identity

    @property
    def promise(self) -> str:
        """The formal guarantee with these knobs, in words; empty where there is none."""
        return "" if self.off or self.guarantee.startswith("none") else self.guarantee

    def problems(self) -> list[str]:
        """Why its knobs do not go together, one sentence each; what a single knob allows is checked when it is set."""
        return []

    def caveat(self) -> str:
        """Where the stated variance is only an approximation, in one sentence; empty where it is exact."""
        return ""

    def level(self, value: Value | None = None) -> str:
        """A strength in words, with its unit: its own, or another one."""
        value = getattr(self, self.strength) if value is None else value
        if value == self.identity and self.off_words:
            return self.off_words
        words = self.relative_words if getattr(self, "relative", False) else self.level_words or f"{self.strength} = {{v}}"
        return words.format(v=number(value), p=percent(value))  # type: ignore[arg-type]

    @classmethod
    def strength_knob(cls) -> Knob:
        """The knob that the slider moves."""
        return next(k for k in cls.knobs() if k.name == cls.strength)
