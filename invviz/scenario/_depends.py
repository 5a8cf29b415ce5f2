"""What a result of each kind of work depends on; the rest takes its defaults, and stands in no key."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, NamedTuple

from ._settings import LATE_PARTS, RISK_ONLY

if TYPE_CHECKING:
    from ._scenario import Scenario

DEALT = ("clients", "split", "alpha", "samples")  # knobs of a training that say which client holds what


class Depends(NamedTuple):
    """A scenario in what a result depends on.

    Attributes:
        scenario: with the rest at its defaults.
        without: names of the parts and settings that play no part, and of single knobs, as in "data.index".
    """

    scenario: Scenario
    without: frozenset[str]


def attack(s: Scenario) -> Depends:
    """All but the settings of the risk score and of training; without a defense there is nothing to be aware of."""
    return _without(s, "train", *RISK_ONLY, *(() if s.defense else ("attacker",)))


def spectrum(s: Scenario) -> Depends:
    """No attack, no noise (it enters in closed form), no risk floor.

    Over several rounds the noise stays where it is not relative to the message: its share then differs from round to round.
    """
    s = unsteered(s)
    none = ("attack", "attacker", "train")
    if s.any_noise:
        s = s.replace(aggregation=s.aggregation.for_risk())
        return _without(s, *none, "floor", defense=s.defense.for_risk())
    return _without(s, *none)  # the directions that coloured noise hides depend on all other noise, too


def first_sketch(s: Scenario) -> Depends:
    """As the spectrum, however that itself is computed."""
    found = spectrum(s)
    return Depends(*_without(found.scenario, "method", *found.without))


def alternatives(s: Scenario) -> Depends:
    """No attack, one round, no noise: it enters in closed form, as in a spectrum."""
    s = unsteered(s)
    none = ("attack", "attacker", "train", "rounds", "layer", "upload", "aggregation", "prior", "method", "floor")
    return _without(s, *none, defense=s.defense.for_risk())


def training(s: Scenario) -> Depends:
    """No victim, no attack, an honest server, no settings of the risk score."""
    every = {"protocol": s.protocol.of_all()} if s.protocol.sends_embedding else {}
    return _without(s, "attack", "attacker", *LATE_PARTS, "rounds", "upload", "data.index", *RISK_ONLY, **every)


def every_client(s: Scenario) -> Depends:
    """The noise, the server, and of the training only how pictures are dealt."""
    s = unsteered(s)
    dealt = {name: getattr(s.train, name) for name in DEALT if hasattr(s.train, name)}
    rest = (f"train.{knob.name}" for knob in s.train.knobs() if knob.name not in dealt)
    return _without(s, "attack", "attacker", "aggregation", "upload", "method", "layer", "data.index", *rest, train=type(s.train)(**dealt))


def returned_labels(s: Scenario) -> Depends:
    """As a training, how it goes on left out, and who the party is."""
    found = training(s)
    return Depends(*_without(found.scenario, "train", *found.without, protocol=s.protocol))


def received_net(s: Scenario) -> Depends:
    """No attack, no settings of the risk score, one round; the net that was sent, what others were sent, the client's batch and its defenses without their noise."""
    return _without(s, "attack", "attacker", "train", "rounds", *RISK_ONLY)


def trained_weights(s: Scenario) -> Depends:
    """Data without the choice of the victim, model, seed, how the net is cut among parties, defenses that train it."""
    rest: dict[str, Any] = {}
    trains = s.defense.in_training.live
    if s.protocol.sends_embedding and (trains or not s.protocol.is_model):
        rest = {"protocol": s.protocol.of_all(), "defense": trains}
    kept = {"data", "model", "seed", *rest}
    return _without(s, "data.index", *(f.name for f in dataclasses.fields(s) if f.name not in kept), **rest)


def unsteered(s: Scenario) -> Scenario:
    """Before a server that steers the training of a party has begun: what is asked of the net is asked of the honest one."""
    return s.replace(server=type(s)().server) if s.server.steers else s


def _without(s: Scenario, *names: str, **changes: Any) -> Depends:
    """The scenario with parts and settings at their defaults, knobs left where they are, but for the choice of the victim."""
    parts = {f.name: _default(f) for f in dataclasses.fields(s) if f.name in names}
    victim = {"data": s.data.replace(index=0)} if "data.index" in names else {}
    return Depends(s.replace(**parts | victim | changes), frozenset(names))


def _default(field: dataclasses.Field[Any]) -> Any:
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
