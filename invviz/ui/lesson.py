"""What a teacher's link switches off, and the class it is for.

The link is an address with a few more names. They hold for the tab as long as it is open, on every page; a new address without them is a tab without them, so a
student who edits the address gets everything back, and the dialog that makes the link says so.
"""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Iterable

import streamlit as st

from ..core.component import shown
from ..defenses import Stack
from ..jobs.store import class_problem
from ..scenario import PARTS, SETTINGS, Scenario

HIDES = {
    "ideal": "the ideal attacker",
    "attack": "the real attack",
    "score": "all scores and verdicts",
    "spectrum": "the singular values",
}
LOCKS = {
    "data": "the data",
    "model": "the model",
    "defense": "the defense, but for its strength",
    "strength": "the strength of the defense",
    "attack": "the attack",
    "more": "the other settings, under More",
    "all": "all of these",
}
NAMES = ("class", "hide", "lock", "board", "present")
HIDDEN = "Hidden by the link of this class."
NO_SCORE = "score hidden"
UNDER = {"upload": "data", "attacker": "attack"}  # settings that are locked with a part


@dataclasses.dataclass(frozen=True)
class Lesson:
    """What holds for this tab.

    Attributes:
        group: name of the class whose guesses come together; empty for none.
        hide: of HIDES.
        lock: of LOCKS.
        board: whether the class's guesses are shown without a guess of one's own: the teacher's screen.
        present: whether things are shown large, and one at a time.
    """

    group: str = ""
    hide: frozenset[str] = frozenset()
    lock: frozenset[str] = frozenset()
    board: bool = False
    present: bool = False

    def pairs(self) -> list[tuple[str, str]]:
        """As an address has it."""
        listed = (("class", self.group), ("hide", _join(self.hide, HIDES)), ("lock", _join(self.lock, LOCKS)))
        flags = (("board", self.board), ("present", self.present))
        return [(name, text) for name, text in listed if text] + [(name, "on") for name, on in flags if on]


def read(pairs: Iterable[tuple[str, str]]) -> None:
    """Take over what an address says of the lesson; one that says nothing leaves everything as it is. What of it cannot be read, `misread` says."""
    given = {name: value for name, value in pairs if name in NAMES}
    if not given or given == st.session_state.get("lesson given"):
        return
    st.session_state["lesson given"] = given
    trouble = [class_problem(given["class"])] if given.get("class") else []
    chosen = {name: frozenset(filter(None, given.get(name, "").split(","))) for name in ("hide", "lock")}
    for name, allowed in (("hide", HIDES), ("lock", LOCKS)):
        if strange := sorted(chosen[name] - allowed.keys()):
            trouble.append(f"{name} knows {', '.join(allowed)}; given was {', '.join(map(shown, strange))}, which was left out.")
    trouble += [
        f"{name} is on or absent; given was {shown(given[name])}." for name in ("board", "present") if given.get(name, "on") != "on"
    ]
    st.session_state["lesson"] = Lesson(
        "" if class_problem(given.get("class", "")) else given["class"],
        chosen["hide"] & HIDES.keys(),
        chosen["lock"] & LOCKS.keys(),
        given.get("board") == "on",
        given.get("present") == "on",
    )
    st.session_state["lesson misread"] = " ".join(filter(None, trouble))


def misread() -> str:
    """What of the last address could not be read, once."""
    return st.session_state.pop("lesson misread", "")


def lesson() -> Lesson:
    """That of this tab."""
    return st.session_state.get("lesson", Lesson())


def hidden(what: str) -> bool:
    """Whether the link hides it."""
    return what in lesson().hide


def locks(part: str) -> bool:
    """Whether the link locks a part or a setting of the scenario, or the strength of its last defense."""
    return bool({UNDER.get(part, part if part in LOCKS else "more"), "all"} & lesson().lock)


def kept(old: Scenario | None, new: Scenario) -> Scenario:
    """A scenario with what is locked as it was, wherever the other one came from."""
    if old is None or not lesson().lock:
        return new
    back = {
        name: getattr(old, name)
        for name in (*PARTS, *SETTINGS)
        if name != "defense" and locks(name) and getattr(new, name) != getattr(old, name)
    }
    stack = _stack(old.defense, new.defense)
    return new.replace(**back, defense=stack) if back or stack != new.defense else new


def _stack(old: Stack, new: Stack) -> Stack:
    """The defenses with what is locked of them as it was. Locked defenses leave the slider free, unless that is locked, too."""
    moved = _with_strength_of(old, new)
    if locks("defense"):
        return old if locks("strength") or moved != new else new
    return _with_strength_of(new, old) if locks("strength") else new


def _with_strength_of(stack: Stack, other: Stack) -> Stack:
    """A stack with the last strength of another one; itself where their last defenses are of two kinds."""
    if not stack or not other or type(stack[-1]) is not type(other[-1]) or not (knob := stack[-1].strength):
        return stack
    return stack.put(len(stack) - 1, stack[-1].replace(**{knob: getattr(other[-1], knob)}))


def who() -> str:
    """A word drawn at random for this tab, under which its guesses are kept."""
    return st.session_state.setdefault("lesson seat", uuid.uuid4().hex)


def _join(chosen: frozenset[str], known: dict[str, str]) -> str:
    return ",".join(name for name in known if name in chosen)
