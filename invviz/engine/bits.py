"""The risk of sentences: bits that a message tells of every word, all other words being known, at any noise. Alternatives are counted; no attack is run."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Mapping, Sequence
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
from .sums import stages_of

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
        stored: `facts`, where they were kept.
    """

    scenario: Scenario
    size: Size
    stages: tuple[Size, ...]
    truth: np.ndarray
    gram: np.ndarray
    stored: Mapping[str, Any] | None = None

    @classmethod
    def kept(cls, scenario: Scenario, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Counted:
        """Of what a store keeps, for a scenario at any noise."""
        stages = tuple(Size.from_json(stage) for stage in facts["stages"])
        return cls(scenario, Size.from_json(facts["size"]), stages, np.array(arrays["truth"]), np.array(arrays["gram"]), facts)

    @property
    def sigma(self) -> float:
        """Standard deviation of the scenario's noise on an entry, floor included."""
        return noise_share(self.scenario, self.size, self.stages) * self.size.rms

    @functools.cached_property
    def here(self) -> list[list[Learned]]:
        """What is learned at the scenario's noise."""
        return self.learned(self.sigma)

    def learned(self, sigma: float) -> list[list[Learned]]:
        """What is learned of every word of every sentence at some noise."""
        return [[self._at(row, place).learned(sigma) for place in np.flatnonzero(words).tolist()] for row, words in enumerate(self.truth)]

    def _at(self, row: int, place: int) -> Alternatives:
        gram = self.gram[row, place]
        return Alternatives(gram, np.full(len(gram), 1 / len(gram)), int(self.truth[row, place]) - 1)

    def facts(self) -> dict[str, Any]:
        """What holds at any noise, in plain numbers and words: the mean over all words at every level, and at which level half of each word's bits drown."""
        if self.stored is not None:
            return dict(self.stored)
        levels = [
            [self._at(row, place).bits_at(LEVELS, self.size.rms) for place in np.flatnonzero(w).tolist()]
            for row, w in enumerate(self.truth)
        ]
        every = np.array([word for sentence in levels for word in sentence])  # (words, levels, 2)
        known, entropy = self.scenario.data.vocabulary, float(np.log2(self.gram.shape[-1]))
        assert known is not None
        curve = every[:, :, 0].mean(0)
        return {
            "sentences": [known.sentence(row) for row in self.truth],
            "entropy": entropy,
            "levels": list(LEVELS),
            "curve": curve.tolist(),
            "curve_right": every[:, :, 1].mean(0).tolist(),
            "half": half(curve, entropy),
            "halves": [[half([bits for bits, _ in word], entropy) for word in sentence] for sentence in levels],
            "size": dataclasses.asdict(self.size),
            "stages": [dataclasses.asdict(stage) for stage in self.stages],
        }

    def summary(self) -> dict[str, Any]:
        """The same, and what is learned at the scenario's noise."""
        here = self.here
        every = [word for sentence in here for word in sentence]
        known = self.scenario.data.vocabulary
        assert known is not None
        return {
            "bits": [[word.bits for word in sentence] for sentence in here],
            "right": [[word.right for word in sentence] for sentence in here],
            "likely": [[known.word(int(word.shares.argmax()) + 1) for word in sentence] for sentence in here],
            "invre": float(np.mean([word.invre for word in every])),
            "mean_bits": float(np.mean([word.bits for word in every])),
            "mean_right": float(np.mean([word.right for word in every])),
            "sigma": self.sigma,
            "noise": self.sigma / max(self.size.rms, 1e-300),
            **self.facts(),
        }


def noise_share(scenario: Scenario, size: Size, stages: Sequence[Size] = ()) -> float:
    """Standard deviation of the scenario's noise on an entry, floor included, over the message's root mean square."""
    return float((scenario.floor**2 + noise_variance(scenario, size, stages) / max(size.rms, 1e-300) ** 2) ** 0.5)


def half(curve: Sequence[float] | np.ndarray, entropy: float) -> float:
    """The noise level at which half of the bits are learned, between LEVELS on a scale of powers; the ends where it lies beyond them."""
    return float(np.exp(np.interp(-entropy / 2, -np.asarray(curve), np.log(LEVELS))))


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
    return Counted(scenario, Size.of(whole), stages_of(scenario, client), tokens.cpu().numpy(), gram)


def _sent(client: Client, tokens: Tensor) -> Tensor:
    """Noise-free messages of batches (n, b, length), (n, entries): many at once where the defenses can be traced so, else one by one."""

    def one(batch: Tensor) -> Tensor:
        message: Tree = client.release(client.net, client.batch.at(batch), None)
        return flatten(message)

    try:
        return torch.func.vmap(one, chunk_size=AT_ONCE)(tokens).detach()
    except RuntimeError:
        return torch.stack([one(batch).detach() for batch in tokens])
