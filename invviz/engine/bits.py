"""The risk of sentences: bits that a message tells of every word, all other words being known, at any noise. Alternatives are counted; no attack is run."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.errors import Cancelled, ScenarioError
from ..core.lazy import torch
from ..core.tree import flatten
from ..core.types import Size
from ..risk.discrete import Alternatives, Learned
from ..scenario import Scenario, bits_problems
from .client import Client, Site, meet_client
from .results import Event, Reporter
from .summary import noise_variance

if TYPE_CHECKING:
    from torch import Tensor

    from ..core.types import Tree

AT_ONCE = 16  # messages that are made together

LEVELS = tuple(float(f"{10**power:.3g}") for power in np.arange(-3, 3.01, 0.25))
"""Noise levels of a curve: standard deviation of the noise on an entry over the message's root mean square."""


@dataclasses.dataclass(frozen=True, eq=False)
class Counted:
    """The alternatives of every word of a batch.

    Attributes:
        scenario: whose message it is.
        size: of the noise-free message.
        stages: as of `Stack.variance`.
        truth: numbers of words, (b, length).
        gram: (b, length, words, words) without number 0; zeros where no word stands.
    """

    scenario: Scenario
    size: Size
    stages: tuple[Size, ...]
    truth: np.ndarray
    gram: np.ndarray

    @property
    def sigma(self) -> float:
        """Standard deviation of the scenario's noise on an entry, floor included."""
        variance = noise_variance(self.scenario, self.size, self.stages)
        return float(((self.scenario.floor * self.size.rms) ** 2 + variance) ** 0.5)

    def learned(self, sigma: float) -> list[list[Learned]]:
        """What is learned of every word of every sentence at some noise."""
        return [[self._at(row, place).learned(sigma) for place in np.flatnonzero(words).tolist()] for row, words in enumerate(self.truth)]

    def _at(self, row: int, place: int) -> Alternatives:
        gram = self.gram[row, place]
        return Alternatives(gram, np.full(len(gram), 1 / len(gram)), int(self.truth[row, place]) - 1)

    def summary(self) -> dict[str, Any]:
        """In plain numbers and words: what is learned at the scenario's noise, and the mean over all words at every level of noise."""
        here = self.learned(self.sigma)
        every = [word for sentence in here for word in sentence]
        curve = [(level, [w for s in self.learned(level * self.size.rms) for w in s]) for level in LEVELS]
        known = self.scenario.data.vocabulary
        assert known is not None
        return {
            "bits": [[word.bits for word in sentence] for sentence in here],
            "right": [[word.right for word in sentence] for sentence in here],
            "likely": [[known.word(int(word.shares.argmax()) + 1) for word in sentence] for sentence in here],
            "sentences": [known.sentence(row) for row in self.truth],
            "entropy": every[0].entropy,
            "invre": float(np.mean([word.invre for word in every])),
            "mean_bits": float(np.mean([word.bits for word in every])),
            "mean_right": float(np.mean([word.right for word in every])),
            "sigma": self.sigma,
            "noise": self.sigma / max(self.size.rms, 1e-300),
            "levels": [level for level, _ in curve],
            "curve": [float(np.mean([word.bits for word in words])) for _, words in curve],
            "curve_right": [float(np.mean([word.right for word in words])) for _, words in curve],
            "size": dataclasses.asdict(self.size),
        }


def count(scenario: Scenario, site: Site, report: Reporter | None = None, client: Client | None = None) -> Counted:
    """Make the message of every alternative of every word.

    Args:
        scenario: what to compute; its attack plays no part.
        site: where.
        report: progress over the words; answering False stops.
        client: whose release it is; None for the scenario's own victim.

    Raises:
        ScenarioError: the parts do not fit together, or the samples are no sentences.
        Cancelled: `report` answered False.
    """
    if found := bits_problems(scenario):
        raise ScenarioError(found)
    client = client or meet_client(scenario, site, report)
    start, tokens = time.monotonic(), client.batch.private
    words, (rows, length) = scenario.data.num_classes - 1, tokens.shape
    gram = np.zeros((rows, length, words, words))
    places = (tokens != 0).nonzero().tolist()
    for number, (row, place) in enumerate(places):
        if report is not None and not report(Event("alternatives", number, len(places), time.monotonic() - start)):
            raise Cancelled("stopped")
        tried = tokens.repeat(words, 1, 1)
        tried[:, row, place] = torch.arange(1, words + 1, device=tokens.device)
        messages = _sent(client, tried).double().cpu().numpy()
        moved = messages - messages[int(tokens[row, place]) - 1]
        gram[row, place] = moved @ moved.T
    whole = client.release(client.net, client.batch, None)
    world = dataclasses.replace(client.world, net=client.net)
    stages = tuple(Size.of(release(client.net, client.batch, None)) for release in scenario.defense.between(client.bare, world))
    return Counted(scenario, Size.of(whole), stages, tokens.cpu().numpy(), gram)


def _sent(client: Client, tokens: Tensor) -> Tensor:
    """Noise-free messages of batches (n, b, length), (n, entries): many at once where the defenses can be traced so, else one by one."""

    def one(batch: Tensor) -> Tensor:
        message: Tree = client.release(client.net, client.batch.at(batch), None)
        return flatten(message)

    try:
        return torch.func.vmap(one, chunk_size=AT_ONCE)(tokens).detach()
    except RuntimeError:
        return torch.stack([one(batch).detach() for batch in tokens])
