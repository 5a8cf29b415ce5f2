"""The stops of the tour: one table, from which the page, its tests and whatever else is made of the tour read.

A stop is its line here, its scene (`scenes`), and its words in every language (`[stops.KEY]` in assets/words).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Literal

from ...scenario.families import servers
from ...studies import gallery
from ...studies.gallery import made_by
from .. import glossary, language
from ..defend import story
from . import scenes
from ._scene import Scene

Kind = Literal["pictures", "words", "scale"]
MOST = 60  # words of a stop


@dataclasses.dataclass(frozen=True)
class Opens:
    """Where "Try it yourself" leads.

    Attributes:
        page: by its name.
        scenario: as text.
        views: what the page shows beside it.
        place: on the page, of `sight.bring`; empty for its top.
    """

    page: str
    scenario: str
    views: Mapping[str, str] = dataclasses.field(default_factory=dict)
    place: str = ""


@dataclasses.dataclass(frozen=True)
class Stop:
    """One stop.

    Attributes:
        key: of its words, and of its guess in the address.
        kind: how a guess is set: two pictures, two answers in words, or a scale of pictures.
        scene: what is shown and where the answer lies; None where it is not on this machine.
        opens: the page with its scenario.
        made: the command that prepares what it shows.
    """

    key: str
    kind: Kind
    scene: Callable[[], Scene | None]
    opens: Opens
    made: str


@dataclasses.dataclass(frozen=True)
class Told:
    """The words of a stop in one language, terms marked, figures filled in where there is a scene; `found` in one line, without terms."""

    title: str
    text: str
    ask: str
    options: tuple[str, ...]
    reveal: str
    found: str = ""


def _card(name: str) -> str:
    return next(card.scenario for card in gallery.CARDS if card.name == name)


STOPS: tuple[Stop, ...] = (
    Stop("leaves", "pictures", scenes.leaves, Opens("lab", _card("no_noise")), made_by("guide")),
    Stop("back", "scale", scenes.back, Opens("lab", _card("no_noise")), made_by("no_noise")),
    Stop("noise", "scale", scenes.noise, Opens("lab", _card("heavy_noise")), made_by("heavy_noise")),
    Stop("directions", "pictures", scenes.directions, Opens("lab", _card("heavy_noise")), made_by("heavy_noise")),
    Stop("failed", "words", scenes.failed, Opens("lab", _card("trained")), made_by("trained")),
    Stop(
        "fooled",
        "scale",
        scenes.fooled,
        Opens("defend", gallery.OPENING, {"gnp": f"{scenes.STRENGTH:g}", "digit": str(scenes.DIGIT)}, story.PLACE),
        made_by("broken"),
    ),
    Stop("cost", "scale", scenes.cost, Opens("curves", gallery.OPENING, scenes.CURVES), "python -m invviz.studies digits"),
    Stop("open", "words", scenes.open_, Opens("server", servers.OPENING), made_by("linear")),
)


def told(stop: Stop, lang: str, scene: Scene | None = None) -> Told:
    """What a stop says."""
    kept = language.words(lang)["stops"][stop.key]
    fill = lambda text: filled(text, scene, lang)  # noqa: E731
    return Told(
        kept["title"],
        fill(kept["text"]),
        fill(kept["ask"]),
        tuple(kept.get("options", ())),
        fill(kept["reveal_built" if scene and scene.built else "reveal"]),
        kept["found"],
    )


def filled(text: str, scene: Scene | None, lang: str) -> str:
    """A text with the figures of a scene; as it is where there is no scene."""
    return (
        text.format(place=scene.answer + 1, **{name: language.figure(said, lang) for name, said in scene.figures.items()})
        if scene
        else text
    )


def compared(stop: Stop, lang: str, scene: Scene, guess: int) -> str:
    """A guess beside the answer, without scolding. Near is the next place on a scale."""
    kept, away = language.words(lang)["compare"], scene.answer - guess
    if away == 0:
        return kept["same"]
    if stop.kind != "scale":
        return kept["other"].format(guess=told(stop, lang).options[guess])
    return kept["near" if abs(away) == 1 else "more" if away > 0 else "less"]


def places(stop: Stop, scene: Scene) -> int:
    """How many guesses there are: 0 to this, this not among them."""
    return len(scene.scale) if stop.kind == "scale" else 2


def named(number: int, lang: str) -> list[str]:
    """What the places of a scale are called."""
    words = language.words(lang)["page"]
    return [{0: words["none"], number - 1: words["all"]}.get(place, str(place + 1)) for place in range(number)]


def count(text: str) -> int:
    """Words of a text; a figure is one, marks are none."""
    plain = glossary.MARK.sub(lambda mark: mark[1], text)
    return len([one for one in plain.replace("*", "").split() if any(c.isalnum() for c in one)])
