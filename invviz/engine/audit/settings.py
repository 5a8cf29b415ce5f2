"""The settings of an audit, read and checked, as a scenario; and the client that is audited."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...attacks import ATTACKS, Attack
from ...core.component import Component, parse_component
from ...core.errors import InvvizError, ScenarioError
from ...core.types import World
from ...datasets import ArrayPictures
from ...datasets import Samples as Pictures
from ...defenses import DEFENSES, Stack
from ...protocols import PROTOCOLS
from ...scenario import Scenario, problems
from ..client import Client, Site, defended, world_of

if TYPE_CHECKING:
    from ...core.types import Batch
    from ...defenses import Defense
    from ._own import OwnNet
    from ._similar import Similar
    from .subject import Subject


@dataclasses.dataclass(frozen=True, eq=False)
class Case:
    """One way to look at a subject: on the unit scale, or on the inputs' own.

    Attributes:
        scenario: parts and settings.
        client: whose message it is.
        site: where.
    """

    scenario: Scenario
    client: Client
    site: Site


def defenses_of(given: object) -> Stack:
    """Defenses from their text form, several of them joined by &, from components, or from a list of either; none where it is empty.

    Raises:
        TextError: unknown name or knob; says which are known.
    """
    parts: list[Defense] = []
    for one in [given] if isinstance(given, (str, Component)) or given is None else list(given):  # type: ignore[call-overload]
        if isinstance(one, Component):
            parts.append(one)  # type: ignore[arg-type]
        elif one:
            texts = (text.strip().removeprefix("defense=") for text in str(one).split("&"))
            parts += [parse_component(text, DEFENSES, "defense") for text in texts if text and text != "none"]
    return Stack(parts)


def scenario_of(
    subject: Subject,
    protocol: object = "hfl",
    defense: object = "",
    prior: str = "white",
    seed: int = 7,
    floor: float = 0.01,
    method: str = "auto",
    attack: str = "dlg",
) -> Scenario:
    """The scenario of an audit; its data and its model are the user's own, and its attack is any that fits.

    Raises:
        ScenarioError: the parts do not fit; says why and what to do.
        TextError: a part that is not known.
    """
    sends = protocol if isinstance(protocol, Component) else parse_component(str(protocol), PROTOCOLS, "protocol")
    stack = defenses_of(defense)
    why = []
    if sends.name != "hfl":
        why.append(
            f"protocol={sends.name!r} is not audited for a net of one's own. Allowed is 'hfl': clients send the gradient of their loss, or with hfl(local_steps=5,lr=0.1) what their "
            f'training changed. What {sends.name} sends is measured on the nets that come with invviz: invviz risk "data=photos&model=lenet&protocol={sends.name}".'
        )
    if subject.similar is None:
        why += [
            f"{d.name} needs public records of the same kind. Give some as similar=, or use another defense."
            for d in stack
            if d.needs.public
        ]
        if prior == "dataset":
            why.append(
                "prior='dataset' needs public records of the same kind. Give some as similar=, or use 'white', or 'natural' for pictures."
            )
    if why:
        raise ScenarioError(why)
    found = Scenario.parse(
        f"attack={attack}&seed={seed}&floor={floor}&prior={prior}&method={method}&dtype={subject.facts['dtype']}"
        f"&attacker={'aware' if stack else 'unaware'}"
    ).replace(data=subject.data, model=subject.model, protocol=sends, defense=stack, batch=subject.facts["records"])
    if said := problems(found):
        raise ScenarioError(said)
    return found


def case_of(subject: Subject, scenario: Scenario, raw: bool = False) -> Case:
    """What the engine computes.

    Args:
        subject: net and batch.
        scenario: made by `scenario_of`, perhaps with another attack.
        raw: on the inputs' own scale.
    """
    net, batch = (subject.raw, subject.raw_batch) if raw else (subject.net, subject.batch)
    if raw:
        scenario = scenario.replace(data=dataclasses.replace(subject.data, modality=batch.modality))
    return Case(scenario, client_of(net, batch, scenario, subject.similar), Site(None, Path(), str(batch.private.device)))


def client_of(net: OwnNet, batch: Batch, scenario: Scenario, similar: Similar | None = None) -> Client:
    """The user as a client; there are no public records but those that were handed over."""
    bare = scenario.protocol.release
    if similar is not None:
        samples = Pictures(similar, similar, ())
        world = world_of(scenario, net, batch, samples)
        return Client(net, batch, bare, defended(scenario, bare, scenario.defense, world), samples, None, world)
    world = World.without_public(net, batch)
    none = ArrayPictures(np.zeros((0, *batch.private.shape[1:]), np.uint8), np.zeros(0, np.int64))
    return Client(net, batch, bare, defended(scenario, bare, scenario.defense, world), Pictures(none, none, ()), None, world)


def attacks_of(given: object) -> list[Attack] | None:
    """Attacks from their text form or as components; None where the strongest is looked for, which is "strongest".

    Raises:
        TextError: unknown name or knob; says which are known.
    """
    if given == "strongest":
        return None
    if given is None or given == "none":
        return []
    listed: list[Any] = [given] if isinstance(given, (str, Component)) else list(given)  # type: ignore[call-overload]
    if not all(isinstance(one, (str, Attack)) for one in listed):
        raise InvvizError("attacks is 'strongest', 'none', the text of an attack such as 'dlg(steps=200)', or a list of those.")
    return [one if isinstance(one, Attack) else parse_component(one, ATTACKS, "attack") for one in listed]
