"""Improved deep leakage: the label is read off the gradient first."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.types import Knowledge
from ._labels import Count, infer_label, with_count
from ._lbfgs import LBFGSMatching

if TYPE_CHECKING:
    from torch import Generator

    from ..core.types import Observation, Progress, Reconstruction


@dataclasses.dataclass(frozen=True)
class IDLG(LBFGSMatching):
    """Reads the label of a single sample off the sign of the last layer's gradient, then matches like `dlg`.

    The label is exact for an undisturbed gradient of cross-entropy with a last bias; noise can turn the sign. That is the paper. Ours: of a larger batch the labels are
    counted off the same gradient (`_labels.Count`), and the note says how far that is certain.
    """

    name: ClassVar[str] = "idlg"
    title: ClassVar[str] = "Improved deep leakage (iDLG)"
    paper: ClassVar[str] = "zhao2020idlg"
    needs_classes: ClassVar[bool] = True
    needs_gradient: ClassVar[bool] = True

    def wants(self) -> Knowledge:
        """How many samples the batch holds."""
        return Knowledge(batch_size=True)

    def reconstruct(self, obs: Observation, rng: Generator, progress: Progress) -> Reconstruction:
        """The dummy batch with the least matching loss under the inferred labels."""
        if len(obs.template.label) == 1:
            return self.match(obs, rng, progress, infer_label(obs.sent or obs.message))
        count = Count.of(obs, rng)
        found = self.match(obs, rng, progress, count.labels)
        return dataclasses.replace(found, note=with_count(found.note, count))
