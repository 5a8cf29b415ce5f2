"""Small pictures for dense tables: no frame and no zoom, both are the page's own."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from ..core.pixels import as_bytes
from .pictures import STRIP, squared
from .series import WIDE, see_through

SHOWN = 4  # pictures of a batch
LARGEST = 96  # pixels a side, of one picture


def thumb(pictures: np.ndarray) -> str:
    """The first few pictures of a batch as one PNG, as a data address.

    Args:
        pictures: (b, c, h, w) in [0, 1] or uint8, c = 1 or 3; series (b, channels, length) as lines, on no ground.
    """
    raw = squared(pictures[:SHOWN] if pictures.dtype == np.uint8 else as_bytes(pictures[:SHOWN]))
    count, _, height, width = raw.shape
    across, lines = int(np.ceil(count**0.5)), pictures.ndim == 3 and pictures.shape[-1] > STRIP
    sheet = Image.new("RGB", (across * width, -(-count // across) * height), "#FFFFFF" if lines else "#8A8F98")
    for i, picture in enumerate(raw):
        tile = Image.fromarray(picture[0]) if len(picture) == 1 else Image.fromarray(picture.transpose(1, 2, 0))
        sheet.paste(tile.convert("RGB"), (i % across * width, i // across * height))
    if max(height, width) > (WIDE if pictures.ndim == 3 else LARGEST):  # thin lines stay what they are
        sheet.thumbnail((LARGEST * across, LARGEST * across), Image.Resampling.BOX)
    out = io.BytesIO()
    sheet = see_through(sheet) if lines else sheet
    sheet.save(out, "PNG", compress_level=6)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
