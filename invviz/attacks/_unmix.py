"""The features of every sample of a batch, off the gradient of its last layer: softmax's own equations take the mixture apart."""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING

from ..core.lazy import torch
from ..core.tree import randn_like
from ._features import Features, Reading
from ._labels import Count, last_layer, least
from ._mixture import Mixture

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..core.types import Observation

STARTS = 12  # of the small search, most; one is enough on a fresh net where all labels differ
FEW = 2  # starts for labels that are only tried
TRIED = 12  # labels to try beside the counted ones
MANY = 20_000  # labels that are looked at for it
TRIALS = 300  # damped Newton steps of one start, most
SPREAD = 0.3  # of a start around what samples of the same label share, relative to it
ROUNDS = 20  # of the fixed point that gives the first start
SLACK = 10.0  # times the noise's expectation: what may be left unexplained
SIGNS = 3.0  # times the noise of a feature: how far below 0 features may lie that no picture makes negative


def unmix(obs: Observation, rng: Generator, labels: Tensor | None) -> Reading:
    """The features of every sample of a batch, off the last layer's gradient.

    Args:
        obs: what the attacker sees.
        rng: of starts and textures.
        labels: (b,); None to count them. Counted ones that leave the equations unsolved are exchanged for others.

    Raises:
        Unreadable: see `Mixture.of`.
    """
    mixture = Mixture.of(obs, rng)
    if labels is not None:
        return _reading(mixture, solve(Equations.of(mixture, labels), rng), labels, "")
    count = Count.of(obs, rng)
    answer, tried = solve(Equations.of(mixture, count.labels), rng), count.labels
    for others in _candidates(obs, count.labels, mixture.positive) if not answer.certain else []:
        found = solve(Equations.of(mixture, others), rng, FEW)
        if found.order < answer.order:
            answer, tried = found, others
        if found.certain:
            break
    how = count.note if torch.equal(tried, count.labels) else f"labels by these equations: {', '.join(map(str, tried.tolist()))}"
    return _reading(mixture, answer, tried, how)


def _candidates(obs: Observation, counted: Tensor, positive: bool) -> list[Tensor]:
    """Other labels to try: of the classes that are certainly there, those first that differ least from the counted ones."""
    size, classes = len(counted), obs.num_classes
    gradient = last_layer(obs.sent or obs.message)
    there = [c for c, least_of in enumerate(least({k: v.double() for k, v in gradient.items()}, size, positive).tolist()) if least_of]
    others = []
    if 0 < len(there) <= size:
        share = torch.nn.functional.one_hot(counted, classes).sum(0)
        for more in itertools.islice(itertools.combinations_with_replacement(there, size - len(there)), MANY):
            tried = torch.tensor(sorted([*there, *more]), device=counted.device)
            others.append((int((torch.nn.functional.one_hot(tried, classes).sum(0) - share).abs().sum()), tried))
    return [tried for off, tried in sorted(others, key=lambda pair: pair[0])[:TRIED] if off]


def _reading(mixture: Mixture, answer: Unmixed, labels: Tensor, how: str) -> Reading:
    """An answer in words and as features."""
    share = answer.left / float(mixture.target.square().sum())
    known = torch.ones_like(answer.values[0])
    features = tuple(Features(mixture.name, v, known, float(n), share) for v, n in zip(answer.values, answer.noises, strict=True))
    worst = max(f.disturbance for f in features) ** 0.5
    verdict = (
        "which solves its equations down to noise and rounding"
        if answer.certain
        else f"but {share:.1e} of it is left unexplained, so the message was altered or the labels are wrong"
        if not answer.explained
        else "but features come out negative that no picture makes negative, so they are not the right ones"
    )
    about = f"that layer's gradient was taken apart into {len(labels)} samples, {verdict}; the features told worst are known to about {worst:.0e} of their size"
    return Reading(features, labels, answer.certain, "; ".join(filter(None, (about, how))))


