"""A picture that a person uploads: checked before anything is decoded, then cut to the shape of a data set."""

from __future__ import annotations

import hashlib
import io

import numpy as np

from ..core.errors import UploadError
from ._reader import KINDS, Unreadable, read

MAX_BYTES = 5_000_000
MAX_PIXELS = 24_000_000
ALLOWED = f"Allowed: one {KINDS} picture of at most {MAX_BYTES // 1_000_000} MB and {MAX_PIXELS // 1_000_000} megapixels."


def read_upload(data: bytes, shape: tuple[int, int, int]) -> np.ndarray:
    """An uploaded picture in the shape of a data set: upright, the centred cut, resized; read as files in folders are.

    Args:
        data: the bytes of the file; its name is not looked at.
        shape: channels (1 for grey, 3 for colour), height, width.

    Returns:
        (channels, height, width) float32 in [0, 1].

    Raises:
        UploadError: too large, another format, broken; says what was given, what is allowed, what to do.
    """
    if len(data) > MAX_BYTES:
        raise UploadError(f"the file has {len(data) / 1e6:.1f} MB. {ALLOWED} Save a smaller version and upload that.")
    try:
        return read(io.BytesIO(data), shape, MAX_PIXELS)
    except Unreadable as err:
        raise UploadError(f"{err.what}. {ALLOWED} {err.remedy}, and upload that.") from err


def digest(picture: np.ndarray) -> str:
    """16 hex digits that tell pictures apart: of the shape and of the values as float32."""
    values = np.ascontiguousarray(picture, dtype="<f4")
    return hashlib.sha256(repr(values.shape).encode() + values.tobytes()).hexdigest()[:16]
