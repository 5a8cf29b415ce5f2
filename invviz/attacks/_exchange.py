"""Rows made better word by word: every other word is tried in every cell, and what is exchanged brings the message closer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.lazy import torch
from ._cells import Layout
from ._starts import loss_of_each

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    Loss = Callable[[Tensor], Tensor]
    Exchange = tuple[list[int], slice, Tensor]  # rows, the cell, and what then stands in it, (rows, words)

AT_ONCE = 512  # rows' batches whose messages are made together
MOST = 6_000  # exchanges that are tried in a round, drawn evenly where there are more
TOGETHER = 24  # of the best exchanges, made one after the other as long as each helps
FITTED = 4  # of the best, whose numbers are fitted, each alone, before they are judged
FIT, LAST = 30, 300  # evaluations of L-BFGS: of every try, and of the answer
GAIN = 1e-3  # share by which a round has to lower the loss for there to be another


def fitted(loss: Loss, rows: Tensor, layout: Layout, most: int = FIT) -> tuple[Tensor, float]:
    """Hard rows (b, d) with their numbers fitted inside [0, 1], and their loss; as they are where that helps nothing."""
    numbers, start = list(layout.numbers), float(loss(rows).detach())
    if not numbers:
        return rows, start

    def at(values: Tensor) -> Tensor:
        found = rows.clone()
        found[:, numbers] = values.clamp(0, 1)
        return found

    values = rows[:, numbers].clone().requires_grad_()
    search = torch.optim.LBFGS([values], max_iter=most, max_eval=most, line_search_fn="strong_wolfe", tolerance_grad=0, tolerance_change=0)

    def closure() -> Tensor:
        now = loss(at(values))
        (values.grad,) = torch.autograd.grad(now, values)
        return now.detach()

    search.step(closure)
    found = at(values.detach())
    end = float(loss(found).detach())
    return (found, end) if end < start else (rows, start)


def exchanges(rows: Tensor, layout: Layout, others: Tensor) -> list[Exchange]:
    """Every change of one word of hard rows (b, d), every swap of a word between two rows, and every row as another start has it, (starts, b, d)."""
    whole = slice(0, rows.shape[1])
    found: list[Exchange] = [
        ([row], whole, other[[row]]) for other in others for row in range(len(rows)) if bool((other[row] != rows[row]).any())
    ]
    for part in layout.choices:
        words = rows[:, part].argmax(-1).tolist()
        every = torch.eye(part.stop - part.start, dtype=rows.dtype, device=rows.device)
        for row, word in enumerate(words):
            found += [([row], part, every[[other]]) for other in range(len(every)) if other != word]
            found += [([row, other], part, every[[words[other], word]]) for other in range(row) if words[other] != word]
    return found


def improved(loss: Loss, rows: Tensor, layout: Layout, others: Tensor) -> tuple[Tensor, float]:
    """One round of exchanges on hard rows (b, d), and their loss: the best of them together, or one of the best alone, numbers fitted; never worse than the rows themselves; `others` as of `exchanges`."""
    base, tried = float(loss(rows).detach()), exchanges(rows, layout, others)
    if not tried:
        return rows, base
    tried = tried[:: -(-len(tried) // MOST)]
    with torch.no_grad():
        chunks = (tried[k : k + AT_ONCE] for k in range(0, len(tried), AT_ONCE))
        losses = torch.cat([loss_of_each(loss, torch.stack([made(rows, one) for one in chunk])) for chunk in chunks]).nan_to_num(torch.inf)
        order, best, value = losses.argsort().tolist(), rows, base
        for number in order[:TOGETHER]:
            mixed = made(best, tried[number])
            now = float(loss(mixed)) if losses[number] < base else value
            if now < value:
                best, value = mixed, now
    likely = [best, *(made(rows, tried[number]) for number in order[:FITTED])]
    found = min((fitted(loss, one, layout) for one in likely), key=lambda one: one[1])
    return found if found[1] < base else (rows, base)


def made(rows: Tensor, exchange: Exchange) -> Tensor:
    """The rows after an exchange."""
    where, part, entries = exchange
    found = rows.clone()
    found[where, part] = entries
    return found
