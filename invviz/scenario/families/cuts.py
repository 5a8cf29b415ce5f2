"""Vertical FL depth by depth: the same picture behind every cut of the model, met by the same attackers; no attack and no net is touched here."""

from __future__ import annotations

from ...attacks import ATTACKS, RMLE, InverseNetwork
from ...protocols import VFL
from .. import Scenario, problems

VERTICAL = "data=photos&model=vgg6(init='trained')&protocol=vfl(cut=4)&attack=rmle&prior=natural"
NAMES = {"rmle": "An optimiser", "inverse_network": "A decoder", "decoder": "A hijacking server"}


def as_vertical(now: Scenario) -> Scenario:
    """The same data and model with an embedding as the message; what does not fit that goes.

    Example:
        >>> as_vertical(Scenario.parse("data=digits&model=mlp&defense=dp_sgd")).text()
        'data=digits&model=mlp&protocol=vfl&attack=rmle'
    """
    if now.protocol.sends_embedding:
        return now
    plain = Scenario()
    prior = "dataset" if now.columns and now.prior == "natural" else now.prior
    for parties in (2, 1):
        how = {
            "protocol": VFL(parties=parties),
            "attack": _search(now),
            "prior": prior,
            "server": plain.server,
            "aggregation": plain.aggregation,
        }
        found = now.replace(**how, defense=(), attacker="unaware", layer="", upload="", rounds=1)
        if not problems(found):
            break
    kept = now.defense.where(lambda d: not problems(found.replace(defense=(d,))))
    return found if problems(found.replace(defense=kept)) else found.replace(defense=kept)


def cut_of(scenario: Scenario) -> VFL:
    """How the net and the picture are cut; only for scenarios that send embeddings."""
    assert isinstance(scenario.protocol, VFL)
    return scenario.protocol


def at_depths(now: Scenario) -> list[Scenario]:
    """One for each layer after which the net can be cut; before its activation where that is how `now` is cut and the model can."""
    open_cuts = () if cut_of(now).activated else now.model.open_cuts
    cuts = [now.protocol.replace(cut=k, activated=k not in open_cuts) for k in range(1, now.model.depth + 1)]
    return [now.replace(protocol=cut, upload="") for cut in cuts]


def listed(now: Scenario) -> list[Scenario]:
    """Those depths whose embeddings can be attacked."""
    return [s for s in at_depths(now) if not problems(_unsteered(s).replace(attack=_search(s)))]


def empty(now: Scenario) -> str:
    """Why nothing of a scenario can be shown depth by depth; nothing where something can."""
    if not now.protocol.sends_embedding:
        return f"{now.protocol.name} sends no embedding; this page is about embeddings. The Lab shows it."
    return (
        ""
        if listed(now)
        else " ".join(dict.fromkeys(p for s in at_depths(now) for p in problems(_unsteered(s).replace(attack=_search(s)))))
    )


def attackers(scenario: Scenario) -> dict[str, Scenario]:
    """The optimiser and the decoder, with their settings where the scenario names one of them; and its own attack where that is another.

    They read what the honest net sends, also where the scenario's own attack reads for a server that steered its training.
    """
    base = _unsteered(scenario)
    listed = {"rmle": _search(scenario), "inverse_network": InverseNetwork()}
    return {name: base.replace(attack=attack) for name, attack in listed.items()} | {scenario.attack.name: scenario}


def _unsteered(scenario: Scenario) -> Scenario:
    return scenario.replace(server=Scenario().server) if scenario.server.steers else scenario


def _search(scenario: Scenario) -> RMLE:
    """An optimiser; columns of a table have no neighbours to be smooth with."""
    return RMLE(tv=0.0) if scenario.data.columns else RMLE()


def called(name: str) -> str:
    """An attacker's name on the page."""
    return NAMES.get(name, ATTACKS[name].title)


def layer_of(scenario: Scenario) -> str:
    """The last layer that the party computes."""
    protocol = cut_of(scenario)
    name = scenario.model.cuts[min(protocol.cut, len(scenario.model.cuts)) - 1]
    return name if protocol.activated else f"{name}, before its activation"


def whose(scenario: Scenario) -> str:
    """The attacked parties in words, counted from 1."""
    seen = attacked(scenario)
    if cut_of(scenario).parties == 1:
        return "The party"
    return f"Party {seen[0] + 1}" if len(seen) == 1 else f"Parties {seen[0] + 1} to {seen[-1] + 1}, together,"


def parts_of(scenario: Scenario) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """First channel, row and column of every party's part, and those after its last."""
    protocol = cut_of(scenario)
    return [protocol.region(scenario.data.shape, party) for party in range(protocol.parties)]


def attacked(scenario: Scenario) -> range:
    """The parties whose embeddings the attacker sees."""
    protocol = cut_of(scenario)
    return range(protocol.party, protocol.party + protocol.together)


__all__ = [
    "NAMES",
    "VERTICAL",
    "as_vertical",
    "at_depths",
    "attacked",
    "attackers",
    "called",
    "cut_of",
    "empty",
    "layer_of",
    "listed",
    "parts_of",
    "whose",
]
