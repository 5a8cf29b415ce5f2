"""What the gradient of the last layer shows of every sample of a batch: softmax's own equations take the mixture apart."""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING

from ..core.lazy import torch
from ..core.tree import randn_like
from ..core.types import Batch
from ._features import Features, Reading, Unreadable, features_of, linear_layers
from ._labels import Count, last_layer, least
from ._priors import textures

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..core.types import Observation, Tree

STARTS = 12  # of the small search; one is enough where all labels differ
FEW = 2  # starts for labels that are only tried
TRIED = 40  # labels to try beside the counted ones
MANY = 20_000  # labels that are looked at for it
TRIALS = 300  # damped Newton steps of one start, most
SPREAD = 0.3  # of a start around what samples of the same label share, relative to it
ROUNDS = 20  # of the fixed point that gives the first start
SLACK = 10.0  # times the noise's expectation: what may be left unexplained
EVEN = 4  # roundings of the message: the least noise of an entry
ROUNDINGS = 8  # of the message: share of it (root of squares) that may be left in any case, as rounding is not spread evenly
SIGNS = 3.0  # times the noise of a feature: how far below 0 features may lie that no picture makes negative
TEXTURES = 8  # on which it is seen whether the net makes negative features


@dataclasses.dataclass(frozen=True, eq=False)
class Mixture:
    """The gradient of a last layer, z = W h + v with softmax and cross-entropy, over b samples: dL/dW = D^T H / b and dL/dv = D^T 1 / b, with D = softmax(z) - onehot.

    D has rank b (samples fewer than classes), so the features H (b, f) lie in the span V (f, b) of the gradient's rows: H = A V^T, which leaves b^2 unknowns A, however many
    features there are. The equations are D(A)^T A = b U S, one for every class and sample, and D(A)^T 1 = b dL/dv.
    """

    name: str  # of the layer
    labels: Tensor  # one-hot, (b, c)
    target: Tensor  # b U S and, as its last column, b dL/dv, (c, b + 1)
    logits: Tensor  # W V, (c, b)
    bias: Tensor  # v, (c,)
    rows: Tensor  # V^T, (b, f)
    noise: float  # standard deviation of an entry of the target, by what is left of the gradient outside the span, or rounding
    rounding: float  # sum of squares that rounding may leave of the target
    positive: bool  # the net makes no negative features

    @classmethod
    def of(cls, obs: Observation, labels: Tensor, rng: Generator) -> Mixture:
        """What an observation shows, if its batch holds these labels (b,); `rng` draws textures.

        Raises:
            Unreadable: there is no such layer, its gradient is not whole, zero or not finite, or there are not fewer samples than classes.
        """
        name, weight, bias = _last_layer(obs)
        size, classes, width = len(labels), len(weight), weight.shape[1]
        if size >= classes:
            raise Unreadable(f"{size} samples are mixed in the gradient of {classes} classes, which tells at most {classes - 1} apart.")
        if width <= size:
            raise Unreadable(f"{size} samples are mixed, and {name} has {width} features only.")
        u, s, rows = torch.linalg.svd(weight, full_matrices=False)
        eps = torch.finfo((obs.sent or obs.message)[f"{name}.weight"].dtype).eps
        noise = float((s[size:].square().sum() / ((classes - size) * (width - size))).sqrt())
        noise = max(noise, EVEN * eps * float(weight.square().mean().sqrt()))
        target = size * torch.cat([u[:, :size] * s[:size], bias[:, None]], 1)
        own, offset = (obs.net.params[f"{name}.{part}"].double() for part in ("weight", "bias"))
        onehot = torch.nn.functional.one_hot(labels, classes).double()
        rounding = (ROUNDINGS * eps) ** 2 * float(target.square().sum())
        return cls(name, onehot, target, own @ rows[:size].T, offset, rows[:size], size * noise, rounding, _positive(obs, name, rng))

    def given(self, coordinates: Tensor) -> Tensor:
        """D (b, c), how far the probabilities are from the labels, of samples at A (b, b)."""
        return (coordinates @ self.logits.T + self.bias).softmax(1) - self.labels

    def rest(self, unknown: Tensor) -> Tensor:
        """What the equations leave, flat; `unknown` is A flat, and the logarithm of the message's scale where that is searched, too."""
        size = len(self.labels)
        coordinates = unknown[: size * size].view(size, size)
        scale = unknown[size * size :].sum().exp()
        wide = torch.cat([coordinates, torch.ones_like(coordinates[:, :1])], 1)
        return (scale * self.given(coordinates).T @ wide - self.target).flatten()

    def start(self) -> Tensor:
        """A (b, b) by a fixed point: D of the last features gives features by least squares. Samples of one label get what they share."""
        given = 1 / self.labels.shape[1] - self.labels
        coordinates = torch.zeros_like(given[:, : len(given)])
        for _ in range(ROUNDS):
            coordinates = torch.linalg.pinv(given.T, rtol=1e-3) @ self.target[:, :-1]
            given = self.given(coordinates)
        return coordinates


