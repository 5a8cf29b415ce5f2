"""Servers that lie, on one batch: which fit, what stands in sight of each, and what counts as read; no net and no picture is touched here."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from ...core.component import Knob
from ...core.modality import PICTURE
from ...metrics import EXACT
from ...servers import SERVERS, Server
from .. import Scenario, brought, problems


@dataclasses.dataclass(frozen=True)
class Scene:
    """A case that tells something."""

    title: str
    lesson: str
    scenario: str


OPENING = "data=photos&model=lenet&server=imprint&attack=bins&batch=64"
SCENES = (
    Scene("A layer in front of a net", "64 photographs in one gradient; every one that is alone in its bin is read exactly.", OPENING),
    Scene(
        "The same, hiding",
        "A tenth of noise on the planted weights costs it nearly all pictures, and detectors object as before.",
        "data=photos&model=lenet&server=imprint(jitter=0.1)&attack=bins&batch=64",
    ),
    Scene(
        "Fewer bins than pictures",
        "16 bins for 64 photographs: nearly all share one, and what is read are mixtures.",
        "data=photos&model=lenet&server=imprint(bins=16)&attack=bins&batch=64",
    ),
)
BATCHES = (16, 32, 64)
HIDES = "jitter"  # the knob by which a server hides what it planted
FIRST = "imprint"


def liars() -> dict[str, type[Server]]:
    """Servers that do not follow the protocol, by name."""
    return {name: kind for name, kind in SERVERS.items() if kind.malicious}


def planted(now: Scenario, name: str = FIRST) -> Scenario:
    """The same data and model, sent by a server that lies; what does not fit that goes.

    Example:
        >>> planted(Scenario.parse("data=digits&model=mlp&defense=clipping&attack=dlg")).text()
        'data=digits&model=mlp&defense=clipping&attack=bins&server=imprint&batch=16'
    """
    if now.server.malicious:
        return now
    plain = {
        "protocol": Scenario().protocol,
        "attacker": "unaware",
        "layer": "",
        "upload": "",
        "rounds": 1,
        "batch": max(now.batch, BATCHES[0]),
    }
    found = now.replace(**plain | {"defense": ()}, **brought("server", SERVERS[name]()))
    kept = now.defense.where(lambda d: not problems(found.replace(defense=(d,))))
    return found if problems(found.replace(defense=kept)) else found.replace(defense=kept)


def empty(now: Scenario) -> str:
    """Why nothing of a scenario can be shown; nothing where something can."""
    if not now.server.malicious:
        return f"{now.server.title} follows the protocol; this page is about servers that do not. The Lab shows it."
    if now.data.modality is not PICTURE:
        return f"This page shows batches of pictures; {now.data.name} is {now.data.modality.a_set}. The Lab shows it."
    return " ".join(problems(now))


def in_sight(server: Server) -> Knob | None:
    """The knob that a page shows beside a server's name: its first one, but for the one that hides it."""
    return next((knob for knob in server.knobs() if knob.name != HIDES), None)


def hides(server: Server) -> Knob | None:
    """The knob by which it hides what it planted; None where it has none."""
    return next((knob for knob in server.knobs() if knob.name == HIDES), None)


def read(psnr: Sequence[float]) -> list[bool]:
    """Which samples of a batch were read exactly: to 60 dB and more.

    Example:
        >>> read([132.0, 60.0, 59.9, float("nan"), float("inf")])
        [True, True, False, False, True]
    """
    return [value >= EXACT for value in psnr]


__all__ = ["BATCHES", "EXACT", "OPENING", "SCENES", "Scene", "empty", "hides", "in_sight", "liars", "planted", "read"]
