"""What every detector makes of a net: its score, whatever its threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...defenses.detectors import DETECTORS
from ...defenses.detectors._signals import OF_BIASES, OF_WEIGHTS, signals

if TYPE_CHECKING:
    from collections.abc import Collection

    from ...core.received import Received

STRUCTURE = "weight_structure"
SIGNALS = (*OF_WEIGHTS, *OF_BIASES)
"""The signals of `weight_structure`, each of which has a limit of its own."""

BY_RULE = ("new_layers", "model_hash")
"""Detectors that have no threshold: one tensor, or one client, is enough."""

COLUMNS = (*SIGNALS, *(name for name in DETECTORS if name not in (STRUCTURE, *BY_RULE)), *BY_RULE)
SLOW = ("risk_jump",)


def scores(received: Received, without: Collection[str] = ()) -> np.ndarray:
    """A number for each of COLUMNS; NaN where a detector lacks what it needs, or is left out.

    Args:
        received: what the client has.
        without: names of detectors that are not asked.
    """
    found = {name: value for name, (value, _) in signals(received.net.params).items()}
    for name in COLUMNS[len(SIGNALS) :]:
        finding = None if name in without else DETECTORS[name]().inspect(received)
        found[name] = finding.score if finding is not None and finding.judged else np.nan
    return np.array([found[name] for name in COLUMNS], dtype=np.float32)
