"""ResSFL: the net is trained against a decoder that learns to invert its embeddings."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any, ClassVar

from ..core.component import knob
from ..core.lazy import torch
from ._base import Defense, Needs, Suggested
from ._penalty import Penalty

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from ..core.component import Value
    from ..core.types import Release, World

WIDTH = 32  # channels of the decoder


@dataclasses.dataclass(frozen=True)
class ResSFL(Defense):
    """Trains the net against a decoder that learns along to rebuild pictures from embeddings; the message is sent as it is.

    The attacker-aware training of the paper in our reading, without its bottleneck layers and without resistance transfer (there, the resistant bottom net starts
    a second training on other data). Every step the party's decoder takes `steps` steps of Adam towards the pictures; then weight max(0, score - threshold) is added to
    the loss, with the decoder held still [P: a score of its pictures is penalised from a threshold on]. The paper's score is the SSIM; ours is the share of
    the batch's variance that the decoder explains, 1 - mse / variance: 0 is what the mean picture reaches, and small pictures have one, too
    (Source: [D], as are the decoder and that embeddings are divided by their spread, so that making them small hides nothing). On digits a weight
    from about 1 on lets units die, and the net classifies badly (measured).

    An attacker who knows of it learns nothing that the net, which it knows anyway, does not say. One who has another decoder, or searches, may still read it.
    """

    name: ClassVar[str] = "ressfl"
    title: ClassVar[str] = "ResSFL (attacker-aware training)"
    paper: ClassVar[str] = "li2022ressfl"
    strength: ClassVar[str] = "weight"
    identity: ClassVar[Value] = 0.0
    level_words: ClassVar[str] = "weight {v} in training"
    off_words: ClassVar[str] = "off"
    suggested: ClassVar[Suggested] = Suggested(levels=(0.1, 0.3, 1.0), victims=("trained",))
    needs: ClassVar[Needs] = Needs(embedding=True)
    trains: ClassVar[bool] = True

    weight: float = knob(
        0.3, "weight of the decoder's score beside the cross-entropy, when the net is trained; 0: off", low=0.0, high=10.0, log=True
    )
    threshold: float = knob(0.1, "share of the pictures' variance that the decoder may explain without penalty", low=0.0, high=1.0)
    steps: int = knob(1, "steps that the decoder takes for every step of the net", low=1, high=20, unit="steps")
    lr: float = knob(2e-3, "Adam's learning rate of the decoder", low=1e-6, high=1.0, log=True)

    def wrap(self, inner: Release, world: World) -> Release:
        """The release itself."""
        return inner

    def penalty(self, part: Tensor, embedding: Tensor, seed: int) -> Penalty:
        """What the decoder explains beyond the threshold, times the weight; every party has a decoder of its own."""
        return _Inverted(self, part, embedding, seed)


class _Inverted(Penalty):
    def __init__(self, how: ResSFL, part: Tensor, embedding: Tensor, seed: int) -> None:
        self._how = how
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self._decoder = _decoder(tuple(embedding.shape[1:]), tuple(part.shape[1:])).to(part)
        self._optimiser = torch.optim.Adam(self._decoder.parameters(), how.lr)

    def __call__(self, part: Tensor, embedding: Tensor) -> Tensor:
        for _ in range(self._how.steps):
            loss = ((self._decoder(_scaled(embedding.detach())) - part) ** 2).mean()
            self._optimiser.zero_grad()
            loss.backward()
            self._optimiser.step()
        still = {name: p.detach() for name, p in self._decoder.named_parameters()}
        guess = torch.func.functional_call(self._decoder, still, (_scaled(embedding),), tie_weights=False)
        score = explained(guess, part)
        return self._how.weight * (score - self._how.threshold).clamp_min(0)

    def state(self) -> dict[str, Any]:
        return {"decoder": self._decoder.state_dict(), "optimiser": self._optimiser.state_dict()}

    def restore(self, state: Mapping[str, Any]) -> None:
        if state:
            self._decoder.load_state_dict(state["decoder"])
            self._optimiser.load_state_dict(state["optimiser"])


def explained(guess: Tensor, truth: Tensor) -> Tensor:
    """The share of a batch's variance that a guess explains, a scalar up to 1; 0 for the batch's mean, and where all pictures are equal.

    Args:
        guess: shape (n, c, h, w).
        truth: likewise.
    """
    variance = ((truth - truth.mean(0)) ** 2).mean()
    return 1 - ((guess - truth) ** 2).mean() / variance if bool(variance > 0) else (guess * 0).sum()


def _scaled(embedding: Tensor) -> Tensor:
    """In units of its own spread."""
    return embedding / (embedding.std() + 1e-12)


def _decoder(embedding: tuple[int, ...], picture: tuple[int, ...]) -> nn.Module:
    """Maps, or a list of numbers, to a picture or a series in [0, 1]."""
    nn = torch.nn
    channels, *sides = picture
    low, layer = [(side + 1) // 2 for side in sides], nn.Conv1d if len(sides) == 1 else nn.Conv2d
    if len(embedding) == len(picture):
        first = [layer(embedding[0], WIDTH, 3, padding=1)]
    else:
        first = [nn.Flatten(), nn.Linear(math.prod(embedding), WIDTH * math.prod(low)), nn.Unflatten(1, (WIDTH, *low))]
    return nn.Sequential(
        *first,
        nn.ReLU(),
        nn.Upsample(tuple(sides), mode="nearest"),
        layer(WIDTH, WIDTH, 3, padding=1),
        nn.ReLU(),
        layer(WIDTH, channels, 3, padding=1),
        nn.Sigmoid(),
    )
