"""Which augmentation policy hides most at little cost: the two scores of ATS, and a search by them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..core.gradient import gradient
from ..core.lazy import torch
from ..core.rng import stream
from ..core.types import Batch
from ._augment import COUNT, augment

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..core.types import Net

BINS = 20  # of the line from noise to the picture [S]
SMALL = 1e-5  # k of the accuracy score [S]
Policy = tuple[int, int, int]


class Scored(NamedTuple):
    """A policy with its scores."""

    policy: Policy
    privacy: float  # low: gradients say little about how near a guess is
    accuracy: float  # high: the net tells the changed pictures apart


def privacy_score(net: Net, image: Tensor, label: Tensor, rng: Generator) -> float:
    """S_pri [S]: mean over lambda of cos(gradient at the picture, gradient at lambda picture + (1 - lambda) noise), by the trapezoid rule on 20 bins. Picture (c, h, w), label ().

    The paper's code takes the cosine of every tensor and their mean; so do we. Mean over the pictures.
    """

    def leaves(x: Tensor, y: Tensor) -> list[Tensor]:
        return list(gradient(net, net.params, Batch.of(x[None], y[None])).values())

    several = torch.func.vmap(leaves)
    noise = torch.rand(image.shape, generator=rng, dtype=image.dtype).to(image.device)
    true = several(image, label)
    line = []
    for k in range(BINS + 1):
        here = several(noise + k / BINS * (image - noise), label)
        cosines = [torch.nn.functional.cosine_similarity(a.flatten(1), b.flatten(1)).mean() for a, b in zip(here, true, strict=True)]
        line.append(torch.stack(cosines).mean())
    return float(torch.trapezoid(torch.stack(line), dx=1 / BINS))


def accuracy_score(net: Net, image: Tensor) -> float:
    """S_acc [S] (key mellor2021naswot): -sum ln(v + k) + 1 / (v + k) over the eigenvalues v of the correlations between the pictures' input gradients."""

    def total(x: Tensor) -> Tensor:
        return net.outputs(net.params, Batch.of(x, torch.zeros(len(x), dtype=torch.long))).sum()

    rows = torch.func.grad(total)(image).flatten(1).double()
    v = torch.linalg.eigvalsh(torch.corrcoef(rows)) + SMALL
    return -float((v.log() + 1 / v).sum())


def draw(rng: Generator) -> Policy:
    """Three different operations, each weak or strong: what one does the next shall not undo [D]."""
    kinds = torch.randperm(COUNT // 2, generator=rng)[:3]
    first, second, third = (2 * kinds + 1 + torch.randint(0, 2, (3,), generator=rng)).tolist()
    return first, second, third


def search(net: Net, fresh: Net, image: Tensor, label: Tensor, tries: int = 200, keep: float = 0.5, seed: int = 0) -> list[Scored]:
    """Score random policies of three different operations; best first.

    Those with the best accuracy scores are kept, and of these the lowest privacy score wins [P, our reading].

    Args:
        net: whose gradients are judged (S_pri); the paper takes a half trained one.
        fresh: an untrained one (S_acc).
        image: public pictures, (n, c, h, w).
        label: their labels, (n,).
        tries: random policies that are scored.
        keep: share of them that the accuracy score lets pass.
        seed: of policies and noise.

    Example:
        >>> from invviz.datasets import DATASETS
        >>> from invviz.models import MODELS
        >>> from invviz.core.types import Net
        >>> image, label = (torch.as_tensor(a) for a in DATASETS["digits"]().load(None).public.take(range(4)))
        >>> net = Net.of(MODELS["lenet"](width=2).build((1, 8, 8), 10, 0))
        >>> len(search(net, net, image, label, tries=4))
        2
    """
    rng = stream(seed, "policies")
    scored = []
    for _ in range(tries):
        policy = draw(rng)
        changed = augment(image, policy, 1.0)
        privacy = privacy_score(net, changed, label, stream(seed, "line"))  # the same noise for every policy
        scored.append(Scored(policy, privacy, accuracy_score(fresh, changed)))
    scored.sort(key=lambda s: -s.accuracy)
    return sorted(scored[: max(1, int(keep * tries))], key=lambda s: s.privacy)