@dataclasses.dataclass(frozen=True, eq=False)
class Equations:
    """What labels make of a mixture: D(A)^T A = b U S, one equation for every class and unknown direction, and D(A)^T 1 = b dL/dv."""

    mixture: Mixture
    labels: Tensor  # one-hot, (b, c)

    @classmethod
    def of(cls, mixture: Mixture, labels: Tensor) -> Equations:
        """For labels (b,)."""
        return cls(mixture, torch.nn.functional.one_hot(labels, len(mixture.bias)).double())

    def given(self, coordinates: Tensor) -> Tensor:
        """D (b, c), how far the probabilities are from the labels, of samples at A (b, b)."""
        return (coordinates @ self.mixture.logits.T + self.mixture.bias).softmax(1) - self.labels

    def coordinates(self, unknown: Tensor) -> Tensor:
        """A (b, b) of all unknowns."""
        return unknown[: self.mixture.size**2].view(self.mixture.size, -1)

    def rest(self, unknown: Tensor) -> Tensor:
        """What the equations leave, flat; `unknown` is A flat, and the logarithm of the message's scale where that is searched, too."""
        coordinates = self.coordinates(unknown)
        scale = unknown[coordinates.numel() :].sum().exp()
        wide = torch.cat([coordinates, torch.ones_like(coordinates[:, :1])], 1)
        return (scale * self.given(coordinates).T @ wide - self.mixture.target).flatten()

    def start(self) -> Tensor:
        """A (b, b) by a fixed point: D of the last features gives features by least squares. Samples of one label get what they share."""
        given = 1 / self.labels.shape[1] - self.labels
        coordinates = torch.zeros_like(given[:, : len(given)])
        for _ in range(ROUNDS):
            coordinates = torch.linalg.pinv(given.T, rtol=1e-3) @ self.mixture.target[:, :-1]
            given = self.given(coordinates)
        return coordinates

    def drawn(self, rng: Generator) -> Tensor:
        """A (b, b) by least squares from probabilities drawn at random: a trained net is sure of some samples and not of others."""
        size = self.labels.shape
        sure, share = torch.rand(size[0], 1, generator=rng), -torch.rand(size, generator=rng).clamp(min=1e-9).log()
        chance = sure.to(self.labels) * self.labels + (1 - sure).to(self.labels) * (share / share.sum(1, keepdim=True)).to(self.labels)
        return torch.linalg.pinv((chance - self.labels).T, rtol=1e-6) @ self.mixture.target[:, :-1]


def solve(equations: Equations, rng: Generator, most: int = STARTS) -> Unmixed:
    """The best answer of at most so many starts; where the message's length does not fit (clipping), its scale is searched, too."""
    start, repeats = equations.start(), bool((equations.labels.sum(0) > 1).any())
    spread = SPREAD * float(start.norm()) / len(start)
    found: list[Unmixed] = []
    for scaled in (False, True):
        for number in range(most):
            own = spread if number or repeats else 0.0  # samples of one label must not start alike
            first = (equations.drawn(rng) if number % 2 else start + own * randn_like(start, rng)).flatten()
            found.append(Unmixed.of(equations, *_descend(equations, torch.cat([first, first.new_zeros(1)]) if scaled else first)))
            if found[-1].certain:
                return found[-1]
        if any(answer.explained for answer in found):  # the length fits
            break
    return min(found, key=lambda answer: answer.order)


@dataclasses.dataclass(frozen=True, eq=False)
class Unmixed:
    """Where one start ended."""

    values: Tensor  # features, (b, f)
    noises: Tensor  # standard deviation of a feature of each sample, (b,)
    left: float  # sum of squares that is left of the target
    explained: bool  # no more than noise and rounding explain
    below: float  # the most that features of a sample lie below 0, root mean square in noises; 0 where a net makes negative ones

    @classmethod
    def of(cls, equations: Equations, unknown: Tensor, left: float) -> Unmixed:
        """Judge a start."""
        mixture = equations.mixture
        values = equations.coordinates(unknown) @ mixture.rows
        noises = _noises(equations, unknown)
        free = max(1, mixture.target.numel() - mixture.size - 1 - len(unknown))  # each column of the target adds up to 0
        below = float((values.clamp(max=0).square().mean(1).sqrt() / noises.clamp(min=1e-300)).max()) if mixture.positive else 0.0
        return cls(values, noises, left, left <= SLACK * free * mixture.noise**2 + mixture.rounding, below)

    @property
    def certain(self) -> bool:
        """It solves the equations, and no feature is negative that cannot be."""
        return self.explained and self.below <= SIGNS

    @property
    def order(self) -> tuple[bool, float]:
        """Better ones come first."""
        return (not self.explained, self.below if self.explained else self.left)


def _descend(equations: Equations, unknown: Tensor) -> tuple[Tensor, float]:
    """Levenberg-Marquardt on a few unknowns: where it ends, and the sum of squares that is left."""
    slope_of = torch.func.jacrev(equations.rest)
    rest, damping = equations.rest(unknown), 1e-3
    left = float(rest @ rest)
    for _ in range(TRIALS):
        slope = slope_of(unknown)
        gram = slope.T @ slope
        diagonal = gram.diagonal() + 1e-12 * gram.diagonal().max()
        while damping < 1e8:
            move = torch.linalg.solve_ex(gram + damping * diagonal.diag(), -(slope.T @ rest))[0]
            tried = equations.rest(unknown + move)
            after = float(tried @ tried)
            if after < left:
                break
            damping *= 4
        else:
            break
        gain, damping = 1 - after / left, max(damping / 5, 1e-15)
        unknown, rest, left = unknown + move, tried, after
        if gain < 1e-6 or left == 0:
            break
    return unknown, left


def _noises(equations: Equations, unknown: Tensor) -> Tensor:
    """Standard deviation of a feature of each sample, (b,): what noise makes of A inside the span, and of the span itself."""
    size, width = equations.mixture.rows.shape
    slope = torch.func.jacrev(equations.rest)(unknown)
    inside = equations.coordinates(torch.linalg.pinv(slope).square().sum(1)).sum(1)
    outside = torch.linalg.pinv(equations.given(equations.coordinates(unknown))).square().sum(0)
    return equations.mixture.noise * ((inside + (width - size) * outside) / width).sqrt()
