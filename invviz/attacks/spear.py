"""SPEAR: a batch read off the gradient of a fully connected first layer with ReLU."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.errors import InvvizError
from ..core.lazy import torch
from ..core.tree import dot
from ..core.types import Batch, Knowledge, Reconstruction, Step
from ._agreement import Layer, exchanged, greedy
from ._base import Attack
from ._matching import in_double
from ._sparse import Directions, Factors, sampled

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..core.types import Observation, Progress

CHUNK = 4_096  # most drawings between two reports
SCALED = 1e-3  # distance from one at which the message's scale is told
NUMBERS = 2**20  # most random numbers drawn at once


class _Unreadable(InvvizError):
    """Why there is nothing to work on."""


@dataclasses.dataclass(frozen=True)
class Spear(Attack):
    """Reads every picture of a batch off the gradient of the first layer, exactly, where ReLU leaves enough zeros in it.

    For z = W x + b and b samples, dL/dW = dL/dZ X^T = L R has rank b. ReLU makes dL/dZ = L Q sparse: the null vector of b - 1 rows of L that are zero for sample i is
    the i-th column of Q. Rows are drawn at random (2^(b - 1) H_b drawings if half of the entries are zero); dL/db gives the lengths of the columns, and the share of neurons
    that the pictures found make active just where dL/dZ is not zero, lambda, is the certificate. [P] (key dimitrov2024spear). Ours: zeros are judged by the noise that
    the singular values after the b-th show, directions are fitted to all their zeros, and each label is the one whose gradient points along that sample's.
    All in float64, whatever the message's precision.
    """

    name: ClassVar[str] = "spear"
    title: ClassVar[str] = "SPEAR (exact batches)"
    paper: ClassVar[str] = "dimitrov2024spear"
    max_batch: ClassVar[int | None] = 16
    exact: ClassVar[str] = (
        "a first layer that is linear with a bias and followed by ReLU, a gradient of rank b by it, for every sample at least b neurons that it leaves off "
        "(b - 1 of them independent), and an undisturbed gradient"
    )
    needs_first_linear: ClassVar[bool] = True
    needs_first_relu: ClassVar[bool] = True
    needs_gradient: ClassVar[bool] = True

    samples: int = knob(
        1_000_000, "most drawings of b - 1 rows; it ends earlier when lambda is 1", low=1, high=100_000_000, unit="drawings"
    )

    def wants(self) -> Knowledge:
        """How many samples there are."""
        return Knowledge(batch_size=True)

    def reconstruct(self, obs: Observation, rng: Generator, progress: Progress) -> Reconstruction:
        """The pictures with the largest lambda. Where the rank is below the batch size, as many as the rank; the rest is grey."""
        like = obs.template.image
        grey = torch.full_like(like, sum(obs.bounds) / 2)
        try:
            search = _Search(obs)
        except _Unreadable as why:
            return Reconstruction(Batch.of(grey, obs.template.label), float("inf"), note=str(why), failed=True)
        chunk = max(1, min(CHUNK, NUMBERS // len(search.live), self.samples)) if search.factors.rank > 1 else 1
        total, trace, stopped = -(-self.samples // chunk), list[tuple[int, float]](), False
        for number in range(1, total + 1):
            search.go(min(chunk, self.samples - chunk * (number - 1)), rng)
            trace.append((number, search.loss))
            stopped = not progress(Step(number, total, search.loss, search.batch.image.to(like.dtype)))
            if stopped or search.agreement == 1:
                break
        found = Batch.of(search.batch.image.to(like.dtype), search.batch.label)
        certain = search.agreement == 1 and search.factors.rank == len(like)
        note = ("Stopped on request. " if stopped else "") + search.verdict()
        return Reconstruction(found, search.loss, tuple(trace), note, not certain and not stopped, stopped)


class _Search:
    """The factors of the first layer's gradient, and the best set of directions so far."""

    def __init__(self, obs: Observation) -> None:
        message = obs.sent or obs.message
        (weight, gradient), (bias, slope), *_ = [*message.items(), ("", torch.zeros(0)), ("", torch.zeros(0))]
        fits = weight in obs.net.params and bias in obs.net.params and gradient.ndim == 2 and slope.shape == gradient.shape[:1]
        if not fits or gradient.shape != obs.net.params[weight].shape or gradient.shape[1] != obs.template.image[0].numel():
            raise _Unreadable("The message does not begin with weight and bias of a fully connected first layer: there is nothing to read.")
        if not (torch.isfinite(gradient).all() and torch.isfinite(slope).all() and gradient.any() and slope.any()):
            raise _Unreadable("The first layer's gradient is zero (no neuron is active) or not finite: nothing can be read off it.")
        rounding = torch.finfo(gradient.dtype).eps
        self.obs = in_double(obs)
        self.rows = self._whole(weight, bias, gradient)
        net = {k: v.double() for k, v in self.obs.net.params.items()}
        gradient, slope = gradient.double()[self.rows], slope.double()[self.rows]
        self.factors = Factors.of(gradient, len(obs.template.image), rounding)
        self.layer = Layer.of(self.factors, slope, net[weight][self.rows], net[bias][self.rows])
        size = (self.factors.u * self.factors.s).norm(dim=1)
        self.live = (size > 10 * self.factors.noise * self.factors.rank**0.5).nonzero().flatten()
        self.bias_name, self.drawn, self.rounds = bias, 0, 0
        self.tried: Tensor | None = None  # the greedy choice that was tried last
        self.found, self.chosen, self.agreement, self.loss = Directions.none(self.factors), list[int](), 0.0, float("inf")
        like = self.obs.template.image
        self.batch = Batch.of(torch.full_like(like, sum(obs.bounds) / 2), self.obs.template.label)
        if not len(self.live):
            raise _Unreadable("The first layer's gradient is all noise: nothing can be read off it.")

    def _whole(self, weight: str, bias: str, gradient: Tensor) -> Tensor:
        """The neurons whose gradients were sent whole, by number; a pixel of which nothing was sent does not count."""
        if self.obs.seen is None or weight not in self.obs.seen:
            return torch.arange(len(gradient), device=gradient.device)
        sent = self.obs.seen[weight] > 0
        rows = (sent[:, sent.any(0)].all(1) & (self.obs.seen[bias] > 0)).nonzero().flatten()
        if len(rows) < len(self.obs.template.image):
            raise _Unreadable(
                f"Of {len(rows):,} of {len(gradient):,} neurons the whole gradient was sent; {len(self.obs.template.image)} are needed, one per sample, at least."
            )
        return rows

    def go(self, count: int, rng: Generator) -> None:
        """Draw rows so many times, and choose again if that brought something new."""
        robust = self.found.q[self.found.critical == 0][: self.factors.rank - 1]
        self.rounds += 1
        if self.rounds % 2:  # in case some of them are wrong
            robust = robust[(torch.rand(len(robust), generator=rng) < 0.5).to(robust.device)]
        self.drawn += count
        self.found = self.found.joined(sampled(self.factors, self.live, robust, count, rng))
        chosen = greedy(self.found)
        best = self.found.q[chosen]
        if len(chosen) < self.factors.rank or (self.tried is not None and torch.equal(best, self.tried)):
            return
        self.tried = best
        chosen, value = exchanged(self.layer, self.found, chosen)
        if value > self.agreement:
            self.chosen, self.agreement = chosen, value
            self._read()

    def _read(self) -> None:
        """Pictures and labels of the chosen directions, and how well they explain the message."""
        obs, (pictures, slopes) = self.obs, self.layer.read(self.found.q[self.chosen])
        self.raw, like = pictures, obs.template.image
        image = pictures.view(-1, *like.shape[1:]).clamp(*obs.bounds)
        labels = self._labels(image, slopes)
        rest = len(like) - len(image)
        grey = torch.full_like(like[:rest], sum(obs.bounds) / 2)
        self.batch = Batch.of(torch.cat([image, grey]), torch.cat([labels, obs.template.label[:rest]]))
        sent = obs.message
        made = obs.simulate(self.batch)
        self.scale = float(dot(made, sent) / dot(made, made))
        off = {k: self.scale * made[k] - sent[k] for k in sent}
        self.loss = float(dot(off, off) / dot(sent, sent))

    def _labels(self, image: Tensor, slopes: Tensor) -> Tensor:
        """For each picture the label whose own gradient by the first bias points along the one found."""
        net, params = self.obs.net, dict(self.obs.net.params)

        def slope(bias: Tensor, picture: Tensor, label: Tensor) -> Tensor:
            return net.loss({**params, self.bias_name: bias}, Batch.of(picture[None], label[None]))

        each = torch.func.vmap(torch.func.grad(slope), in_dims=(None, 0, None))
        classes = torch.arange(self.obs.num_classes, device=image.device)
        made = torch.stack([each(params[self.bias_name], image, label)[:, self.rows] for label in classes], 1)
        return torch.nn.functional.cosine_similarity(made, slopes[:, None], dim=2).argmax(1)

    def verdict(self) -> str:
        """Ranks, zeros and lambda in words."""
        r, b, neurons = self.factors.rank, len(self.obs.template.image), len(self.rows)
        parts = [f"rank of the first layer's gradient {r} of {b}"]
        if r < b:
            parts[0] += f": two samples are alike, one leaves no trace, or the layer is too narrow; {r} of {b} pictures can be read at most"
        if not self.chosen:
            parts.append(
                f"not found: {len(greedy(self.found))} of {r} directions with at least {r} zeros among {len(self.live)} active neurons after {self.drawn:,} drawings"
            )
        else:
            zeros = self.found.off[self.chosen][:, self.live].sum(1)
            parts.append(
                f"ReLU leaves each sample off in {int(zeros.min())} to {int(zeros.max())} of {len(self.live)} neurons that show anything ({r - 1} are needed)"
            )
            exact = self.agreement == 1
            parts.append(
                f"lambda = {1 if exact else f'{min(self.agreement, 0.9999):.4f}'} after {self.drawn:,} drawing{'s' if self.drawn > 1 else ''}, "
                + ("so the pictures explain which neurons were active" if exact else "so the answer is not certified")
            )
        if exact_now := (self.agreement == 1 and r == b):
            parts.insert(0, "exact")
            if abs(self.scale - 1) > SCALED:
                parts.append(f"the message is {self.scale:.3g} times a gradient, which was undone")
        if neurons < len(self.obs.net.params[self.bias_name]):
            parts.append(f"read from the {neurons:,} neurons whose gradients were sent whole")
        note = "; ".join(parts) if not exact_now else f"Exact: {'; '.join(parts[1:])}"
        return note[:1].upper() + note[1:] + "."
