"""Rows of weights as a picture: one cell a weight, the same colours for every layer."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

ENDS = 3.0  # root mean squares at which the colours end
STOPS = ((1, 102, 94), (128, 205, 193), (245, 245, 245), (223, 194, 125), (140, 81, 10))  # from below to above, told apart by all eyes
NOTHING = (138, 143, 152)  # where the layer has no more


def coloured(rows: np.ndarray) -> np.ndarray:
    """Colours of weights, (rows, columns, 3) as bytes.

    Args:
        rows: in units of the layer's root mean square, NaN where there is nothing; rows and columns of nothing at the ends are left out.
    """
    kept = rows[~np.isnan(rows).all(1)][:, ~np.isnan(rows).all(0)]
    at = (np.clip(kept, -ENDS, ENDS) / ENDS + 1) / 2
    places = np.linspace(0, 1, len(STOPS))
    found = np.stack([np.interp(at, places, [stop[c] for stop in STOPS]) for c in range(3)], axis=2)
    found[np.isnan(kept)] = NOTHING
    return found.round().astype(np.uint8)


def heat(rows: np.ndarray) -> str:
    """The same as a PNG, as a data address; argument as of `coloured`."""
    out = io.BytesIO()
    Image.fromarray(coloured(rows)).save(out, "PNG", compress_level=6)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def gradient() -> str:
    """The colours from one end to the other, for CSS."""
    return "linear-gradient(90deg, " + ", ".join(f"rgb({r},{g},{b})" for r, g, b in STOPS) + ")"
