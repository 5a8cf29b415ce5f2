"""TabLeak: rows of a table searched with relaxed words, from many starts whose agreement says how sure each cell is."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.lazy import torch
from ..core.tree import dot, map_tree, randn_like
from ..core.types import Knowledge
from ._base import Attack
from ._cells import Layout, registered
from ._descent import DROPS
from ._exchange import GAIN, LAST, fitted, improved
from ._judge import length_is_free
from ._labels import Count, with_count
from ._matching import UNMATCHED, Watch, search, squared_error
from ._misfit import misfit
from ._starts import loss_of_each

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Generator, Tensor

    from ..core.types import Observation, Progress, Reconstruction, Tree

SPREAD = 0.1  # standard deviation of a start's coordinates, in which 0 is the middle of a number and all words alike
BEST = 3  # starts, beside the pool, whose words are exchanged
DONE = 1e-9  # matching loss of all starts at which the search is over
ROUNDING = 8.0  # of the message, relative: squared, a loss at which nothing is left to explain


@dataclasses.dataclass(frozen=True)
class TabLeak(Attack):
    """Gradient matching of rows: numbers through a sigmoid, the words of a choice through a softmax, Adam on the slope's sign, many starts side by side, whose rows are matched to each other.

    [P] (key vero2023tableak): relaxation, ensemble, pooling (median of numbers, majority of words), certainty by agreement. Ours: no cooling of the softmax (worse in few steps); the matching loss blind to length and
    exact near 0; and after the search words are exchanged one cell at a time, numbers fitted, while the message comes closer, which is what makes batches of 16 exact. Of the best start, the pool and the exchanged rows
    the answer is the one with the least matching loss. Certainty of a cell: the share of starts that say the same of it; it is no probability. Who knows the noise matches by it.
    Cost: one double backward pass per step and start; a message per word of every cell and round of exchanges.
    """

    name: ClassVar[str] = "tableak"
    title: ClassVar[str] = "TabLeak (rows of a table)"
    paper: ClassVar[str] = "vero2023tableak"
    modalities: ClassVar[tuple[str, ...]] = ("row",)

    steps: int = knob(1000, "steps, of all starts together", low=1, high=100_000, unit="steps")
    restarts: int = knob(8, "starts, searched side by side, whose agreement is the certainty of a cell", low=1, high=50)
    lr: float = knob(
        0.2,
        "Adam's learning rate at the start; a tenth of it from 3/8, 5/8 and 7/8 of the steps on, each time",
        low=1e-5,
        high=10.0,
        log=True,
    )
    exchanges: int = knob(20, "most rounds of exchanging words after the search; 0: none", low=0, high=1000, unit="rounds")
    labels: str = knob(
        "known",
        "known: the attacker is told the labels; counted: it counts them off the last layer's gradient",
        choices=("known", "counted"),
    )

    def wants(self) -> Knowledge:
        """Labels, unless it counts them."""
        return Knowledge(labels=self.labels == "known", batch_size=True)

    def reconstruct(self, obs: Observation, rng: Generator, progress: Progress) -> Reconstruction:
        """The rows with the least matching loss, and how many starts agree on each cell."""
        like, count = obs.template.private, Count(obs.template.label, True, "")
        if self.labels == "counted":
            count = Count.of(obs, rng)
        layout = Layout.of(obs.columns, like[0].numel())
        judge, _, truth = misfit(obs)
        known = bool(obs.noise or obs.whiten or obs.interval)
        judge = judge if known else by_direction(obs.message) if length_is_free(obs) else judge
        at = lambda rows: obs.template.at(rows.view_as(like), count.labels)  # noqa: E731
        loss = lambda rows: judge(obs.simulate(at(rows)))  # noqa: E731
        z = torch.stack([SPREAD * randn_like(like.flatten(1), rng) for _ in range(self.restarts)]).requires_grad_()
        watch = Watch(progress, self.steps + self.exchanges + BEST + 3, unmatched=max(UNMATCHED, 2 * truth))
        rounding = (ROUNDING * max(torch.finfo(leaf.dtype).eps for leaf in obs.message.values())) ** 2
        kept: dict[str, Tensor] = {}

        def attempt() -> None:
            self._descend(layout, loss, z, lambda value, rows: watch.see(value, at(rows), shown=at(rows)))
            starts = layout.relaxed(z.detach())
            losses = loss_of_each(loss, starts).detach().nan_to_num(torch.inf)
            best = starts[losses.argmin()]
            kept["starts"], kept["losses"] = registered(starts, best, count.labels), losses
            others = layout.hard(kept["starts"])
            likely = [*others[losses.argsort()[:BEST]], layout.pooled(kept["starts"])]
            tried = sorted((fitted(loss, rows, layout) for rows in likely), key=lambda one: one[1])
            for rows, value in tried:
                watch.see(value, at(rows))
            left = self.exchanges
            for rows, value in tried:  # the next one where no exchange helps the last
                gain = 1.0
                while left and gain > GAIN and watch.best_loss > rounding:
                    before, left = value, left - 1
                    rows, value = improved(loss, rows, layout, others)
                    watch.see(value, at(rows))
                    gain = 1 - value / before
            if watch.best is not None:
                rows, value = fitted(loss, layout.hard(watch.best.private.flatten(1)), layout, LAST)
                watch.see(value, at(rows))
            watch.steps = len(watch.trace)  # it went all its way: no start is stuck

        found = search(obs, watch, 1, attempt)
        if "starts" not in kept:
            return dataclasses.replace(found, note=with_count(found.note, count))
        answer = found.batch.private.flatten(1)
        certain = layout.agreement(registered(kept["starts"], answer, count.labels), answer)
        exact = found.loss <= rounding and not known and torch.equal(layout.hard(answer), answer)
        note = " ".join(part for part in (found.note, _said(kept["losses"], certain, exact)) if part)
        return dataclasses.replace(found, note=with_count(note, count), certainty=certain if self.restarts > 1 else None)

    def _descend(self, layout: Layout, loss: Callable[[Tensor], Tensor], z: Tensor, see: Callable[[float, Tensor], None]) -> None:
        """All starts side by side, coordinates (starts, b, d) moved in place."""
        optimiser = torch.optim.Adam([z], lr=self.lr)
        drops = [int(self.steps * part) for part in DROPS]
        for step in range(self.steps):
            rows = layout.relaxed(z)
            losses = loss_of_each(loss, rows)
            (slope,) = torch.autograd.grad(losses.sum(), z)
            own = losses.detach().nan_to_num(torch.inf)
            see(float(own.min()), rows[own.argmin()].detach())
            if float(own.max()) <= DONE:
                break
            z.grad = slope.nan_to_num(0.0, 0.0, 0.0).sign_()
            optimiser.param_groups[0]["lr"] = self.lr * 0.1 ** sum(step >= drop for drop in drops)
            optimiser.step()


def _said(losses: Tensor, certain: Tensor, exact: bool) -> str:
    """What the starts came to, in a sentence or two."""
    several = f"; {int((certain == 1).sum())} of {certain.numel()} cells are the same in all of them"
    note = f"{len(losses)} starts, matching losses {float(losses.min()):.1e} to {float(losses.max()):.1e}"
    explained = " The message is explained to its rounding by rows with one word in every choice." if exact else ""
    return f"{note}{several if len(losses) > 1 and certain.numel() else ''}.{explained}"


def by_direction(target: Tree) -> Callable[[Tree], Tensor]:
    """|m/|m| - t/|t||^2 of a simulated message: blind to its length, as the cosine is (half of it is 1 - cos), and exact near 0, where that loses all digits."""
    if not float(dot(target, target)) > 0:
        return lambda message: squared_error(message, target)
    aim = map_tree(lambda leaf: leaf * dot(target, target).rsqrt(), target)

    def of(message: Tree) -> Tensor:
        message = {name: message[name] for name in aim}
        size = (dot(message, message) + torch.finfo(message[next(iter(aim))].dtype).tiny).rsqrt()
        left = {name: message[name] * size - leaf for name, leaf in aim.items()}
        return dot(left, left)

    return of
