"""Rows of a table as a search sees them: relaxed, hardened, and what several starts say alike of every cell."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from ..core.lazy import torch
from ..core.table import NEAR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from ..core.table import Column


@dataclasses.dataclass(frozen=True)
class Layout:
    """Which entries of a row are numbers, and which belong to one choice.

    Attributes:
        cells: the entries of every cell, in the order of the columns; entries of no column are numbers of their own behind them.
        numbers: entries that are numbers.
        named: how many of the cells are those of a column.
    """

    cells: tuple[slice, ...]
    numbers: tuple[int, ...]
    named: int

    @classmethod
    def of(cls, columns: Sequence[Column], width: int) -> Layout:
        """Of rows of so many entries."""
        held = {entry for column in columns for entry in range(column.start, column.start + column.width)}
        free = [slice(entry, entry + 1) for entry in range(width) if entry not in held]
        cells = (*(column.part for column in columns), *free)
        return cls(cells, tuple(part.start for part in cells if part.stop - part.start == 1), len(columns))

    @property
    def choices(self) -> list[slice]:
        """Those that are choices among several words."""
        return [part for part in self.cells if part.stop - part.start > 1]

    def relaxed(self, z: Tensor) -> Tensor:
        """Rows of any real coordinates (..., d): numbers by a sigmoid, choices by a softmax; differentiable."""
        rows = torch.empty_like(z)
        rows[..., self.numbers] = z[..., self.numbers].sigmoid()
        for part in self.choices:
            rows[..., part] = z[..., part].softmax(-1)
        return rows

    def hard(self, rows: Tensor) -> Tensor:
        """The same rows with one word in every choice, the likeliest."""
        found = rows.clone()
        for part in self.choices:
            found[..., part] = one_word(rows[..., part])
        return found

    def pooled(self, rows: Tensor) -> Tensor:
        """Rows (starts, b, d) as one batch: the median of numbers, the word that most starts have."""
        return self.hard(torch.where(self._is_number(rows), rows.median(0).values, self.hard(rows).mean(0)))

    def agreement(self, rows: Tensor, answer: Tensor) -> Tensor:
        """Share of starts (starts, b, d) that say of a cell what the answer (b, d) says, (b, columns): the same word, a number within 5 % of the range."""
        rows, answer, said = self.hard(rows), self.hard(answer), []
        for part in self.cells[: self.named]:
            apart = (rows[..., part] - answer[..., part]).abs().amax(-1)
            said.append((apart <= NEAR).to(rows).mean(0))
        return torch.stack(said, -1) if said else rows.new_zeros(len(answer), 0)

    def _is_number(self, rows: Tensor) -> Tensor:
        found = torch.zeros(rows.shape[-1], dtype=torch.bool, device=rows.device)
        found[list(self.numbers)] = True
        return found


def one_word(shares: Tensor) -> Tensor:
    """1 at the largest of the last dimension, else 0."""
    return torch.nn.functional.one_hot(shares.argmax(-1), shares.shape[-1]).to(shares)


def registered(starts: Tensor, reference: Tensor, labels: Tensor) -> Tensor:
    """The rows of every start (starts, b, d) in the order of a reference's (b, d): a gradient does not tell the order of rows of one label; least squared error, row by row."""
    from scipy.optimize import linear_sum_assignment

    found = starts.clone()
    for number, start in enumerate(starts):
        for label in labels.unique():
            own = (labels == label).nonzero().flatten()
            apart = (start[own][:, None] - reference[own][None]).square().sum(-1).nan_to_num(1e12, 1e12, 1e12)
            for i, j in zip(*linear_sum_assignment(apart.cpu().numpy()), strict=True):
                found[number, own[j]] = start[own[i]]
    return found
