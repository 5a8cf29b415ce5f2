"""Defenses of which an update is all that they need, in NumPy: `_flower.py` writes its modules from this source, and tests hold each function equal to its PyTorch form.

Every function takes an update {name: array}, all of float32 or of float64, a generator, and the defense's knobs; it changes nothing in place. Nothing here imports
anything but NumPy, because what is written from it runs where invviz is not installed.
"""

from __future__ import annotations

import numpy as np


def norm(update):
    """Euclidean norm over all arrays, a float; summed in float64."""
    return sum(float(np.sum(leaf.astype(np.float64) ** 2)) for leaf in update.values()) ** 0.5


def count(update):
    """How many numbers an update has."""
    return sum(leaf.size for leaf in update.values())


def rms(update):
    """Root mean square of all entries, a float."""
    return norm(update) / count(update) ** 0.5


def peak(update):
    """The largest magnitude of an entry, a float."""
    return max((float(np.abs(leaf).max()) for leaf in update.values() if leaf.size), default=0.0)


def flat(update):
    """All entries as one vector, in the order of the names."""
    return np.concatenate([leaf.ravel() for leaf in update.values()])


def shrunk(update, clip_norm, relative):
    """The update times min(1, clip_norm / norm); relative: times min(1, clip_norm)."""
    if relative:
        return {name: leaf * min(1.0, clip_norm) for name, leaf in update.items()}
    kind = np.result_type(*update.values()).type
    square = sum(float(np.sum(leaf.astype(np.float64) ** 2)) for leaf in update.values())
    length = np.sqrt(max(kind(square), np.finfo(kind).tiny))
    factor = float(min(kind(1), kind(clip_norm) / length))
    return {name: leaf * factor for name, leaf in update.items()}


def with_normal(update, rng, std):
    """The update plus independent normal noise of one standard deviation."""
    return {name: leaf + std * rng.standard_normal(leaf.shape, dtype=leaf.dtype) for name, leaf in update.items()}


def clipping(update, rng, clip_norm, relative):
    """Shrinks the whole update to at most a Euclidean norm (relative: to a share of its own norm)."""
    return shrunk(update, clip_norm, relative)


def gaussian_noise(update, rng, sigma, relative):
    """Adds standard normal noise n, times sigma, to every entry: u' = u + sigma n (relative: u' = u + sigma r n, where r is the root mean square of the update's entries)."""
    return with_normal(update, rng, sigma * (rms(update) if relative else 1.0))


def laplace_noise(update, rng, scale, relative):
    """Adds Laplace noise of scale b to every entry, by inversion (relative: of scale b r, where r is the root mean square of the update's entries)."""
    b = scale * (rms(update) if relative else 1.0)
    sent = {}
    for name, leaf in update.items():
        u = np.maximum(rng.random(leaf.shape, dtype=leaf.dtype) - 0.5, -0.5 + 1e-7)
        sent[name] = leaf + b * (-np.sign(u) * np.log(1 - 2 * np.abs(u)))
    return sent


def local_dp(update, rng, clip_norm, relative_clip, multiplier):
    """Clips the whole update, then adds normal noise of standard deviation 2 * clip norm * multiplier (relative: the clip norm is a share of the update's own norm)."""
    limit = clip_norm * (norm(update) if relative_clip else 1.0)
    return with_normal(shrunk(update, clip_norm, relative_clip), rng, 2 * limit * multiplier)


def pruning(update, rng, fraction):
    """Sets the smallest entries (by magnitude, over the whole update) to zero."""
    size = np.abs(flat(update))
    dropped = int(fraction * size.size)
    if dropped == 0:
        return update
    smallest_kept = np.partition(size, dropped)[dropped]
    return {name: leaf * (np.abs(leaf) >= smallest_kept) for name, leaf in update.items()}


def random_pruning(update, rng, fraction, order_seed):
    """Sets entries to zero that a seed chose, the same ones in every round."""
    total = count(update)
    kept = np.ones(total, dtype=bool)
    kept[np.random.default_rng(order_seed).permutation(total)[: int(fraction * total)]] = False
    sent, start = {}, 0
    for name, leaf in update.items():
        sent[name] = leaf * kept[start : start + leaf.size].reshape(leaf.shape)
        start += leaf.size
    return sent


def quantisation(update, rng, bits):
    """Rounds every entry to the nearest of 2^bits - 1 levels between the largest magnitude and its negative."""
    q = peak(update) / (2 ** (bits - 1) - 1)
    return update if q == 0 else {name: np.round(leaf / q) * q for name, leaf in update.items()}


def stochastic_quantisation(update, rng, bits, scale):
    """Rounds every entry to one of its two neighbouring levels by chance, right on average."""
    levels = 2 ** (bits - 1) - 1
    q = (peak(update) if scale == "largest" else norm(update)) / levels
    if q == 0:
        return update
    sent = {}
    for name, leaf in update.items():
        below = np.floor(leaf / q)
        up = rng.random(leaf.shape, dtype=leaf.dtype) < leaf / q - below
        sent[name] = np.clip(below + up, -levels, levels) * q
    return sent


def sign(update, rng, mixing):
    """Sends signs times the mean magnitude of all entries (mixing below 1: part of the way there)."""
    kind = np.result_type(*update.values()).type
    mean = kind(sum(float(np.sum(np.abs(leaf), dtype=np.float64)) for leaf in update.values())) / kind(count(update))
    size = float(kind(mixing) * mean)
    return {name: (1 - mixing) * leaf + size * np.sign(leaf) for name, leaf in update.items()}
