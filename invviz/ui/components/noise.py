"""The noise slider that answers in the browser: its parts on a page, and what it tells of.

Streamlit's own slider, picture, chart and words stay: whoever has no such component (an older Streamlit, a page in a test, a browser that refuses the script) sees those.
They are drawn in a container of `instead`, which the script hides when it runs; once it has told of a first move they are not drawn any more.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import streamlit as st
from streamlit import runtime
from streamlit.errors import StreamlitAPIException

from ...core.paths import ROOT
from .table import NoiseTable

TOLD, HAVE = "noise told", "noise tables"  # in the session: the script runs, and has these tables
_lock = threading.Lock()
_mounts: list[Callable[..., Any] | None] = []


def available() -> bool:
    """Whether this server can show it."""
    return _here() is not None


def slider(
    board: str,
    label: str,
    help: str,
    stops: Sequence[float],
    words: Sequence[str],
    at: float,
    name: str,
    taken: Callable[[Any], object],
    calm: bool = False,
) -> None:
    """The slider itself.

    Args:
        board: of the page: what it shares with the parts that it moves.
        label: its name.
        help: a sentence or two, shown on request.
        stops: strengths.
        words: each in words.
        at: the present one.
        name: of the widget: the same while it is the same slider.
        taken: takes another one of the stops, when it is let go there.
        calm: whether nothing else on the page fades while it is moved.
    """
    if (mount := _here()) is None:
        return
    key = f"noise@{name}"

    def told() -> None:
        said = getattr(st.session_state.get(key), "moved", None)  # it may be gone by now
        if not isinstance(said, dict):
            return
        st.session_state[TOLD] = True
        have = said.get("have")
        st.session_state[HAVE] = {one for one in have if isinstance(one, str)} if isinstance(have, list) else set()
        to = said.get("at")
        chosen = next((stop for stop in stops if isinstance(to, int | float) and stop == to), None)
        if chosen is not None:  # anything else no slider sends
            taken(chosen)

    data = {
        "kind": "slider",
        "board": board,
        "label": label,
        "help": help,
        "stops": list(stops),
        "words": list(words),
        "at": at,
        "calm": calm,
    }
    mount(key=key, data=data, on_moved_change=told)


def table(board: str, found: NoiseTable | None) -> None:
    """What all parts of a board draw from, None where nothing is known; its bytes are sent as long as the browser has not said that it has them."""
    if (mount := _here()) is None:
        return
    with st.container(key=f"noise-table-{board}"):
        if found is not None and found.name not in st.session_state.get(HAVE, ()):
            mount(key=f"noise table {board}", data=found.data)
        else:
            mount(key=f"noise table {board}", data={"kind": "table", "board": board, "name": found.name if found else ""})


def part(board: str, kind: str, **given: Any) -> None:
    """A part of the page that the slider moves: "picture", "finding", "spectrum", "brief" or "tile"; `given` as its script takes it."""
    if (mount := _here()) is not None:
        mount(key=f"noise {kind} {board}", data={"kind": kind, "board": board, **given})


def asking(board: str, kind: str, told: Callable[[object], object], **given: Any) -> None:
    """A part that tells of what is pressed in it; otherwise as `part`."""
    key = f"noise {kind} {board}"
    if (mount := _here()) is not None:
        mount(
            key=key,
            data={"kind": kind, "board": board, **given},
            on_pressed_change=lambda: told(getattr(st.session_state.get(key), "pressed", None)),
        )


@contextlib.contextmanager
def instead(place: str, live: bool) -> Iterator[bool]:
    """Where what Streamlit itself draws has its place; says whether it is still needed.

    Args:
        place: letters and hyphens.
        live: whether a part of this component stands beside it.
    """
    with st.container(key=f"{'plain' if live else 'only'}-{place}"):
        yield not (live and st.session_state.get(TOLD, False))


def _here() -> Callable[..., Any] | None:
    """What puts a part on this page; None where the page is drawn for a test."""
    server = runtime.get_instance() if runtime.exists() else None
    return _mount() if type(server) is runtime.Runtime else None  # the tester's is one by isinstance, too


def _mount() -> Callable[..., Any] | None:
    """Registered once; None where this Streamlit has no such components."""
    if not _mounts:
        with _lock:
            if not _mounts:
                _mounts.append(_registered())
    return _mounts[0]


def _registered() -> Callable[..., Any] | None:
    """By its folder, so that the script is a file of this server: the page's policy lets nothing else run."""
    try:
        from streamlit.components.v2 import component
        from streamlit.components.v2.get_bidi_component_manager import get_bidi_component_manager
        from streamlit.components.v2.manifest_scanner import ComponentConfig, ComponentManifest

        get_bidi_component_manager().register_from_manifest(
            ComponentManifest("invviz", "1", [ComponentConfig("noise", "assets/noise")]), ROOT
        )
        return component("invviz.noise", js="noise.js", isolate_styles=False)
    except (ImportError, AttributeError, TypeError, StreamlitAPIException):
        return None
