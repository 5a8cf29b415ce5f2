"""The page Server: what the server changed in the net, as a picture of weights beside the honest ones."""

from __future__ import annotations

from html import escape

import streamlit as st

from ...charts.weights import ENDS, gradient, heat
from ...core.figures import number
from . import words
from .sent import Sent


def draw(sent: Sent) -> None:
    """Honest and planted rows, in the same colours, with what is odd."""
    planted = sent.planted
    st.markdown("### What the server changed")
    if not planted["layer"]:
        st.caption(words.odd(planted))
        return
    cells = [
        _figure("honest", "The honest net", planted["beside"], planted["beside_shape"], planted["beside_rms"], heat(sent.beside_rows)),
        _figure(
            "planted",
            "What it sent" if planted["own"] else "What others got",
            planted["layer"],
            planted["shape"],
            planted["rms"],
            heat(sent.rows),
        ),
    ]
    dark = " dark" if st.context.theme.type == "dark" else ""
    scale = f'<div class="scale"><span>−{ENDS:.0f}</span><i style="background: {gradient()}"></i><span>+{ENDS:.0f} times the layer\'s own rms</span></div>'
    st.html(f'<div class="server weights{dark}"><div>{"".join(cells)}</div>{scale}</div>')
    st.caption(words.odd(planted))


def _figure(role: str, title: str, layer: str, shape: list[int], rms: float, picture: str) -> str:
    rows, columns = shape
    said = f"{layer}, {rows:,} × {columns:,}, rms {number(rms, 2)}"
    image = f'<img src="{picture}" alt="{escape(f"{title}: {said}; a row of weights in every line")}">'
    return f'<figure class="{role}"><b>{escape(title)}</b>{image}<figcaption>{escape(said)}</figcaption></figure>'
