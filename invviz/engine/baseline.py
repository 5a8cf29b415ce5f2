"""What somebody gets of a scenario's victims who sees no message: the mean of public pictures, and how good it is of them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from ..core.errors import InvvizError
from ..core.table import right
from ..datasets import Dataset, Samples
from ..metrics import Baseline
from ..protocols import Protocol
from ..scenario import Scenario

AVERAGED, NUMBERS = 5_000, 20_000_000  # public pictures of the mean picture, and numbers in them, at most


def mean_picture(scenario: Scenario, samples: Samples) -> np.ndarray:
    """The mean of the public pictures, or of the attacked parties' part of them, shape (1, c, h, w); of a table its mean row."""
    return _average(scenario.data, scenario.protocol, samples)


def guess_without_message(scenario: Scenario, data_dir: Path | None) -> np.ndarray | None:
    """The mean of public samples, shape (1, ...), found once for all victims of a data set; None where that is not on this machine."""
    try:
        return _mean(scenario.data.replace(index=0), scenario.protocol, data_dir)
    except InvvizError:
        return None


def baseline_of(scenario: Scenario, truth: np.ndarray, data_dir: Path | None) -> Baseline:
    """How good what needs no message is of these victims, shape (n, c, h, w); for an attack that is told labels and knows public pictures by theirs, the mean picture of each label is."""
    mean = guess_without_message(scenario, data_dir)
    found = Baseline.of(truth, mean if mean is not None and mean.shape[1:] == truth.shape[1:] else None)
    if not scenario.attack.knows_classes or scenario.upload or scenario.columns:
        return found
    try:
        guess = guess_by_labels(scenario, len(truth), data_dir)
    except InvvizError:  # the data set is not on this machine
        return found
    return found.or_better(guess.astype(truth.dtype), truth) if guess.shape == truth.shape else found


def guess_by_labels(scenario: Scenario, batch: int, data_dir: Path | None) -> np.ndarray:
    """What labels alone give: of every victim the mean public picture with its label, the attacked parties' part of it, shape (batch, c, h, w).

    Raises:
        InvvizError: the data set is not on this machine.
    """
    means = _by_label(scenario.data.replace(index=0), scenario.protocol, data_dir)
    _, labels = scenario.data.victims(scenario.data.load(data_dir), batch)
    return np.concatenate([means[int(label)] for label in labels])


def cells_without_message(scenario: Scenario, truth: np.ndarray, data_dir: Path | None) -> float | None:
    """Share of a table's cells that its mean row has right; None of pictures, or where the data set is not on this machine."""
    mean = guess_without_message(scenario, data_dir) if scenario.columns else None
    return None if mean is None else float(right(scenario.columns, truth, np.repeat(mean, len(truth), 0)).mean())


@lru_cache(maxsize=64)
def _mean(data: Dataset, protocol: Protocol, data_dir: Path | None) -> np.ndarray:
    return _average(data, protocol, data.load(data_dir))


@lru_cache(maxsize=16)
def _by_label(data: Dataset, protocol: Protocol, data_dir: Path | None) -> dict[int, np.ndarray]:
    """Of every label the mean of public pictures that have it, of as many as the mean of all is of; of a label that none has, that one."""
    image, label = _some(data, data.load(data_dir))
    own = {k: image[label == k] for k in range(data.num_classes)}
    return {k: _middle(few if len(few) else image, protocol) for k, few in own.items()}


def _average(data: Dataset, protocol: Protocol, samples: Samples) -> np.ndarray:
    return _middle(_some(data, samples)[0], protocol)


def _some(data: Dataset, samples: Samples) -> tuple[np.ndarray, np.ndarray]:
    """Public pictures, evenly spread over all that there are, and their labels: as many as a mean is taken of."""
    count = max(1, min(len(samples.public), AVERAGED, NUMBERS // int(np.prod(data.shape))))
    return samples.public.take(np.linspace(0, len(samples.public) - 1, count).astype(int).tolist())


def _middle(image: np.ndarray, protocol: Protocol) -> np.ndarray:
    return protocol.part(image.mean(0, keepdims=True, dtype=np.float64).astype(np.float32))
