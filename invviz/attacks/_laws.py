"""What a message says of its picture, law by law: what came exactly, what lies in an interval, which entries were the largest, what was rounded by chance."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from ..core.lazy import torch
from ..core.tree import flatten
from ._base import Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from ..core.types import Observation, Rules

    Like = Callable[[Tensor, float], tuple[Tensor, Tensor, Tensor]]

EXACT, EQUAL, SOFT, CHANCE = (
    0.1,
    0.3,
    0.3,
    0.1,
)  # softness of each law at the first stage: of the message's rms, of 1, of an end, of a level
SHARP, NEVER = 0.01, 1e-3  # least softness of ends, of a threshold or of a width; least chance of what did happen
DEAD = 1e-4  # of a threshold: entries below are taken for zero, and how they move does not count
STAGES = tuple(10.0 ** (-k / 2) for k in range(5))  # of softness, of laws that have an end at SHARP ...
DOWN = tuple(10.0**-k for k in range(3, 8))  # ... and more of them where something came exactly


@dataclasses.dataclass(frozen=True, eq=False)
class Law:
    """-log of the chance of what came, a sum over numbers of a batch.

    Attributes:
        of: those numbers, (p,), of pictures and of the law's own unknowns; differentiable.
        like: of the numbers and the stage's softness: the sum, its slope by every number, (p,), and a curvature of it that is nowhere negative, (p,).
        own: of the first pictures, where the law's own unknowns begin, (g,); none by default.
    """

    of: Callable[[Tensor, Tensor], Tensor]
    like: Like
    own: Callable[[Tensor], Tensor] = lambda image: image.new_zeros(0)


def laws_of(obs: Observation, rounding: float) -> tuple[list[Law], tuple[float, ...]]:
    """All laws that hold for a message, and the stages of softness through which they are searched, 1 the first.

    Args:
        obs: what the attacker sees.
        rounding: relative, of the numbers as they came.

    Raises:
        Unreadable: nothing came of which a law is known.
    """
    rules, found, stages = obs.rules, [], (1.0,)
    if rules is not None:
        found += [_largest(obs, rules, _before(obs, rules))] if rules.largest else []
        if rules.levels:
            return [Law(_before(obs, rules), _by_chance(flatten(obs.message), rules.levels))], STAGES
        if rules.equal is not None:
            found.append(_equal(obs, rules))
        stages = STAGES
    sent = lambda image, own: flatten(obs.simulate(obs.template.at(image)))  # noqa: E731
    if obs.interval is not None:
        low, high = (flatten(end) for end in obs.interval)
        return [*found, Law(sent, _inside(obs, low, high))], STAGES
    if rules is not None and rules.equal is not None:
        return [*found, *([_weighed(obs, rules, _before(obs, rules))] if rules.passes > 0 else [])], (*STAGES, *DOWN[:2])
    kept = flatten(obs.seen) if obs.seen else torch.ones_like(flatten(obs.message))
    white = obs.whiten or (lambda message: message)
    target = flatten(white(obs.message))
    rms = float((kept * target).square().sum() / kept.sum().clamp(min=1)) ** 0.5
    if not rms > 0:
        raise Unreadable("The message is all zeros")
    if not obs.noise:
        return [*found, Law(sent, _normal(target, kept, lambda soft: max(EXACT * soft, 4 * rounding) * rms))], (*STAGES, *DOWN)
    clean = lambda image, own: flatten(white(obs.simulate(obs.template.at(image))))  # noqa: E731
    return [*found, Law(clean, _normal(target, kept, lambda soft: obs.noise))], stages


def _before(obs: Observation, rules: Rules) -> Callable[[Tensor, Tensor], Tensor]:
    """The numbers of a message as they were before the rules were applied."""
    return lambda image, own: flatten(rules.release(obs.net, obs.template.at(image), None))


def _normal(target: Tensor, kept: Tensor, sigma: Callable[[float], float]) -> Like:
    """Normal noise on the entries that came."""

    def like(numbers: Tensor, soft: float) -> tuple[Tensor, Tensor, Tensor]:
        weight = kept / sigma(soft) ** 2
        off = numbers - target
        return 0.5 * (weight * off * off).sum(), weight * off, weight

    return like


def _inside(obs: Observation, low: Tensor, high: Tensor) -> Like:
    """Within ends, softly; an end without a partner is as soft as the guess's own part of the message is large."""
    parts = _parts(obs)
    width = high - low
    some = torch.isfinite(width)

    def like(numbers: Tensor, soft: float) -> tuple[Tensor, Tensor, Tensor]:
        own = torch.stack([numbers[parts == k].square().mean().sqrt() for k in range(int(parts.max()) + 1)]).detach()[parts]
        typical = width[some & (width > 0)].median() if (some & (width > 0)).any() else own.mean()
        size = torch.where(some, torch.where(width > 0, width, typical), own).clamp(min=1e-150) * max(SOFT * soft, SHARP)
        a, b = (numbers - low) / size, (high - numbers) / size
        below, above = torch.sigmoid(-a), torch.sigmoid(-b)
        value = torch.nn.functional.softplus(-a) + torch.nn.functional.softplus(-b)
        return value.sum(), (above - below) / size, (below * (1 - below) + above * (1 - above)) / size**2

    return like


