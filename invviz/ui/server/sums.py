"""The page Server: what the ideal attacker learns of one client from the sum over many, at sliders of clients and of colluders."""

from __future__ import annotations

import functools
from html import escape

import numpy as np
import streamlit as st

from ...charts.sums import curve
from ...metrics import PSNR
from ...studies.aggregation import COMMAND, Prepared, prepared
from .. import choice, drawn, state
from ..widgets import holds

VIEWS = {"sum": "16", "colluders": "0", "loud": "0.1"}
LOUD = {"0.01": "1 %", "0.1": "10 %", "1": "100 %"}
LEFT_OUT = "data=digits&model=mlp(width=2,act='tanh')&protocol=hfl(lr=1e-06)&attack=dlg&aggregation=secure(clients=7,partners='without')&dtype=float64&rounds=2"
TOGETHER, APART = 10.7, 83.3  # dB, of this with partners='same' and as it is; held by a test
PARTNERS = (
    "**A server that picks who is summed needs no planted net.** It asks for two sums and leaves the client out of one: their difference is the client's message, as far as the net stood still between "
    f"them. 7 clients, no noise: {TOGETHER} dB from two sums with the client in both (the nearest of 7 guesses), {APART} dB where the second leaves it out (`{LEFT_OUT}`)."
)
MISSING = "The prepared sums are not on this machine, or are of another version; `{command}` makes them."


def draw() -> None:
    """Sliders, the finding, curve and pictures."""
    st.markdown("## Does a sum hide a client?")
    found = prepared()
    if found is None:
        st.caption(MISSING.format(command=COMMAND))
        return
    clients, colluding, loud = chosen(found)
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom", key="server-sum-bar"):
        with st.container(width=330):
            st.slider(
                "Clients in the sum", 1, found.most, clients, help="Secure aggregation: the server sees only the sum of their messages.",
                **holds("sum", clients, functools.partial(_set, "sum")),
            )  # fmt: skip
        with st.container(width=330):
            st.slider(
                "Of them collude with the server", 0, max(clients - 1, 1), colluding, disabled=clients == 1,
                help="They tell the server what they sent, and it takes that off the sum. Sybils are clients of the server's own.",
                **holds("colluders", colluding, functools.partial(_set, "colluders")),
            )  # fmt: skip
        choice.of_view("loud", LOUD, "Noise on the sum", VIEWS["loud"], help="Of a typical entry of the victim's own message.")
    score, picture = found.at(clients, colluding, float(loud))
    said = finding(found, clients, colluding, score)
    st.markdown(f"### {said}")
    with st.container(horizontal=True, gap="medium", key="server-sum"):
        with st.container(width="stretch"):
            dark = st.context.theme.type == "dark"
            noise = float(loud)
            plain = found.curve(noise) if colluding else []
            spec = curve(found.curve(noise, colluding), plain, (clients, score), found.full + colluding, found.most, dark)
            st.vega_lite_chart(spec, key="server sum chart", alt=said)
        with st.container(width=240):
            _pictures(found, picture, score)
    st.markdown(PARTNERS)
    st.caption(caveats(found))


def chosen(found: Prepared) -> tuple[int, int, str]:
    """Clients, colluders and noise of the address, within what was prepared."""
    clients = min(max(state.whole("sum") or int(VIEWS["sum"]), 1), found.most)
    return clients, min(state.whole("colluders") or 0, clients - 1), choice.pick("loud", LOUD, VIEWS["loud"])


def finding(found: Prepared, clients: int, colluding: int, score: float) -> str:
    """What the ideal attacker learns, in a sentence, and on which side of K* that is."""
    who = (
        "One client by itself"
        if clients == 1
        else f"{clients} clients, {colluding or 'none'} of them {'collude' if colluding > 1 else 'colludes'}"
    )
    honest = clients - colluding
    more = honest * found.unknowns > found.equations
    side = f"{'more' if more else 'fewer'} unknowns than the sum has numbers"
    return f"{who}: for an ideal attacker the sum takes away {100 * score:.0f} % of the squared error of guessing one ({side})."


def caveats(found: Prepared) -> str:
    """What the curve is of, and what it assumes."""
    return (
        f"Dashed: the ideal attacker in closed form; the other clients' pictures are noise with a shape to it. Pale: without colluders. From K* = p / n = {found.full:.0f} clients on that do not collude "
        f"the sum has fewer numbers (p = {found.equations:,}) than unknowns (n = {found.unknowns} a client); each colluder moves that by one. Noise, and clients whose slopes are alike, protect earlier. To first order no attacker gets more (slopes at the truth are given, and who is who); where the net curves one may. "
        f"Digits, one picture a client; the mask of secure aggregation itself costs no accuracy and adds no noise here. {found.scenario.text()}. Made by `{COMMAND}`."
    )


def _pictures(found: Prepared, picture: np.ndarray, score: float) -> None:
    cells = [
        _figure("own", "The client's picture", found.truth[None], "never sent"),
        _figure(
            "ideal",
            "An ideal attacker",
            picture[None],
            f"{PSNR().score(picture[None], found.truth[None].astype(float))[0]:.1f} dB · InvRE {score:.2f}",
        ),
    ]
    dark = " dark" if st.context.theme.type == "dark" else ""
    st.html(f'<div class="attacks tiles{dark}">{"".join(cells)}</div>')


def _figure(role: str, title: str, picture: np.ndarray, said: str) -> str:
    shown = f'<img src="{drawn.thumb(picture)}" alt="{escape(f"{title}: {said}")}">'
    return f'<figure class="{role}"><b>{escape(title)}</b>{shown}<figcaption>{escape(said)}</figcaption></figure>'


def _set(view: str, value: int) -> None:
    state.set_view(view, str(value))
