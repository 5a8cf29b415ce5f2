"""MKOR: convolutions that hand every pixel on, and a last layer that gives all samples the same scores."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar

from ..core.lazy import torch
from ..core.planted import Classes
from ..core.types import Net
from ._planter import Planter, copied

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Generator, Tensor

    from ..core.types import World

PLACES = ((2, 2), (2, 3), (3, 2), (3, 3))  # of a 5 x 5 kernel of stride 2 and padding 2: the four pixels of a block of 2 x 2
EDGE = 3e-8  # how near to an activation's bounds a feature is taken to lie at most


def _inverses() -> dict[str, Callable[[Tensor], Tensor]]:
    """Undoing an activation that is one to one."""
    return {
        "sigmoid": lambda y: torch.logit(y, eps=EDGE),
        "tanh": lambda y: torch.atanh(y.clamp(-1 + EDGE, 1 - EDGE)),
        "softplus": lambda y: torch.log(torch.expm1(y.clamp(min=EDGE))),
        "leaky_relu": lambda y: torch.where(y < 0, y / 0.01, y),
        "elu": lambda y: torch.where(y < 0, torch.log1p(y.clamp(min=-1 + EDGE)), y),
    }


@dataclasses.dataclass(frozen=True)
class MKOR(Planter):
    """Sets LeNet's kernels to single pixels, so that its features are the picture in 16 parts, and makes the last layer constant, so that all scores are equal.

    The last layer's gradient for class c is then (1 / C) sum_i f_i - sum over class c of f_i, over the batch size, and its bias's tells how many samples of c there are. Where a class is
    missing, its row gives the sum over all, and the features of every class with one sample come out exactly; a picture is read by undoing three activations. Of a class with
    several samples it is the mean of their features, and where none is missing nothing is exact. [P] (key wang2024mkor). Ours: the stride of LeNet's convolutions stands in the
    pooling's place, and the missing class makes it exact.
    """

    name: ClassVar[str] = "mkor"
    title: ClassVar[str] = "MKOR (orthogonal knowledge)"
    paper: ClassVar[str] = "wang2024mkor"
    attack: ClassVar[str] = "per_class"
    plan: ClassVar[str] = "classes"
    modalities: ClassVar[tuple[str, ...]] = ("picture",)

    def model_problems(self, model: Any, shape: tuple[int, ...]) -> list[str]:
        """Another net than LeNet, too few channels, an activation that cannot be undone."""
        wide, acts = 16 * shape[0], ("sigmoid", "tanh", "softplus", "leaky_relu", "elu")
        if model.name != "lenet":
            return [f"{self.name} sets the kernels of LeNet; the model is {model.name}. Use model=lenet(width={wide})."]
        found, width, act = [], model.width, model.act
        if width < wide:
            found.append(
                f"{self.name} takes 16 channels for each of a picture's {shape[0]}; {model.name} has {width}. Set width={wide} or more."
            )
        if act not in acts:
            found.append(f"{self.name} undoes the activations, and act={act!r} is not one to one. Set act='sigmoid'.")
        return found

    def problems(self, shape: tuple[int, ...], num_classes: int, batch: int, clients: int) -> list[str]:
        """The sum of several clients, whose samples it would count as one's."""
        return (
            [f"{self.name} counts the samples of one client, and sees {clients:,} as one. Use aggregation=plain, or server=loki."]
            if clients > 1
            else []
        )

    def planted(self, net: Net, world: World, clients: int, rng: Generator) -> Sequence[Net]:
        """The same net for everybody."""
        module, shape = copied(net), tuple(world.public.shape[1:])
        convolutions = [m for m in module.modules() if isinstance(m, torch.nn.Conv2d)]
        name, head = next((n, m) for n, m in module.named_modules() if isinstance(m, torch.nn.Linear))
        act = next(key for m in module.modules() for key in _inverses() if type(m).__name__.lower() == key.replace("_", ""))
        with torch.no_grad():
            for number, layer in enumerate(convolutions):
                layer.weight.zero_()
                if layer.bias is not None:
                    layer.bias.zero_()
                for channel in range(shape[0] * (1, 4, 16)[number]):
                    for part, (a, b) in enumerate(PLACES) if number < 2 else ((0, PLACES[0]),):
                        layer.weight[channel * (4 if number < 2 else 1) + part, channel, a, b] = 1.0
            head.weight.fill_(1 / head.in_features)
            head.bias.zero_()
        plan = Classes(f"{name}.weight", f"{name}.bias", lambda features: unpacked(features, shape, _inverses()[act]))
        return (Net.of(module, net.task, plan=plan),) * clients


def unpacked(features: Tensor, shape: tuple[int, ...], inverse: Callable[[Tensor], Tensor]) -> Tensor:
    """Pictures (n, c, h, w) of features (n, channels * rows * columns), as the planted LeNet makes them.

    Args:
        features: as they come into the last layer.
        shape: channels, height, width of a picture.
        inverse: undoes the activation.
    """
    channels, height, width = shape
    rows, columns = (-(-side // 2) for side in (height, width))
    inner = -(-rows // 2), -(-columns // 2)
    parts = features.reshape(len(features), -1, *inner)[:, : 16 * channels]
    once = spread(inverse(inverse(parts)), 4 * channels, (rows, columns))
    return spread(inverse(once), channels, (height, width))


def spread(parts: Tensor, channels: int, size: tuple[int, int]) -> Tensor:
    """Four channels of every pixel of a block of 2 x 2 as one channel, cut to its size."""
    n, _, rows, columns = parts.shape
    blocks = parts.reshape(n, channels, 2, 2, rows, columns).permute(0, 1, 4, 2, 5, 3)
    return blocks.reshape(n, channels, 2 * rows, 2 * columns)[..., : size[0], : size[1]]
