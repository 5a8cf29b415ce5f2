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
        only: defenses that are tried; every one that protects gradients where it is empty.
    """

    title: str
    base: str
    rounds: int = 10
    only: tuple[str, ...] = ()


_KNOWS = "attacker=aware&prior=natural&dtype=float64"
VICTIMS: dict[str, Victim] = {
    "digits": Victim("Digits, LeNet", f"data=digits&model=lenet&{_KNOWS}"),
    "convnet": Victim("Digits, ConvNet", f"data=digits&model=convnet(width=4,act='tanh')&{_KNOWS}"),
    "photos": Victim("Photographs 16 × 16, LeNet", f"data=photos(size=16)&model=lenet&{_KNOWS}"),
    "large": Victim("Photographs 32 × 32, LeNet", f"data=photos&model=lenet&{_KNOWS}", rounds=2),
    "embedding": Victim(
        "Digits, embedding of an MLP",
        f"data=digits&model=mlp&protocol=vfl&{_KNOWS}",
        only=("gaussian_noise", "laplace_noise", "pruning", "quantisation", "invl_enp", "embedding_dropout"),
    ),
    "trained": Victim(
        "Digits, embedding of a trained MLP",
        f"data=digits&model=mlp(init='trained')&protocol=vfl&{_KNOWS}",
        only=("gaussian_noise", "nopeek", "ressfl"),
    ),
}

LEVELS = ("weak", "usual", "strong")
STRENGTHS: dict[str, tuple[float, float, float]] = {
    "gaussian_noise": (0.01, 0.1, 1.0),
    "laplace_noise": (0.01, 0.1, 1.0),
    "clipping": (1.0, 0.1, 0.01),
    "dp_sgd": (0.001, 0.01, 1.0),
    "local_dp": (10_000.0, 1_000.0, 10.0),
    "pruning": (0.5, 0.9, 0.99),
    "random_pruning": (0.5, 0.9, 0.99),
    "selective_encryption": (0.1, 0.5, 0.9),
    "quantisation": (8, 4, 2),
    "stochastic_quantisation": (8, 4, 2),
    "sign": (0.25, 0.5, 1.0),
    "gradient_dropping": (0.9, 0.99, 0.999),
    "optimal_pruning": (0.5, 0.9, 0.99),
    "soteria": (0.2, 0.4, 0.8),
    "dropout": (0.1, 0.3, 0.6),
    "censor": (0.25, 0.5, 1.0),
    "precode": (0.5, 1.0, 4.0),
    "ats": (0.25, 0.5, 1.0),
    "learnable_perturbation": (0.25, 0.5, 1.0),
    "invl_gnp": (0.2, 1.0, 10.0),
    "invl_enp": (0.1, 1.0, 10.0),
    "invl_dnp": (0.02, 0.1, 0.8),
    "water_filling": (0.03, 0.1, 1.0),
    "optimal_noise": (0.01, 0.1, 1.0),
    "outpost": (0.1, 0.4, 0.8),
    "embedding_dropout": (0.1, 0.3, 0.6),
    "nopeek": (0.1, 0.3, 1.0),
    "ressfl": (0.1, 0.3, 1.0),
}
"""Weak, usual and strong, by the name of the defense; its other knobs have their defaults."""

SEEDS = 3  # of weights, noise and search: picture k has seed k modulo this


def defense(name: str, level: int) -> Defense:
    """A defense at one of LEVELS."""
    found = parse_component(name, DEFENSES, "defense")
    return found.replace(**{found.strength: STRENGTHS[name][level]})


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
    for name in who.only or STRENGTHS:
        if who.only or not DEFENSES[name].for_embeddings:
            for level in range(len(LEVELS)):
                yield start.replace(defense=(defense(name, level),))