def _by_chance(message: Tensor, step: float) -> Like:
    """Rounded up or down by chance between levels a step apart: up with the share of the step that the entry lies above the lower level."""
    place = (message / step).round()

    def like(numbers: Tensor, soft: float) -> tuple[Tensor, Tensor, Tensor]:
        edge = max(CHANCE * soft, NEVER)
        off = numbers / step - place  # chance of this level: 1 - |off|, where that is above zero
        size = (off * off + edge * edge / 4).sqrt()
        left = torch.nn.functional.softplus((1 - size) / edge) * edge
        slope = torch.sigmoid((1 - size) / edge) / left.clamp(min=1e-300)  # of -log(left) by size
        return (
            -left.clamp(min=1e-300).log().sum(),
            slope * off / size / step,
            slope * slope * (off / size / step) ** 2 + slope / size / step**2,
        )

    return like


def _largest(obs: Observation, rules: Rules, before: Callable[[Tensor, Tensor], Tensor]) -> Law:
    """Entries that came are above a threshold, of each part or of all, and the others below; how far, in the logarithm, is what is soft."""
    came = flatten(obs.message) != 0
    group = _parts(obs) if rules.largest == "part" else torch.zeros_like(_parts(obs))
    count = int(group.max()) + 1
    split = torch.tensor([bool(came[group == k].any() and not came[group == k].all()) for k in range(count)])
    side = torch.where(came, 1.0, -1.0).to(flatten(obs.message)) * split[group]

    def of(image: Tensor, own: Tensor) -> Tensor:
        size = before(image, own).abs()
        threshold = own.exp()[group]
        return size.clamp(min=1e-300).log().maximum((DEAD * threshold).log()) - threshold.log()

    def own(image: Tensor) -> Tensor:
        size = before(image, image).abs()
        levels = [size[group == k].sort(descending=True).values for k in range(count)]
        places = [min(int(came[group == k].sum()), len(level) - 1) for k, level in enumerate(levels)]
        return (
            torch.stack([(level[max(at - 1, 0)] + level[at]) / 2 for level, at in zip(levels, places, strict=True)]).clamp(min=1e-12).log()
        )

    def like(numbers: Tensor, soft: float) -> tuple[Tensor, Tensor, Tensor]:
        width = max(SOFT * soft, SHARP)
        a = side * numbers / width
        missed = torch.sigmoid(-a) * (side != 0)
        value = (torch.nn.functional.softplus(-a) * (side != 0)).sum()
        return value, -side * missed / width, missed * (1 - missed) / width**2

    return Law(of, like, own)


def _equal(obs: Observation, rules: Rules) -> Law:
    """Numbers that are zero, whatever was drawn."""
    assert rules.equal is not None
    zero = rules.equal

    def like(numbers: Tensor, soft: float) -> tuple[Tensor, Tensor, Tensor]:
        weight = torch.full_like(numbers, (EQUAL * soft) ** -2)
        return 0.5 * (weight * numbers * numbers).sum(), weight * numbers, weight

    return Law(lambda image, own: zero(rules.release(obs.net, obs.template.at(image), None)), like)


def _weighed(obs: Observation, rules: Rules, before: Callable[[Tensor, Tensor], Tensor]) -> Law:
    """Noise whose size is that share of each part's norm that the message itself does not take."""
    parts, message = _parts(obs), flatten(obs.message)
    norms = torch.stack([message[parts == k].norm() / int((parts == k).sum()) ** 0.5 for k in range(int(parts.max()) + 1)])
    sigma = ((1 - rules.passes**2) ** 0.5 * norms[parts]).clamp(min=1e-300)
    return Law(
        lambda image, own: rules.passes * before(image, own) / sigma, _normal(message / sigma, torch.ones_like(message), lambda soft: 1.0)
    )


def _parts(obs: Observation) -> Tensor:
    """For every entry of the message the number of its part, (p,)."""
    sizes = [leaf.numel() for leaf in obs.message.values()]
    return torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes)).to(obs.template.private.device)
