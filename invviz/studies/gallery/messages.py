"""Prepared: two pictures, the message of one of them as grey dots, and how far the other's misses it. The Guide's first stop."""

from __future__ import annotations

import dataclasses
from functools import lru_cache

import numpy as np

from ...core.plain import from_json
from ...core.shipped import reading
from ...scenario import RESULTS_VERSION, Scenario
from . import CARDS, FOLDER, _arrays, made_by

NAME = "guide"
INDICES = (1, 0)  # of the two pictures
SENT = 1  # place of the one whose message is shown
GREYS = 3.0  # root mean squares of a message between middle grey and black or white


@dataclasses.dataclass(frozen=True, eq=False)
class Messages:
    """What is kept.

    Attributes:
        count: numbers in a message.
        missed: by each picture, the distance of its message to the one that was sent over the length of that one.
        message: the one that was sent, shape (1, 1, h, w), uint8; what is left of the last line is middle grey.
        pictures: shape (1, c, h, w) each, in [0, 1].
    """

    count: int
    missed: tuple[float, ...]
    message: np.ndarray
    pictures: tuple[np.ndarray, ...]


def scenarios() -> list[Scenario]:
    """The two, which differ in nothing but the picture: the card without a defense."""
    base = Scenario.parse(next(card.scenario for card in CARDS if card.name == "no_noise"))
    return [base.replace(data=base.data.replace(index=index)) for index in INDICES]


def keys() -> list[str]:
    """Other ones where such messages are others by now."""
    return [scenario.key("risk") for scenario in scenarios()]


def sheet(message: np.ndarray) -> np.ndarray:
    """One grey dot a number, line by line: middle grey is zero.

    Args:
        message: shape (n,).
    """
    across = int(np.ceil(message.size**0.5))
    scaled = np.clip(0.5 + message / (2 * GREYS * np.sqrt((message**2).mean())), 0, 1)
    dots = np.full(across * -(-message.size // across), 0.5)
    dots[: message.size] = scaled
    return (255 * dots).round().astype(np.uint8).reshape(1, 1, -1, across)


@lru_cache(maxsize=1)
def load() -> Messages | None:
    """The messages, or None where they were not made, are damaged or were made for other results."""
    folder = FOLDER / NAME
    with reading(folder, made_by(NAME)):
        kept = from_json((folder / "facts.json").read_text())
        if kept["results_version"] != RESULTS_VERSION or kept["keys"] != keys():
            return None
        arrays = _arrays(folder)
        return Messages(kept["count"], tuple(kept["missed"]), arrays["message"], tuple(arrays["pictures"]))
    return None


__all__ = ["INDICES", "NAME", "SENT", "Messages", "keys", "load", "scenarios", "sheet"]
