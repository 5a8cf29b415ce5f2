"""What one sample is: which of its inputs are private, how they are bounded, and what it is called."""

from __future__ import annotations

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Modality:
    """A kind of sample.

    Attributes:
        name: of its row in MODALITIES.
        one: what one sample is called.
        many: what several are called.
        private: names of the inputs that only the client knows: the Jacobian is taken by them, in this order, where they are continuous.
        bounds: least and greatest value of a private input.
        told: what a data set of it is, where "a set of" them is not said of it.
        discrete: the private input is whole numbers that stand for words: their alternatives are counted, and nothing is differentiated by them. 0 stands for no word.
        loudest: noise over the message's typical entry up to which sliders reach: a sample of this kind drowns before.
        grid: whether neighbouring entries of the private input are alike, so that smoothness says something: what a prior over frequencies, total variation and SSIM need.
    """

    name: str
    one: str
    many: str
    private: tuple[str, ...]
    bounds: tuple[float, float] = (0.0, 1.0)
    told: str = ""
    grid: bool = False
    discrete: bool = False
    loudest: float = 10.0

    @property
    def a_set(self) -> str:
        """What a data set of it is, in words."""
        return self.told or f"a set of {self.many}"

    def settled(self, values: np.ndarray) -> np.ndarray:
        """Values moved inside the bounds, the middle (of words none) in place of what is no number; shape (n, ...)."""
        low, high = self.bounds
        if self.discrete:
            return np.nan_to_num(values, nan=low, posinf=low, neginf=low).clip(low, high).astype(np.int64)
        return np.nan_to_num(values, nan=(low + high) / 2, posinf=high, neginf=low).clip(low, high)

    def unit(self, values: np.ndarray) -> np.ndarray:
        """Values on the scale from 0 to 1 that scores are made for, shape (n, ...); numbers of words as they are."""
        low, high = self.bounds
        return values if self.discrete or (low, high) == (0.0, 1.0) else (values - low) / (high - low)


PICTURE = Modality("picture", "picture", "pictures", ("image",), grid=True)
ROW = Modality(
    "row", "row", "rows", ("image",), told="a table, whose columns have no neighbours"
)  # of a table, encoded as numbers in [0, 1]; its columns say what they stand for
TOKENS = Modality(
    "tokens", "sentence", "sentences", ("tokens",), (0.0, 2.0**31), discrete=True, loudest=1000.0
)  # numbers of words in their data set's vocabulary, (b, length), filled up with 0 behind the last word
SERIES = Modality(
    "series", "series", "series", ("image",), told="a set of time series, whose neighbours follow each other in time", grid=True
)  # (b, channels, length): values along time

PRIORS = ("white", "natural", "dataset")  # what an attacker may expect of samples: nothing, smoothness, or what public ones look like
MODALITIES: dict[str, Modality] = {m.name: m for m in (PICTURE, ROW, TOKENS, SERIES)}
