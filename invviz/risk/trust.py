"""How far the straight-line picture of a release can be trusted at one batch: curvature, and bounds that do not linearise."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.errors import Cancelled
from ..core.lazy import torch
from ..core.rng import derive

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from .decomposition import Decomposition
    from .jacobian import Jacobian
    from .prior import Prior

STEPS = (0.003, 0.01, 0.03, 0.1, 0.3)  # root mean square change of a pixel
DIRECTIONS = 3  # of each kind
TURN_AT = 0.03  # step at which the Jacobian's own change is measured
POWER_STEPS = 4
TURNS = 2  # starts of the power iteration
DRAWS, PROBES = 3, 3  # pictures of the prior, and random vectors at each, for the mean of ||J||_F^2


PARTS = 2 + DRAWS  # of the progress


@dataclasses.dataclass(frozen=True)
class Trust:
    """Measured curvature around one batch. Source: [D] theory T3, T4, T5; all figures are measured at a few points and directions, not proven.

    Attributes:
        steps: sizes of a change of the picture, root mean square per pixel.
        random, top: ||G(x + d) - G(x) - J d|| / ||J d|| at those sizes, for changes drawn from the prior and along the strongest directions
            (means over a few); 0 is a straight line, 1 means that the linear picture explains nothing.
        bend: estimate of the Jacobian's Lipschitz constant beta near x, from below: ||J(x + d) - J(x)|| / ||d||, the larger of both kinds.
        frobenius_sq: ||J||_F^2, mean over pictures drawn from the prior.
        frobenius_error: its standard error.
        precision_trace: tr C^-1, which T3 needs beside it.
        relative_sq: ||J||_F^2 over the mean square of the message's entries, mean over the same pictures: for noise that is a share of the message. None where it is not known.
        relative_error: its standard error.
    """

    steps: tuple[float, ...]
    random: tuple[float, ...]
    top: tuple[float, ...]
    bend: float
    frobenius_sq: float
    frobenius_error: float
    precision_trace: float
    relative_sq: float | None = None
    relative_error: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain numbers."""
        return {**dataclasses.asdict(self), **{k: list(getattr(self, k)) for k in ("steps", "random", "top")}}


def trust(jacobian: Jacobian, prior: Prior, dec: Decomposition, seed: int = 0, progress: Callable[[int, int], bool] | None = None) -> Trust:
    """Measure how far G is from its tangent at the batch, with some sixty evaluations and products.

    Args:
        jacobian: of the release at the batch.
        prior: draws the random changes and pictures.
        dec: its first directions are the strongest ones.
        seed: of the draws.
        progress: called with (done, total) parts; answering False cancels.

    Raises:
        Cancelled: `progress` answered False.
    """
    rng = np.random.default_rng(derive(seed, "trust"))

    def tell(done: int) -> None:
        if progress is not None and not progress(done, PARTS):
            raise Cancelled("Stopped: the curvature was not measured.")

    like = jacobian.point
    tensor = lambda rows: torch.as_tensor(np.ascontiguousarray(rows)).to(like)  # noqa: E731
    draws = tensor(prior.draw(DIRECTIONS + DRAWS, rng) - prior.mean)
    strongest = tensor(dec.basis[:, :DIRECTIONS].T) if dec.gains[0] > 0 else draws[:0]
    here = jacobian.map(jacobian.point)
    lines = [torch.tensor([_remainders(jacobian, d, here) for d in kind]).mean(0) for kind in (draws[:DIRECTIONS], strongest) if len(kind)]
    tell(1)
    starts = tensor(rng.standard_normal((TURNS, prior.size)))
    bend = max(_turn(jacobian, d, starts) for kind in (draws[:1], strongest[:1]) for d in kind)
    tell(2)
    squares, relative = [], []
    for picture in draws[DIRECTIONS:] + tensor(prior.mean):
        there = dataclasses.replace(jacobian, batch=_moved(jacobian, picture))
        signs = tensor(rng.choice([-1.0, 1.0], (PROBES, prior.size)))
        squares.append(float(_together(torch.func.vmap(there.matvec), signs, jacobian.at_once).double().square().sum(1).mean()))
        message = there.map(picture).double()
        relative.append(squares[-1] / max(float(message.square().mean()), 1e-300))
        tell(2 + len(squares))
    numbers = [tuple(float(v) for v in line) for line in lines]
    (mean, error), (share, share_error) = ((float(np.mean(v)), float(np.std(v, ddof=1) / len(v) ** 0.5)) for v in (squares, relative))
    return Trust(STEPS, numbers[0], numbers[-1], bend, mean, error, prior.precision_trace, share, share_error)


def trusted_radius(singular_value: float, bend: float, size: int) -> float:
    """Largest distance, root mean square per pixel, within which a direction of this singular value is inverted stably: 2 s / beta. Source: [D] T4."""
    return 2 * singular_value / bend / size**0.5 if bend > 0 else float("inf")


def subspace_error(singular_values: np.ndarray, k: int, change: float) -> float:
    """Bound on the sine of the angle by which the first k right singular directions turn: e / (s_k - s_{k+1} - e). Source: [D] T5 (Wedin).

    Args:
        singular_values: descending, shape (r,).
        k: at least 1, at most one less than there are values.
        change: e = ||J(x~) - J(x)||, for instance bend times the distance.

    Returns:
        In [0, 1]; 1 where the gap is too small to promise anything.
    """
    gap = float(singular_values[k - 1] - singular_values[k]) - change
    return min(1.0, change / gap) if gap > 0 else 1.0


def _moved(jacobian: Jacobian, point: Tensor):
    return jacobian.batch.with_flat(point)


def _unit(direction: Tensor) -> Tensor:
    """Scaled to a root mean square of 1 per pixel."""
    return direction / direction.norm().clamp(min=1e-30) * direction.numel() ** 0.5


def _together(product: Callable[[Tensor], Tensor], vectors: Tensor, few: int) -> Tensor:
    """A product with vectors, one a row, so many at once."""
    return torch.cat([product(some).detach() for some in vectors.split(few)])


def _remainders(jacobian: Jacobian, direction: Tensor, here: Tensor | None = None) -> list[float]:
    """||G(x + h d) - G(x) - h J d|| / ||h J d|| for every step h; `here` is G(x), where it is known."""
    unit = _unit(direction)
    here, slope = jacobian.map(jacobian.point) if here is None else here, jacobian.matvec(unit)
    return [float((jacobian.map(jacobian.point + h * unit) - here - h * slope).norm() / (h * slope).norm().clamp(min=1e-30)) for h in STEPS]


def _turn(jacobian: Jacobian, direction: Tensor, starts: Tensor) -> float:
    """||J(x + d) - J(x)|| / ||d|| by power iteration, from below: the most that any of the starts, one a row, comes to."""
    step, few = TURN_AT * _unit(direction), jacobian.at_once
    both = (dataclasses.replace(jacobian, batch=_moved(jacobian, jacobian.point + step)), jacobian)
    pushes, pulls = [torch.func.vmap(one.matvec) for one in both], [one.puller() for one in both]
    v, u = starts, starts
    for number in range(POWER_STEPS):
        if number:
            v = torch.sub(*(_together(pull, u, few) for pull in pulls))
        v = v / v.norm(dim=1, keepdim=True).clamp(min=1e-30)
        u = torch.sub(*(_together(push, v, few) for push in pushes))
    return float(u.norm(dim=1).max()) / float(step.norm())
