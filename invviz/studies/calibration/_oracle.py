"""Two searches that start at the truth, for calibration only: they tell what an attack lost by its start from what nobody can know.

They are no attacks. The attackers of the app are blind by contract; these are given the private batch, live here, and cannot be named in a
scenario.
"""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from ...attacks._lbfgs import lbfgs
from ...attacks._matching import UNMATCHED, Watch, in_double, is_smooth, search, squared_error
from ...attacks._space import Space
from ...core.lazy import torch
from ...core.rng import stream
from ...core.tree import flatten, map_tree, randn_like
from ...core.types import Batch, Net, World
from ...risk import Prior

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ...core.types import Observation, Release, Tree
    from ...engine.client import Client
    from ...risk import Decomposition
    from ...scenario import Scenario

NEAR = 0.02  # standard deviation of the start around the truth, in pixel values
FAR = 2.0  # more than the answer should err, so that a search that does not move is not taken for one that arrives
MATCH_STEPS = 300
MAP_STEPS = 300
HISTORY = 50
SETTLED = 0.02  # largest slope at the end, where coordinates have a posterior standard deviation of about 1
TOLERANCE = 1e-8  # the default of the blind search
SCALE = 1e4  # of the matching loss: near the truth it is so small that torch's L-BFGS would drop every curvature pair (y s <= 1e-10)


@dataclasses.dataclass(frozen=True, eq=False)
class Found:
    """Where a search ended: pictures (b, c, h, w), not clipped; its loss; whether it did not settle."""

    image: Tensor
    loss: float
    failed: bool


def oracle(client: Client, obs: Observation, seed: int) -> Found:
    """Oracle: starts at the truth; for calibration only. DLG's L-BFGS on |G(x) - r|^2 / |r|^2, whichever attack the scenario names.

    What it reaches and the blind attack misses is the fault of the search, not a protection. Where the message says nothing about a
    direction, it stays where it started, close to the truth: under heavy noise or pruning it may look better than any attacker can be.

    Args:
        client: holds the truth and its labels.
        obs: the very message that the blind attack sees, and the map it believes in (it is not told of the defense).
        seed: of the start, NEAR away from the truth.
    """
    smooth = is_smooth(obs.net)
    obs = in_double(obs) if smooth else obs
    like = obs.template.image
    space = Space.of("frequencies" if client.batch.modality.grid else "pixels", like, obs.bounds)  # columns have no neighbours
    near = client.batch.image.to(like) + NEAR * randn_like(like, stream(seed, "oracle start"))
    watch = Watch(lambda step: True, MATCH_STEPS, SCALE * TOLERANCE)

    def evaluate(v: Tensor) -> tuple[Tensor, Batch]:
        batch = Batch.of(space.picture(v.view(like.shape)), client.batch.label)
        return SCALE * squared_error(obs.simulate(batch), obs.message), batch

    start = _coordinates(space, near).flatten()
    found = search(obs, watch, 1, lambda: lbfgs(start, evaluate, watch, smooth), every=False)
    loss = found.loss / SCALE
    return Found(found.batch.image, loss, not loss <= UNMATCHED)


def oracle_map(scenario: Scenario, client: Client, message: Tree, dec: Decomposition, sigma: float, floor: float) -> Found:
    """Oracle: starts at the truth; for calibration only. The most likely picture given the message, the prior and the noise.

    It minimises |r - G(x)|^2 / (2 sigma^2) + (x - mu)^T C^-1 (x - mu) / 2 with the non-linear G of the defended release: it is told of
    clipping and of the mask of pruning. Noise that is not normal counts as normal of the same variance. Where the linear picture holds,
    this is the attack that attains InvLoss. On nets with kinks (ReLU) the gradient jumps where a neuron switches, so the search soon sticks
    and says so (`failed`): what it then reached is little more than its start. Source: [D], theory T1.

    Args:
        scenario: names prior, defenses and seed.
        client: holds the truth and its labels.
        message: what the client sent, with the defenses' noise. The floor's noise is drawn and added here, for the risk score counts it.
        dec: gives coordinates in which the search is short; they do not change what is minimised.
        sigma: standard deviation of all noise on a message entry, > 0.
        floor: the part of it that is the floor's.
    """
    net, truth, release = _in_double(client, scenario)
    noise = stream(scenario.seed, "oracle floor")
    target = flatten(map_tree(lambda leaf: leaf.double() + floor * randn_like(leaf.double(), noise), message))

    def simulate(vector: Tensor) -> Tensor:
        return flatten(release(net, Batch.of(vector.view(truth.image.shape), truth.label), None))

    prior = Prior(scenario.prior, scenario.data.shape, scenario.batch)
    vector, loss, failed = most_likely(simulate, target, sigma, prior, dec, truth.image.flatten(), stream(scenario.seed, "oracle start"))
    return Found(vector.view(truth.image.shape), loss, failed)


