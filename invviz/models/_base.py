"""What every model is: an architecture and the way its weights start."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import Component, knob
from ..core.lazy import torch
from ..core.rng import derive
from ..core.task import CLASSIFICATION, Task
from ._layers import after_activation, cut_at_activations

if TYPE_CHECKING:
    from torch import nn

Shape = tuple[int, ...]  # of one sample; of a picture channels, height, width


@dataclasses.dataclass(frozen=True)
class Model(Component):
    """An architecture. `init` says whether the net is fresh or was trained on the public part of the data."""

    modalities: ClassVar[tuple[str, ...]] = ("picture",)  # kinds of samples that it takes
    task: ClassVar[Task] = CLASSIFICATION  # what it is trained to do
    min_side: ClassVar[int] = 1  # smallest height and width that the layers can take
    first_layer: ClassVar[str] = "convolution"  # "linear" where the first layer is fully connected, with a bias; in words elsewhere
    epochs: ClassVar[int] = 20  # of training on public pictures, for init=trained
    held: ClassVar[float] = (
        1.0  # numbers that a second derivative keeps at least, for each that a stage makes and each of the picture (measured)
    )
    train_lr: ClassVar[float] = 1e-3  # Adam's learning rate for that training

    cuts: ClassVar[tuple[str, ...]]  # stages that end with an activation, before the layer that gives class scores: where vertical FL cuts

    init: str = knob("random", "weights: random (fresh) or trained on the public part of the data", choices=("random", "trained"))

    def begins_with(self, shape: Shape) -> str:
        """Its first layer, in the words of `first_layer`, for samples of some shape."""
        return self.first_layer

    def problems(self, shape: Shape) -> list[str]:
        """Why it cannot be built for pictures of some shape, beside `min_side`; one sentence each."""
        return []

    def layers(self, shape: Shape, num_classes: int) -> nn.Module:
        """The module, initialised from torch's global generator."""
        raise NotImplementedError

    def build(self, shape: Shape, num_classes: int, seed: int) -> nn.Module:
        """The module with fresh weights; the same seed gives the same weights, and the global generator is left as it was.

        Args:
            shape: channels, height, width of a picture.
            num_classes: size of the output.
            seed: the scenario's seed.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(seed, "weights"))
            return self.layers(shape, num_classes)

    def freeze(self, module: nn.Module) -> None:
        """Turn what clients do not train into numbers of the module that are no parameters, in place: they stand in no message."""

    @property
    def batch_norm(self) -> bool:
        """Whether it has batch norm, which acts in another way in training mode."""
        return False

    def products(self, shape: Shape, num_classes: int) -> int:
        """Multiplications of one picture's way through the net (of convolutions, linear layers and attention), without building it; what its computing time grows with."""
        raise NotImplementedError

    @property
    def depth(self) -> int:
        """How many stages there are before the last layer."""
        return len(self.cuts)

    @property
    def open_cuts(self) -> tuple[int, ...]:
        """The stages, counted from 1, that can be cut before their activation."""
        return tuple(range(1, self.depth + 1))

    def entries(self, shape: Shape, cut: int, activated: bool = True) -> int:
        """How many numbers the first `cut` stages make of a picture, without building them; `activated` as in vertical FL."""
        raise NotImplementedError

    def fewest(self, shape: Shape) -> int:
        """The least numbers of one picture that a batch-norm layer meets in a channel; only of a net that has such layers."""
        raise NotImplementedError

    def segments(self, module: nn.Module) -> list[nn.Module]:
        """The module in pieces: `depth` stages that end with an activation (and pooling), then the rest."""
        return cut_at_activations(module)

    def opened(self, stage: nn.Module) -> nn.Module:
        """A stage without its last activation and what follows it."""
        layers = list(stage.children())
        return torch.nn.Sequential(*layers[: after_activation(layers) - 1])

    def closing(self, stage: nn.Module) -> nn.Module:
        """What `opened` leaves out."""
        layers = list(stage.children())
        return torch.nn.Sequential(*layers[after_activation(layers) - 1 :])


class Blocks(Model):
    """An architecture that is cut between its blocks; `cuts` names as many of them as there can be.

    No dataclass: `blocks` is a knob of each architecture, with its own range and place among the others.
    """

    blocks: int

    @property
    def depth(self) -> int:
        """One stage a block."""
        return self.blocks

    @property
    def open_cuts(self) -> tuple[int, ...]:
        """None: the activations of a block lie inside of it."""
        return ()
