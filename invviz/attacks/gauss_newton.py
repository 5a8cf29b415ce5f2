"""Gauss-Newton: the message made linear again and again, and solved for the batch."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.tree import randn_like
from ..core.types import Knowledge, Reconstruction
from ._base import Attack, Unreadable
from ._closed_form import changed_before
from ._fit import Fit, Slope
from ._labels import told_label
from ._masked_map import GREY, Likely, behind_mask
from ._matching import CLOSE, UNMATCHED, Enough, Watch, in_double, rounding, search
from ._newton import Newton, openness
from ._space import SPREAD

if TYPE_CHECKING:
    from torch import Generator

    from ..core.types import Observation, Progress

PRODUCTS = 1000  # with the Jacobian, of the search that leads the way behind a mask


@dataclasses.dataclass(frozen=True)
class GaussNewton(Attack):
    """Least squares on the message itself, x -> m(x): each step solves (J^T J + damping) d = J^T (m - m(x)), with the Jacobian J of the message.

    Damping by Nielsen's rule (key nielsen1999damping), times the fall of the loss, which keeps convergence quadratic (after fan2005quadratic). Ours: it searches
    frequencies, low ones first (a picture's coarse half costs little and leads to the rest); J^T J of up to `dense` unknowns is made by products in the net's own
    precision and factorised, and conjugate gradients with exact products in float64 do the rest. Who knows the noise looks for the most likely picture; behind a mask
    a search under a natural prior leads the way. Pictures are clamped at the end only.
    """

    name: ClassVar[str] = "gauss_newton"
    title: ClassVar[str] = "Gauss-Newton"
    paper: ClassVar[str] = "nielsen1999damping"
    behind_masks: ClassVar[int] = 1

    steps: int = knob(60, "most trial steps per start", low=1, high=100_000, unit="steps")
    restarts: int = knob(
        3, "most starts; another one is made only when the last was stuck, the best is chosen by the matching loss", low=1, high=50
    )
    labels: str = knob(
        "known",
        "known: the attacker is told the labels; inferred: that of a single sample is read off the gradient",
        choices=("known", "inferred"),
    )
    coarse: bool = knob(True, "search low frequencies first")
    dense: int = knob(
        4096,
        "unknowns, lowest frequencies first, for which J^T J is made and factorised; 0: conjugate gradients alone",
        low=0,
        high=20_000,
        unit="unknowns",
    )
    tolerance: float = knob(
        0.0, "relative matching loss at which the search ends; 0: at the rounding of the message", low=0.0, high=1.0, log=True
    )

    def wants(self) -> Knowledge:
        """Labels, unless it reads them off the gradient."""
        return Knowledge(labels=self.labels == "known", batch_size=True)

    def reconstruct(self, obs: Observation, rng: Generator, progress: Progress) -> Reconstruction:
        """The batch with the least matching loss of all starts, and whether the message determines it."""
        like = obs.template.private
        label = obs.template.label if self.labels == "known" else told_label(obs, obs.sent or obs.message)
        try:
            fit, rough = Fit.of(in_double(obs), label), Fit.of(obs, label)
            _check(fit)
        except Unreadable as why:
            grey = obs.template.at(obs.grey)
            return Reconstruction(grey, math.inf, note=f"{why}.", failed=True)
        least = rounding(obs.message)
        watch = Watch(progress, self.steps, 0.0 if fit.prior else max(self.tolerance, least**2), max(UNMATCHED, 2 * fit.truth))
        tried: list[Newton] = []

        def attempt() -> None:
            z = SPREAD * randn_like(fit.target.new_empty(fit.size), rng)
            led = not tried and behind_mask(obs)
            if led:  # by the prior, for the message alone leaves open what was held back
                likely = Likely.of(obs, label, watch, PRODUCTS)
                z = fit.coordinates(likely.picture(likely.descend(likely.start(rng, GREY))))
            tried.append(Newton(fit, rough, watch, self.dense, z))
            tried[-1].descend(self.coarse and not led)

        found = search(obs, watch, self.restarts, attempt, every=False)
        if not (found.failed or found.stopped):
            try:
                note = self._certificate(fit, min(tried, key=lambda one: one.loss), least, watch)
            except Enough:
                note = "Whether the message determines the picture was not counted, as that was stopped."
            found = dataclasses.replace(found, note=f"{found.note} {note}".strip())
        return dataclasses.replace(found, batch=found.batch.at(found.batch.private.to(like.dtype)))

    def _certificate(self, fit: Fit, newton: Newton, least: float, watch: Watch) -> str:
        """What the residual and the Jacobian at the answer say of it.

        Raises:
            Enough: the watch is asked to stop.
        """
        if fit.prior:
            return "The most likely picture under a smooth prior and the known noise; not exact."
        residual = newton.loss**0.5
        if residual > least:
            return "" if newton.loss > CLOSE else f"Not exact: {residual:.1e} of the message is left unexplained."
        if fit.size > self.dense:
            return f"The message is explained to its rounding ({residual:.0e}); whether it determines the picture was not counted (dense < {fit.size:,} unknowns)."
        left, share = openness(fit.gram(newton.z, fit.size, watch.ask))
        if left:
            return (
                f"The message is explained to its rounding ({residual:.0e}), but not exact: {left:,} of {fit.size:,} directions are open."
            )
        found = (
            f"the message is explained to its rounding ({residual:.0e}) and the Jacobian has full rank {fit.size:,} (smallest singular value {share:.0e} of the "
            "largest), so no other picture nearby gives it; one far away might"
        )
        if changed := changed_before(fit.picture(newton.z), fit.obs.bounds):
            return f"Not exact: {found}; {changed}."
        return f"Exact: {found}; {_of_what(fit.obs.knowledge.defense)}."


def _of_what(defense: bool) -> str:
    """Of what picture the certificate speaks: one that goes into the defense only where that is known."""
    return "it is the picture before the defense that is known" if defense else "what a defense changed in the picture before does not show"


def _check(fit: Fit) -> None:
    """Whether the message has derivatives of the kind that are needed.

    Raises:
        Unreadable: it has none, as a simulated defense changes things behind PyTorch's back.
    """
    try:
        Slope.of(fit, fit.target.new_zeros(fit.size))
    except RuntimeError as why:
        raise Unreadable(
            "The message that the attacker simulates cannot be made linear, as a defense in it cannot be differentiated in this way: use dlg"
        ) from why
