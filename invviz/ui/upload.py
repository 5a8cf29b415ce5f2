"""A picture of one's own in place of the victim: kept in memory, for one tab."""

from __future__ import annotations

import streamlit as st

from ..core.errors import UploadError
from ..datasets._reader import KINDS
from ..datasets._upload import MAX_BYTES, digest, read_upload
from . import press, state
from .session import session

LARGEST = round(MAX_BYTES / 1e6)  # megabytes


def draw() -> None:
    """The box that takes a picture, and the way back to the data set's own."""
    st.caption(
        f"{KINDS}, at most {LARGEST} MB. Your picture stays in the memory of this server, for this tab only: it is never written to disk, "
        "and a copied link does not contain it."
    )
    given = st.file_uploader(
        "Your own picture as the victim",
        ["png", "jpg", "jpeg", "gif", "bmp", "tif", "tiff", "webp", "ppm", "pgm"],
        key=state.key("upload"),
        max_upload_size=LARGEST,
        on_change=press.acted,  # the run that it asks for may be folded into one of the clock's, which does not come past here
    )
    now = state.scenario()
    if given is not None:
        try:
            picture = read_upload(given.getvalue(), now.data.shape)
        except UploadError as err:
            st.error(str(err), icon=":material/broken_image:")
            return
        session().pictures[digest(picture)] = picture
        if now.upload != digest(picture):
            state.change(upload=digest(picture))
            st.rerun()
    elif now.upload:
        if now.upload not in session().pictures:
            st.warning("The link names an uploaded picture, which is not kept. Upload it again, or go back to the data set.")
        press.button("Back to the data set's picture", "no upload", lambda: state.open_scenario(now.replace(upload="")))
