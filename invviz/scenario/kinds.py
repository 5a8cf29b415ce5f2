"""The one table of kinds of work: what each depends on, what its results hold, its words, and who computes, prices and tells of it.

Store, workers, prices, keys, reports and the command line are derived from it: a kind that stands here is known everywhere.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from . import _depends
from ._depends import Depends

if TYPE_CHECKING:
    from ._scenario import Scenario

Kind = Literal["run", "risk", "sketch", "train", "clients", "labels", "bits", "inspect"]
"""Names of kinds that can be asked for; a test holds them against the table."""

NUMBER, MAYBE = (int, float), (int, float, type(None))
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


SPECTRUM: dict[str, Any] = {
    "section": "invviz.report._sections:risk",
    "check": "invviz.jobs.store._sound:unsized",
    "core": {"size": dict, "stages": list},
    "more": {"trust": (dict, type(None)), "why": str, "layers": list},
    "arrays": ("truth",),
    "parallel": True,
    "spectrum": True,
    "uses": ("server",),
    "score": Score(
        "invviz.jobs.store._scores:invre",
        "InvRE",
        "{:.2f}",
        "0 to 1",
        says="InvRE is listed at 1 % noise: a spectrum holds for every noise. Where the noise was part of what was computed (coloured noise, several rounds) it is at that one.",
    ),
    "page": "risk",
}
"""What spectra and first sketches of them share."""

WORK: dict[str, KindOfWork] = {
    "run": KindOfWork(
        _depends.attack,
        compute="invviz.jobs.worker._outcome:attacked",
        price="invviz.jobs.price:attack",
        section="invviz.report._sections:attack",
        check="invviz.jobs.store._sound:unscored",
        core={"scores": dict, "seconds": NUMBER},
        more={
            "trace": list, "steps": NUMBER, "stopped": bool, "note": str, "data_note": str, "given": str, "threat_model": str,
            "matching_loss": MAYBE, "accuracy": MAYBE,
        },
        arrays=("truth", "guess"),
        title="Attack", noun="attack", verb=("run",),
        uses=("attack", "server", "aggregation"),
        priority=1,
        score=Score("invviz.jobs.store._scores:psnr", "PSNR", "{:.1f} dB", "in dB"),
        page="lab",
    ),
    "risk": KindOfWork(
        _depends.spectrum,
        compute="invviz.jobs.worker._outcome:assessed",
        price="invviz.jobs.price:spectrum",
        **SPECTRUM,
        title="Risk score", noun="risk score",
        verb=("risk",),
    ),
    "sketch": KindOfWork(
        _depends.first_sketch,
        compute="invviz.jobs.worker._outcome:sketched",
        price="invviz.jobs.price:first_sketch",
        **SPECTRUM,
        title="First sketch of a risk score",
        noun="first sketch",
        plural="first sketches",
        verb=("risk", "--method", "sketch"),
        priority=2,
        listed=False,
    ),
    "train": KindOfWork(
        _depends.training,
        compute="invviz.jobs.worker._outcome:learned",
        price="invviz.jobs.price:training",
        section="invviz.report._sections:training",
        core={"accuracy": NUMBER, "best": NUMBER, "seconds": NUMBER},
        more={"rounds": NUMBER, "trained_on": NUMBER, "history": list},
        title="Training", noun="training", verb=("train",),
        uses=("train",),
        score=Score("invviz.jobs.store._scores:accuracy", "accuracy", "{:.1f} %", "in %", 100),
        page="curves",
    ),
    "clients": KindOfWork(
        _depends.every_client,
        compute="invviz.jobs.worker._outcome:dealt",
        price="invviz.jobs.price:every_client",
        section="invviz.report._parties:clients",
        core={"clients": list},
        title="Risk of every client", noun="risk of every client", plural="risks of every client",
        verb=("risk", "--clients"),
        uses=("train", "server"),
        parallel=True,
        score=Score("invviz.jobs.store._scores:most_exposed", "highest InvRE", "{:.2f}", "0 to 1", says="Of all clients the most exposed one."),
        page="curves",
    ),
    "labels": KindOfWork(
        _depends.returned_labels,
        compute="invviz.jobs.worker._outcome:told_labels",
        price="invviz.jobs.price:labels",
        section="invviz.report._parties:labels",
        core={"chance": MAYBE, "hint": MAYBE},
        more={"trial": MAYBE, "trial_known": MAYBE, "norm_auc": list, "pictures": NUMBER},
        title="Labels from returned gradients", noun="look for labels", plural="looks for labels",
        verb=("labels",),
        score=Score("invviz.jobs.store._scores:labels_told", "labels told", "{:.0f} %", "in %", 100),
        page="vertical",
    ),
    "bits": KindOfWork(
        _depends.alternatives,
        compute="invviz.jobs.worker._outcome:counted",
        price="invviz.jobs.price:alternatives",
        section="invviz.report._words_told:bits", core={"half": NUMBER, "entropy": NUMBER},
        more={"halves": list, "sentences": list, "levels": list, "curve": list, "curve_right": list, "size": dict, "stages": list},
        arrays=("truth",), others=("gram",),
        title="Bits learned of words", noun="count of words' alternatives", plural="counts of words' alternatives",
        verb=("risk",), uses=("server",), priority=1,
        score=Score("invviz.jobs.store._scores:bits", "half drowns at", "{:.3g} × noise", "× noise", says="The noise at which half of a word's bits drown, over the message's typical entry."),
        page="lab",
    ),
    "inspect": KindOfWork(
        _depends.received_net,
        compute="invviz.jobs.worker._outcome:looked_at",
        price="invviz.jobs.price:inspection",
        section="invviz.report._parties:inspection",
        core={"detectors": dict, "flagged": list},
        more={"digest": str, "words": str, "planted": dict, "expected": MAYBE}, arrays=("rows", "beside_rows"),
        title="What detectors say", noun="look by detectors", plural="looks by detectors",
        verb=("inspect",), uses=("server",), priority=1, page="server",
        score=Score("invviz.jobs.store._scores:flagging", "flags", "{:.0f}", "how many", says="Detectors that flag the net, of those that could judge it; 0 is no proof that it is honest."),
    ),
    "weights": KindOfWork(_depends.trained_weights),
}  # fmt: skip
"""In the order in which reports and the command line name them."""


def askable() -> tuple[Any, ...]:
    """Names of the kinds that can be asked for."""
    return tuple(name for name, kind in WORK.items() if kind.compute)


@functools.lru_cache(maxsize=64)
def found(reference: str) -> Callable[..., Any]:
    """The function that "module:function" names.

    Raises:
        ImportError, AttributeError: there is none; a test looks each of them up.
    """
    module, _, name = reference.partition(":")
    return getattr(importlib.import_module(module), name)
