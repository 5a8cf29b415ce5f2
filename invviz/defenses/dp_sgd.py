"""DP-SGD: every sample's gradient is clipped, and their mean gets normal noise."""

from __future__ import annotations

import dataclasses
import importlib.util
import math
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.errors import MissingExtra
from ..core.lazy import torch
from ..core.tree import map_tree, randn_like
from ..core.types import Batch, Size
from ._base import Defense
from ._clip import length, share_kept

if TYPE_CHECKING:
    from torch import Generator

    from ..core.component import Value
    from ..core.types import Net, Release, Tree, World


@dataclasses.dataclass(frozen=True)
class DPSGD(Defense):
    """Clips the gradient of each sample to a norm c, takes the mean over the batch, adds normal noise of std z c / batch.

    m' = (1/b) (sum_i g_i min(1, c / ||g_i||) + z c n) [P]. The release inside is asked once for every sample, so this stands first of all defenses, and is made
    for one gradient: of several local steps it would clip what each sample alone would have trained.

    It divides by the number of samples at hand, as if that were the expected one. `epsilon()` is what training with this z costs in privacy, by Opacus's own accountant (key `yousefpour2021opacus`); the risk score and the attacks see a single release.
    With relative_clip=True the clip norm is read off this very batch, and there is no promise; that is for comparing strengths only.
    """

    name: ClassVar[str] = "dp_sgd"
    title: ClassVar[str] = "DP-SGD"
    paper: ClassVar[str] = "abadi2016dpsgd"
    for_gradients: ClassVar[bool] = True
    strength: ClassVar[str] = "noise_multiplier"
    identity: ClassVar[Value] = 0.0
    per_sample: ClassVar[bool] = True
    guarantee: ClassVar[str] = (
        "(epsilon, delta) differential privacy of every single sample over all steps, epsilon by Opacus's accountant, if batches are drawn at random "
        "with rate sample_rate; none with relative_clip=True"
    )

    noise_multiplier: float = knob(
        1.0,
        "noise z, relative to the clip norm: the sum over the batch gets normal noise of std z * clip_norm; 0 switches the defense off, clipping too",
        low=0.0,
        high=1000.0,
        log=True,
    )
    clip_norm: float = knob(
        1.0,
        "largest Euclidean norm of one sample's gradient, in its own units; relative_clip=True: as a share of the largest in the batch",
        low=1e-6,
        high=1e6,
        log=True,
    )
    relative_clip: bool = knob(False, "True: clip to a share of the batch's largest gradient norm; then there is no formal guarantee")
    sample_rate: float = knob(
        0.01, "chance of a sample to be in a batch (accounting only): batch size / samples", low=1e-6, high=1.0, log=True
    )
    steps: int = knob(1000, "gradients sent in the whole training (accounting only)", low=1, high=1_000_000, unit="steps")
    delta: float = knob(
        1e-5,
        "probability with which the promise may fail (accounting only); well below one over the number of samples",
        low=1e-12,
        high=0.1,
        log=True,
    )

    def wrap(self, inner: Release, world: World) -> Release:
        """Ask for every sample's message, clip each, mean, noise."""
        if self.noise_multiplier == 0:
            return inner

        def release(net: Net, batch: Batch, rng: Generator | None) -> Tree:
            messages = [inner(net, _only(batch, place), rng) for place in range(len(batch.label))]
            norms = torch.stack([length(message) for message in messages])
            limit = self.clip_norm * norms.max() if self.relative_clip else torch.full_like(norms[0], self.clip_norm)
            shrink = torch.ones_like(norms) if self.relative_clip and self.clip_norm >= 1 else (limit / norms).clamp(max=1.0)
            scaled = [map_tree(lambda leaf, s=s: leaf * s, message) for s, message in zip(shrink, messages, strict=True)]
            mean = map_tree(lambda *leaves: torch.stack(leaves).mean(0), *scaled)
            if rng is None:
                return mean
            std = self.noise_multiplier * float(limit.detach()) / len(messages)
            return map_tree(lambda leaf: leaf + std * randn_like(leaf, rng), mean)

        return release

    def variance(self, size: Size, batch: int = 1) -> float:
        """(z c / batch)^2; a relative c is taken from the mean gradient, whose norm is at most that of its largest part."""
        limit = self.clip_norm * (size.norm if self.relative_clip else 1.0)
        return (self.noise_multiplier * limit / batch) ** 2

    @property
    def promise(self) -> str:
        """None where the clip norm is read off the private batch."""
        return "" if self.relative_clip else super().promise

    def caveat(self) -> str:
        """With a relative clip norm only a lower bound of the noise is known."""
        if not self.relative_clip or self.noise_multiplier == 0:
            return ""
        return (
            "With relative_clip and several samples the noise is taken from the norm of their mean gradient, which is at most the norm that is used: "
            "the true noise is larger, so the risk is lower than shown."
        )

    def passes(self, size: Size) -> float:
        """The factor that shrinks a single sample's gradient."""
        return 1.0 if self.noise_multiplier == 0 else share_kept(size, self.clip_norm, self.relative_clip)

    @property
    def noisy(self) -> bool:
        """Noise after the clipping."""
        return self.noise_multiplier > 0

    def for_risk(self) -> Defense | None:
        """The clipping alone: noise and accounting at their defaults."""
        return None if self.noise_multiplier == 0 else DPSGD(clip_norm=self.clip_norm, relative_clip=self.relative_clip)

    def epsilon(self) -> float:
        """Privacy budget of the whole training for `delta`; infinite where there is no promise.

        By Opacus's Renyi accountant: neighbours differ by one sample more or less, batches are Poisson samples. Of one full batch in one step
        (sample_rate=1, steps=1) it is that of the single release. It is an upper bound, and not below about 0.1 for delta=1e-5 (Opacus's orders end at 63).

        Raises:
            MissingExtra: Opacus is not installed.
        """
        if self.relative_clip or self.noise_multiplier == 0:
            return math.inf
        return _spent(self.noise_multiplier, self.sample_rate, self.steps, self.delta)


def _only(batch: Batch, place: int) -> Batch:
    """One sample as a batch of its own."""
    cut = lambda leaf: leaf[place : place + 1]  # noqa: E731
    return Batch(map_tree(cut, batch.inputs), map_tree(cut, batch.targets))


@lru_cache(maxsize=256)
def _spent(noise_multiplier: float, sample_rate: float, steps: int, delta: float) -> float:
    if importlib.util.find_spec("opacus") is None:
        raise MissingExtra(
            "The epsilon of DP-SGD needs the package opacus, which is not installed. Install it with: pip install opacus==1.6.0"
        )
    from opacus.accountants import RDPAccountant  # slow to import

    accountant = RDPAccountant()
    accountant.history = [(noise_multiplier, sample_rate, steps)]
    return float(accountant.get_epsilon(delta))
