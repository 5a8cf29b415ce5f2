"""Where net, weights and records are handed over, and how the audit is set."""

from __future__ import annotations

from typing import Any

import streamlit as st

from ...datasets._reader import KINDS
from ...defenses import DEFENSES
from ...engine.intake import DATA, MOST_FILES, WEIGHTS
from ...models import MODELS
from ...models.own import KINDS as LAYERS
from .. import choice, knobs, lesson, press, strength, trouble
from ..widgets import holds
from .given import EXAMPLE, MOST, Given, given

MB = 10**6
SECONDS = (5, 10, 20, 60, 120)
MEMORY = (
    "Net, weights and records stay in the memory of this server, for this tab only: they are never written to disk, a copied link does not contain them, and they are gone "
    "two minutes after the tab is closed (a broken connection may come back until then). They are read in a process of their own, which runs nothing of them."
)
NEVER = "Never .pt, pickle or ONNX: reading those can run code, or changes the net. `invviz convert` makes safetensors of them on your own machine."


def draw() -> None:
    """Three columns: the net, its weights, the records."""
    own, locked = given(), lesson.locks("upload")
    net, weights, records = st.columns([1.5, 1, 1], gap="medium")
    with net:
        _net(own, locked)
    with weights:
        _weights(own, locked)
    with records:
        _records(own, locked)
    st.caption(f":material/lock: {MEMORY}")
    if locked:
        st.caption("Locked by the link of this class.")


def settings() -> None:
    """What is sent, and for how long attacks search."""
    own = given()
    first, count, defense, level, seconds = st.columns([1, 1, 1.8, 2, 1], vertical_alignment="bottom")
    many = own.taken.facts["records"] if own.taken and own.taken.inputs is not None else 1
    with first:
        help_ = "Place of the first record of the batch, counted from 0."
        st.number_input(
            "First record", 0, max(many - 1, 0), own.batch[0], help=help_, **holds("own first", own.batch[0], lambda v: own.change(first=v))
        )
    with count:
        help_ = f"Records whose message is audited: those of one local batch, at most {MOST} here."
        st.number_input("Records", 1, MOST, own.count, help=help_, **holds("own count", own.count, lambda v: own.change(count=v)))
    with defense:
        names = ["none", *(name for name, kind in DEFENSES.items() if not (kind.needs.public or kind.needs.embedding))]
        now = own.defense.name if own.defense else "none"
        taken = lambda name: own.change(defense=None if name == "none" else DEFENSES[name]())  # noqa: E731
        title = lambda name: "None" if name == "none" else DEFENSES[name].title  # noqa: E731
        hint = "What the client does to its message. The attacker knows it, but not its random draw."
        choice.from_list("Defense", "own defense", names, now, taken, title, help=hint, disabled=lesson.locks("defense"))
    with level:
        _level(own)
    with seconds:
        hint = "For all attacks together; the spectrum takes its own time."
        st.selectbox(
            "Seconds", SECONDS, SECONDS.index(own.seconds), help=hint, **holds("own seconds", own.seconds, lambda v: own.change(seconds=v))
        )


def _level(own: Given) -> None:
    one = own.defense
    if one is None:
        st.caption("No defense: the message is sent as it is.")
        return
    options, at = strength.options(one), getattr(one, one.strength)
    taken = lambda value: own.change(defense=one.replace(**{one.strength: value}))  # noqa: E731
    held = holds("own strength", at, taken)
    st.select_slider(
        "Strength", options, at, format_func=lambda v: one.level(v), help=strength.caption(one), disabled=lesson.locks("strength"), **held
    )


