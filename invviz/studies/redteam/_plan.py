"""What the red team attacks: victims, every defense at three strengths, pictures and seeds, and by whom."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

from ...core.component import parse_component
from ...defenses import DEFENSES, Defense
from ...metrics import EXACT
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

MOST = 200.0  # dB; stands for "no error at all"
LEVELS = ("weak", "usual", "strong")
SEEDS = 3  # of weights, noise and search: picture k has seed k modulo this
FINALISTS, NEAR = (
    2,
    6.0,
)  # attacks on every picture but the first: those that got most of the first one, and a third that got at most so many dB less than the best


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


def first_of(s: Scenario) -> Scenario:
    """The same cell of the victim's first picture, which every attack that fits is tried on."""
    return s.replace(data=s.data.replace(index=0), seed=0)


def finalists(got: Mapping[str, float | None]) -> list[str]:
    """Names of the attacks that got most of a cell's first picture: FINALISTS, and one more that comes NEAR; by PSNR, with the truth at hand.

    Attacks with the very same figure are one search under several names (behind noise in the tangent space many are), and count once; "no error at all" tells none apart.

    Args:
        got: PSNR in dB by attack; None: it gave up.

    Example:
        >>> finalists({"dlg": 57.34, "idlg": 57.34, "pca_prior": 25.6, "peeling": 200.0, "features": None, "see_through": 30.0})
        ['peeling', 'dlg']
        >>> finalists({"dlg": 20.1, "pca_prior": 25.6, "features": 21.5, "see_through": 20.0})
        ['pca_prior', 'features', 'dlg']
    """
    known = {name: psnr for name, psnr in got.items() if psnr is not None}
    best: dict[str, float] = {}
    for name in sorted(known, key=known.__getitem__, reverse=True):
        near = len(best) == FINALISTS and known[name] >= min(max(best.values()), EXACT) - NEAR
        if (len(best) < FINALISTS or near) and (known[name] >= MOST or known[name] not in best.values()):
            best[name] = known[name]
    return list(best)
