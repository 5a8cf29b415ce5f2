"""Whether an answer is the client's picture or the prior's: what an attacker can compute about that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor

    from ..core.types import Observation, Reconstruction
    from ._latent import Aim

COMPARED = 500  # public pictures whose own neighbours are looked for
HARDLY = 0.9  # of the mean picture's matching loss: an answer above this explains next to nothing
RARE = 0.05  # share of the public pictures that have a closer neighbour than the answer has


def nearest(image: Tensor, public: Tensor) -> tuple[float, float]:
    """How close pictures lie to public ones.

    Args:
        image: (b, c, h, w).
        public: (n, c, h, w), n at least 3.

    Returns:
        The least distance (Euclidean) of a picture to a public one over the median of that between public neighbours; and the share of public pictures that
        have a closer neighbour among the others.
    """
    flat, own = public.flatten(1).double(), image.flatten(1).double()
    places = torch.linspace(0, len(flat) - 1, min(len(flat), COMPARED)).long()
    between = torch.cdist(flat[places], flat)
    between[torch.arange(len(places)), places] = torch.inf
    usual, found = between.min(1).values, torch.cdist(own, flat).min()
    return float(found / usual.median().clamp(min=1e-12)), float((usual < found).double().mean())


def verdict(obs: Observation, target: Aim, found: Reconstruction, public: Tensor) -> str:
    """The matching loss beside the mean picture's, the distance to the nearest public picture beside the usual one, and warnings that follow; words for a note."""
    with torch.no_grad():
        mean = public.mean(0, keepdim=True).to(found.batch.private).expand_as(found.batch.private)
        fit = lambda x: float(target.loss(obs.simulate(obs.template.at(x))))  # noqa: E731
        loss, typical = fit(found.batch.private), fit(mean)
    ratio, share = nearest(found.batch.private, public)
    text = (
        f"Matching loss {loss:.2g}, of the mean public picture {typical:.2g}; nearest public picture at {ratio:.2f} of the usual distance "
        f"between neighbours, {100 * share:.0f} % of the public pictures have a closer one."
    )
    if not loss < HARDLY * typical:
        text += " Warning: it explains hardly more of the message than the mean picture does, so what it shows is the prior's."
    elif not loss <= target.unmatched:
        text += " Warning: the message was not reproduced, so details may be the prior's."
    if share < RARE:
        text += " Warning: so close to a public picture, it may be a copy or a blend of public pictures."
    return text
