"""A picture, or a series as a line, cut among parties: the parts that are attacked in full colour, the others pale, white lines between; a series on no ground."""

from __future__ import annotations

import base64
import io
from collections.abc import Collection, Sequence

import numpy as np
from PIL import Image

from ..core.pixels import as_bytes
from .series import see_through, small

SIDE = 192  # pixels of the result, about
PALE = 0.25  # share of its colour that a part keeps which is not attacked
LINE = 3  # pixels between two parts

Region = tuple[tuple[int, ...], tuple[int, ...]]


def parted(picture: np.ndarray, regions: Sequence[Region], attacked: Collection[int]) -> str:
    """One PNG as a data address.

    Args:
        picture: (1, c, h, w) in [0, 1], c = 1 or 3; of a series (1, channels, length).
        regions: first channel, row and column (of a series channel and place) of every part, and those after its last.
        attacked: numbers of the parts that are shown in full.
    """
    if series := picture.ndim == 3:
        picture, regions = _lines(picture, regions)
    _, channels, height, width = picture.shape
    pale = np.full_like(picture, 0.8) * (1 - PALE) + picture * PALE
    zoom = max(1, SIDE // max(height, width))
    edges = np.zeros((height * zoom, width * zoom), bool)
    shown = pale.copy()
    for number, (low, high) in enumerate(regions):
        place = (slice(None), *(slice(a, b) for a, b in zip(low, high, strict=True)))
        if number in attacked:
            shown[place] = picture[place]
        for axis, size in ((1, height), (2, width)):
            if 0 < low[axis] < size:
                at, rows = low[axis] * zoom, [slice(low[1] * zoom, high[1] * zoom), slice(low[2] * zoom, high[2] * zoom)]
                rows[axis - 1] = slice(at - LINE // 2, at + LINE - LINE // 2)
                edges[tuple(rows)] = True
    raw = as_bytes(shown)[0]
    sheet = Image.fromarray(raw[0]) if channels == 1 else Image.fromarray(raw.transpose(1, 2, 0))
    large = np.array(sheet.convert("RGB").resize((width * zoom, height * zoom), Image.Resampling.NEAREST))
    large[edges] = 255
    out, cut = io.BytesIO(), Image.fromarray(large)
    (see_through(cut) if series else cut).save(out, "PNG", compress_level=6)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def _lines(series: np.ndarray, regions: Sequence[Region]) -> tuple[np.ndarray, list[Region]]:
    """A series as a picture of its lines, and where its parts lie there; parts that are channels lie everywhere."""
    drawn = small(as_bytes(series)) / 255
    _, _, height, width = drawn.shape
    across = lambda place: place * width // series.shape[2]  # noqa: E731
    return drawn, [((0, 0, across(low[1])), (1, height, across(high[1]))) for low, high in regions]
