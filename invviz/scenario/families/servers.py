"""Servers that lie, on one batch: which fit, what stands in sight of each, and what counts as read; no net and no picture is touched here."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from ...attacks import ATTACKS
from ...core.component import Knob
from ...core.modality import PICTURE
from ...defenses import DEFENSES, Coloured, Defense
from ...metrics import EXACT
from ...models import Model
from ...servers import AGGREGATIONS, SERVERS, Aggregation, Server
from .. import Scenario, brought, problems
from . import defenses


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
GRID = "data=digits&dtype=float64"
MODELS = (
    "mlp(width=256)",
    "lenet",
    "lenet(width=16)",
    "lenet(width=48)",
    "mlp(width=256,hidden_layers=2)",
    "convnet",
    "mlp(width=256,act='sigmoid')",
)  # the first that a server fits
SUMMED = 8
APART = 6 * BATCHES[0]  # pictures from one batch of the grid to the next; all five are among the 500 private digits
LEFT_OUT = ("water_filling",)  # of the grid: as loud as InvL-GNP, along other directions, and minutes of work
UNDEFENDED = "No defense"


def liars() -> dict[str, type[Server]]:
    """Servers that plant nets, by name: those whose reading of a batch can be shown."""
    return {name: kind for name, kind in SERVERS.items() if kind().plants}


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
    if now.server.steers:
        return (
            f"{now.server.title} steers how a party of vertical FL trains, and plants no net: there is no batch that it sorts, nothing of its own in the weights that a client "
            "is sent, and detectors of received nets have nothing to look at. The page Vertical shows what it reads behind every cut."
        )
    if now.data.modality is not PICTURE:
        return f"This page shows batches of pictures; {now.data.name} is {now.data.modality.a_set}. The Lab shows it."
    return " ".join(problems(now))


def in_sight(server: Server) -> Knob | None:
    """The knob that a page shows beside a server's name: its first one, but for the one that hides it; None where the page has nothing to show of it."""
    return next((knob for knob in server.knobs() if knob.name != HIDES and not server.steers), None)


def hides(server: Server) -> Knob | None:
    """The knob by which it hides what it planted; None where it has none."""
    return next((knob for knob in server.knobs() if knob.name == HIDES), None)


def chosen(now: Scenario, name: str) -> Scenario:
    """The scenario with another server: where that fits no net, or no single message, with the first net and with the sum of clients that it fits.

    Args:
        now: the scenario on the screen.
        name: of the server.
    """
    if now.protocol.sends_embedding and SERVERS[name]().plants:  # of nets that gradients come back from
        now = planted(now.replace(server=Scenario().server))
    own = now.replace(**brought("server", SERVERS[name]()))
    if own.attack.reads not in ("", own.server.plan):  # what the server before had planted
        own = own.replace(attack=Scenario().attack)
    nets = [own.model, *(_model(text) for text in MODELS)]
    ways = [own.replace(model=net, aggregation=sum_) for sum_ in (own.aggregation, _secure()) for net in nets]
    return next((way for way in ways if not problems(way)), own)


def aimed(now: Scenario, labels: Sequence[int]) -> tuple[Scenario, int | None]:
    """A server that singles one picture out after a class that the batch has once, and which picture that is; any other server as it is.

    Args:
        now: with the server.
        labels: of the batch.
    """
    if now.server.plan != "single":
        return now, None
    place = next((place for place, label in enumerate(labels) if list(labels).count(label) == 1), 0)
    return now.replace(server=now.server.replace(target=int(labels[place]))), place


def against(name: str, turn: int = 0) -> dict[str, Scenario]:
    """One server against every defense of the usual set, known to it where that fits, and against secure aggregation; by the title of what is set against it.

    Args:
        name: of the server. It is met on the first net that it fits, 16 digits in float64; one that plants nothing that can be read off, but has the victim's message alone, with one digit and a linear layer.
        turn: how often before; each has a batch and a seed of its own.
    """
    alone = "" if ATTACKS[SERVERS[name].attack or "dlg"].reads else "&attack=linear_layer"
    start = chosen(Scenario.parse(f"{GRID}&batch={1 if alone else BATCHES[0]}&model={MODELS[0]}"), name)
    start = start.replace(data=start.data.replace(index=turn * APART), seed=start.seed + turn)
    base = start.replace(attack=ATTACKS["linear_layer"]()) if alone else start
    rows = {
        UNDEFENDED: base,
        f"{_secure().title}, {SUMMED} clients": base if base.aggregation.others else base.replace(aggregation=_secure()),
    }
    costly = [kind() for name, kind in DEFENSES.items() if _takes_directions(kind) and name not in LEFT_OUT]
    for defense in [*(d for d in defenses.usual() if not _takes_directions(type(d))), *costly]:
        if not defense.needs.embedding:
            aware = base.replace(defense=(defense,), attacker="aware")
            rows[_called(defense)] = base.replace(defense=(defense,)) if problems(aware) else aware
    return rows


def _takes_directions(kind: type[Defense]) -> bool:
    """Whether it takes the whole Jacobian of a batch, minutes each: of these the grid has one strength."""
    return issubclass(kind, Coloured) and kind.takes_directions


def _called(defense: Defense) -> str:
    """Its title, with its strength where the usual set has several of it."""
    many = sum(other.name == defense.name for other in defenses.usual()) > 1
    return defense.short_title() + (f", {defense.level().split(' of ')[0]}" if many else "")


def _secure() -> Aggregation:
    return AGGREGATIONS["secure"](clients=SUMMED)  # type: ignore[call-arg]


def _model(text: str) -> Model:
    return Scenario.parse(f"model={text}").model


def read(psnr: Sequence[float]) -> list[bool]:
    """Which samples of a batch were read exactly: to 60 dB and more.

    Example:
        >>> read([132.0, 60.0, 59.9, float("nan"), float("inf")])
        [True, True, False, False, True]
    """
    return [value >= EXACT for value in psnr]


__all__ = [
    "BATCHES",
    "EXACT",
    "OPENING",
    "SCENES",
    "UNDEFENDED",
    "Scene",
    "against",
    "aimed",
    "empty",
    "hides",
    "in_sight",
    "liars",
    "planted",
    "read",
]
