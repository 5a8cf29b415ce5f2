"""What the study is made of: defenses and their strengths, pictures, seeds, and how the training runs."""

from __future__ import annotations

from ...core.component import parse_component
from ...defenses import DEFENSES, Defense, GaussianNoise, InvLDNP, InvLGNP, WaterFilling
from ...scenario import Scenario

MODEL = "convnet(width=4,act='tanh')"  # fresh, it learns the digits in 80 rounds, and a search reads it to over 80 dB in under 40 steps
ATTACK = "dlg(steps=40,restarts=1)"  # 60 steps find the same pictures within 0.3 dB, 200 the same as 60
PICTURES = tuple(range(20))
SEEDS = (0, 1, 2)
ROUNDS, CLIENTS, LR = 80, 8, 0.3  # of 0.03, 0.1 and 0.3 the rate that learns best without a defense
LAST, EVERY = 10, 2  # the accuracy is the mean of ten evaluations, one every other round
DROPS = (0.01, 0.03, 0.10)  # of accuracy
ENERGIES = (1e-3, 1e-2, 1e-1)  # expected squared norm of the noise over the message's

_ARMS: tuple[tuple[Defense, str, tuple[float, ...]], ...] = (
    (GaussianNoise(), "Isotropic noise", (0.03, 0.1, 0.3, 1.0, 1.5, 2.0)),
    (InvLGNP(), "InvL-GNP", (0.2, 0.6, 2.0, 5.0, 10.0)),
    (InvLDNP(low=0.6), "InvL-DNP (band from 0.60)", (0.02, 0.06, 0.2, 0.4, 0.8)),
    (WaterFilling(), "Water-filling (cost: training)", (0.03, 0.1, 0.4, 1.0, 2.0, 4.0)),
    (WaterFilling(cost="energy"), "Water-filling (cost: energy)", (0.03, 0.1, 0.3, 1.0, 2.0)),
)
TITLES = {arm.text(): title for arm, title, _ in _ARMS}
STRENGTHS = {arm.text(): strengths for arm, _, strengths in _ARMS}  # from no effect on the accuracy to nothing learned


def defense(name: str, strength: float) -> Defense:
    """A defense of the study at a strength."""
    found = parse_component(name, DEFENSES, "defense")
    return found.replace(**{found.strength: strength})


def scenario(defenses: tuple[Defense, ...], picture: int, seed: int) -> Scenario:
    """One picture, attacked by someone who knows nothing of the defenses."""
    start = Scenario.parse(f"data=digits(index={picture})&model={MODEL}&attack={ATTACK}&dtype=float64&seed={seed}")
    return start.replace(defense=defenses)
