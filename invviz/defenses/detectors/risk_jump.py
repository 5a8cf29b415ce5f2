"""Jump of the risk: at the received net the client's message tells more than at the last one."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ...core.batch import Batch
from ...core.component import knob
from ...core.errors import InvvizError
from ...core.tree import rms
from ...risk import Jacobian, Prior, decompose, invre, sketch
from ._base import Detector, against, unjudged

if TYPE_CHECKING:
    from ...core.received import Finding, Received
    from ...core.types import Net

INPUTS = 256  # private numbers up to which samples are looked at together, with the exact spectrum
PRODUCTS = 32  # of the Jacobian, where one sample has more


@dataclasses.dataclass(frozen=True)
class RiskJump(Detector):
    """By how much InvRE, the share of the private samples that an ideal attacker gets from the client's own message, grew since the net of the round before. Ours: the risk as a detector.

    The message in the client's own defenses, without their noise, under noise of `sigma` of its root mean square, with the white prior; of as many samples of the batch, taken as the batch, as have 256 numbers together, at least one
    (by a sketch of 32 products where one has more, so then with its error). A net that lays samples open raises it, if the last one did not lay them open already.
    """

    name: ClassVar[str] = "risk_jump"
    title: ClassVar[str] = "Jump of the risk (InvRE)"
    needs: ClassVar[tuple[str, ...]] = ("batch", "release", "previous")

    most: float = knob(0.338, "largest growth of InvRE in a round that is let pass", low=-1.0, high=1.0)
    sigma: float = knob(0.1, "noise under which InvRE is taken, relative to the message's root mean square", low=1e-6, high=100.0, log=True)

    def look(self, received: Received) -> Finding:
        """At both nets, of the same samples."""
        batch = few(received.batch)  # type: ignore[arg-type]
        if batch.modality.discrete:
            return unjudged(f"nothing is differentiated by {batch.modality.many}")
        try:
            before, now = (self._invre(received, net, batch) for net in (received.previous, received.net))  # type: ignore[arg-type]
        except InvvizError as err:  # too large, or not finite: said by the risk itself
            return unjudged(str(err))
        if before is None or now is None:
            return unjudged("the message of these samples is zero")
        return against(now - before, self.most, f"InvRE of {len(batch.label)} sample(s) went from {before:.2f} to {now:.2f}")

    def _invre(self, received: Received, net: Net, batch: Batch) -> float | None:
        release = received.release
        size = float(rms(release(net, batch, None)))  # type: ignore[misc]
        if not size > 0:
            return None
        jacobian = Jacobian.of(release, net, batch)  # type: ignore[arg-type]
        private = batch.private
        prior = Prior("white", tuple(private.shape[1:]), len(private))
        exact = private.numel() <= INPUTS
        found = decompose(jacobian, private, prior) if exact else sketch(jacobian, private, prior, products=PRODUCTS)
        return invre(found, self.sigma * size)


def few(batch: Batch) -> Batch:
    """The first samples of a batch, with 256 private numbers together, at least one."""
    count = max(1, INPUTS // batch.private[0].numel())
    cut = lambda tree: {name: leaf[:count] for name, leaf in tree.items()}  # noqa: E731
    return Batch(cut(batch.inputs), cut(batch.targets), batch.modality)
