"""The page Audit, from top to bottom: what is handed over, then what one message of it gives away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from ...jobs.store import Job
from ...report.audit import TEXT_SCHEMA
from .. import press, pulse, state, trouble
from ..screen import screen
from ..session import session
from ..waits import waiting
from . import example, inputs, result, sentences
from .given import Given, given, take_example, take_sentences

BOXES = "own-given"
EMPTY = "Nothing has been audited yet"
WHAT = (
    "Hand over the net that your clients train, its weights if you have them, and a few records: this page says what one message of that net gives away of "
    "each of them, and what it takes to hide it. Or begin with the example."
)
PREPARED = (
    ":material/visibility: So it looks: the audit of the example, a small net with drawn weights and four digits, made before. **Try the example** computes it "
    "before your eyes; then change it."
)
BEFORE = (
    (
        "What you will see",
        (
            "Every record beside what attackers make of it, the most exposed first.",
            "InvRE and the expected best; the strongest attack that fits, which knows your defense.",
            "The least noise that hides the records, and what to do.",
            "A report to sign, as HTML, JSON and CSV.",
        ),
    ),
    (
        "What you hand over",
        (
            "**Net**: copy the layers above and change them, or take one of invviz.",
            "**Weights**: the state dict as safetensors; left out, they are drawn.",
            "**Records**: npz with x and y, a table as csv, pictures of one size, or sentences as txt for a net that reads words.",
            "**Never** .pt, pickle or ONNX, which can run code or change the net.",
        ),
    ),
    (
        "On your own machine",
        (
            "`invviz convert` makes safetensors of a .pt file.",
            "`invviz audit package.module:factory --data x.npz` audits any net.",
            "`invviz.audit(net, images, labels)` does so in Python.",
            "There nothing is uploaded, and nets may be larger.",
        ),
    ),
)


def arrive() -> None:
    """Take over the address, which says nothing of what was handed over."""
    state.read_address({})


def hand_over() -> None:
    """Boxes and settings; folded once there is a result."""
    with trouble.shown():
        own = given()
        if own.unread():
            with st.spinner("Reading it in a process of its own ..."):
                own.read()
        with st.expander(f"**Net, weights, records:** {_said(own)}", expanded=not own.asked, key=BOXES, on_change="rerun"):
            inputs.draw()
        if own.refused:
            st.error(trouble.plain(own.refused), icon=":material/block:")
        for note in own.taken.notes if own.taken else ():
            st.caption(f":material/info: {trouble.plain(note)}")
        inputs.settings()
        trouble.said()


def _said(own: Given) -> str:
    """What there is, in a few words that a person chose nothing of."""
    if own.refused:
        return "cannot be taken"
    if own.taken is None or own.taken.inputs is None:
        return "none yet"
    weights = f"{len(own.taken.weights)} tensors" if own.taken.weights else f"drawn with seed {own.seed}"
    net = "the example" if own.example else "layers" if own.form == "layers" else own.model.title
    return f"{net}, {weights}, {own.taken.facts['records']:,} {own.taken.facts['kind']}{'s' * (own.taken.facts['records'] != 1)}"


def draw() -> None:
    """The button, how far it is, and the finding; redrawn alone while it is computed."""
    with trouble.shown():
        _draw()


def _draw() -> None:
    state.write_address(views_alone=True)
    own, desk = given(), session().private
    job = desk.job(own.asked) if own.asked else None
    active = job is not None and job.active
    pulse.keep(active)
    _buttons(own, job if active else None)
    found, key = desk.result(own.asked) if own.asked else None, own.asked
    if job is not None and active:
        st.progress(min(job.done / job.total, 1.0) if job.total else 0.0, trouble.plain(_progress(job)))
        found, key = desk.result(own.before) if own.before else None, own.before
    elif job is not None and job.state == "failed":
        st.markdown("## This net cannot be audited as it is")
        st.error(trouble.plain(job.error).replace("\n", "  \n"), icon=":material/block:")
    elif found is None:
        st.markdown(f"## {'The audit was stopped before it had found anything' if job else EMPTY}")
        st.caption(WHAT)
        _before()
        if job is None and not own.files and (kept := example.load()):
            st.divider()
            st.caption(PREPARED)
            screen().made = _drawer(kept[0]).maker(kept[0])
            _drawer(kept[0]).draw(*kept, False)
    if found is not None:
        screen().made = _drawer(found).maker(found)
        if active or own.stale():
            now = "the new one is being computed" if active else "press Audit again"
            st.caption(f":material/history: What stands above has changed since; this is the audit of what stood there before, and {now}.")
        _drawer(found).draw(found, desk.arrays(key), bool(job and job.state == "stopped"))


def _drawer(found: dict[str, Any]) -> Any:
    """What draws an audit: of sentences another file than of all else."""
    return sentences if found["schema"] == TEXT_SCHEMA else result


def _before() -> None:
    """What there will be to see, what it takes, and the way without this page."""
    for place, (title, lines) in zip(st.columns(3, gap="large"), BEFORE, strict=True):
        with place:
            st.markdown(f"### {title}")
            st.markdown("\n".join(f"- {line}" for line in lines))


def _buttons(own: Given, job: Job | None) -> None:
    why = own.why_not()
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if job is not None:
            press.button("Stop", "own stop", lambda: session().private.stop(own.asked), icon=":material/stop:", disabled=job.stopping)
            return
        press.button(
            "Audit",
            "own audit",
            own.ask,
            type="primary" if not why else "secondary",
            icon=":material/policy:",
            disabled=bool(why),
            help=why or None,
        )
        if not own.files:
            press.button("Try the example", "own example", lambda: _ask(take_example), type="primary", icon=":material/play_arrow:")
            press.button("Try sentences", "own sentences", lambda: _ask(take_sentences), icon=":material/notes:")
        if why:
            st.caption(why)


def _ask(start: Callable[[], None]) -> None:
    """Begin; the boxes fold, so that the finding stands above the fold."""
    start()
    st.session_state[BOXES] = bool(given().refused)


def _progress(job: Job) -> str:
    """Where it is; attacks count their own steps."""
    said = waiting(job, "audit")
    return f"A real attack searches: {said}" if job.phase == "attack" else said
