"""What an older result was made for, where something else is set now: old results stay until new ones arrive, and say that they are old."""

from __future__ import annotations

from ..core.component import Component
from ..defenses import Stack
from ..scenario import SETTINGS, Scenario

UNFINISHED = "these very settings, but not to its end"
PARTS = ("data", "model", "protocol", "attack", "server", "aggregation")


def made_for(old: Scenario, now: Scenario) -> str:
    """In what the scenario of an attack's result differs from the present one: what it was made for, and what is set now; defaults are named, too.

    Args:
        old: of the result.
        now: on the screen.

    Returns:
        In words; empty where an attack would find the same in both.

    Example:
        >>> old = Scenario.parse("data=digits&model=mlp&defense=gaussian_noise&attack=dlg")
        >>> made_for(old, Scenario.parse("data=digits&model=mlp&defense=gaussian_noise(sigma=10.0)&attack=dlg"))
        "Gaussian noise: 1 % of the message's typical entry (now 1,000 %)"
    """
    was, is_ = old.only("run"), now.only("run")
    found = []
    for part in PARTS:
        found += _component(part, getattr(was, part), getattr(is_, part))
    found += _defenses(was.defense, is_.defense)
    for name in SETTINGS:
        if getattr(was, name) != getattr(is_, name):
            what = "own picture" if name == "upload" else name.replace("_", " ")
            found.append(f"{what} {getattr(was, name) or 'none'} (now {getattr(is_, name) or 'none'})")
    return ", ".join(found)


def _component(part: str, old: Component, new: Component) -> list[str]:
    if type(old) is not type(new):
        return [f"{part} {old.title} (now {new.title})"]
    return [f"{_said(knob)} {a} (now {b})" for knob, a, b in _knobs(old, new)]


def _defenses(old: Stack, new: Stack) -> list[str]:
    changed = old.changed(new)
    if changed is None:
        return [f"{old.called or 'no defense'} (now {new.called or 'no defense'})"]
    found = []
    for before, after, knob in changed:
        if knob == before.strength:
            was, is_ = before.level(), after.level()
            found.append(f"{before.short_title()}: {was} (now {_short(is_, was)})")
        else:
            found.append(f"{before.short_title()}: {_said(knob)} {getattr(before, knob)} (now {getattr(after, knob)})")
    return found


def _knobs(old: Component, new: Component) -> list[tuple[str, object, object]]:
    return [(name, a, b) for (name, a), b in zip(old.values().items(), new.values().values(), strict=True) if a != b]


def _said(knob: str) -> str:
    return knob.replace("_", " ")


def _short(new: str, old: str) -> str:
    """Without the end that both have: 1,000 % is enough after 1 % of the message's typical entry."""
    head, mark, tail = new.partition(" of ")
    return head if mark and old.endswith(mark + tail) else new
