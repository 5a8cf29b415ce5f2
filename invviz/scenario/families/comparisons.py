"""Which scenarios are set side by side when risk is compared over pictures, models, layers or rounds."""

from __future__ import annotations

from collections.abc import Sequence

from ...models import MODELS
from .. import SETTINGS, Scenario, risk_problems

AXES = {"pictures": "Pictures", "models": "Models", "layers": "Layers", "rounds": "Rounds"}
ROUNDS = (1, 2, 4, 8)
OPENING = "data=photos&model=lenet&defense=gaussian_noise(sigma=1.0)&attack=dlg&prior=natural&floor=0.0001"
"""With as much noise as gradient: at 1 % all pictures, and all models but one, are read almost as a whole, and no ranking says much."""
LIGHT = ("mlp", "lenet", "convnet")  # models whose layers are compared beside those of the model on the screen


def sketched(scenario: Scenario) -> Scenario:
    """The same, of the data set's own picture, scored the quickest way: what comparisons are made of."""
    return scenario.replace(method="quick" if "quick" in SETTINGS["method"].choices else "sketch", upload="")


def empty(now: Scenario) -> str:
    """Why a scenario has no risk that could be compared; nothing where it has one."""
    return " ".join(risk_problems(sketched(now)))


def axes(now: Scenario) -> dict[str, str]:
    """Along what it can be compared, by title; rounds only where the message of several of them has a risk."""
    titles = AXES | {"pictures": now.data.modality.many.capitalize()}
    return {name: title for name, title in titles.items() if name != "rounds" or any(not risk_problems(s) for s in over_rounds(now)[1:])}


def pictures(now: Scenario, places: Sequence[int]) -> list[Scenario]:
    """One for each victim."""
    return [sketched(now).replace(data=now.data.replace(index=place)) for place in places]


def over_rounds(now: Scenario) -> list[Scenario]:
    """One, two, four, eight rounds of the same batch."""
    return [sketched(now).replace(rounds=count) for count in ROUNDS]


def models(now: Scenario) -> list[Scenario]:
    """The model on the screen (fresh too, where it is trained), then the others, fresh, as far as they fit; whole messages."""
    whole = sketched(now).replace(layer="")
    own = [whole] + ([whole.replace(model=now.model.replace(init="random"))] if now.model.init == "trained" else [])
    others = [whole.replace(model=kind()) for name, kind in MODELS.items() if name != now.model.name]
    return own + [scenario for scenario in others if not risk_problems(scenario)]


def layered(now: Scenario) -> list[Scenario]:
    """The models whose layers are compared."""
    return [scenario for scenario in models(now) if scenario.model == now.model or scenario.model.name in LIGHT]


def layers(whole: Scenario, names: Sequence[str]) -> list[Scenario]:
    """One for each layer of a message."""
    return [whole.replace(layer=name) for name in names]
