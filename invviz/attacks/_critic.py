"""How far two clouds of embeddings are apart: by kernels, and by a net that is trained to tell them from each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.lazy import torch

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn

KERNELS = (0.125, 0.25, 0.5, 1.0, 2.0)  # widths of the Gaussian kernels, times the mean squared distance (xu2024fora)
PENALTY = 10.0  # weight of the gradient penalty (gulrajani2017wgangp)


def mean_discrepancy(a: Tensor, b: Tensor) -> Tensor:
    """MK-MMD: squared distance of the mean features of two samples under a sum of Gaussian kernels; a scalar, 0 for the same sample twice.

    Args:
        a: shape (n, d).
        b: shape (m, d).
    """
    both = torch.cat([a, b])
    distance = torch.cdist(both, both).square()
    unit = distance.detach().sum() / (len(both) * (len(both) - 1)) + 1e-12
    kernel = torch.stack([torch.exp(-distance / (width * unit)) for width in KERNELS]).mean(0)
    n = len(a)
    return kernel[:n, :n].mean() + kernel[n:, n:].mean() - 2 * kernel[:n, n:].mean()


def critic(embedding: Tensor, width: int) -> nn.Module:
    """A net that gives one number for each embedding (maps, also along time alone, or a list of numbers)."""
    nn, act = torch.nn, torch.nn.LeakyReLU
    if embedding.ndim == 2:
        layers = [nn.Linear(embedding.shape[1], 4 * width), act(0.2), nn.Linear(4 * width, 4 * width), act(0.2)]
        return nn.Sequential(*layers, nn.Linear(4 * width, 1))
    first = 2 if min(embedding.shape[2:]) > 8 else 1  # large maps are made smaller at once: a step there takes a quarter of the time
    layer = nn.Conv1d if embedding.ndim == 3 else nn.Conv2d
    body = nn.Sequential(
        layer(embedding.shape[1], width, 3, stride=first, padding=1),
        act(0.2),
        layer(width, 2 * width, 3, stride=2, padding=1),
        act(0.2),
        nn.Flatten(),
    )
    with torch.no_grad():
        size = body(torch.zeros(1, *embedding.shape[1:])).shape[1]
    return nn.Sequential(*body, nn.Linear(size, 1))


def adversarial(judge: nn.Module, optimiser: torch.optim.Optimizer, real: Tensor, made: Tensor, rng: Generator) -> Tensor:
    """One step of the judge (Wasserstein, with gradient penalty), and what it thinks of `made` afterwards: lower is closer to `real`; differentiable in `made`."""
    fake = made.detach()
    n = min(len(real), len(fake))
    mix = torch.rand((n, *[1] * (real.ndim - 1)), generator=rng, dtype=real.dtype).to(real.device)
    between = (mix * real[:n] + (1 - mix) * fake[:n]).requires_grad_(True)
    (slope,) = torch.autograd.grad(judge(between).sum(), between, create_graph=True)
    penalty = ((slope.flatten(1).norm(dim=1) - 1) ** 2).mean()
    loss = judge(fake).mean() - judge(real).mean() + PENALTY * penalty
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return -judge(made).mean()