def most_likely(
    simulate: Callable[[Tensor], Tensor], target: Tensor, sigma: float, prior: Prior, dec: Decomposition, truth: Tensor, rng: Generator
) -> tuple[Tensor, float, bool]:
    """The x with the least |r - G(x)|^2 / sigma^2 + (x - mu)^T C^-1 (x - mu), by L-BFGS from near the truth.

    Searched in x = mu + B diag(1 + m / sigma^2)^-1/2 z with B and m of the spectrum: there the linearised problem is round. The start is the
    truth and a normal draw in z, scaled so that it is FAR times as far off as the ideal attacker's error, but at most NEAR (root mean square).

    Args:
        simulate: G on flat vectors, (n,) -> (p,), float64, differentiable.
        target: r, shape (p,), float64.
        sigma: standard deviation of the noise on an entry of r, > 0.
        prior: mu and C.
        dec: spectrum of G somewhere near, under the same prior.
        truth: shape (n,), float64.
        rng: of the start.

    Returns:
        x, shape (n,); the minimum divided by p; whether the search did not settle.
    """
    mean = torch.from_numpy(prior.mean)
    basis = torch.from_numpy(dec.basis).double()
    shrink = torch.from_numpy(1 / (1 + dec.gains / sigma**2) ** 0.5)
    inverse = torch.from_numpy(prior.inv_sqrt_apply(prior.inv_sqrt_apply((truth - mean).numpy())))
    spread = float((torch.from_numpy(dec.weights) * shrink**2).sum() / len(mean)) ** 0.5  # of the ideal attacker, seen directions
    z = (basis.T @ inverse) / shrink + min(FAR, NEAR / spread) * randn_like(shrink, rng)
    z.requires_grad_()
    value = math.inf

    def closure() -> Tensor:
        nonlocal value
        u = z * shrink
        loss = ((target - simulate(mean + basis @ u)) ** 2).sum() / sigma**2 / 2 + (u @ u) / 2
        (z.grad,) = torch.autograd.grad(loss, z)
        value = 2 * float(loss.detach()) / len(target)
        return loss.detach()

    search = torch.optim.LBFGS(
        [z],
        max_iter=MAP_STEPS,
        max_eval=MAP_STEPS,
        tolerance_grad=SETTLED / 4,
        tolerance_change=0,
        history_size=HISTORY,
        line_search_fn="strong_wolfe",
    )
    search.step(closure)
    closure()  # the last one of the line search need not be where it ended
    slope = float(z.grad.abs().max()) if z.grad is not None else math.inf
    x = (mean + basis @ (z * shrink)).detach()
    return x, value, not (math.isfinite(value) and slope <= SETTLED)


def _in_double(client: Client, scenario: Scenario) -> tuple[Net, Batch, Release]:
    """Net and batch in float64, and the noise-free defended release with pruning held at its mask of the truth, which the message shows."""
    net = Net.of(copy.deepcopy(client.net.module).double(), client.net.task)
    truth = Batch.of(client.batch.image.double(), client.batch.label)
    return net, truth, scenario.defense.held(client.bare, World.without_public(net, truth), truth)


def _coordinates(space: Space, picture: Tensor) -> Tensor:
    """The inverse of `Space.picture`."""
    if space.scale is None or space.rows is None or space.columns is None:
        return picture - space.middle
    return space.rows @ (picture - space.middle) @ space.columns.T / space.scale
