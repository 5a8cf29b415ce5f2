"""DP-SGD: every sample's gradient is clipped, and their mean gets normal noise."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.errors import InvvizError
from ..core.lazy import torch
from ..core.tree import map_tree, randn_like
from ..core.types import Batch, Size
from ._accountant import spent
from ._base import Defense, Needs, Suggested
from ._clip import length, share_kept
from ._noise import Noise

if TYPE_CHECKING:
    from torch import Generator

    from ..core.component import Value
    from ..core.types import Net, Release, Tree, World


@dataclasses.dataclass(frozen=True)
class DPSGD(Defense):
    """Clips the gradient of each sample to a norm c, takes the mean over the batch, adds normal noise of std z c / batch.

    m' = (1/b) (sum_i g_i min(1, c / ||g_i||) + z c n) [P]. The release inside is asked once for every sample, so this stands first of all defenses, and is made
    for one gradient: of several local steps it would clip what each sample alone would have trained.

    It divides by the number of samples at hand, as if that were the expected one. What training with this z costs in privacy (epsilon) is counted by Opacus's accountant
    (key `yousefpour2021opacus`) at the rate and over the steps of the scenario's training, unless sample_rate and steps name others; the risk score and the attacks see
    a single release. The accountant takes Poisson batches; the simulated clients draw batches of a fixed size, as most do.
    With relative_clip=True the clip norm is read off this very batch, and there is no promise; that is for comparing strengths only.
    """

    name: ClassVar[str] = "dp_sgd"
    title: ClassVar[str] = "DP-SGD"
    paper: ClassVar[str] = "abadi2016dpsgd"
    needs: ClassVar[Needs] = Needs(gradient=True, per_sample=True)
    strength: ClassVar[str] = "noise_multiplier"
    identity: ClassVar[Value] = 0.0
    level_words: ClassVar[str] = "noise {v} times the clip norm"
    off_words: ClassVar[str] = "off"
    suggested: ClassVar[Suggested] = Suggested(compared=((30, 1.0),), swept=(0.003, 0.3), levels=(0.001, 0.01, 1.0))
    guarantee: ClassVar[str] = (
        "(epsilon, delta) differential privacy of every single sample over all steps, epsilon by Opacus's accountant, if batches are Poisson "
        "samples at the rate that is counted; none with relative_clip=True"
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
        0.0,
        "chance of a sample to be in a batch (accounting only); 0: that of the scenario's training, batch size / pictures of the smallest client",
        low=0.0,
        high=1.0,
        log=True,
    )
    steps: int = knob(
        0,
        "gradients sent in the whole training (accounting only); 0: those of the scenario's training, the rounds that a client takes part in",
        low=0,
        high=1_000_000,
        unit="steps",
    )
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

    def noise(self, size: Size, batch: int = 1) -> Noise:
        """(z c / batch)^2; a relative c is taken from the mean gradient, whose norm is at most that of its largest part. The factor that shrinks a single sample's gradient."""
        limit = self.clip_norm * (size.norm if self.relative_clip else 1.0)
        passes = 1.0 if self.noise_multiplier == 0 else share_kept(size, self.clip_norm, self.relative_clip)
        return Noise("gaussian", "size" if self.relative_clip else "", variance=(self.noise_multiplier * limit / batch) ** 2, passes=passes)

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

    @property
    def noisy(self) -> bool:
        """Noise after the clipping."""
        return self.noise_multiplier > 0

    def for_risk(self) -> Defense | None:
        """The clipping alone: noise and accounting at their defaults."""
        return None if self.noise_multiplier == 0 else DPSGD(clip_norm=self.clip_norm, relative_clip=self.relative_clip)

    def epsilon(self) -> float:
        """Privacy budget of the whole training for `delta`, at least 0; infinite where there is no promise.

        Neighbours differ by one sample more or less, batches are Poisson samples. It is an upper bound (`_accountant.spent`), and exact where every batch is all there
        is (sample_rate=1): with steps=1 it is that of the single release. Otherwise it is not below about 0.1 for delta=1e-5 (Opacus's orders end at 63).

        Raises:
            InvvizError: sample_rate or steps are those of a training, and nobody said which.
            MissingExtra: Opacus is not installed.
        """
        if self.relative_clip or self.noise_multiplier == 0:
            return math.inf
        if self.sample_rate == 0 or self.steps == 0:
            raise InvvizError(
                "The epsilon of dp_sgd is that of a training: sample_rate=0 and steps=0 take it from a scenario, and none is named. "
                "Write both, as in dp_sgd(sample_rate=0.01,steps=1000), or a whole scenario, as in data=digits&model=mlp&defense=dp_sgd."
            )
        return spent(self.noise_multiplier, self.sample_rate, self.steps, self.delta)

    def keyed(self) -> DPSGD:
        """With what is for accounting only as it stood in every key before it could be taken from the training: no result depends on it."""
        return dataclasses.replace(self, sample_rate=0.01, steps=1000, delta=1e-5)


def _only(batch: Batch, place: int) -> Batch:
    """One sample as a batch of its own."""
    return batch.single(place)
