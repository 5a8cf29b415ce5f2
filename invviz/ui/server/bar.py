"""The controls of the page Server: data and batch, the server and its main knob, and how many clients are summed; the rest under More."""

from __future__ import annotations

import functools

import streamlit as st

from ...scenario import Scenario
from ...scenario.families import servers
from ...servers import AGGREGATIONS
from .. import choice, form, knobs, lesson, press, state, trouble

TAKEN = (
    "server",
    "attack",
    "model",
    "aggregation",
    "protocol",
    "defense",
    "batch",
    "layer",
    "rounds",
    "attacker",
)  # what may change with a server
SUMMED = (1, 2, 4, 8, 16)  # clients that have a button


def controls() -> None:
    """The row at the top."""
    now = state.scenario()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="server-bar"):
        with st.container(width=170):
            form.pick("Data", "data", servers.empty)
        with st.container(width="content"):
            _batch(now)
        with st.container(width=300):
            _server(now)
        for place, knob in (("sight ", servers.in_sight(now.server)), ("hides ", servers.hides(now.server))):
            if knob is not None:
                with st.container(width=125):
                    seat = state.seats("server")[0]
                    taken = functools.partial(_set, seat, knob.name)
                    knobs.widget(knob, getattr(now.server, knob.name), taken, seat, place)
        with st.container(width="content"):
            _clients(now)
        with st.container(width=110):
            form.behind(servers.empty, lambda: form.pick("Model", "model", servers.empty), lambda: form.pick_defense(servers.empty))
    trouble.said()


def _batch(now: Scenario) -> None:
    sizes = [str(n) for n in sorted({*servers.BATCHES, now.batch})]
    choice.one_of(
        "Pictures in the batch",
        "batch",
        sizes,
        str(now.batch),
        lambda n: state.change(batch=int(n)),
        disabled=lesson.locks("batch"),
        help="All go into one message: their gradients are averaged.",
    )


def _server(now: Scenario) -> None:
    table, own = servers.liars(), now.server.name
    names = [*table, *([] if own in table else [own])]
    why = {name: "" if name == own else servers.empty(servers.chosen(now, name)) for name in names}

    def taken(name: str) -> None:
        now = state.scenario()
        found = servers.chosen(now, name)
        state.change(**{part: getattr(found, part) for part in TAKEN if getattr(found, part) != getattr(now, part)})
        press.acted()

    choice.from_list(
        "Server",
        "liar",
        names,
        own,
        taken,
        lambda name: (table[name].title if name in table else now.server.title) + (" (does not fit)" if why[name] else ""),
        help=now.server.first_line() + "".join(f"\n\n**{table[n].title} does not fit.** {trouble.plain(w)}" for n, w in why.items() if w),
        disabled=lesson.locks("server"),
    )


def _clients(now: Scenario) -> None:
    """How many clients' messages the server sees only as their sum."""
    if "secure" not in AGGREGATIONS:
        return
    count = getattr(now.aggregation, "clients", 1)
    options = [str(n) for n in sorted({*SUMMED, count})]
    choice.one_of(
        "Clients that are summed",
        "summed",
        options,
        str(count),
        _summed,
        lambda n: "1: no sum" if n == "1" else n,
        help="Secure aggregation: the server sees the sum of so many clients' messages, and none by itself. More of it below.",
        disabled=lesson.locks("aggregation"),
    )


def _summed(chosen: str) -> None:
    count, before = int(chosen), state.scenario().aggregation
    if count == 1:
        state.change(aggregation=AGGREGATIONS["plain"]())
    elif before.name == "secure":
        state.change(aggregation=before.replace(clients=count, colluding=min(before.colluding, count - 1)))  # type: ignore[attr-defined]
    else:
        state.change(aggregation=AGGREGATIONS["secure"](clients=count))  # type: ignore[call-arg]
    press.acted()


def _set(seat: state.Seat, name: str, value: object) -> None:
    state.set_knobs(seat, **{name: value})
    press.acted()  # More, Setting shows the same knob
