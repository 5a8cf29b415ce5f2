"""A picture of one's own in place of the victim: kept in memory, for one tab."""

from __future__ import annotations

import contextlib
import hashlib
from typing import Any

import numpy as np
import streamlit as st

from ..core.errors import UploadError
from ..datasets._decode import decoded
from ..datasets._reader import KINDS
from ..datasets._upload import MAX_BYTES, MAX_PIXELS, digest
from . import press, state, trouble
from .session import session

KEPT = 8  # files and shapes
LARGEST = round(MAX_BYTES / 1e6)  # megabytes


def draw() -> None:
    """The box that takes a picture, and the way back to the data set's own."""
    st.caption(
        f"{KINDS}, at most {LARGEST} MB and {MAX_PIXELS // 1_000_000} megapixels. Your picture stays in the memory of this server, for this tab only: it is never written to disk, "
        "and a copied link does not contain it."
    )
    key = state.key("upload")
    given = st.file_uploader(
        "Your own picture as the victim",
        ["png", "jpg", "jpeg", "gif", "bmp", "tif", "tiff", "webp", "ppm", "pgm"],
        key=key,
        max_upload_size=LARGEST,
        on_change=lambda: _taken(st.session_state[key]),
    )
    now = state.scenario()
    if given is not None:
        try:
            _read(given.getvalue(), now.data.shape)
        except UploadError as err:
            st.error(trouble.plain(str(err)), icon=":material/broken_image:")
    if now.upload:
        if now.upload not in session().pictures:
            st.warning("The link names an uploaded picture, which is not kept. Upload it again, or go back to the data set.")
        press.button("Back to the data set's picture", "no upload", leave)


def _taken(given: Any) -> None:
    """A person gave a picture, or took it out of the box, which leaves it where it is."""
    press.acted()  # the run that it asks for may be folded into one of the clock's, which does not come past the box
    if given is not None:
        with contextlib.suppress(UploadError):  # the box says why
            _read(given.getvalue(), state.scenario().data.shape)
            session().own = given.getvalue()
            show()


def _read(data: bytes, shape: tuple[int, int, int]) -> np.ndarray:
    """A file as a picture of that shape; each file is read once a shape, and what came of it is kept as long as the tab, good or bad.

    Raises:
        UploadError: it cannot be.
    """
    known: dict[tuple[str, tuple[int, int, int]], np.ndarray | UploadError] = st.session_state.setdefault("own files", {})
    name = hashlib.sha256(data).hexdigest(), shape
    if name not in known:
        while len(known) >= KEPT:
            known.pop(next(iter(known)))
        try:
            known[name] = decoded(data, shape)
        except UploadError as err:
            known[name] = err
    found = known[name]
    if isinstance(found, UploadError):
        raise UploadError(str(found))
    return found


def show() -> None:
    """The person's own picture becomes the victim, cut to the shape of the data set."""
    picture = _read(session().own, state.scenario().data.shape)
    session().pictures[digest(picture)] = picture
    state.change(upload=digest(picture))


def leave() -> None:
    """The data set's picture is the victim again; the person's own is kept in memory."""
    state.change(upload="")


def fit() -> None:
    """Before a page is drawn: the person's own picture follows when the data set has become one of another shape; a table has no place for it."""
    now = state.scenario()
    if not now.upload or not _own():
        return
    if now.data.columns:
        leave()
    elif now.upload in session().pictures and session().pictures[now.upload].shape != now.data.shape:
        show()


def again() -> None:
    """The way back to the person's own picture, where another one is shown."""
    now = state.scenario()
    if _own() and not now.upload and not now.data.columns:
        press.button("Show your own picture again", "own picture", show, icon=":material/account_circle:", type="tertiary")


def _own() -> bytes:
    """The file that this tab has uploaded last; none where nobody could arrive, because the store cannot be used."""
    visitor = st.session_state.get("visitor")
    return visitor.own if visitor is not None else b""
