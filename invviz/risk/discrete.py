"""Risk of discrete inputs: alternatives are counted, because there is nothing to differentiate. Bits that a message tells of one word, all other words being known."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

DRAWS = 400  # of the noise
SEED = 20_231


@dataclasses.dataclass(frozen=True, eq=False)
class Alternatives:
    """What is known of one word to whoever knows all others, the net and the noise, which is normal and the same on every entry of the message.

    With D_u = message at alternative u - message at the truth, and noise s n, the posterior is softmax(n.D_u / s - |D_u|^2 / 2 s^2 + log prior). Its law depends on the Gram
    matrix D D' alone, so one eigendecomposition serves every s.

    Attributes:
        gram: D D', (alternatives, alternatives); the truth's row is zero.
        prior: probabilities, (alternatives,).
        truth: its number among them.
    """

    gram: np.ndarray
    prior: np.ndarray
    truth: int

    @classmethod
    def of(cls, messages: np.ndarray, truth: int, prior: np.ndarray | None = None) -> Alternatives:
        """Of the messages at all alternatives, (alternatives, entries), in float64; all of them equally likely where no prior is given."""
        moved = np.asarray(messages, np.float64) - np.asarray(messages[truth], np.float64)
        count = len(moved)
        return cls(moved @ moved.T, np.full(count, 1 / count) if prior is None else np.asarray(prior, np.float64), truth)

    @property
    def entropy(self) -> float:
        """Of the prior, in bits."""
        return float(_entropy(self.prior[None])[0])

    def draws(self, count: int = DRAWS, seed: int = SEED) -> np.ndarray:
        """n.D_u of normal noise n, (count, alternatives): normal with the Gram matrix as its covariance."""
        values, vectors = np.linalg.eigh(self.gram)
        noise = np.random.default_rng(seed).standard_normal((count, len(values)))
        return noise @ (vectors * np.sqrt(values.clip(0))).T

    def posterior(self, drawn: np.ndarray, sigma: float) -> np.ndarray:
        """Probability of every alternative, (draws, alternatives).

        Args:
            drawn: n.D_u, as `draws` gives it, or of noise of one's own.
            sigma: standard deviation of the noise on an entry, above 0.
        """
        logits = drawn / sigma - np.diag(self.gram) / (2 * sigma**2) + np.log(np.maximum(self.prior, 1e-300))
        shares = np.exp(logits - logits.max(1, keepdims=True))
        return shares / shares.sum(1, keepdims=True)

    def bits_at(self, levels: Sequence[float], rms: float) -> list[tuple[float, float]]:
        """Bits and how often the right one is the most likely, at every level of noise, times `rms`; of the same draws."""
        drawn = self.draws()
        return [(found.bits, found.right) for found in (self.learned(level * rms, drawn) for level in levels)]

    def learned(self, sigma: float, drawn: np.ndarray | None = None) -> Learned:
        """What the message tells, on average over the noise."""
        shares = self.posterior(self.draws() if drawn is None else drawn, max(sigma, 1e-150))
        best = shares.max(1, keepdims=True)
        ties = shares >= best * (1 - 1e-12)
        bits = self.entropy - float(_entropy(shares).mean())
        return Learned(bits, self.entropy, float((ties[:, self.truth] / ties.sum(1)).mean()), shares.mean(0))


@dataclasses.dataclass(frozen=True, eq=False)
class Learned:
    """What is learned of one word.

    Attributes:
        bits: entropy of the prior less that of the posterior, expected.
        entropy: of the prior, in bits.
        right: how often the most likely alternative is the truth.
        shares: expected probability of every alternative.
    """

    bits: float
    entropy: float
    right: float
    shares: np.ndarray

    @property
    def invre(self) -> float:
        """Share of what was unknown that is learned."""
        return self.bits / self.entropy if self.entropy > 0 else 0.0


def union_bound(gram: np.ndarray, truth: int, sigma: float) -> float:
    """How often the most likely alternative is wrong, at most, where all are equally likely: sum of Q(|D_u| / 2 s) over the others."""
    from scipy.special import ndtr

    lengths = np.sqrt(np.delete(np.diag(gram), truth).clip(0))
    return float(min(1.0, ndtr(-lengths / (2 * sigma)).sum()))


def _entropy(shares: np.ndarray) -> np.ndarray:
    """In bits, of distributions (n, alternatives)."""
    return -(shares * np.log2(np.maximum(shares, 1e-300))).sum(1)
