"""Pictures as whole numbers: what is stored, sent and drawn."""

from __future__ import annotations

import numpy as np


def as_bytes(picture: np.ndarray) -> np.ndarray:
    """A picture with values in [0, 1] as whole numbers up to 255; what is not a number becomes grey.

    Example:
        >>> as_bytes(np.array([-1.0, 0.5, 2.0, np.nan])).tolist()
        [0, 128, 255, 128]
    """
    return (np.nan_to_num(picture, nan=0.5).clip(0, 1) * 255).round().astype(np.uint8)
