"""The one table of kinds of work: what each depends on, what its results hold, its words, and who computes, prices and tells of it.

Store, workers, prices, keys, reports and the command line are derived from it: a kind that stands here is known everywhere.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any, Literal

from . import _depends
from ._kind import KindOfWork, Score

Kind = Literal["run", "risk", "sketch", "train", "clients", "labels", "bits", "inspect"]
"""Names of kinds that can be asked for; a test holds them against the table."""

NUMBER, MAYBE = (int, float), (int, float, type(None))


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
            "trace": list,
            "steps": NUMBER,
            "stopped": bool,
            "note": str,
            "data_note": str,
            "given": str,
            "threat_model": str,
            "matching_loss": MAYBE,
            "accuracy": MAYBE,
        },
        arrays=("truth", "guess"),
        title="Attack",
        noun="attack",
        verb=("run",),
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
        title="Risk score",
        noun="risk score",
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
        title="Training",
        noun="training",
        verb=("train",),
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
        title="Risk of every client",
        noun="risk of every client",
        plural="risks of every client",
        verb=("risk", "--clients"),
        uses=("train", "server"),
        parallel=True,
        score=Score(
            "invviz.jobs.store._scores:most_exposed", "highest InvRE", "{:.2f}", "0 to 1", says="Of all clients the most exposed one."
        ),
        page="curves",
    ),
    "labels": KindOfWork(
        _depends.returned_labels,
        compute="invviz.jobs.worker._outcome:told_labels",
        price="invviz.jobs.price:labels",
        section="invviz.report._parties:labels",
        core={"chance": MAYBE, "hint": MAYBE},
        more={"trial": MAYBE, "trial_known": MAYBE, "norm_auc": list, "pictures": NUMBER},
        title="Labels from returned gradients",
        noun="look for labels",
        plural="looks for labels",
        verb=("labels",),
        score=Score("invviz.jobs.store._scores:labels_told", "labels told", "{:.0f} %", "in %", 100),
        page="vertical",
    ),
    "bits": KindOfWork(
        _depends.alternatives,
        compute="invviz.jobs.worker._outcome:counted",
        price="invviz.jobs.price:alternatives",
        section="invviz.report._words_told:bits",
        core={"half": NUMBER, "entropy": NUMBER},
        more={"halves": list, "sentences": list, "levels": list, "curve": list, "curve_right": list, "size": dict, "stages": list},
        arrays=("truth",),
        others=("gram",),
        title="Bits learned of words and cells",
        noun="count of words' alternatives",
        plural="counts of words' alternatives",
        verb=("risk",),
        uses=("server",),
        priority=1,
        score=Score(
            "invviz.jobs.store._scores:bits",
            "half drowns at",
            "{:.3g} × noise",
            "× noise",
            says="The noise at which half of a word's bits drown, over the message's typical entry.",
        ),
        page="lab",
    ),
    "inspect": KindOfWork(
        _depends.received_net,
        version=4,  # 3: thresholds from fewer honest nets
        compute="invviz.jobs.worker._outcome:looked_at",
        price="invviz.jobs.price:inspection",
        section="invviz.report._parties:inspection",
        core={"detectors": dict, "flagged": list},
        more={"digest": str, "words": str, "planted": dict, "expected": MAYBE},
        arrays=("rows", "beside_rows"),
        title="What detectors say",
        noun="look by detectors",
        plural="looks by detectors",
        verb=("inspect",),
        uses=("server",),
        priority=1,
        page="server",
        score=Score(
            "invviz.jobs.store._scores:flagging",
            "flags",
            "{:.0f}",
            "how many",
            says="Detectors that flag the net, of those that could judge it; 0 is no proof that it is honest.",
        ),
    ),
    "weights": KindOfWork(_depends.trained_weights),
}
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


__all__ = ["WORK", "Kind", "KindOfWork", "Score", "askable", "found"]
