"""A picture of one's own in place of the victim: kept in memory, for one tab."""

from __future__ import annotations

import contextlib
import hashlib
from typing import Any

import numpy as np
import streamlit as st

from ..core.errors import UploadError
from ..core.modality import PICTURE
from ..datasets import Dataset, read_own
from ..datasets._reader import KINDS
from ..datasets._upload import MAX_BYTES, MAX_PIXELS, digest
from ..scenario import Scenario
from . import press, state, things, trouble
from .session import session

KEPT = 8  # files and shapes
LARGEST = round(MAX_BYTES / 1e6)  # megabytes


def draw() -> None:
    """The box that takes a picture, a sentence or a row, and the way back to the data set's own."""
    now = state.scenario()
    if not _taking(now.data):
        st.caption(f"{now.data.title} is {now.data.modality.a_set}: none of one's own is read here.")
        return
    allowed, endings = _allowed(now.data)
    st.caption(
        things.say(
            now,
            f"{allowed} Your picture stays in the memory of this server, for this tab only: it is never written to disk, and a copied link does not contain it.",
        )
    )
    key = state.key(f"upload {endings[0]}")
    given = st.file_uploader(
        things.say(now, "Your own picture as the victim"),
        endings,
        key=key,
        max_upload_size=LARGEST,
        on_change=lambda: _taken(st.session_state[key]),
    )
    if given is not None:
        try:
            _read(given.getvalue(), now.data)
        except UploadError as err:
            st.error(trouble.plain(str(err)), icon=":material/broken_image:")
    if now.upload:
        if now.upload not in session().pictures:
            st.warning(
                things.say(now, "The link names an uploaded picture, which is not kept. Upload it again, or go back to the data set.")
            )
        press.button(things.say(now, "Back to the data set's picture"), "no upload", leave)


def _allowed(data: Dataset) -> tuple[str, list[str]]:
    """What may be given for a data set, in words, and the endings of such files."""
    if data.vocabulary is not None:
        return (
            f"A text file, one sentence a line, the first one counts: at most {data.shape[0]} of the {len(data.vocabulary) - 1} words that are known here, no punctuation; its class stays that of the sentence in whose place it stands.",
            ["txt"],
        )
    if data.columns:
        return (
            f"A CSV file whose first line names the columns ({', '.join(column.name for column in data.columns)}); the first row below it counts. Numbers beyond a column's public range count as its end; its class stays that of the row in whose place it stands.",
            ["csv"],
        )
    return f"{KINDS}, at most {LARGEST} MB and {MAX_PIXELS // 1_000_000} megapixels.", [
        "png",
        "jpg",
        "jpeg",
        "gif",
        "bmp",
        "tif",
        "tiff",
        "webp",
        "ppm",
        "pgm",
    ]


def _taken(given: Any) -> None:
    """A person gave a picture, or took it out of the box, which leaves it where it is."""
    press.acted()  # the run that it asks for may be folded into one of the clock's, which does not come past the box
    if given is not None:
        with contextlib.suppress(UploadError):  # the box says why
            _read(given.getvalue(), state.scenario().data)
            session().own = given.getvalue()
            show()


def _read(data: bytes, like: Dataset) -> np.ndarray:
    """A file as a sample of that data set; each file is read once a shape, or a vocabulary or table, and what came of it is kept as long as the tab, good or bad.

    Raises:
        UploadError: it cannot be.
    """
    known: dict[tuple[str, str, tuple[int, ...]], np.ndarray | UploadError] = st.session_state.setdefault("own files", {})
    name = hashlib.sha256(data).hexdigest(), like.name if like.vocabulary or like.columns else "", like.shape
    if name not in known:
        while len(known) >= KEPT:
            known.pop(next(iter(known)))
        try:
            known[name] = read_own(data, like)
        except UploadError as err:
            known[name] = err
    found = known[name]
    if isinstance(found, UploadError):
        raise UploadError(str(found))
    return found


def show() -> None:
    """The person's own picture becomes the victim, cut to the shape of the data set; or the sentence, or the row."""
    picture = _read(session().own, state.scenario().data)
    session().pictures[digest(picture)] = picture
    state.change(upload=digest(picture))


def leave() -> None:
    """The data set's picture is the victim again; the person's own is kept in memory."""
    state.change(upload="")


def fit() -> None:
    """Before a page is drawn: the person's own picture follows when the data set has become one of another shape; what is no sample of that data set makes room."""
    now = state.scenario()
    if not now.upload or not _own() or now.upload not in session().pictures:
        return
    if not _fits(now):
        leave()
    elif digest(_read(session().own, now.data)) != now.upload:
        show()


def _taking(data: Dataset) -> bool:
    """Whether a sample of one's own can stand in the place of one of this data set."""
    return bool(data.modality is PICTURE or data.vocabulary or data.columns)


def _fits(now: Scenario) -> bool:
    """Whether what this tab has uploaded last can be read as a sample of the data set on the screen."""
    if _taking(now.data):
        with contextlib.suppress(UploadError):
            _read(session().own, now.data)
            return True
    return False


def again() -> None:
    """The way back to the person's own picture, where another one is shown."""
    now = state.scenario()
    if _own() and not now.upload and _fits(now):
        press.button(things.say(now, "Show your own picture again"), "own picture", show, icon=":material/account_circle:", type="tertiary")


def _own() -> bytes:
    """The file that this tab has uploaded last; none where nobody could arrive, because the store cannot be used."""
    visitor = st.session_state.get("visitor")
    return visitor.own if visitor is not None else b""
