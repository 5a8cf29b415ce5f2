"""Pictures as PNG bytes: nearest-neighbour zoom, a frame in the colour of their role."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from ..core.pixels import as_bytes
from ._colours import DASHED, IDEAL, TRUTH, frame
from .series import known_along, small

STRIP = 8  # entries of a line that is still drawn as it is


def squared(raw: np.ndarray) -> np.ndarray:
    """Pictures (b, c, h, w) as they are; rows of a table, (b, c, 1, d), line by line as nearly square tiles, the rest of the last line light; series (b, channels, length) as lines; whatever else a sample is, (b, ..., d), as a grey map of its numbers. Bytes."""
    if raw.ndim == 3 and raw.shape[-1] > STRIP:
        return small(raw)
    if raw.ndim != 4:
        raw = raw.reshape(len(raw), 1, -1, raw.shape[-1])
    count, channels, height, width = raw.shape
    if height > 1 or width <= STRIP:
        return raw
    across = int(np.ceil(width**0.5))
    down = -(-width // across)
    tile = np.full((count, channels, 1, down * across), 209, raw.dtype)
    tile[..., :width] = raw
    return tile.reshape(count, channels, down, across)


def to_png(pictures: np.ndarray, colour: str, side: int = 384) -> bytes:
    """One PNG of a batch, in a near-square grid, each picture in a frame: the ideal attacker's dashed, the gaps transparent.

    Args:
        pictures: (b, c, h, w) in [0, 1] or uint8, c = 1 or 3; rows of a table become tiles.
        colour: frame, as #RRGGBB.
        side: about how many screen pixels wide the result is; the zoom is a whole number, at least 1.
    """
    raw = squared(pictures if pictures.dtype == np.uint8 else as_bytes(pictures))
    count, _, height, width = raw.shape
    across = int(np.ceil(count**0.5))
    zoom = max(1, side // (across * width))
    border = max(4, side // 64)
    size = (across * (width * zoom + border) + border, -(-count // across) * (height * zoom + border) + border)
    sheet = Image.new("RGB", size, frame(colour))
    for i, picture in enumerate(raw):
        tile = Image.fromarray(picture[0]) if len(picture) == 1 else Image.fromarray(picture.transpose(1, 2, 0))
        tile = tile.convert("RGB").resize((width * zoom, height * zoom), Image.Resampling.NEAREST)
        sheet.paste(tile, (border + i % across * (width * zoom + border), border + i // across * (height * zoom + border)))
    if colour == IDEAL:
        sheet.putalpha(_dashes(size, (width * zoom + border, height * zoom + border), border))
    out = io.BytesIO()
    sheet.save(out, "PNG", compress_level=1)
    return out.getvalue()


def _dashes(size: tuple[int, int], step: tuple[int, int], border: int) -> Image.Image:
    """Which pixels of a sheet are seen: all but gaps in its frames, in the rhythm of dashed lines.

    Args:
        size: of the sheet, across and down.
        step: from one frame to the next, across and down.
        border: width of a frame.
    """
    (x_on, x), (y_on, y) = (_along(n, s, border) for n, s in zip(size, step, strict=True))
    gaps = (y_on[:, None] & ~x_on & x) | (x_on & ~y_on[:, None] & y[:, None])
    return Image.fromarray(np.where(gaps, 0, 255).astype(np.uint8))


def _along(length: int, step: int, border: int) -> tuple[np.ndarray, np.ndarray]:
    """Along one side: what belongs to frames, and where gaps would be; a side begins and ends with a dash."""
    at = np.arange(length) % step
    dash, gap = (border * part / 2 for part in DASHED)
    rounds = max(round((step - border - dash) / (dash + gap)), 1)
    period = (step - border - dash) / rounds  # a whole number of them fits
    return at < border, (at - border) % period >= period * dash / (dash + gap)


def placeholder(shape: tuple[int, ...], count: int, colour: str, side: int = 384) -> bytes:
    """A grey sheet of the same size, for a picture that is not there yet."""
    return to_png(np.full((count, *shape), 0.82, np.float32), colour, side)


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


def heat_png(picture: np.ndarray, share: np.ndarray, low: float, high: float, side: int = 384, colour: str = IDEAL) -> bytes:
    """A picture in grey under a purple that is the deeper, the more is known of each pixel.

    Args:
        picture: (b, c, h, w) in [0, 1].
        share: of the same shape, what is known of each value; channels are averaged.
        low: share that stands for no purple.
        high: share that stands for full purple.
        side: about how many screen pixels wide the result is.
        colour: of its frame.
    """
    return to_png(heat(picture, share, low, high), colour, side)


def heat(picture: np.ndarray, share: np.ndarray, low: float, high: float) -> np.ndarray:
    """What `heat_png` shows, (b, 3, h, w) in [0, 1]; of series (b, channels, length) lines over a ground of that purple."""
    if picture.ndim == 3 and picture.shape[-1] > STRIP:
        return known_along(picture, ((share.mean(axis=1) - low) / max(high - low, 1e-9)).clip(0, 1))
    grey = picture.mean(axis=1, keepdims=True)
    depth = ((share.mean(axis=1, keepdims=True) - low) / max(high - low, 1e-9)).clip(0, 1)
    full = np.array([int(IDEAL[i : i + 2], 16) / 255 for i in (1, 3, 5)])[None, :, None, None]
    shaded = full * (0.35 + 0.65 * grey)
    return ((1 - depth) * (0.45 + 0.55 * grey) + depth * shaded).astype(np.float32)


def scale_png(width: int = 256, height: int = 10) -> bytes:
    """The colours of `heat_png` from nothing to everything, as a bar."""
    share = np.broadcast_to(np.linspace(0, 1, width, dtype=np.float32), (1, 1, height, width))
    sheet = Image.open(io.BytesIO(heat_png(np.full((1, 3, height, width), 0.7, np.float32), share, 0.0, 1.0, width, TRUTH)))
    out = io.BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()
