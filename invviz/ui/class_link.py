"""A teacher's links: one for the class, one for the screen in front of it."""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

import streamlit as st

from ..jobs.store import class_name, class_problem
from ..scenario import Scenario
from . import lesson, state, trouble
from .lesson import Lesson
from .pages import HOME, PAGES

GUIDE = "guide"
NAMED = "class in links"  # in the session: the last name that a link can hold
WHERE = {GUIDE: "the tour of the Guide", HOME: "the Lab, with what is shown now"}
HONEST = (
    "A link hides and locks on the page, for whoever follows it as it is: **who edits the address gets everything back.** Guesses come together without names, one number a tab, "
    "and are forgotten after a day; who reloads the page can guess again."
)


def link(base: str, where: str, now: Scenario, what: Lesson) -> str:
    """An address.

    Args:
        base: any address of this server.
        where: of WHERE.
        now: the scenario that the Lab shows; the tour has its own.
        what: holds for whoever follows it.
    """
    parts = urlsplit(base)
    pairs = (now.pairs() if where == HOME else []) + what.pairs()
    return f"{parts.scheme}://{parts.netloc}/{'' if where == HOME else where}" + (f"?{urlencode(pairs)}" if pairs else "")


def reachable(base: str) -> bool:
    """Whether another device can open an address of this server: not one that means the machine itself."""
    host = urlsplit(base).hostname or ""
    return host not in ("localhost", "::1", "0.0.0.0", "::") and not host.startswith("127.")


def code(address: str) -> str:
    """A QR code of an address as an image in HTML, dark on white with the quiet zone that scanners need; made here, nobody else is asked."""
    import segno  # used by this dialog alone

    picture = segno.make(address, error="m", micro=False).png_data_uri(scale=8, border=4, dark="#000000", light="#FFFFFF")
    return f'<img class="qr" src="{picture}" alt="QR code of the link for the class">'


@st.dialog("A link for my class", width="medium")
def draw() -> None:
    """A dialog: what the link is to do, and the link."""
    form()


def form() -> None:
    """Its inside."""
    group = _named(
        st.text_input("Name of the class", help="Guesses of all who follow the link come together under this name.", key="class name")
    )
    places = [name for name in WHERE if name in PAGES]
    where = st.segmented_control("It opens", places, default=places[0], format_func=WHERE.__getitem__, required=True, key="class where")
    hide: list[str] = []
    lock: list[str] = []
    if where == HOME:
        hide = st.pills("Hidden", list(lesson.HIDES), selection_mode="multi", format_func=lesson.HIDES.__getitem__, key="class hide")
        lock = st.pills("Locked", list(lesson.LOCKS), selection_mode="multi", format_func=lesson.LOCKS.__getitem__, key="class lock")
        if hide:
            st.caption("Where something is hidden, the other pages, which would show it, cannot be opened.")
    base, now = st.context.url or "http://localhost:8501/", state.scenario()
    st.markdown("**For the class**")
    address = link(base, where or HOME, now, Lesson(group, frozenset(hide), frozenset(lock)))
    st.code(address, language=None, wrap_lines=True)
    if reachable(base):
        st.html(code(address))
    tour = where != HOME
    st.markdown("**For your screen**: large" + (", with the guesses of the class as they come" if group and tour else ""))
    own = Lesson(group if tour else "", frozenset(hide), board=bool(group) and tour, present=True)
    st.code(link(base, where or HOME, now, own), language=None, wrap_lines=True)
    if hide:
        st.caption("On your screen the same is hidden; to show it, open the page without a link.")
    if not reachable(base):
        st.caption(
            "This page was opened under a name that means this machine alone. To be reached by a class, start the server with `--server.address 0.0.0.0` and open it "
            "under the machine's own name or number in the network: the link then holds that name, and a QR code to scan from the projector stands here."
        )
    st.caption(HONEST)


def _named(typed: str) -> str:
    """The class's name in the links: what was typed, or the nearest that an address can hold, which is said; where nothing of it is left, the last one."""
    typed, before = typed.strip(), st.session_state.get(NAMED, "")
    why = class_problem(typed) if typed else ""
    name = class_name(typed) if why else typed
    if name != typed and name:
        st.caption(
            f"In the links the class is called **{trouble.plain(name)}**: letters from a to z, digits, hyphens and underscores, at most 40 in all."
        )
    elif why:
        name = before
        st.error(
            f"{trouble.plain(why)} The links below are {f'for {before}, as before' if before else 'without a class'}.",
            icon=":material/error:",
        )
    st.session_state[NAMED] = name
    return name
