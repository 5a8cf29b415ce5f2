"""Improved deep leakage: the label is read off the gradient first."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.types import Knowledge
from ._labels import infer_label
from ._lbfgs import LBFGSMatching

if TYPE_CHECKING:
    from torch import Generator

    from ..core.types import Observation, Progress, Reconstruction


@dataclasses.dataclass(frozen=True)
class IDLG(LBFGSMatching):
    """Reads the label of a single sample off the sign of the last layer's gradient, then matches like `dlg`.

    The label is exact for an undisturbed gradient of cross-entropy with a last bias; noise can turn the sign.
    """

    name: ClassVar[str] = "idlg"
    title: ClassVar[str] = "Improved deep leakage (iDLG)"
    paper: ClassVar[str] = "zhao2020idlg"
    max_batch: ClassVar[int | None] = 1
    needs_gradient: ClassVar[bool] = True

    def wants(self) -> Knowledge:
        """That the batch holds one sample."""
        return Knowledge(batch_size=True)

    def reconstruct(self, obs: Observation, rng: Generator, progress: Progress) -> Reconstruction:
        """The dummy picture with the least matching loss under the inferred label."""
        return self.match(obs, rng, progress, infer_label(obs.sent or obs.message))
