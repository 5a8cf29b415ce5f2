"""Pictures of a folder, or of an upload of several files, as one array."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import BinaryIO

import numpy as np
from PIL import Image

from .._reader import KINDS, Unreadable, read
from .._upload import MAX_PIXELS
from ._limits import Limits, amount, refused, sized

NUMBER = 4  # bytes
GREY = ("1", "L", "I", "F", "I;16", "I;16B", "I;16L")


def read_pictures(files: Iterable[tuple[str, BinaryIO]], name: str, limits: Limits) -> np.ndarray:
    """All pictures, (b, 1 or 3, height, width) float32 between 0 and 1: grey where all of them are.

    Args:
        files: names and contents, in the order of the records. All have one size: pictures are not resized, as that changes what there is to lose.
        name: of all together.
        limits: of what is read.

    Raises:
        UploadError: no picture, broken, of several sizes, too many; says which, and what to do.
    """
    contents, room = [], limits.size
    for title, file in files:
        if len(contents) >= limits.arrays:
            raise refused(name, f"there are more than {limits.arrays:,} pictures", "Take fewer.")
        room -= sized(file, title, room)
        contents.append((title, file.read()))
    if not contents:
        raise refused(name, "there is no picture in it", f"Allowed: {KINDS} pictures of one size.")
    heads = [_head(title, content) for title, content in contents]
    (width, height), first = heads[0][0], contents[0][0]
    if other := next((k for k, (size, _) in enumerate(heads) if size != (width, height)), 0):
        w, h = heads[other][0]
        raise refused(
            contents[other][0], f"the picture is {w} x {h} pixels, {first} is {width} x {height}", "Make all pictures the same size."
        )
    channels = 1 if all(grey for _, grey in heads) else 3
    if (taken := len(contents) * channels * height * width * NUMBER) > limits.unpacked:
        raise refused(
            name, f"the pictures would take {amount(taken)}, and at most {amount(limits.unpacked)} are read", "Take fewer, or smaller ones."
        )
    return np.stack([_decoded(title, content, (channels, height, width)) for title, content in contents])


def _head(title: str, content: bytes) -> tuple[tuple[int, int], bool]:
    """Width and height, upright, and whether it is grey; nothing is decoded."""
    try:
        with Image.open(io.BytesIO(content), formats=("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")) as picture:
            turned = picture.getexif().get(274, 1) in (5, 6, 7, 8)
            width, height = picture.size[::-1] if turned else picture.size
            return (width, height), picture.mode in GREY and "transparency" not in picture.info
    except Exception as err:
        _decoded(title, content, (1, 1, 1))
        raise refused(title, "the picture is broken", "Open it in any picture program and save it as PNG.") from err


def _decoded(title: str, content: bytes, shape: tuple[int, int, int]) -> np.ndarray:
    try:
        return read(io.BytesIO(content), shape, MAX_PIXELS)
    except Unreadable as err:
        raise refused(title, err.what, f"{err.remedy}.") from err
