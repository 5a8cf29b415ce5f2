"""One picture that shows a result: a row a sample, truth, ideal attacker, guess."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from ..charts.pictures import squared
from ..core.pixels import as_bytes

SIDE = 128  # pixels that a picture takes at least
GAP = 4


def preview(columns: Sequence[np.ndarray | None]) -> Image.Image:
    """Put pictures side by side, enlarged without smoothing.

    Args:
        columns: each (b, c, h, w) with values in [0, 1], or None where there is nothing to show.
    """
    shown = [_enlarged(column) for column in columns if column is not None]
    count, height, width, _ = shown[0].shape
    sheet = np.full((count * (height + GAP) - GAP, len(shown) * (width + GAP) - GAP, 3), 255, np.uint8)
    for x, column in enumerate(shown):
        for y, picture in enumerate(column):
            top, left = y * (height + GAP), x * (width + GAP)
            sheet[top : top + height, left : left + width] = picture
    return Image.fromarray(sheet)


def _enlarged(pictures: np.ndarray) -> np.ndarray:
    """(b, c, h, w) in [0, 1] to (b, H, W, 3) bytes."""
    raw = squared(as_bytes(pictures))
    zoom = -(-SIDE // raw.shape[-1])
    colour = np.broadcast_to(raw, (len(raw), 3, *raw.shape[2:])).transpose(0, 2, 3, 1)
    return colour.repeat(zoom, axis=1).repeat(zoom, axis=2)