def unmix(obs: Observation, rng: Generator, labels: Tensor | None) -> Reading:
    """The features of every sample of a batch, off the last layer's gradient.

    Args:
        obs: what the attacker sees.
        rng: of starts and textures.
        labels: (b,); None to count them. Counted ones that leave the equations unsolved are exchanged for others.

    Raises:
        Unreadable: see `Mixture.of`.
    """
    if labels is not None:
        mixture = Mixture.of(obs, labels, rng)
        return _reading(mixture, solve(mixture, rng), labels, "")
    count = Count.of(obs, rng)
    mixture, tried = Mixture.of(obs, count.labels, rng), count.labels
    answer = solve(mixture, rng)
    for others in _candidates(obs, count.labels) if not answer.certain else []:
        other = Mixture.of(obs, others, rng)
        found = solve(other, rng, FEW)
        if found.order < answer.order:
            mixture, answer, tried = other, found, others
        if found.certain:
            break
    how = count.note if torch.equal(tried, count.labels) else f"labels by these equations: {', '.join(map(str, tried.tolist()))}"
    return _reading(mixture, answer, tried, how)


def solve(mixture: Mixture, rng: Generator, most: int = STARTS) -> Answer:
    """The best answer of at most so many starts; where the message's length does not fit (clipping), its scale is searched, too."""
    start, repeats = mixture.start(), bool((mixture.labels.sum(0) > 1).any())
    spread = SPREAD * float(start.norm()) / len(start) if repeats else 0.0
    found: list[Answer] = []
    for scaled in (False, True):
        for _ in range(most if repeats else 1):
            first = (start + spread * randn_like(start, rng)).flatten()
            found.append(Answer.of(mixture, *_descend(mixture, torch.cat([first, first.new_zeros(1)]) if scaled else first)))
            if found[-1].certain:
                return found[-1]
        if any(answer.explained for answer in found):  # the length fits
            break
    return min(found, key=lambda answer: answer.order)


def _reading(mixture: Mixture, answer: Answer, labels: Tensor, how: str) -> Reading:
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


def _candidates(obs: Observation, counted: Tensor) -> list[Tensor]:
    """Other labels to try: of the classes that are certainly there, those first that differ least from the counted ones."""
    size, classes = len(counted), obs.num_classes
    gradient = last_layer(obs.sent or obs.message)
    there = [c for c, least_of in enumerate(least({k: v.double() for k, v in gradient.items()}, size, True).tolist()) if least_of]
    others = []
    if 0 < len(there) <= size:
        share = torch.nn.functional.one_hot(counted, classes).sum(0)
        for more in itertools.islice(itertools.combinations_with_replacement(there, size - len(there)), MANY):
            tried = torch.tensor(sorted([*there, *more]), device=counted.device)
            others.append((int((torch.nn.functional.one_hot(tried, classes).sum(0) - share).abs().sum()), tried))
    return [tried for off, tried in sorted(others, key=lambda pair: pair[0])[:TRIED] if off]


