"""A word for how much of a picture an attacker got, set against what somebody gets who sees no message."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from .psnr import PSNR
from .ssim import SSIM

Scores = float | Sequence[float] | np.ndarray
"""One number, or one a picture."""
WORDS = ("hidden", "blurred", "recognisable", "readable")
TELLS = ("tells little", "tells some", "tells most", "tells nearly all")
GAINS = (1.0, 6.0, 10.0)  # dB over the baseline from which the last three words hold: 21, 75 and 90 % of its squared error are gone
SHARES = (0.1, 0.4, 0.7)  # of the structural similarity that the baseline lacks, likewise
EXACT = 60.0  # dB: a root mean square error of a quarter of one of 256 grey levels; beyond it pictures differ by rounding alone
GREYS = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)  # plain pictures: SSIM knows no best grey in closed form, as PSNR does


@dataclasses.dataclass(frozen=True)
class Baseline:
    """PSNR (dB) and SSIM of what needs no message, of every picture of a batch.

    Attributes:
        psnr: of the best of the mean of public pictures and a flat grey of any brightness.
        ssim: likewise; NaN where pictures are too small for one.
        plain_psnr: of the best of those and the picture's own mean colour, which shows nothing but that colour; at least `psnr`.
        plain_ssim: likewise.
    """

    psnr: tuple[float, ...]
    ssim: tuple[float, ...]
    plain_psnr: tuple[float, ...]
    plain_ssim: tuple[float, ...]

    @classmethod
    def of(cls, truth: np.ndarray, mean: np.ndarray | None = None) -> Baseline:
        """Of these pictures.

        Args:
            truth: shape (n, c, h, w) in [0, 1]; or (n, ...), of samples that are no pictures.
            mean: of public ones, (1, ...); None where there are none on this machine: plain pictures alone count then.
        """
        best = truth.mean(tuple(range(1, truth.ndim)), keepdims=True)  # no other grey has a smaller squared error
        unseen = [np.broadcast_to(level, truth.shape).astype(truth.dtype) for level in (best, *GREYS)]
        unseen += [] if mean is None else [np.broadcast_to(mean, truth.shape).astype(truth.dtype)]
        own = np.broadcast_to(truth.mean((2, 3), keepdims=True) if truth.ndim == 4 else best, truth.shape)
        psnr, ssim = (np.fmax.reduce([metric.score(guess, truth) for guess in unseen]) for metric in (PSNR(), SSIM()))
        with_own = np.fmax(psnr, PSNR().score(own, truth)), np.fmax(ssim, SSIM().score(own, truth))
        return cls(*(tuple(map(float, values)) for values in (psnr, ssim, *with_own)))

    def or_better(self, guess: np.ndarray, truth: np.ndarray) -> Baseline:
        """The same for somebody who could also answer with this guess without any message; arguments (n, c, h, w)."""
        psnr, ssim = (metric.score(guess, truth) for metric in (PSNR(), SSIM()))
        better = lambda old, new: tuple(map(float, np.fmax(old, new)))  # noqa: E731
        return Baseline(better(self.psnr, psnr), better(self.ssim, ssim), better(self.plain_psnr, psnr), better(self.plain_ssim, ssim))

    @property
    def middle(self) -> Baseline:
        """Means over the batch, as one picture, for scores of which only the mean is known."""
        return Baseline(*((float(np.mean(getattr(self, f.name))),) for f in dataclasses.fields(self)))

    @classmethod
    def mean_of(cls, several: Sequence[Baseline]) -> Baseline:
        """Of several batches as one."""
        return cls(*(tuple(v for one in several for v in getattr(one, f.name)) for f in dataclasses.fields(cls)))


def word(psnr: Scores, ssim: Scores, baseline: Baseline) -> str:
    """How much of a picture a guess shows, in one of four words, or from the least to the most over a batch.

    * readable: the guess is exact (EXACT dB), or PSNR or SSIM is far beyond any plain picture's (10 dB, or 70 % of the similarity that it lacks): its details are there.
    * recognisable: 6 dB, or 40 %: one sees what it shows.
    * blurred: 1 dB, or 10 %, beyond what needs no message: its colour or rough shapes are known.
    * hidden: neither. The mean picture and every flat grey are.

    The thresholds are ours, from looking at pictures of six data sets (benchmarks/words.py). PSNR and SSIM do not see all that an eye sees: a faint picture under grain
    stronger than its own contrast, its negative, or one moved aside may count as hidden. Look at the picture, too.

    Args:
        psnr: in dB, of every picture, or the mean over the batch.
        ssim: likewise; NaN where there is none, then PSNR decides alone.
        baseline: of the same pictures.

    Returns:
        One of WORDS; "hidden to readable" where pictures of a batch differ; "not scored" where the PSNR is not known.
    """
    several = np.ndim(psnr) > 0 and np.size(psnr) == len(baseline.psnr)
    if not several:
        baseline, psnr, ssim = baseline.middle, [float(np.mean(psnr))], [float(np.mean(ssim))]
    floors = zip(baseline.psnr, baseline.ssim, baseline.plain_psnr, baseline.plain_ssim, strict=True)
    scores = zip(np.atleast_1d(psnr), np.broadcast_to(ssim, np.shape(psnr)), strict=True)
    found = [_rank(float(p), float(s), *floor) for (p, s), floor in zip(scores, floors, strict=True) if not math.isnan(p)]
    if not found:
        return "not scored"
    low, high = WORDS[min(found)], WORDS[max(found)]
    return low if low == high else f"{low} to {high}"


def rank(said: str) -> int:
    """Place of a word in WORDS; of "hidden to readable" that of the better one; -1 of what has none.

    Example:
        >>> rank("hidden"), rank("hidden to recognisable"), rank("not scored")
        (0, 2, -1)
    """
    best = said.split(" to ")[-1]
    return WORDS.index(best) if best in WORDS else -1


def word_of_share(invre: float) -> str:
    """The word for an expectation over pictures, which has no SSIM: by how much it lies above the prior's own guess, -10 log10(1 - InvRE) dB.

    It depends on no property of the prior: hidden below an InvRE of 0.21, blurred from there on, recognisable from 0.75, readable from 0.90.

    Example:
        >>> word_of_share(0.0), word_of_share(0.5), word_of_share(0.8), word_of_share(1.0)
        ('hidden', 'blurred', 'recognisable', 'readable')
    """
    gain = math.inf if invre >= 1 else -10 * math.log10(min(1 - invre, 1.0))
    return WORDS[sum(gain >= limit for limit in GAINS)]


def tells(invre: float) -> str:
    """The same limits in words that are said of a message, not of a picture: beside a picture's own word the one for an average would read as a contradiction.

    tells little: less than 21 % of the squared error of a guess without the message are gone, on average over pictures and noise; some; most from 75 % on; nearly all from 90 % on.

    Example:
        >>> tells(0.1), tells(0.5), tells(0.8), tells(1.0)
        ('tells little', 'tells some', 'tells most', 'tells nearly all')
    """
    return TELLS[WORDS.index(word_of_share(invre))]


def decibels(psnr: float, digits: int = 1) -> str:
    """A PSNR for a sentence.

    Example:
        >>> decibels(24.53), decibels(float("inf")), decibels(float("nan"))
        ('24.5 dB', 'no error at all', 'no score')
    """
    return "no error at all" if psnr == math.inf else f"{psnr:.{digits}f} dB" if math.isfinite(psnr) else "no score"


def quality(psnr: Scores, ssim: Scores, baseline: Baseline | None, between: str = ", ") -> str:
    """Word and PSNR of a guess; the PSNR alone where nothing is known to set it against. What is exact to rounding is said to be.

    Args:
        psnr: as of `word`.
        ssim: likewise.
        baseline: of the same pictures.
        between: what stands between word and number.

    Example:
        >>> quality(109.14, 1.0, Baseline((12.0,), (0.1,), (13.0,), (0.1,)))
        'readable (exact), 109.1 dB'
    """
    mean = float(np.mean(psnr))
    if baseline is None or math.isnan(mean):
        return decibels(mean)
    exact = " (exact)" if np.min(psnr) >= EXACT else ""
    return f"{word(psnr, ssim, baseline)}{exact}{between}{decibels(mean)}"


def _rank(psnr: float, ssim: float, low: float, low_ssim: float, plain: float, plain_ssim: float) -> int:
    """Place in WORDS of one picture."""
    if psnr >= EXACT > low:
        return len(WORDS) - 1
    beyond_plain, beyond_nothing = _steps(psnr, ssim, plain, plain_ssim), _steps(psnr, ssim, low, low_ssim)
    return beyond_plain if beyond_plain > 1 else min(beyond_nothing, 1)


def _steps(psnr: float, ssim: float, low: float, low_ssim: float) -> int:
    """How many of the limits are passed by the better of both scores; more than the same picture counts as the same."""
    gain = min(psnr, EXACT) - min(low, EXACT)
    share = (ssim - low_ssim) / (1 - low_ssim) if low_ssim < 1 else 0.0
    return max(sum(gain >= limit for limit in GAINS), sum(share >= limit for limit in SHARES))
