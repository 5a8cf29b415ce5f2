"""Sweeps that were asked for here."""

from __future__ import annotations

import streamlit as st

from ...jobs.store import Store
from .. import press, reporting, state, trouble
from ..curves import source
from ..curves.launch import ASKED
from ..pages import FOLDER
from ..session import station
from .chosen import mine

SHOWN = 20
FORGET = "Takes the sweep off this list and off the page Curves, for everybody on this machine; its results stay, and the same text finds them again."


def draw(store: Store) -> None:
    """Each with its text, newest first."""
    texts = store.sweeps()
    st.markdown(f"## {len(texts):,} sweep{'s' * (len(texts) != 1)} {'were' if len(texts) != 1 else 'was'} asked for here")
    for text in texts[:SHOWN]:
        key = source.key_of(text)
        with st.container(border=True):
            st.markdown(f"**{trouble.plain(source.in_short(text))}**")
            st.code(text if len(text) < 1_000 else f"{text[:1_000]} ...", language=None, wrap_lines=True)
            with st.container(horizontal=True, gap="small"):
                press.button(
                    "Open in Curves",
                    f"sweep open {key}",
                    lambda key=key: _open(key),
                    str(FOLDER / "curves.py"),
                    icon=":material/open_in_new:",
                )
                st.download_button(
                    "Report", reporting.of_keys(store, [key]), f"invviz-{key}.html", "text/html", key=state.key(f"sweep report {key}"), on_click="ignore", icon=":material/description:"
                )  # fmt: skip
                if not mine() or text in st.session_state.get(ASKED, ()):  # on a server for others one's own alone
                    press.button("Forget", f"sweep forget {key}", lambda text=text: station().store.forget_sweep(text), type="tertiary", icon=":material/close:", help=FORGET)  # fmt: skip
    if len(texts) > SHOWN:
        st.caption(f"and {len(texts) - SHOWN:,} older ones, which the page Curves lists.")


def _open(key: str) -> None:
    for view, value in {"of": key, "point": "", "seen": "", "setting": "0"}.items():
        state.set_view(view, value)
