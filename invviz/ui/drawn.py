"""Pictures as images for the screen, each made once a tab: what is shown again at every drawing is not packed again. They go with the tab, as a person's own pictures are among them.

`st.image` takes `output_format="PNG"` with them: otherwise it packs every picture without gaps anew, as a JPEG, at every drawing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

import numpy as np
import streamlit as st

from ..charts import parts, pictures, thumbs
from .memory import fingerprint

T = TypeVar("T", bytes, str)


def png(picture: np.ndarray, colour: str, side: int = 384) -> bytes:
    """A batch in a frame; arguments as of `charts.pictures.to_png`."""
    return _made(("png", fingerprint(picture), colour, side), lambda: pictures.to_png(picture, colour, side))


def placeholder(shape: tuple[int, ...], count: int, colour: str) -> bytes:
    """In place of a picture that is not there yet; arguments as of `charts.pictures.placeholder`."""
    return _made(("placeholder", shape, count, colour), lambda: pictures.placeholder(shape, count, colour))


def strip(sheets: list[np.ndarray], colours: list[str], side: int) -> bytes:
    """Several side by side; arguments as of `charts.pictures.strip_png`."""
    name = ("strip", *map(fingerprint, sheets), *colours, side)
    return _made(name, lambda: pictures.strip_png(sheets, colours, side))


def thumb(picture: np.ndarray) -> str:
    """A small one for a dense table; argument as of `charts.thumbs.thumb`."""
    return _made(("thumb", fingerprint(picture)), lambda: thumbs.thumb(picture))


def parted(picture: np.ndarray, regions: Sequence[parts.Region], attacked: Collection[int]) -> str:
    """A picture that is cut into parts; arguments as of `charts.parts.parted`."""
    return _made(("parted", fingerprint(picture), tuple(regions), tuple(attacked)), lambda: parts.parted(picture, regions, attacked))


def _made(name: tuple[object, ...], make: Callable[[], T]) -> T:
    visitor = st.session_state.get("visitor")  # none where nobody could arrive, because the store cannot be used
    return make() if visitor is None else visitor.images.of(name, make)
