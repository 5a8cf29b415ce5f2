"""Changes of a picture that a client may make before it trains on it; each differentiable, each nothing at size 0."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from ..core.lazy import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

GREY = (0.299, 0.587, 0.114)  # ITU-R 601 luma


class Operation(NamedTuple):
    """One change: its words, what it does to pictures (b, c, h, w) in [0, 1] at a size, and two sizes."""

    title: str
    apply: Callable[[Tensor, float], Tensor]
    weak: float
    strong: float


def resample(x: Tensor, matrix: tuple[tuple[float, float, float], tuple[float, float, float]]) -> Tensor:
    """Pictures (..., c, h, w) read elsewhere, same shape: the output at (row, column) is taken bilinearly at matrix (row, column, 1), counted in pixels from the centre; black outside.

    The weights are constants, so it is linear in the picture and has all derivatives (torch's grid_sample has no forward mode).
    """
    h, w = x.shape[-2:]
    row, column = torch.meshgrid(torch.arange(h, device=x.device), torch.arange(w, device=x.device), indexing="ij")
    y, z = (row - (h - 1) / 2).to(x), (column - (w - 1) / 2).to(x)
    sources = [a * y + b * z + c for a, b, c in matrix]
    v, u = sources[0] + (h - 1) / 2, sources[1] + (w - 1) / 2
    flat, out = x.flatten(-2), torch.zeros_like(x)
    for dv in (0, 1):
        for du in (0, 1):
            i, j = v.floor().long() + dv, u.floor().long() + du
            weight = (1 - (v - i).abs()) * (1 - (u - j).abs()) * ((i >= 0) & (i < h) & (j >= 0) & (j < w))
            place = (i.clamp(0, h - 1) * w + j.clamp(0, w - 1)).flatten()
            out = out + flat.index_select(-1, place).unflatten(-1, (h, w)) * weight
    return out


def shift_right(x: Tensor, share: float) -> Tensor:
    """Moves pictures (..., h, w) right by a share of the width."""
    return resample(x, ((1, 0, 0), (0, 1, -share * x.shape[-1])))


def shift_down(x: Tensor, share: float) -> Tensor:
    """Moves pictures (..., h, w) down by a share of the height."""
    return resample(x, ((1, 0, -share * x.shape[-2]), (0, 1, 0)))


def rotate(x: Tensor, degrees: float) -> Tensor:
    """Turns pictures (..., h, w) about their centre, counter-clockwise."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return resample(x, ((cos, sin, 0), (-sin, cos, 0)))


def shear_across(x: Tensor, slope: float) -> Tensor:
    """Moves rows of pictures (..., h, w) sideways, the more the further down."""
    return resample(x, ((1, 0, 0), (slope, 1, 0)))


def shear_along(x: Tensor, slope: float) -> Tensor:
    """Moves columns of pictures (..., h, w) up or down, the more the further right."""
    return resample(x, ((1, slope, 0), (0, 1, 0)))


def grey(x: Tensor) -> Tensor:
    """Luma of colour pictures (..., 3, h, w), the mean of other channels, shape (..., 1, h, w)."""
    if x.shape[-3] != 3:
        return x.mean(-3, keepdim=True)
    return (x * torch.as_tensor(GREY).to(x)[:, None, None]).sum(-3, keepdim=True)


def _blend(x: Tensor, other: Tensor, size: float) -> Tensor:
    """From pictures (..., c, h, w) away from `other`, which broadcasts to them (size > 0), or towards it (size < 0, -1: all of it)."""
    return (other + (1 + size) * (x - other)).clamp(0, 1)


def brighten(x: Tensor, size: float) -> Tensor:
    """Pictures (..., c, h, w) times 1 + size."""
    return _blend(x, torch.zeros_like(x), size)


def contrast(x: Tensor, size: float) -> Tensor:
    """Pictures (..., c, h, w) away from their mean grey."""
    return _blend(x, grey(x).mean((-2, -1), keepdim=True), size)


def saturate(x: Tensor, size: float) -> Tensor:
    """Pictures (..., c, h, w) away from their grey; those of one channel stay."""
    return _blend(x, grey(x), size)


def turn_hue(x: Tensor, degrees: float) -> Tensor:
    """Turns the colours of pictures (..., 3, h, w) about the grey axis; others stay."""
    if x.shape[-3] != 3:
        return x
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    along, across = (1 - cos) / 3, sin / 3**0.5
    turn = torch.tensor(
        [
            [cos + along, along - across, along + across],
            [along + across, cos + along, along - across],
            [along - across, along + across, cos + along],
        ]
    )
    return (turn.to(x) @ x.flatten(-2)).view_as(x).clamp(0, 1)


def solarise(x: Tensor, share: float) -> Tensor:
    """Inverts what is brighter than 1 - share in pictures (..., c, h, w); share 1 inverts everything."""
    return torch.where(x > 1 - share, 1 - x, x) if share < 1 else 1 - x


def sharpen(x: Tensor, size: float) -> Tensor:
    """Pictures (..., c, h, w) away from their smoothed selves (3 x 3, centre 5 of 13); the rim stays."""
    kernel = torch.ones(3, 3).to(x)
    kernel[1, 1] = 5
    h, w = x.shape[-2:]
    inside = torch.nn.functional.conv2d(x.reshape(-1, 1, h, w), (kernel / 13)[None, None]).reshape(*x.shape[:-2], h - 2, w - 2)
    whole = torch.nn.functional.pad(inside, (1, 1, 1, 1))
    core = torch.nn.functional.pad(torch.ones(h - 2, w - 2).to(x), (1, 1, 1, 1))
    return _blend(x, whole + (1 - core) * x, size)


def cut_out(x: Tensor, share: float) -> Tensor:
    """Greys a square in the middle of pictures (..., h, w) whose side is that share of the shorter side."""
    h, w = x.shape[-2:]
    side = round(share * min(h, w))
    top, left = (h - side) // 2, (w - side) // 2
    hole = torch.zeros(h, w).to(x)
    hole[top : top + side, left : left + side] = 1
    return x * (1 - hole) + 0.5 * hole


# Posterise and the like are left out: their Jacobian is zero. Size 0 leaves every picture as it is.
OPERATIONS = (
    Operation("shift right", shift_right, 0.15, 0.3),
    Operation("shift down", shift_down, 0.15, 0.3),
    Operation("rotate", rotate, 15.0, 45.0),
    Operation("shear across", shear_across, 0.2, 0.5),
    Operation("shear along", shear_along, 0.2, 0.5),
    Operation("brighten", brighten, 0.4, 0.9),
    Operation("contrast", contrast, -0.4, 0.9),
    Operation("saturation", saturate, -0.5, 0.9),
    Operation("hue", turn_hue, 60.0, 180.0),
    Operation("solarise", solarise, 0.5, 1.0),
    Operation("sharpness", sharpen, -0.8, 0.9),
    Operation("cut out", cut_out, 0.25, 0.5),
)
COUNT = 2 * len(OPERATIONS)
LISTED = ", ".join(f"{2 * place + 1}/{2 * place + 2} {operation.title}" for place, operation in enumerate(OPERATIONS))


def words(number: int) -> str:
    """What an operation number (1 to COUNT) means; odd numbers are the weak form, even ones the strong form of the one before."""
    operation = OPERATIONS[(number - 1) // 2]
    return f"{operation.title} {operation.weak if number % 2 else operation.strong:g}"


def augment(x: Tensor, numbers: tuple[int, ...], strength: float) -> Tensor:
    """Operations one after the other; number 0 stands for none.

    Args:
        x: pictures (b, c, h, w) in [0, 1].
        numbers: each 0 to COUNT.
        strength: what every size is multiplied with.
    """
    for number in numbers:
        if number:
            operation = OPERATIONS[(number - 1) // 2]
            x = operation.apply(x, strength * (operation.weak if number % 2 else operation.strong))
    return x
