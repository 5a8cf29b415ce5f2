"""What the red team attacks: victims, every defense at three strengths, pictures and seeds."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from ...core.component import parse_component
from ...defenses import DEFENSES, Defense
from ...scenario import Scenario


@dataclasses.dataclass(frozen=True)
class Victim:
    """Whose message is read.

    Attributes:
        title: for people.
        base: text of the scenario, without picture, seed, defense and attack.
        rounds: pictures; of a larger net or picture fewer.
        reads: "gradient", "embedding" or "trained" (the embedding of a trained net): defenses that name it among their `suggested.victims` are tried.
    """

    title: str
    base: str
    rounds: int = 10
    reads: str = "gradient"


_KNOWS = "attacker=aware&prior=natural&dtype=float64"
VICTIMS: dict[str, Victim] = {
    "digits": Victim("Digits, LeNet", f"data=digits&model=lenet&{_KNOWS}"),
    "convnet": Victim("Digits, ConvNet", f"data=digits&model=convnet(width=4,act='tanh')&{_KNOWS}"),
    "photos": Victim("Photographs 16 × 16, LeNet", f"data=photos(size=16)&model=lenet&{_KNOWS}"),
    "large": Victim("Photographs 32 × 32, LeNet", f"data=photos&model=lenet&{_KNOWS}", rounds=2),
    "embedding": Victim(
        "Digits, embedding of an MLP",
        f"data=digits&model=mlp&protocol=vfl&{_KNOWS}",
        reads="embedding",
    ),
    "trained": Victim(
        "Digits, embedding of a trained MLP",
        f"data=digits&model=mlp(init='trained')&protocol=vfl&{_KNOWS}",
        reads="trained",
    ),
}

LEVELS = ("weak", "usual", "strong")
SEEDS = 3  # of weights, noise and search: picture k has seed k modulo this


def defense(name: str, level: int) -> Defense:
    """A defense at one of LEVELS."""
    found = parse_component(name, DEFENSES, "defense")
    return found.replace(**{found.strength: found.suggested.levels[level]})


def cells(victim: str, number: int) -> Iterator[Scenario]:
    """Every scenario of one victim's picture: without a defense, then with each at its three strengths; the attack is left at its default.

    Args:
        victim: of VICTIMS.
        number: of the picture; its seed is that number modulo SEEDS.
    """
    who = VICTIMS[victim]
    start = Scenario.parse(who.base)
    start = start.replace(data=start.data.replace(index=number), seed=number % SEEDS)
    yield start
    for name, kind in DEFENSES.items():
        if kind.suggested.levels and who.reads in kind.suggested.victims:
            for level in range(len(LEVELS)):
                yield start.replace(defense=(defense(name, level),))
