"""The risk of words, in sentences and in the cells of rows: bits that a message tells of each, all else being known, at any noise. Alternatives are counted; no attack is run."""

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

    from ..core.table import Column
    from ..core.types import Tree

AT_ONCE = 16  # messages that are made together

LEVELS = tuple(float(f"{10**power:.3g}") for power in np.arange(-3, 3.01, 0.25))
"""Noise levels of a curve: standard deviation of the noise on an entry over the message's root mean square."""


@dataclasses.dataclass(frozen=True, eq=False)
class Counted:
    """The alternatives of every word of a batch: of sentences at every place, of rows in every column that is a choice.

    Attributes:
        scenario: whose message it is.
        size: of the noise-free message.
        stages: as of `Stack.variance`.
        truth: numbers of words, (b, length); or rows, (b, 1, 1, d).
        gram: (b, length, words, words) without number 0, zeros where no word stands; of rows (b, choices, most words, most words), zeros behind a choice's own words.
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
        return [[self._at(row, place).learned(sigma) for place in self._places(row)] for row in range(len(self.truth))]

    @property
    def choices(self) -> list[Column]:
        """The columns of a row whose words are counted; none of sentences."""
        return choices_of(self.scenario)

    def _places(self, row: int) -> list[int]:
        return list(range(len(self.choices))) if self.choices else np.flatnonzero(self.truth[row]).tolist()

    def _at(self, row: int, place: int) -> Alternatives:
        gram, words = self.gram[row, place], self.gram.shape[-1]
        if self.choices:
            words = self.choices[place].width
            gram, true = gram[:words, :words], int(self.truth[row].reshape(-1)[self.choices[place].part].argmax())
        else:
            true = int(self.truth[row, place]) - 1
        return Alternatives(gram, np.full(words, 1 / words), true)

    def _said(self, row: int) -> list[str]:
        """What stands in every place of a row or a sentence."""
        if self.choices:
            flat = self.truth[row].reshape(-1)
            return [f"{column.name}: {column.text(flat)}" for column in self.choices]
        known = self.scenario.data.vocabulary
        assert known is not None
        return known.sentence(self.truth[row]).split()

    def _word(self, place: int, number: int) -> str:
        known = self.scenario.data.vocabulary
        if self.choices:
            return self.choices[place].choices[number]
        assert known is not None
        return known.word(number + 1)

    def facts(self) -> dict[str, Any]:
        """What holds at any noise, in plain numbers and words: the mean over all words at every level, and at which level half of each word's bits drown."""
        if self.stored is not None:
            return dict(self.stored)
        each = [[self._at(row, place) for place in self._places(row)] for row in range(len(self.truth))]
        levels = [[one.bits_at(LEVELS, self.size.rms) for one in own] for own in each]
        every = np.array([word for sentence in levels for word in sentence])  # (words, levels, 2)
        entropy = float(np.mean([one.entropy for own in each for one in own]))
        curve, said = every[:, :, 0].mean(0), [self._said(row) for row in range(len(self.truth))]
        return {
            "sentences": [("; " if self.choices else " ").join(words) for words in said],
            **({"cells": said} if self.choices else {}),
            "entropy": entropy,
            "levels": list(LEVELS),
            "curve": curve.tolist(),
            "curve_right": every[:, :, 1].mean(0).tolist(),
            "half": half(curve, entropy),
            "halves": [
                [half([bits for bits, _ in word], one.entropy) for word, one in zip(own, alternatives, strict=True)]
                for own, alternatives in zip(levels, each, strict=True)
            ],
            "size": dataclasses.asdict(self.size),
            "stages": [dataclasses.asdict(stage) for stage in self.stages],
        }

    def summary(self) -> dict[str, Any]:
        """The same, and what is learned at the scenario's noise."""
        here = self.here
        every = [word for sentence in here for word in sentence]
        return {
            "bits": [[word.bits for word in sentence] for sentence in here],
            "right": [[word.right for word in sentence] for sentence in here],
            "entropies": [[word.entropy for word in sentence] for sentence in here],
            "likely": [[self._word(place, int(word.shares.argmax())) for place, word in enumerate(sentence)] for sentence in here],
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


def count(
    scenario: Scenario, site: Site, report: Reporter | None = None, client: Client | None = None, picture: np.ndarray | None = None
) -> Counted:
    """Make the message of every alternative of every word.

    Args:
        scenario: what to compute; its attack plays no part.
        site: where.
        report: progress over the words; answering False stops.
        client: whose release it is; None for the scenario's own victim.
        picture: a sample of a person's own, if the scenario names one.

    Raises:
        ScenarioError: the parts do not fit together, or the samples have no words.
        Cancelled: `report` answered False.
    """
    if found := bits_problems(scenario):
        raise ScenarioError(found)
    client = client or meet_client(scenario, site, report, picture)
    start, private, choices = time.monotonic(), client.batch.private, choices_of(scenario)
    words = max((c.width for c in choices), default=scenario.data.num_classes - 1)
    gram = np.zeros((len(private), len(choices) or private.shape[1], words, words))
    places = [(row, k) for row in range(len(private)) for k in range(len(choices))] or (private != 0).nonzero().tolist()
    for number, (row, place) in enumerate(places):
        if report is not None and not report(Event("alternatives", number, len(places), time.monotonic() - start)):
            raise Cancelled("stopped")
        tried, true = _chosen(private, row, choices[place]) if choices else _written(private, row, place, words)
        messages = sent(client, tried).double().cpu().numpy()
        moved = messages - messages[true]
        gram[row, place, : len(moved), : len(moved)] = moved @ moved.T
    whole = client.release(client.net, client.batch, None)
    return Counted(scenario, Size.of(whole), stages_of(scenario, client), private.cpu().numpy(), gram)


def choices_of(scenario: Scenario) -> list[Column]:
    """The columns of what the client holds of a row whose words are counted; none of samples that are no rows."""
    return [column for column in scenario.columns if column.choices]


def _written(tokens: Tensor, row: int, place: int, words: int) -> tuple[Tensor, int]:
    """The batch with every word in one place of a sentence, (words, b, length), and the number of the true one."""
    tried = tokens.repeat(words, 1, 1)
    tried[:, row, place] = torch.arange(1, words + 1, device=tokens.device)
    return tried, int(tokens[row, place]) - 1


def _chosen(rows: Tensor, row: int, column: Column) -> tuple[Tensor, int]:
    """The batch with every word in one cell of a row, (words, b, 1, 1, d), and the number of the true one."""
    tried = rows.repeat(column.width, *(1 for _ in rows.shape))
    tried[:, row, ..., column.part] = torch.eye(column.width, dtype=rows.dtype, device=rows.device)[:, None, None]
    return tried, int(rows[row, ..., column.part].argmax())


def sent(client: Client, tokens: Tensor) -> Tensor:
    """Noise-free messages of batches (n, b, ...), (n, entries): many at once where the defenses can be traced so, else one by one."""

    def one(batch: Tensor) -> Tensor:
        message: Tree = client.release(client.net, client.batch.at(batch), None)
        return flatten(message)

    try:
        return torch.func.vmap(one, chunk_size=AT_ONCE)(tokens).detach()
    except RuntimeError:
        return torch.stack([one(batch).detach() for batch in tokens])