def _net(own: Given, locked: bool) -> None:
    words = {"layers": "Layers as JSON", "registry": "One of invviz"}
    choice.one_of("**1. Net**", "own form", list(words), own.form, lambda v: own.change(form=v), words.__getitem__, disabled=locked)
    if own.form == "layers":
        held = holds("own layers", own.layers, lambda v: own.change(layers=v))
        st.text_area("Input shape and layers", own.layers, height=176, disabled=locked, label_visibility="collapsed", **held)
        with st.container(horizontal=True, gap="small"):
            with st.popover("Layers that there are", icon=":material/list:"):
                _list()
            if own.layers != EXAMPLE:
                press.button(
                    "Back to the example", "own layers back", lambda: own.change(layers=EXAMPLE), type="tertiary", icon=":material/undo:"
                )
    else:
        titles = lambda name: MODELS[name].title  # noqa: E731
        left, right = st.columns([2, 1], vertical_alignment="bottom")
        with left:
            choice.from_list(
                "Architecture", "own model", list(MODELS), own.model.name, lambda n: own.change(model=MODELS[n]()), titles, disabled=locked
            )
        with right:
            held = holds("own classes", own.classes, lambda v: own.change(classes=v))
            st.number_input("Classes", 2, 10_000, own.classes, disabled=locked, **held)
        with st.popover("Knobs", icon=":material/tune:"):
            for knob in own.model.knobs():
                if knob.name != "init":
                    change = lambda value, name=knob.name: own.change(model=own.model.replace(**{name: value}))  # noqa: E731
                    knobs.widget(knob, getattr(own.model, knob.name), change)
        st.caption("It takes its input shape from the records.")
    facts = own.taken.facts if own.taken else {}
    if "parameters" in facts:
        said = f"takes {_x(facts['takes'])}, gives {_x(facts['gives'])}"
        st.caption(f":material/check: {facts['parameters']:,} parameters in {facts['tensors']} tensors; {said}.")


def _list() -> None:
    """The layers with their knobs, to copy from."""
    st.caption(
        'The net is {"input": shape of one record, "layers": [...]}. A layer may have a "name", with which its parameters begin; else it is counted from 0. '
        '"sequential" holds "layers"; "residual" adds what comes in, or its "shortcut".'
    )
    rows = [f"{name}: {', '.join(kind.knobs) or 'no knobs'}" for name, kind in LAYERS.items()]
    st.code("\n".join(["sequential: layers", "residual: layers, shortcut", *rows]), language=None, wrap_lines=True, height=340)


def _weights(own: Given, locked: bool) -> None:
    given_ = st.file_uploader(
        "**2. Weights** (safetensors; may be left out)",
        key="own weights box", max_upload_size=WEIGHTS.size // MB, disabled=locked, help=NEVER, on_change=lambda: _took("own weights box", own, "weights"),
    )  # fmt: skip
    if own.weights is None:
        hint = "Weights are drawn from this seed, as at the start of training."
        st.number_input("Drawn with seed", 0, 2**31 - 1, own.seed, help=hint, **holds("own seed", own.seed, lambda v: own.change(seed=v)))
    elif given_ is None:
        _kept(f"{own.weights[0]}, {len(own.weights[1]) / MB:.1f} MB", "weights", lambda: own.change(weights=None))
    if own.taken and own.taken.weights:
        st.caption(f":material/check: {len(own.taken.weights):,} tensors, all of them the net's.")


def _records(own: Given, locked: bool) -> None:
    given_ = st.file_uploader(
        "**3. Records** (npz, npy, csv, txt or pictures)",
        accept_multiple_files=True, key="own records box", max_upload_size=DATA.size // MB, disabled=locked,
        help=f"npz: records as x, labels as y. csv: one record a line, labels in a column named label. Pictures: {KINDS}, at most {MOST_FILES}, of one size. "
        "For nets that read words: txt, one sentence a line, or whole numbers of words; the words in a file vocabulary.txt, one a line.",
        on_change=lambda: _took("own records box", own, "files"),
    )  # fmt: skip
    if own.files and not given_:
        what = "the example" if own.example else ", ".join(name for name, _ in own.files[:3])
        _kept(what, "records", lambda: own.change(files=()))
    if own.files:
        hint = "One class number a record, with commas. Left out: those of the file, or 0."
        st.text_input(
            "Labels",
            own.labels,
            placeholder="those of the file",
            help=hint,
            disabled=locked,
            **holds("own labels", own.labels, lambda v: own.change(labels=v)),
        )
    facts = own.taken.facts if own.taken else {}
    if "records" in facts:
        assert own.taken is not None and own.taken.inputs is not None
        st.caption(
            f":material/check: {facts['records']:,} {facts['kind']}{'s' * (facts['records'] != 1)} of {_x(own.taken.inputs.shape[1:])}."
        )


def _kept(words: str, name: str, drop: Any) -> None:
    """What was handed over before another page was opened, whose box is empty now."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(f":material/description: {trouble.plain(words)}")
        press.button("Remove", f"own drop {name}", drop, type="tertiary", icon=":material/close:")


def _took(key: str, own: Given, what: str) -> None:
    """A person gave files, or took one out of the box."""
    press.acted()
    found = st.session_state[key]
    if what == "weights":
        own.change(weights=None if found is None else (found.name, found.getvalue()))
    else:
        own.change(files=tuple((one.name, one.getvalue()) for one in found or ()))


def _x(shape: Any) -> str:
    return " x ".join(map(str, shape))
