"""The layer that sorts samples into bins: rows that measure the same, and what they pass on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.lazy import torch

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn

PASSED = 0.1  # root mean square of the vectors along which rows pass on, for all rows together; beside a sample's values


def measuring(how: str, inputs: int, rng: Generator) -> Tensor:
    """One row: the mean of all values, or random weights of the same length."""
    if how == "mean":
        return torch.full((inputs,), 1 / inputs, dtype=torch.float64)
    return torch.randn(inputs, generator=rng, dtype=torch.float64) / inputs


def counts(measured: Tensor, edges: Tensor) -> tuple[int, ...]:
    """How many values lie in each bin."""
    bins = len(edges) - 1
    return tuple(torch.bincount((torch.searchsorted(edges, measured) - 1).clamp(0, bins - 1), minlength=bins).tolist())


def binning(
    row: Tensor, edges: Tensor, measured: Tensor, cumulative: bool, twins: bool, gain: float, rng: Generator, passes: int | None = None
) -> nn.Module:
    """A layer that hands a sample on with a little of its rows added, (b, ...) to (b, ...).

    Args:
        row: what is measured, (inputs,).
        edges: where each bin begins, and the last one's end, (bins + 1,).
        measured: of public samples, (n,): what rows pass on of the mean of these is taken off again.
        cumulative: rows are active above their threshold, by ReLU; else up to the next, by a ramp from 0 to 1.
        twins: all rows a second time, which pass on along another vector.
        gain: rows are divided by it, and multiplied with it behind.
        rng: draws the vectors.
        passes: how many numbers it passes on; None: as many as are measured.
    """
    bins, copies, made = len(edges) - 1, 1 + twins, passes or len(row)
    width = torch.ones_like(edges[:-1]) if cumulative else edges.diff().clamp(min=1e-9)
    layer = _module()(len(row), bins * copies, made, copies, cumulative, 1 / gain).double()
    with torch.no_grad():
        layer.rows.weight.copy_((row / (gain * width[:, None])).repeat(copies, 1))
        layer.rows.bias.copy_((-edges[:-1] / (gain * width)).repeat(copies))
        layer.gather.weight.copy_(torch.block_diag(*[torch.full((1, bins), gain / bins) for _ in range(copies)]))
        layer.spread.weight.copy_(PASSED * torch.randn(made, copies, generator=rng, dtype=torch.float64))
        ramps = (measured[:, None] - edges[:-1]) / width
        passed = (ramps.clamp(min=0) if cumulative else ramps.clamp(0, 1)).mean()
        layer.spread.bias.copy_(-float(passed) * layer.spread.weight.sum(1))
    return layer


def _module() -> type:
    nn = torch.nn

    class Binning(nn.Module):  # made here, because a module-level class would import torch
        def __init__(self, inputs: int, rows: int, made: int, copies: int, cumulative: bool, top: float) -> None:
            super().__init__()
            self.rows = nn.Linear(inputs, rows)
            self.act = nn.ReLU() if cumulative else nn.Hardtanh(0.0, top)
            self.gather, self.spread = nn.Linear(rows, copies, bias=False), nn.Linear(copies, made)

        def passed(self, measured: Tensor) -> Tensor:
            return self.spread(self.gather(self.act(self.rows(measured.flatten(1)))))

        def forward(self, sample: Tensor) -> Tensor:
            return sample + self.passed(sample).view_as(sample)

    return Binning
