"""Decoders: nets that turn embeddings into pictures, trained on pairs of both."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from ..core.lazy import torch
from ..core.tree import joined

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Generator, Tensor, nn

    from ..core.types import Net, Observation

CHUNK = 64
ALONG = 9  # values of a series that a convolution of its decoder reads at once
FLAT = 8  # times the width: neurons of the decoder of a list of numbers (a table's row)


@dataclasses.dataclass(eq=False)
class Fit:
    """A decoder while it is trained: x' = d(e / scale)."""

    decoder: nn.Module
    scale: Tensor  # standard deviation of the embeddings that it is trained on
    trace: list[tuple[int, float]] = dataclasses.field(default_factory=list)
    stopped: bool = False

    def __call__(self, message: Tensor) -> Tensor:
        """Pictures in [0, 1], (n, c, h, w), of embeddings."""
        with torch.no_grad():
            return self.decoder(message / self.scale)

    def train(
        self, sent: Tensor, pictures: Tensor, epochs: int, lr: float, rng: Generator, report: Callable[[int, int, float], bool]
    ) -> None:
        """Minimise the mean squared error of pictures by Adam, whose rate falls to 0 along a cosine.

        Args:
            sent: embeddings of the pictures.
            pictures: (n, c, h, w).
            epochs: passes over them, in chunks of 64.
            lr: learning rate at the start.
            rng: draws the order.
            report: told (step, steps, error) every ten steps and at the last; answering False stops the training.
        """
        error = lambda places: ((self.decoder(sent[places] / self.scale) - pictures[places]) ** 2).mean()  # noqa: E731
        self.stopped = descend_epochs(list(self.decoder.parameters()), error, len(pictures), epochs, lr, rng, report, self.trace)


def descend_epochs(
    parameters: Sequence[Tensor],
    error: Callable[[Tensor], Tensor],
    count: int,
    epochs: int,
    lr: float,
    rng: Generator,
    report: Callable[[int, int, float], bool],
    trace: list[tuple[int, float]],
) -> bool:
    """Minimise an error over passes through a set by Adam, whose rate falls to 0 along a cosine; whether it was stopped.

    Args:
        parameters: what is trained.
        error: of the samples at these places.
        count: samples.
        epochs: passes over them, in chunks of 64.
        lr: learning rate at the start.
        rng: draws the order.
        report: told (step, steps, error) every ten steps and at the last; answering False stops the training.
        trace: gets (step, error) as often.
    """
    optimiser = torch.optim.Adam(parameters, lr)
    steps = epochs * -(-count // CHUNK)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    number = 0
    while number < steps:
        for places in torch.randperm(count, generator=rng).split(CHUNK):
            number += 1
            value = error(places)
            optimiser.zero_grad()
            value.backward()
            optimiser.step()
            schedule.step()
            if number % 10 == 0 or number == steps:
                trace.append((number, float(value.detach())))
                if not report(number, steps, float(value.detach())):
                    return True
    return False


def fresh(build: Callable[[], nn.Module], rng: Generator, like: Tensor) -> nn.Module:
    """A module with weights drawn by the attacker's own random numbers; the global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**31, (), generator=rng)))
        return build().to(like)


def live(net: Net) -> Net:
    """A copy whose parameters can be trained; those that a release does not use stay as they are."""
    return dataclasses.replace(net, params={name: p.clone().requires_grad_(True) for name, p in net.params.items()})


def message_size(obs: Observation) -> int:
    """How many pictures go into a simulated message: as many as the client's where a simulated defense may look at all of it, else as is quick."""
    return len(obs.template.private) if obs.knowledge.defense else 256


def embed(obs: Observation, net: Net, pictures: Tensor, size: int) -> Tensor:
    """Embeddings of pictures by a net, as the attacker simulates them, (n, ...); differentiable in the net's parameters.

    Args:
        obs: holds the release that the attacker believes in.
        net: the true one, or the attacker's own.
        pictures: (n, c, h, w).
        size: pictures in a message.
    """
    found = []
    for part in pictures.split(size):
        label = torch.zeros(len(part), dtype=torch.int64, device=part.device)
        found.append(joined(obs.release(net, obs.template.at(part, label), None)))
    return torch.cat(found)


def decoder(embedding: Tensor, picture: Tensor, width: int) -> nn.Module:
    """Embedding (maps or a list of numbers) to a picture or a series in [0, 1]: convolutions that grow to its size; for a table's row (1, 1, d) fully connected layers."""
    nn = torch.nn
    channels, *sides = picture.shape[1:]
    if channels == sides[0] == 1:
        inputs, neurons = embedding.flatten(1).shape[1], FLAT * width
        layers = [nn.Flatten(), nn.Linear(inputs, neurons), nn.ReLU(), nn.Linear(neurons, neurons), nn.ReLU()]
        return nn.Sequential(*layers, nn.Linear(neurons, sides[1]), nn.Sigmoid(), nn.Unflatten(1, (1, 1, sides[1])))
    reach, layer = (ALONG, nn.Conv1d) if len(sides) == 1 else (3, nn.Conv2d)
    convolution = lambda before, after: layer(before, after, reach, padding=reach // 2)  # noqa: E731
    if embedding.ndim == 2:
        low = [max(1, -(-side // 4)) for side in sides]
        first = [nn.Linear(embedding.shape[1], width * math.prod(low)), nn.Unflatten(1, (width, *low)), nn.ReLU()]
    else:
        first = [convolution(embedding.shape[1], width), nn.ReLU()]
    return nn.Sequential(
        *first,
        convolution(width, width),
        nn.ReLU(),
        nn.Upsample(tuple(sides), mode="nearest"),
        convolution(width, width),
        nn.ReLU(),
        convolution(width, width),
        nn.ReLU(),
        convolution(width, channels),
        nn.Sigmoid(),
    )