@dataclasses.dataclass(frozen=True, eq=False)
class Answer:
    """Where one start ended."""

    values: Tensor  # features, (b, f)
    noises: Tensor  # standard deviation of a feature of each sample, (b,)
    left: float  # sum of squares that is left of the target
    explained: bool  # no more than noise and rounding explain
    below: float  # the most that features of a sample lie below 0, root mean square in noises; 0 where a net makes negative ones

    @classmethod
    def of(cls, mixture: Mixture, unknown: Tensor, left: float) -> Answer:
        """Judge a start."""
        size = len(mixture.labels)
        values = unknown[: size * size].view(size, size) @ mixture.rows
        noises = _noises(mixture, unknown)
        free = max(1, mixture.target.numel() - size - 1 - len(unknown))  # each column of the target adds up to 0
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


def _last_layer(obs: Observation) -> tuple[str, Tensor, Tensor]:
    """Name and gradient of the layer that makes the logits, in float64."""
    message: Tree = obs.sent or obs.message
    names = [n for n in linear_layers(obs.net, obs.template) if obs.net.params[f"{n}.weight"].shape[0] == obs.num_classes]
    if not names or not {f"{names[-1]}.weight", f"{names[-1]}.bias"} <= set(message):
        raise Unreadable("The net does not end in a linear layer with a bias, or its gradient was not sent: nothing shows any features.")
    weight, bias = (message[f"{names[-1]}.{part}"].double() for part in ("weight", "bias"))
    held = [part for part in ("weight", "bias") if obs.seen and not bool(obs.seen[f"{names[-1]}.{part}"].all())]
    if held:
        raise Unreadable("Parts of the last layer's gradient were held back; samples are told apart by the whole of it.")
    if not (torch.isfinite(weight).all() and torch.isfinite(bias).all() and float(weight.abs().max()) > 0):
        raise Unreadable("The gradient of the last layer is zero or not finite: it shows no features.")
    return names[-1], weight, bias


def _descend(mixture: Mixture, unknown: Tensor) -> tuple[Tensor, float]:
    """Levenberg-Marquardt on a few unknowns: where it ends, and the sum of squares that is left."""
    slope_of = torch.func.jacrev(mixture.rest)
    rest, damping = mixture.rest(unknown), 1e-3
    left = float(rest @ rest)
    for _ in range(TRIALS):
        slope = slope_of(unknown)
        gram = slope.T @ slope
        diagonal = gram.diagonal() + 1e-12 * gram.diagonal().max()
        while damping < 1e8:
            move = torch.linalg.solve_ex(gram + damping * diagonal.diag(), -(slope.T @ rest))[0]
            tried = mixture.rest(unknown + move)
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


def _positive(obs: Observation, name: str, rng: Generator) -> bool:
    """Whether the layer is fed no negative number, on textures."""
    pictures = textures(TEXTURES, obs.template.image, rng).clamp(*obs.bounds)
    return all(float(features_of(obs.net, name, Batch.of(picture, obs.template.label[:1])).min()) >= 0 for picture in pictures.split(1))


def _noises(mixture: Mixture, unknown: Tensor) -> Tensor:
    """Standard deviation of a feature of each sample, (b,): what noise makes of A inside the span, and of the span itself."""
    size, width = mixture.rows.shape
    slope = torch.func.jacrev(mixture.rest)(unknown)
    inside = torch.linalg.pinv(slope).square().sum(1)[: size * size].view(size, size).sum(1)
    outside = torch.linalg.pinv(mixture.given(unknown[: size * size].view(size, size))).square().sum(0)
    return mixture.noise * ((inside + (width - size) * outside) / width).sqrt()
