"""Small pictures for dense tables: no frame and no zoom, both are the page's own."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from ..core.pixels import as_bytes
from .pictures import squared
from .series import WIDE

SHOWN = 4  # pictures of a batch
LARGEST = 96  # pixels a side, of one picture


def thumb(pictures: np.ndarray) -> str:
    """The first few pictures of a batch as one PNG, as a data address.

    Args:
        pictures: (b, c, h, w) in [0, 1] or uint8, c = 1 or 3; series (b, channels, length) as lines.
    """
    raw = squared(pictures[:SHOWN] if pictures.dtype == np.uint8 else as_bytes(pictures[:SHOWN]))
    count, _, height, width = raw.shape
    across = int(np.ceil(count**0.5))
    sheet = Image.new("RGB", (across * width, -(-count // across) * height), "#8A8F98")
    for i, picture in enumerate(raw):
        tile = Image.fromarray(picture[0]) if len(picture) == 1 else Image.fromarray(picture.transpose(1, 2, 0))
        sheet.paste(tile.convert("RGB"), (i % across * width, i // across * height))
    if max(height, width) > (WIDE if pictures.ndim == 3 else LARGEST):  # thin lines stay what they are
        sheet.thumbnail((LARGEST * across, LARGEST * across), Image.Resampling.BOX)
    out = io.BytesIO()
    sheet.save(out, "PNG", compress_level=6)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
