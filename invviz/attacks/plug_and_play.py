"""Plug and play: match the message and denoise the picture, in turn."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.types import Batch, Knowledge
from ._base import Attack
from ._denoisers import DENOISERS, denoised
from ._latent import descend
from ._matching import UNMATCHED, Watch, in_double, is_smooth, search
from ._misfit import misfit
from ._priors import smoothness
from ._space import Space

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..core.types import Observation, Progress, Reconstruction, Step


@dataclasses.dataclass(frozen=True)
class PlugAndPlay(Attack):
    """Searches as `dlg` does, then in turn denoises the picture x to z and goes on from x with a pull towards z.

    Half-quadratic splitting: a denoiser for noise of deviation s stands for the prior, and the data step minimises -2 log likelihood + |x - z|^2 / s^2, with s falling from
    round to round [P] (venkatakrishnan2013pnp, there by ADMM, for linear measurements). Ours: the first half is the search of `dlg`; where the noise is known, the prior on
    frequencies stays in all steps. The denoisers are scikit-image's; none is trained. Seen to pay only for an attacker who
    knows the defense and much noise (as large as the message) on pictures of 32 pixels: 0.8 dB on CIFAR-10, 1.6 on photographs, where one seed of four gives most of it
    (benchmarks/README.md). Without that it adds nothing; pictures of 8 pixels have no patches that are alike.
    """

    name: ClassVar[str] = "plug_and_play"
    title: ClassVar[str] = "Plug and play (a denoiser as the prior)"
    paper: ClassVar[str] = "venkatakrishnan2013pnp"
    modalities: ClassVar[tuple[str, ...]] = ("picture",)

    steps: int = knob(500, "steps per start, over all rounds", low=1, high=100_000, unit="steps")
    restarts: int = knob(1, "most starts; another one is made only when the last was stuck or diverged", low=1, high=50)
    opening: float = knob(0.5, "share of the steps, the first ones, before the picture is denoised", low=0.0, high=1.0)
    denoisings: int = knob(5, "times that the picture is denoised", low=0, high=1000)
    denoiser: str = knob("nl_means", "non-local means, which averages patches that are alike; or total variation (tv)", choices=DENOISERS)
    first: float = knob(
        0.05, "deviation of the noise that the first denoising expects (pixels lie in 0 to 1)", low=1e-4, high=1.0, log=True
    )
    last: float = knob(0.02, "deviation that the last one expects; those between fall evenly in ratio", low=1e-4, high=1.0, log=True)
    prior: float = knob(
        1e-3,
        "weight of the mean of (x - z)^2 / s^2 where the noise is not known; where it is, it gives the weight",
        low=0.0,
        high=10.0,
        log=True,
    )

    def wants(self) -> Knowledge:
        """Labels; no public pictures."""
        return Knowledge(labels=True, batch_size=True)

    def reconstruct(self, obs: Observation, rng: Generator, progress: Progress) -> Reconstruction:
        """The pictures of the last round with the least loss: matching, frequencies where the noise is known, and the pull."""
        given, smooth = obs.template.private, is_smooth(obs.net)
        obs = in_double(obs) if smooth else obs
        like, label = obs.template.private, obs.template.label
        space = Space.of("frequencies", like, obs.bounds)
        loss_of, known, truth = misfit(obs)
        weight = known or self.prior / like.numel()
        best, phase, lowest = obs.grey, 0, math.inf

        def judged(v: Tensor, number: int, clean: Tensor | None, sigma: float) -> tuple[Tensor, Batch]:
            nonlocal best, phase, lowest
            image = space.picture(v)
            loss = loss_of(obs.simulate(obs.template.at(image, label)))
            loss = loss + known * smoothness(image, space.middle) if known else loss
            loss = loss if clean is None else loss + weight * (image - clean).square().sum() / sigma**2
            if math.isfinite(float(loss.detach())) and (-number, float(loss.detach())) < (-phase, lowest):
                best, phase, lowest = image.detach(), number, float(loss.detach())
            return loss, obs.template.at(image, label)

        def attempt() -> None:
            v, done = space.start(rng, like), 0
            for number, (until, sigma) in enumerate(self._schedule()):
                if until == done:
                    continue
                clean = denoised(space.picture(v).clamp(*obs.bounds), sigma, self.denoiser) if sigma else None
                see = lambda u, number=number, clean=clean, sigma=sigma: judged(u, number, clean, sigma)  # noqa: E731
                v = descend(watch, see, v, until - done, 0.0, smooth=True, kinks=not smooth)
                done = until

        def report(step: Step) -> bool:
            return progress(dataclasses.replace(step, guess=best.detach()))

        watch = Watch(report, self.steps, unmatched=max(UNMATCHED, 2 * truth))
        found = search(obs, watch, self.restarts, attempt, every=False)
        answer = obs.template.at(best.clamp(*obs.bounds).to(given.dtype), label)
        return dataclasses.replace(found, batch=answer, loss=lowest)

    def _schedule(self) -> list[tuple[int, float]]:
        """Until which step each phase goes, and what noise it expects; the opening, which expects none, comes first."""
        opening = round(self.opening * self.steps) if self.denoisings else self.steps
        parts = [(opening, 0.0)]
        for k in range(self.denoisings):
            share = k / (self.denoisings - 1) if self.denoisings > 1 else 1.0
            until = opening + round((self.steps - opening) * (k + 1) / self.denoisings)
            parts.append((until, self.first * (self.last / self.first) ** share))
        return parts
