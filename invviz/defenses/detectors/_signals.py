"""Signals of weights that were planted, of one net; each is 0 or small in nets that were drawn or trained, and skips layers of which it says nothing.

A layer that is all zero (a zero-initialised residual branch or head) is skipped by all of them, and a bias of zeros is no constant bias: both are common.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...core.lazy import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from ...core.types import Tree

LEAST = 4  # rows, columns and entries below which a layer says nothing
MOST_ROWS = 2_048  # looked at, evenly spread over those that there are
ALIKE = 0.999  # |cosine| from which two rows count as one
EVEN = 1e-3  # standard deviation over |mean| up to which a row counts as constant


def duplicate_rows(weight: Tensor) -> float:
    """Share of the rows that another row repeats, up to a factor: |cosine| > 0.999. Rows of zeros are left out."""
    rows = _rows(weight)
    if len(rows) < LEAST or weight.shape[1] < LEAST:
        return 0.0
    unit = rows / rows.norm(dim=1, keepdim=True)
    alike = (unit @ unit.T).abs() - torch.eye(len(rows), dtype=rows.dtype, device=rows.device)
    return float((alike.max(1).values > ALIKE).double().mean())


def constant_rows(weight: Tensor) -> float:
    """Share of the rows whose entries are all alike, and not zero: standard deviation at most 0.001 of |mean|."""
    rows = _rows(weight)
    if len(rows) < LEAST or weight.shape[1] < LEAST:
        return 0.0
    return float((rows.std(1) <= EVEN * rows.mean(1).abs()).double().mean())


def zeros(weight: Tensor) -> float:
    """Share of the entries that are zero."""
    return float((weight == 0).double().mean()) if weight.numel() >= LEAST**2 else 0.0


def few_values(weight: Tensor) -> float:
    """One over the number of different entries beside zero: 1 where all are the same number."""
    entries = weight[weight != 0]
    return 1 / len(entries.unique()) if len(entries) >= LEAST**2 else 0.0


def peak(weight: Tensor) -> float:
    """Largest magnitude over the root mean square of all entries."""
    return float(weight.abs().max() / weight.square().mean().sqrt()) if weight.numel() >= LEAST**2 else 0.0


def low_rank(weight: Tensor) -> float:
    """One over the stable rank, |W|_2^2 / |W|_F^2: 1 where all rows are multiples of one."""
    rows = _rows(weight)
    if min(len(rows), weight.shape[1]) < LEAST:
        return 0.0
    small = rows @ rows.T if len(rows) <= rows.shape[1] else rows.T @ rows
    return float(torch.linalg.eigvalsh(small)[-1] / small.trace())


def balance(weight: Tensor) -> float:
    """How alike the rows are in what is positive of them over what is negative, 1 / (1 + v sqrt(columns)) with v the coefficient of variation of that ratio; 1 where all rows have the same.

    In rows that were drawn freely v sqrt(columns) is about 1 or more, whatever the width. Trap weights copy the negative half with a fixed factor, so their v is 0.
    """
    rows = _rows(weight)
    up, down = rows.clamp(min=0).sum(1), (-rows).clamp(min=0).sum(1)
    ratio = (up / down)[(up > 0) & (down > 0)]
    if len(ratio) < LEAST or weight.shape[1] < 2 * LEAST:
        return 0.0
    return float(1 / (1 + ratio.std() / ratio.mean() * weight.shape[1] ** 0.5))


def constant_bias(weight: Tensor, bias: Tensor) -> float:
    """|mean| / (|mean| + standard deviation) of a layer's biases: 1 where all are the same number and not zero. Zero biases are no signal."""
    if bias.numel() < LEAST or not bias.any():
        return 0.0
    return float(bias.mean().abs() / (bias.mean().abs() + bias.std()))


def large_bias(weight: Tensor, bias: Tensor) -> float:
    """Largest |bias| over the norm of its row; rows of zeros are left out."""
    norms = weight.norm(dim=1)
    kept = norms > 0
    return float((bias.abs()[kept] / norms[kept]).max()) if len(bias) == len(norms) and len(bias) >= LEAST and kept.any() else 0.0


OF_WEIGHTS: dict[str, Callable[[Tensor], float]] = {
    "duplicate_rows": duplicate_rows,
    "constant_rows": constant_rows,
    "zeros": zeros,
    "few_values": few_values,
    "peak": peak,
    "low_rank": low_rank,
    "balance": balance,
}
OF_BIASES: dict[str, Callable[[Tensor, Tensor], float]] = {"constant_bias": constant_bias, "large_bias": large_bias}
WORDS = {
    "duplicate_rows": "{v:.0%} of the rows repeat another row",
    "constant_rows": "{v:.0%} of the rows are constant and not zero",
    "zeros": "{v:.1%} of the weights are zero",
    "few_values": "its weights take {n:.0f} different value(s) beside zero",
    "peak": "its largest weight is {v:.3g} times their root mean square",
    "low_rank": "its stable rank is {n:.2f}",
    "balance": "its rows all have nearly the same ratio of positive to negative weights",
    "constant_bias": "its biases are nearly the same number, and not zero",
    "large_bias": "a bias is {v:.3g} times the norm of its row",
}
"""What is said of a layer; {v} the signal, {n} one over it."""


def signals(params: Tree) -> dict[str, tuple[float, str]]:
    """Of every signal its largest value over the layers of a net, and the layer.

    Args:
        params: of the net. Rows are the first dimension of weights with at least two; biases are looked at beside their weights.
    """
    found: dict[str, tuple[float, str]] = dict.fromkeys([*OF_WEIGHTS, *OF_BIASES], (0.0, ""))
    for name, p in params.items():
        if p.dim() < 2 or not p.is_floating_point():
            continue
        weight, layer = p.detach().double().flatten(1), name.rpartition(".")[0] or name
        if not weight.any():
            continue
        said = {key: signal(weight) for key, signal in OF_WEIGHTS.items()}
        bias = params.get(f"{name.removesuffix('weight')}bias") if name.endswith("weight") else None
        if bias is not None and bias.dim() == 1:
            said |= {key: signal(weight, bias.detach().double()) for key, signal in OF_BIASES.items()}
        found.update({key: (value, layer) for key, value in said.items() if value > found[key][0]})
    return found


def _rows(weight: Tensor) -> Tensor:
    """Rows that are not all zero, at most 2,048 of them."""
    rows = weight[weight.any(1)]
    return rows if len(rows) <= MOST_ROWS else rows[torch.linspace(0, len(rows) - 1, MOST_ROWS).long()]
