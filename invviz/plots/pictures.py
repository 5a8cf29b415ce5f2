"""Pictures as PNG bytes: nearest-neighbour zoom, a frame in the colour of their role."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from ..core.pixels import as_bytes


def to_png(pictures: np.ndarray, colour: str, side: int = 384) -> bytes:
    """One PNG of a batch, in a near-square grid.

    Args:
        pictures: (b, c, h, w) in [0, 1] or uint8, c = 1 or 3.
        colour: frame, as #RRGGBB.
        side: about how many screen pixels wide the result is; the zoom is a whole number, at least 1.
    """
    raw = pictures if pictures.dtype == np.uint8 else as_bytes(pictures)
    count, _, height, width = raw.shape
    across = int(np.ceil(count**0.5))
    zoom = max(1, side // (across * width))
    border = max(4, side // 64)
    sheet = Image.new("RGB", (across * (width * zoom + border) + border, -(-count // across) * (height * zoom + border) + border), colour)
    for i, picture in enumerate(raw):
        tile = Image.fromarray(picture[0]) if len(picture) == 1 else Image.fromarray(picture.transpose(1, 2, 0))
        tile = tile.convert("RGB").resize((width * zoom, height * zoom), Image.Resampling.NEAREST)
        sheet.paste(tile, (border + i % across * (width * zoom + border), border + i // across * (height * zoom + border)))
    out = io.BytesIO()
    sheet.save(out, "PNG", compress_level=1)
    return out.getvalue()


def placeholder(shape: tuple[int, int, int], count: int, colour: str, side: int = 384) -> bytes:
    """A grey sheet of the same size, for a picture that is not there yet."""
    channels, height, width = shape
    return to_png(np.full((count, channels, height, width), 0.82, np.float32), colour, side)


def strip_png(pictures: list[np.ndarray], colours: list[str], side: int = 256) -> bytes:
    """Several sheets side by side on a transparent ground, for cards and previews."""
    sheets = [Image.open(io.BytesIO(to_png(p, c, side))) for p, c in zip(pictures, colours, strict=True)]
    gap, height = 12, max(s.height for s in sheets)
    row = Image.new("RGBA", (sum(s.width for s in sheets) + gap * (len(sheets) - 1), height))
    x = 0
    for sheet in sheets:
        row.paste(sheet, (x, 0))
        x += sheet.width + gap
    out = io.BytesIO()
    row.save(out, "PNG")
    return out.getvalue()
