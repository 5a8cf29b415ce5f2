"""Reading the batch of a fully connected first layer: what its gradient shows, and the best answer so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.lazy import torch
from ._agreement import Layer, exchanged, greedy
from ._base import Unreadable
from ._closed_form import WHAT, changed_before
from ._matching import UNMATCHED, in_double, up_to_length
from ._sparse import Directions, Factors, sampled

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..core.types import Observation

ROUNDINGS, LEAST = (
    300,
    1e-9,
)  # times the message's rounding, and no less than: share of the whole gradient above which the answer is not exact, but noisy
SCALED = 1e-3  # distance from one at which the message's scale is told


class Search:
    """The factors of the first layer's gradient, and the best set of directions so far."""

    def __init__(self, obs: Observation) -> None:
        message = obs.sent or obs.message
        (weight, gradient), (bias, slope), *_ = [*message.items(), ("", torch.zeros(0)), ("", torch.zeros(0))]
        fits = weight in obs.net.params and bias in obs.net.params and gradient.ndim == 2 and slope.shape == gradient.shape[:1]
        if not fits or gradient.shape != obs.net.params[weight].shape or gradient.shape[1] != obs.template.private[0].numel():
            raise Unreadable("The message does not begin with weight and bias of a fully connected first layer: there is nothing to read.")
        if not (torch.isfinite(gradient).all() and torch.isfinite(slope).all() and gradient.any() and slope.any()):
            raise Unreadable("The first layer's gradient is zero (no neuron is active) or not finite: nothing can be read off it.")
        rounding = torch.finfo(gradient.dtype).eps
        self.rounding, self.obs = rounding, in_double(obs)
        self.rows = self._whole(weight, bias, gradient)
        net = {k: v.double() for k, v in self.obs.net.params.items()}
        gradient, slope = gradient.double()[self.rows], slope.double()[self.rows]
        self.factors = Factors.of(gradient, len(obs.template.private), rounding)
        self.layer = Layer.of(self.factors, slope, net[weight][self.rows], net[bias][self.rows])
        size = (self.factors.u * self.factors.s).norm(dim=1)
        self.live = (size > 10 * self.factors.noise * self.factors.rank**0.5).nonzero().flatten()
        self.bias_name, self.drawn, self.rounds = bias, 0, 0
        self.tried: Tensor | None = None  # the greedy choice that was tried last
        self.found, self.chosen, self.agreement, self.loss = Directions.none(self.factors), list[int](), 0.0, float("inf")
        self.changed = ""  # why the pictures are not the client's own, if that shows
        self.batch = self.obs.template.at(self.obs.grey)
        if not len(self.live):
            raise Unreadable("The first layer's gradient is all noise: nothing can be read off it.")

    def _whole(self, weight: str, bias: str, gradient: Tensor) -> Tensor:
        """The neurons whose gradients were sent whole, by number; a pixel of which nothing was sent does not count."""
        if self.obs.seen is None or weight not in self.obs.seen:
            return torch.arange(len(gradient), device=gradient.device)
        sent = self.obs.seen[weight] > 0
        rows = (sent[:, sent.any(0)].all(1) & (self.obs.seen[bias] > 0)).nonzero().flatten()
        if len(rows) < len(self.obs.template.private):
            raise Unreadable(
                f"Of {len(rows):,} of {len(gradient):,} neurons the whole gradient was sent; at least {len(self.obs.template.private)} are needed, one for each sample."
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
        like = obs.template.private
        self.changed = changed_before(pictures, obs.bounds)
        image = pictures.view(-1, *like.shape[1:]).clamp(*obs.bounds)
        labels = self._labels(image, slopes)
        rest = len(like) - len(image)
        self.batch = self.obs.template.at(torch.cat([image, obs.grey[:rest]]), torch.cat([labels, obs.template.label[:rest]]))
        self.loss, self.scale = up_to_length(obs.simulate(self.batch), obs.message)

    @property
    def certain(self) -> bool:
        """Whether the pictures explain which neurons were active, and the gradient; noise may take its share of that."""
        return self.agreement == 1 and self.factors.rank == len(self.obs.template.private) and self.loss <= UNMATCHED

    def _labels(self, image: Tensor, slopes: Tensor) -> Tensor:
        """For each picture the label whose own gradient by the first bias points along the one found."""
        net, params = self.obs.net, dict(self.obs.net.params)

        def slope(bias: Tensor, picture: Tensor, label: Tensor) -> Tensor:
            return net.loss({**params, self.bias_name: bias}, self.obs.template.at(picture[None], label[None]))

        each = torch.func.vmap(torch.func.grad(slope), in_dims=(None, 0, None))
        classes = torch.arange(self.obs.num_classes, device=image.device)
        made = torch.stack([each(params[self.bias_name], image, label)[:, self.rows] for label in classes], 1)
        return torch.nn.functional.cosine_similarity(made, slopes[:, None], dim=2).argmax(1)

    def verdict(self) -> str:
        """Ranks, zeros, lambda and the misfit of the whole gradient, in words."""
        r, b = self.factors.rank, len(self.obs.template.private)
        parts = [f"rank of the first layer's gradient {r} of {b}"]
        if r < b:
            parts[0] += f": two samples are alike, one leaves no trace, or the layer is too narrow; {r} of {b} pictures can be read at most"
        drawings = f"after {self.drawn:,} drawing{'s' if self.drawn > 1 else ''}"
        if self.chosen:
            zeros, agreed = (
                self.found.off[self.chosen][:, self.live].sum(1),
                "1" if self.agreement == 1 else f"{min(self.agreement, 0.9999):.4f}",
            )
            parts.append(
                f"each sample is off in {int(zeros.min())} to {int(zeros.max())} of {len(self.live)} active neurons ({r - 1} are needed)"
            )
            parts.append(f"lambda = {agreed} {drawings}")
            parts.append(
                f"the whole gradient of the answer differs by {self.loss:.0e} of its square" + ("" if self.certain else ", not certified")
            )
            if self.certain and abs(self.scale - 1) > SCALED:
                parts.append(f"the message is {self.scale:.4g} times a gradient, which was undone")
        else:
            parts.append(f"not found: {len(greedy(self.found))} of {r} directions, among {len(self.live)} active neurons, {drawings}")
        if len(self.rows) < len(self.obs.net.params[self.bias_name]):
            parts.append(f"read from the {len(self.rows):,} neurons whose gradients were sent whole")
        if self.agreement == 1 and self.changed:
            parts = [f"not exact: {parts[0]}", *parts[1:], self.changed]
        elif self.certain and self.loss**0.5 <= max(ROUNDINGS * self.rounding, LEAST):
            parts = [f"exact: {parts[0]}", *parts[1:], WHAT.replace("picture", "batch")]
        elif self.certain:
            parts = [f"certified, but not exact: {parts[0]}", *parts[1:], f"{self.loss**0.5:.0e} of the message is noise or was altered"]
        note = "; ".join(parts)
        return note[:1].upper() + note[1:] + "."
