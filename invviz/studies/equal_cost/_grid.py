"""What the study is made of: defenses and their strengths, pictures, seeds, and how the training runs."""

from __future__ import annotations

from ...core.component import parse_component
from ...defenses import DEFENSES, Defense
from ...scenario import Scenario

MODEL = "convnet(width=4,act='tanh')"  # fresh, it learns the digits in 80 rounds, and a search reads it to over 80 dB in under 40 steps
ATTACK = "dlg(steps=40,restarts=1)"  # 60 steps find the same pictures within 0.3 dB, 200 the same as 60
PICTURES = tuple(range(20))
SEEDS = (0, 1, 2)
ROUNDS, CLIENTS, LR = 80, 8, 0.3  # of 0.03, 0.1 and 0.3 the rate that learns best without a defense
LAST, EVERY = 10, 2  # the accuracy is the mean of ten evaluations, one every other round
DROPS = (0.01, 0.03, 0.10)  # of accuracy
ENERGIES = (1e-3, 1e-2, 1e-1)  # expected squared norm of the noise over the message's

STRENGTHS: dict[str, tuple[float, ...]] = {  # from no effect on the accuracy to nothing learned
    "gaussian_noise": (0.03, 0.1, 0.3, 1.0, 1.5, 2.0),
    "invl_gnp": (0.2, 0.6, 2.0, 5.0, 10.0),
    "invl_dnp(low=0.6)": (0.02, 0.06, 0.2, 0.4, 0.8),
    "water_filling": (0.03, 0.1, 0.4, 1.0, 2.0, 4.0),
    "water_filling(cost='energy')": (0.03, 0.1, 0.3, 1.0, 2.0),
}


def defense(name: str, strength: float) -> Defense:
    """A defense of the study at a strength."""
    found = parse_component(name, DEFENSES, "defense")
    return found.replace(**{found.strength: strength})


def scenario(defenses: tuple[Defense, ...], picture: int, seed: int) -> Scenario:
    """One picture, attacked by someone who knows nothing of the defenses."""
    start = Scenario.parse(f"data=digits(index={picture})&model={MODEL}&attack={ATTACK}&dtype=float64&seed={seed}")
    return start.replace(defense=defenses)
