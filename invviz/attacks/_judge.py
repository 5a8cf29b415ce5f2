"""Whether an answer explains the message better than pictures that have nothing to do with it: one judgement for all attacks, blind to the truth."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from ..core.lazy import torch
from ..core.tree import flatten, numel, without_round
from ..core.types import Batch
from ._matching import CLOSE, UNMATCHED
from ._misfit import AT_TRUTH, rounding

if TYPE_CHECKING:
    from torch import Tensor

    from ..core.types import Observation, Reconstruction, Tree

# Thresholds: set on 130 scenarios by the gain over the mean picture in dB, which no attacker sees (tests/numerics/test_judge.py walks some of them)
MOST = 0.5  # of what the best other pictures leave of the message: an answer that leaves more explains it hardly better
NEAR = 1e-2  # of their loss: below this an answer is close, if nothing altered the message
FIRST = 0.1  # of the other pictures are the best ones: the last of them counts, as one alone may happen to be nearly the client's
CHANCE = 2.0  # times what as many free numbers explain of noise: below this nothing was read
CLEAR = (5.0, 10.0, 80.0)
# likewise: above this a message was read though it was not reproduced; where noise is all, most, and little of what is left
NOISE_ONLY = 0.05  # of what others usually leave: what is left is noise
DROWNED = 0.9  # of their loss is noise: nothing can be read
SIGMAS = 2.0  # standard deviations of noise by which a loss must lie above it
LOW, LEAST, PARTS = (10, 50, 8)
# the tenth of the entries that pictures move least tells noise, if those are 50 or more; by the median over eight parts


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Matching losses of an answer and of other pictures, relative to the message.

    Attributes:
        loss: of the answer.
        others: of the other pictures, ascending.
        noise: share of the message that even noise accounts for; at most the answer's loss.
        times: the answer's gain over the median of the others, over what as many free numbers as it has explain of noise by chance (an F ratio); NaN where the
            message has too few entries to tell, infinite where intervals do.
        apart: how far the others' median lies above the known noise, in its standard deviations; infinite where none is known.
        came: how many numbers other than zero came, where these are fewer than the answer's own, so that many answers give them; 0 where they are not.
    """

    loss: float
    others: tuple[float, ...]
    noise: float
    times: float
    apart: float = math.inf
    came: int = 0

    @property
    def usual(self) -> float:
        """The median of the others."""
        return self.others[len(self.others) // 2]

    @property
    def best(self) -> float:
        """Of the others, but for a few that may match by luck."""
        return self.others[int(FIRST * len(self.others))]

    def left(self, theirs: float) -> float:
        """What the answer leaves of the message, apart from noise, over what others leave that have this loss: 0 is all explained."""
        gap = theirs - self.noise
        return max(self.loss - self.noise, 0.0) / gap if gap > 0 else math.inf

    @property
    def noisy(self) -> bool:
        """Noise is most of what the answer leaves."""
        return self.noise > 0.5 * self.loss

    @property
    def by_chance(self) -> bool:
        """Other pictures explain the message as well, as far as chance and noise allow to tell."""
        if math.isinf(self.apart):
            return self.times < CHANCE
        return self.apart < SIGMAS and not self.times >= CHANCE

    @property
    def no_better(self) -> bool:
        """It explains the message hardly better than they do; where the message has few entries, than any of them."""
        theirs = self.others[0] if math.isnan(self.times) else self.best
        return not self.loss < theirs or (self.left(theirs) > MOST and not self.noisy)

    @property
    def down_to_noise(self) -> bool:
        """What is left looks like even noise."""
        return self.noisy and self.left(self.usual) <= NOISE_ONLY

    @property
    def clear(self) -> bool:
        """It explains more than any of them, by far more than chance."""
        needed = CLEAR[0 if self.down_to_noise else 1 if self.noisy else 2]
        return self.loss < self.others[0] and self.times >= needed and (math.isfinite(self.times) or self.left(self.usual) <= NOISE_ONLY)

    @property
    def nothing(self) -> bool:
        """Nothing was read: other pictures do as well, and what is left cannot be put down to a defense, as the message was reproduced or little was gained."""
        return self.by_chance or (self.no_better and not (self.clear and self.loss > UNMATCHED))


def judged(
    obs: Observation, found: Reconstruction, others: Tensor, whose: str, solves: bool = False, decodes: bool = False
) -> Reconstruction:
    """The same answer, with `failed` and a sentence in its note by what other pictures' messages come to.

    An attack that gave up, was stopped, or works with another net than the client's is left as it is: there is nothing to compare.

    Args:
        obs: what the attacker sees.
        found: its answer.
        others: pictures that have nothing to do with the message, (k, b, c, h, w), taken with the answer's labels. The attack need not have had them.
        whose: what they are, in words.
        solves: see `Attack.solves`: the comparison can clear such an answer, and proves nothing against it.
        decodes: see `Attack.decodes`: such an answer is held against it only where it does no better than other pictures usually do.
    """
    if found.stopped or not math.isfinite(found.loss) or not obs.knowledge.weights or (solves and not found.failed):
        return found
    with torch.no_grad():
        seen = compare(obs, found.batch, others)
    if seen is None:
        return found
    failed, said = _cleared(seen, whose) if found.failed else _accused(seen, whose, decodes)
    kind = obs.template.modality
    said = said.replace("pictures", kind.many).replace("picture", kind.one)
    return dataclasses.replace(found, failed=failed, note=" ".join(part for part in (found.note, said) if part))


def _losses(seen: Comparison, whose: str) -> str:
    few = f"{seen.others[0]:.1e} (best)" if math.isnan(seen.times) else f"{seen.best:.1e} (best tenth)"
    return f"matching loss {seen.loss:.1e}; {whose}: {seen.usual:.1e} (median of {len(seen.others)}), {few}"


def _cleared(seen: Comparison, whose: str) -> tuple[bool, str]:
    """Whether an attack that thinks it failed did so, and the sentence about it."""
    if seen.clear:
        return (
            False,
            f"All the same it explains more of the message than any other picture, and far more than chance would ({_losses(seen, whose)}).",
        )
    return True, f"Beside other pictures: {_losses(seen, whose)}."


def _accused(seen: Comparison, whose: str, decodes: bool = False) -> tuple[bool, str]:
    """Whether an attack failed that does not think so, and the sentence about it."""
    losses = _losses(seen, whose)
    if seen.by_chance and seen.noise > DROWNED * seen.usual:
        return True, f"The message holds too little: other pictures explain it as well, as far as noise allows to tell ({losses})."
    if seen.loss >= seen.usual if decodes else seen.nothing:
        how = "no" if seen.loss >= seen.usual else "hardly"
        return (
            True,
            f"It explains the message {how} better than pictures that have nothing to do with it ({losses}), so what it shows need not be the client's.",
        )
    if seen.loss <= CLOSE * seen.usual:
        return False, ""
    if seen.down_to_noise:
        return False, f"What is left looks like even noise, or like a search that stopped short ({losses})."
    if seen.loss > NEAR * seen.usual:
        return False, f"It explains a part of the message ({losses})."
    if seen.came:
        return False, f"It explains the {seen.came:,} numbers that came, too few to tell whether it is close ({losses})."
    return False, f"Close, not exact, if nothing altered the message ({losses})."


def compare(obs: Observation, answer: Batch, others: Tensor) -> Comparison | None:
    """Simulate the messages of an answer and of other pictures, and compare both with the one that came; None where that gives no numbers.

    The length of a gradient or an update is left free, as clipping and learning rates change it; that of an embedding counts.
    """
    if obs.interval is not None:
        return _by_intervals(obs, answer, others)
    white = obs.whiten or (lambda message: message)
    kept = flatten(obs.seen).double() if obs.seen else torch.ones(())
    target = flatten(white(obs.message)).double() * kept.to(next(iter(obs.message.values())).device)
    size = float(target.norm())
    if not 0 < size < math.inf:
        return None
    target, free = target / size, length_is_free(obs)

    def sent(image: Tensor) -> Tensor:
        message = flatten(white(obs.simulate(obs.template.at(image, answer.label)))).double() * kept.to(target.device)
        square = float(message.square().sum())
        return message * (float(message @ target) / square if free and square > 0 else 1 / size)

    rest = (target - sent(answer.private)).square()
    mean, square, losses = torch.zeros_like(target), torch.zeros_like(target), list[float]()
    for image in others:
        message = sent(image)
        mean, square = mean + message / len(others), square + message.square() / len(others)
        losses.append(float((target - message).square().sum()))
    loss, moved = float(rest.sum()), (square - mean.square()).clamp(min=0)
    if not all(math.isfinite(value) for value in (loss, *losses)):
        return None
    live = (target != 0) | (moved > 0)
    count, inputs = int(live.sum()), answer.private.numel()
    usual = sorted(losses)[len(losses) // 2]
    known = count * (obs.noise / size) ** 2
    noise = known * (1 + SIGMAS * (2 / count) ** 0.5) or even_noise(target[live], rest[live], moved[live])
    spare = count - inputs
    times = (usual - loss) / inputs / (max(loss, 1e-300) / spare) if spare > 0.2 * inputs else math.nan
    apart = (usual / known - 1) * (count / 2) ** 0.5 if known else math.inf
    came = int((target != 0).sum())
    return Comparison(loss, tuple(sorted(losses)), min(noise, loss), times, apart, came if came < inputs else 0)


def _by_intervals(obs: Observation, answer: Batch, others: Tensor) -> Comparison | None:
    """The same where the attacker knows between which values each entry lay: by the chance of that."""
    assert obs.interval is not None
    judge = rounding(obs.message, *obs.interval)
    loss, *losses = (float(judge(obs.simulate(obs.template.at(image, answer.label)))) for image in (answer.private, *others))
    if not all(math.isfinite(value) for value in (loss, *losses)):
        return None
    return Comparison(loss, tuple(sorted(losses)), min(AT_TRUTH, loss), math.inf)


def length_is_free(obs: Observation) -> bool:
    """Whether the message is a gradient or an update, and no embedding."""
    return {without_round(name) for name in obs.message} <= set(obs.net.params)


def even_noise(target: Tensor, rest: Tensor, moved: Tensor) -> float:
    """The share of a message that noise of one size on every entry can account for, by the entries that pictures move least; 0 where those are few or not noise.

    A search that got stuck leaves little on them, and so does rounding to few values.

    Args:
        target: the message, (p,).
        rest: squares of what is left of it, (p,).
        moved: variance of each entry over other pictures, (p,).
    """
    count = len(target) // LOW
    low = moved.argsort()[:count]
    if count < LEAST or len(target[low].unique()) < count / 2:
        return 0.0
    parts = torch.stack([part.mean() for part in rest[low].chunk(PARTS)])
    return len(target) * float(parts.median()) * (1 + SIGMAS * (2 / count) ** 0.5)


def silence(message: Tree) -> str:
    """What is to be said of a message from which no attack can tell anything, or not all: zeros, or numbers that are not finite. Empty where all is well."""
    bad = sum(int((~torch.isfinite(leaf)).sum()) for leaf in message.values())
    if bad:
        return f"{bad:,} of the {numel(message):,} numbers of the message are not finite."
    if not any(bool(leaf.any()) for leaf in message.values()):
        return "The message is all zeros: nothing can be read off it."
    return ""
