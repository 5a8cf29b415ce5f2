"""What a job takes on this machine, before it is queued: from multiplications, steps and pictures; no net is built, nothing is run.

Source: [D], fitted to measurements (benchmarks/price.py). All steps are counted: a search that ends early, as many do, takes a tenth of its price and less. Prices serve limits and turns, not promises.
"""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Any, cast

import numpy as np

from ..scenario import MAX_EXACT_INPUTS, Scenario
from ..scenario.kinds import WORK, Kind, found

STEP, PRODUCT = 1.5e-3, 1.5e-9  # seconds of a step, and of every multiplication of the net in it
DOUBLE = 1.7  # times as long in float64
CUBE = 5e-10  # seconds by the cube of the inputs: an exact spectrum
DENSE = 1e-10  # likewise, of one step of an attack that solves with the whole Jacobian
PUBLIC = 0.03  # seconds by the inputs: learning a generator from public pictures
SKETCH, FIRST = 400, 72  # products
SOLVES = ("gauss_newton", "tangent", "peeling")
LEARNS = {"generative_prior": PUBLIC, "pca_prior": 1e-3}
NETS = ("inverse_network",)  # nets of their own, learned in passes over public pictures
STEERED = 7.0  # times a step: a training round of a party whose server answers as it likes
SLOWER = {"class_prior": 200.0, "fora": 5.0, "unsplit": 2.0, "spear": 5.0}  # times a step
EPOCH = 2e-3  # seconds of a step of training before the net's own multiplications
PICTURES = {
    "digits": 1_500,
    "photos": 600,
    "breast_cancer": 500,
    "wine": 150,
    "fair": 5_000,
    "notes": 2_000,
    "own_text": 16_000,  # at most
}  # public ones; of other sets as many as training looks at
MOST_PUBLIC = 60_000
SHOWN = 2_000  # public ones that a server sees
REFERENCE = 5.6e-4  # seconds of `_probe` on the machine of the measurements


def seconds(kind: Kind, scenario: Scenario) -> float:
    """About how long a job takes on one core of this machine.

    Args:
        kind: of the job.
        scenario: what is computed.
    """
    return (_weights(scenario) + _planting(scenario) + found(WORK[kind].price)(scenario)) * slower()


def attack(s: Scenario) -> float:
    """A search, by its steps."""
    attack, inputs = s.attack, _batch(s) * int(np.prod(s.shape))
    steered = getattr(s.server, "steps", 1) * STEERED * _step(s) if s.server.steers else 0.0
    steps = getattr(attack, "steps", 1) * getattr(attack, "restarts", 1)
    each = _step(s) * SLOWER.get(attack.name, 1.0)
    if attack.name in SOLVES:
        each += min(6.0, 0.02 + DENSE * inputs**3)
    return (5.0 if attack.name in NETS else 0.5) + steered + steps * each + LEARNS.get(attack.name, 0.0) * inputs


def spectrum(s: Scenario) -> float:
    """Exact, or by products."""
    inputs = _batch(s) * int(np.prod(s.shape))
    if s.method == "sketch" or inputs > MAX_EXACT_INPUTS:
        return SKETCH * 2 * _step(s)
    return (
        0.5 + inputs * (STEP / 4 + 2 * s.batch * _products(s) * PRODUCT) + CUBE * inputs**3
    )  # a column of a sum moves one client's message


def first_sketch(s: Scenario) -> float:
    """A few products."""
    return 0.5 + FIRST * 2 * _step(s)


def every_client(s: Scenario) -> float:
    """A spectrum each."""
    return cast("Any", s.train).clients * spectrum(_alone(s))


def labels(s: Scenario) -> float:
    """Messages of some hundred pictures."""
    return 30 + 300 * _step(_alone(s))


def alternatives(s: Scenario) -> float:
    """A message for every word at every place of the batch, or in every cell, and their Gram matrices."""
    words = sum(len(c.choices) for c in s.columns) if s.columns else int(np.prod(s.shape)) * s.data.num_classes
    return 0.5 + s.batch * words * _step(s) * 2


def inspection(s: Scenario) -> float:
    """Every sample's gradient, and two spectra of few inputs."""
    return 1 + (2 * s.batch + 200) * _step(s)


def training(s: Scenario) -> float:
    """All rounds."""
    how: Any = s.train
    return how.rounds * how.present * _step(_alone(s)) / 2


def _weights(s: Scenario) -> float:
    """Training the net on public pictures, the first time."""
    if s.model.init != "trained":
        return 0.0
    return _passes(s, s.model.epochs, MOST_PUBLIC)


def _planting(s: Scenario) -> float:
    """What a server takes that trains the net which it sends."""
    return _passes(s, getattr(s.server, "epochs", 0), SHOWN)


def _passes(s: Scenario, epochs: int, most: int) -> float:
    """So many passes over public samples, of which at most so many are looked at, in steps of 64."""
    steps = epochs * min(PICTURES.get(s.data.name, MOST_PUBLIC), most) / 64
    return steps * (EPOCH + 64 * _products(s) * PRODUCT)


def _step(s: Scenario) -> float:
    """One evaluation of a message and of its derivative."""
    local = getattr(s.protocol, "local_steps", 1) * getattr(s.protocol, "rounds", 1)
    return local * (STEP + _batch(s) * _products(s) * PRODUCT * (DOUBLE if s.dtype == "float64" else 1.0))


def _alone(s: Scenario) -> Scenario:
    """Of work that does not look at sums."""
    return s.replace(aggregation=Scenario().aggregation)


def _batch(s: Scenario) -> int:
    """Samples whose messages are made: those of all clients of a sum."""
    return s.batch * len(s.aggregation.members(s.rounds))


def _products(s: Scenario) -> int:
    return s.model.products(s.data.shape, s.data.num_classes)


@lru_cache(maxsize=1)
def slower() -> float:
    """How many times slower this machine is than the one of the measurements, by a small product of matrices; measured once, between a tenth and ten times."""
    square = np.ones((256, 256))
    took = []
    for _ in range(7):
        start = time.perf_counter()
        np.matmul(square, square)
        took.append(time.perf_counter() - start)
    return float(np.clip(min(took) / REFERENCE, 0.1, 10.0))
