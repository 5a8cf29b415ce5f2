"""What the shipped studies vary."""

from __future__ import annotations

import dataclasses

from ..sweep import Sweep

SEEDS = "seed=0..2"
EVERYONE = (
    "none",
    "gaussian_noise(sigma=0.1..4/6)",
    "laplace_noise(scale=0.1..4/6)",
    "dp_sgd(noise_multiplier=0.003..0.3/6)",
    "pruning(fraction=0.5),pruning(fraction=0.8),pruning(fraction=0.9),pruning(fraction=0.97),pruning(fraction=0.99),pruning(fraction=0.997)",
    "quantisation(bits=8),quantisation(bits=6),quantisation(bits=5),quantisation(bits=4),quantisation(bits=3),quantisation(bits=2)",
)
RANDOMLY = ",".join(f"random_pruning(fraction={share})" for share in (0.5, 0.8, 0.9, 0.97, 0.99, 0.997))


@dataclasses.dataclass(frozen=True)
class Plan:
    """A study: its title, its sweeps as texts, and whether its pictures may be shipped."""

    title: str
    sweeps: tuple[str, ...]
    pictures: bool = True

    def parsed(self) -> list[Sweep]:
        """The sweeps."""
        return [Sweep.parse(text) for text in self.sweeps]


def _sweep(base: str, pictures: str, *defenses: str, what: str = "", seeds: str = SEEDS) -> str:
    """One line of text."""
    return " | ".join([base, f"defense={','.join(defenses)}", seeds, f"data.index={pictures}", *([f"what={what}"] if what else [])])


_DIGITS = "data=digits&model=convnet(width=4,act='tanh')&train=federated(rounds=100,lr=0.01)&attack=dlg(steps=40,restarts=1)"
_PHOTOS = "data=photos(size=16)&model=lenet&train=federated(rounds=300)&attack=dlg(steps=60,restarts=1)"
_CIFAR = "data=cifar10&model=lenet(width=8)&train=federated(clients=100,sampled=20,rounds=1000)&attack=dlg(steps=60,restarts=1)"
_RESNET = (
    "data=cifar10&model=resnet18(width=8,norm='group')&train=federated(clients=100,sampled=20,rounds=500)"
    "&attack=inverting_gradients(steps=300,restarts=1)"
)
_ADULT = (
    "data=adult&model=mlp(width=32)&train=federated(clients=20,rounds=150,lr=0.1)&batch=4&attack=tableak(steps=150,restarts=2,exchanges=2)"
)
_NOTES = "data=notes&model=tiny_lm(width=32)&train=federated(clients=20,rounds=80,lr=0.01)&attack=lamp"
WORDS = (
    "none",
    "gaussian_noise(sigma=1..100/5)",
    "dp_sgd(noise_multiplier=0.01..1/5)",
    "pruning(fraction=0.8),pruning(fraction=0.9),pruning(fraction=0.97),pruning(fraction=0.99),pruning(fraction=0.997)",
    "quantisation(bits=8),quantisation(bits=6),quantisation(bits=4),quantisation(bits=3),quantisation(bits=2)",
)
FEW = (
    "none",
    "gaussian_noise(sigma=0.1..10/5)",
    "dp_sgd(noise_multiplier=0.003..0.3/5)",
    "pruning(fraction=0.5),pruning(fraction=0.8),pruning(fraction=0.9),pruning(fraction=0.97),pruning(fraction=0.99)",
    "quantisation(bits=8),quantisation(bits=6),quantisation(bits=4),quantisation(bits=3),quantisation(bits=2)",
)

PLANS: dict[str, Plan] = {
    "digits": Plan(
        "Digits, a small ConvNet",
        (
            _sweep(
                _DIGITS,
                "0..2",
                *EVERYONE,
                "invl_gnp(scale=0.2..10/6,reuse=10)",
                "invl_dnp(scale=0.02..0.8/6,low=0.6,reuse=10)",
                "water_filling(sigma=0.03..4/6,reuse=10)",
            ),
        ),
    ),
    "photos": Plan(
        "Photographs of 16 x 16 pixels, LeNet",
        (
            _sweep(
                _PHOTOS,
                "0,1",
                *EVERYONE,
                "invl_gnp(scale=0.2..10/6,reuse=1000000)",
                "invl_dnp(scale=0.02..0.8/6,low=0.6,reuse=1000000)",
                "water_filling(sigma=0.03..4/6,reuse=1000000)",
            ),
        ),
    ),
    "cifar10": Plan(
        "CIFAR-10 (5,000 pictures), LeNet",
        (
            _sweep(
                _CIFAR,
                "0",
                *EVERYONE,
                "invl_gnp(scale=0.2..10/6,reuse=1000000)",
                "invl_dnp(scale=0.02..0.8/6,low=0.6,reuse=1000000)",
                "water_filling(sigma=0.03..4/6,reuse=1000000)",
                what="train,unaware,aware",
            ),
        ),
        pictures=False,
    ),
    "cifar10_resnet18": Plan(
        "CIFAR-10 (5,000 pictures), ResNet-18 of width 8",
        (_sweep(_RESNET, "0", *EVERYONE, RANDOMLY, what="train,unaware,aware"),),
        pictures=False,
    ),
    "adult": Plan("Adult (rows of a table), an MLP", (_sweep(_ADULT, "0", *FEW),), pictures=False),
    "notes": Plan(
        "Notes (text), a small language model", (f"{_sweep(_NOTES, '0', *WORDS)} | attack=dager,tag(restarts=1)",), pictures=False
    ),
}
