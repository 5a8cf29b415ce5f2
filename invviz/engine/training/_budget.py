"""What the training of a scenario spends of its differential privacy: epsilon at the rate and over the rounds that are trained."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.figures import number
from ...core.rng import derive
from ...defenses.dp_sgd import DPSGD
from ...protocols.training import Federated

if TYPE_CHECKING:
    from ...scenario import Scenario

ASSUMED = "counted by Opacus as Poisson batches, while the training draws batches of a fixed size"
MOST_DRAWN = 10_000  # rounds whose draws of clients are repeated to count them; of more, all are counted


@dataclasses.dataclass(frozen=True)
class Spent:
    """The privacy budget of one training, against a server that sees every message.

    Attributes:
        epsilon: for every single sample of every client; infinite where nothing is promised.
        delta: probability with which the promise may fail.
        sample_rate: chance of a sample to be in a client's batch that was counted.
        steps: messages that were counted.
        counted: of which training, in words.
        why: why nothing is promised; empty where something is.
    """

    epsilon: float
    delta: float
    sample_rate: float
    steps: int
    counted: str
    why: str = ""

    def to_json(self) -> dict[str, Any]:
        """Everything, as plain numbers and words."""
        return {**dataclasses.asdict(self), "words": self.words()}

    def words(self) -> str:
        """One line: the number, for which rate and steps, and what is assumed."""
        return self.short() if self.why else f"{self.short()} ({self.counted}); {ASSUMED}"

    def short(self) -> str:
        """The number, and for which rate and steps."""
        if self.why:
            return f"no formal guarantee: {self.why}"
        return (
            f"epsilon = {shown(self.epsilon)} at delta = {number(self.delta)} for every single sample, over {self.steps:,} "
            f"step{'s' if self.steps > 1 else ''} at sample rate {self.sample_rate:.3g}"
        )


def shown(epsilon: float) -> str:
    """An epsilon in figures.

    Example:
        >>> shown(1.3958), shown(0.0), shown(12345.6)
        ('1.40', '0.00', '12,346')
    """
    return f"{epsilon:.2f}" if epsilon < 100 else f"{epsilon:,.0f}"


def spent(scenario: Scenario, counts: np.ndarray, done: int | None = None) -> Spent | None:
    """The budget of a scenario's dp_sgd, of the client that spends most; None where it has none.

    Every client's promise is counted at the rate of the client with fewest samples and over the rounds of the one that is drawn most often.

    Args:
        scenario: sample_rate and steps of its dp_sgd are taken where they are not 0.
        counts: samples of each class that each client holds, shape (clients, classes).
        done: rounds that were trained; rate and steps are then those of that training, whatever the knobs say.

    Raises:
        MissingExtra: Opacus is not installed.
    """
    found, how = scenario.defense.of(DPSGD), scenario.train
    if found is None or not isinstance(how, Federated):
        return None
    found = found if done is None else found.replace(sample_rate=0.0, steps=0)
    smallest = int(counts.sum(1).min())
    rate = found.sample_rate or min(1.0, scenario.batch / smallest)
    steps = found.steps or max(1, _taken(scenario, how, how.rounds if done is None else done))
    counted = f"batches of {scenario.batch} of the {smallest:,} that the smallest of {how.clients} clients holds"
    if found.sample_rate and found.steps:
        counted = "as its knobs say, whatever the scenario's training does"
    elif found.sample_rate or found.steps:
        counted = f"{'rate' if found.sample_rate else 'steps'} as its knob says; {counted}"
    why = _broken(scenario, found, smallest)
    epsilon = math.inf if why else found.replace(sample_rate=rate, steps=steps).epsilon()
    return Spent(epsilon, found.delta, rate, steps, counted, why)


def _broken(scenario: Scenario, found: DPSGD, smallest: int) -> str:
    if found.relative_clip:
        return "with relative_clip=True the clip norm is read off the private batch."
    if readers := scenario.defense.rereading:  # dp_sgd stands first
        return f"{', '.join(d.title for d in readers)} looks at the private batch again, after the noise."
    if not found.sample_rate and scenario.batch > smallest:
        return f"the smallest client holds {smallest:,} samples and a batch takes {scenario.batch}, some of them more than once."
    return ""


def _taken(scenario: Scenario, how: Federated, rounds: int) -> int:
    """The most rounds that one client takes part in."""
    if how.present == how.clients or rounds > MOST_DRAWN:
        return rounds
    drawn = [draw_clients(scenario.seed, done, how.clients, how.present)[0] for done in range(rounds)]
    return int(np.bincount(np.concatenate(drawn), minlength=how.clients).max()) if drawn else 0


def draw_clients(seed: int, done: int, clients: int, present: int) -> tuple[np.ndarray, np.random.Generator]:
    """The clients of the round after `done` rounds, ascending, and the generator that draws their pictures next; it hangs on the seed alone."""
    rng = np.random.default_rng(derive(seed, f"clients of round {done}"))
    return np.sort(rng.choice(clients, present, replace=False)), rng
