"""What is known of a kind of work, and of the one number that its results are listed by."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._depends import Depends
    from ._scenario import Scenario

Facts = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Score:
    """The one number by which results of a kind are listed, sorted and chosen.

    Attributes:
        of: (scenario as text, result, folder of its arrays) -> number, or None; named as "module:function".
        title: what it is, for the head of a column.
        form: of the number, as people read it.
        unit: in which a person writes a span of it.
        times: what a stored number is multiplied with before it is shown, or compared with what a person writes.
        says: more of it, as a sentence; empty where the title is enough.
    """

    of: str
    title: str
    form: str
    unit: str
    times: float = 1.0
    says: str = ""

    def words(self, value: float) -> str:
        """The number as people read it.

        Example:
            >>> Score("", "accuracy", "{:.1f} %", "in %", 100).words(0.917), Score("", "PSNR", "{:.1f} dB", "in dB").words(math.inf)
            ('91.7 %', 'exact')
        """
        return self.form.format(self.times * value) if math.isfinite(value) else "exact"


@dataclasses.dataclass(frozen=True, eq=False)
class KindOfWork:
    """Facts about a kind of work. What stands on higher floors is named as "module:function", and is looked up when it is needed.

    Attributes:
        depends: what a result of it depends on.
        version: part of its keys; moves when its numbers move on purpose.
        compute: (scenario, site, report, picture) -> Outcome; empty of what is a key only.
        price: scenario -> seconds.
        section: entry of a report -> what there is to say of it.
        check: result -> why it is none, in words; empty where names and types say enough.
        core: numbers and words that a table relies on, and their types.
        more: those that pages and reports rely on besides.
        arrays: pictures that belong to it, all of one shape.
        others: arrays that belong to it besides, each of a shape of its own.
        title: heading of a section.
        noun: one of them, within a sentence.
        plural: of the noun; empty: with an s.
        verb: of the command line, with what follows the scenario.
        uses: parts of the scenario whose papers it stands on, beside those that all kinds use.
        priority: in the queue, of what is open on a screen.
        parallel: whether it gains by several threads.
        spectrum: whether its arrays are a spectrum, which holds for many noises.
        listed: whether it is told of without being named.
        score: by which results are listed; None where there is no such number.
        page: that shows one, by its name.
    """

    depends: Callable[[Scenario], Depends]
    version: int = 3  # 1 and 2 were of all kinds together
    compute: str = ""
    price: str = ""
    section: str = ""
    check: str = ""
    core: Facts = dataclasses.field(default_factory=dict)
    more: Facts = dataclasses.field(default_factory=dict)
    arrays: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    title: str = ""
    noun: str = ""
    plural: str = ""
    verb: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    priority: int = 0
    parallel: bool = False
    spectrum: bool = False
    listed: bool = True
    score: Score | None = None
    page: str = ""

    def counted(self, count: int) -> str:
        """So many of them."""
        return f"{count} {self.noun if count == 1 else self.plural or self.noun + 's'}"
