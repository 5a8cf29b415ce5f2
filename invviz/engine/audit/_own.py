"""A net and data of the user as parts of a scenario, so that the same code computes them as the house's own."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ...core.component import knob
from ...core.errors import DataMissing
from ...core.lazy import torch
from ...core.modality import PICTURE, Modality
from ...core.types import Batch, Net
from ...datasets import Dataset
from ...datasets import Samples as Pictures
from ...models import Model

if TYPE_CHECKING:
    from torch import Tensor

    from ...core.types import Tree

PRIVATE = "image"  # what the private inputs are called in a batch
RECORD = Modality("record", "record", "records", (PRIVATE,), told="the user's own, whose numbers have no neighbours")


@dataclasses.dataclass(frozen=True)
class OwnData(Dataset):
    """Records that the user handed over; they stay in memory."""

    name: ClassVar[str] = "own"
    title: ClassVar[str] = "Own data"

    digest: str = knob("", "of the records, so that a line of text names them")
    sizes: tuple[int, ...] = (1,)  # of what is private of one record
    modality: Modality = PICTURE  # type: ignore[misc]
    num_classes: int = 2  # type: ignore[misc]
    public: str = ""  # digest of the public records of the same kind
    samples: Pictures | None = dataclasses.field(default=None, compare=False, repr=False)  # which are these, where there are some

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]
        """Shape of what is private of one record."""
        return self.sizes

    def load(self, data_dir: Path | None) -> Pictures:
        """Public records of the same kind, where the user handed some over.

        Raises:
            DataMissing: there are none.
        """
        if self.samples is not None:
            return self.samples
        raise DataMissing("Of own data there are no public records here.")


@dataclasses.dataclass(frozen=True)
class OwnModel(Model):
    """The user's net; it is built already."""

    name: ClassVar[str] = "own"
    title: ClassVar[str] = "Own net"
    modalities: ClassVar[tuple[str, ...]] = ()
    cuts: ClassVar[tuple[str, ...]] = ()

    digest: str = knob("", "of the parameters, so that a line of text names them")
    first_layer: str = "layer that is not fully connected"  # type: ignore[misc]
    act: str = ""  # "relu" and others; empty where nobody can tell
    init: str = "given"  # type: ignore[misc]  # no knob: how the user's weights came to be is not known here, and the text says nothing of it


@dataclasses.dataclass(frozen=True, eq=False)
class Part:
    """One private input.

    Attributes:
        name: the user's, which is that of the module's argument where inputs came by name.
        shape: of one record.
        low: least value, a number or shaped as one record.
        high: greatest one, likewise.
    """

    name: str
    shape: tuple[int, ...]
    low: Tensor
    high: Tensor

    @property
    def numel(self) -> int:
        """Numbers in one record."""
        return math.prod(self.shape)

    @property
    def unit(self) -> bool:
        """Whether it lies between 0 and 1 by itself."""
        return bool((self.low == 0).all() and (self.high == 1).all())

    def own(self, unit: Tensor) -> Tensor:
        """On its own scale; exact at the ends."""
        low, high = self.low.to(unit), self.high.to(unit)
        return low + (high - low) * unit

    def to_unit(self, own: Tensor) -> Tensor:
        """Between 0 and 1."""
        low, high = self.low.to(own.device), self.high.to(own.device)
        return ((own.double() - low) / (high - low)).to(own.dtype)


@dataclasses.dataclass(frozen=True, eq=False)
class OwnNet(Net):
    """A net of the user: inputs go in by their own names, in their own shapes and on their own scale; a parameter that has several names is one.

    The batch holds all private inputs as one, "image": as it is where there is one that looks like a picture, else side by side as (b, 1, 1, numbers).

    Attributes:
        parts: the private inputs, in their order.
        named: whether inputs are handed over by name; else there is one, and it is the first argument.
        scaled: whether the batch holds private inputs between 0 and 1, the module's own being others.
        aliases: other names of parameters -> the name in `params`.
        fused: whether it has recurrent or attention layers of torch's own, which have kernels of their own.
    """

    parts: tuple[Part, ...] = ()
    named: bool = True
    scaled: bool = False
    aliases: Mapping[str, str] = dataclasses.field(default_factory=dict)
    fused: bool = False

    def outputs(self, params: Tree, batch: Batch) -> Tensor:
        """Whatever the module gives of a batch under the given parameters."""
        given = {name: value for name, value in batch.inputs.items() if name != PRIVATE} | self.own(batch.inputs[PRIVATE])
        every = {**params, **{other: params[name] for other, name in self.aliases.items()}}
        first = () if self.named else tuple(given.values())
        with _plain_kernels(self.fused):
            return torch.func.functional_call(self.module, every, first, given if self.named else {}, tie_weights=False)

    def own(self, private: Tensor) -> dict[str, Tensor]:
        """The private inputs of a batch by their names, as the module takes them; differentiable."""
        if len(self.parts) == 1:
            pieces = [private.reshape(len(private), *self.parts[0].shape)]
        else:
            widths = private.flatten(1).split([part.numel for part in self.parts], 1)
            pieces = [piece.reshape(len(private), *part.shape) for piece, part in zip(widths, self.parts, strict=True)]
        return {part.name: part.own(piece) if self.scaled else piece for part, piece in zip(self.parts, pieces, strict=True)}


@contextlib.contextmanager
def _plain_kernels(fused: bool) -> Iterator[None]:
    """Inside, attention and recurrent layers compute the same by operations that can be pushed forward and differentiated twice; their fused kernels cannot."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    with sdpa_kernel(SDPBackend.MATH):
        if not fused:
            yield
            return
        mkldnn: Any = torch.backends.mkldnn
        attention = torch.backends.mha
        before = mkldnn.enabled, attention.get_fastpath_enabled()
        mkldnn.enabled = False
        attention.set_fastpath_enabled(False)
        try:
            yield
        finally:
            mkldnn.enabled = before[0]
            attention.set_fastpath_enabled(before[1])


def other_names(module: torch.nn.Module) -> dict[str, str]:
    """Names under which a trained parameter stands a second time -> its first one.

    A module that stands twice in the tree holds its parameters once: setting them under both names would undo each other's clean-up.
    """
    first: dict[int, str] = {}
    seen: set[tuple[int, str]] = set()
    found: dict[str, str] = {}
    for path, part in module.named_modules():  # each part once
        for name, param in part.named_parameters(recurse=False, remove_duplicate=False):
            if (id(part), name) in seen or not param.requires_grad:
                continue
            seen.add((id(part), name))
            full = f"{path}.{name}" if path else name
            if id(param) in first:
                found[full] = first[id(param)]
            else:
                first[id(param)] = full
    return found


__all__ = ["PRIVATE", "RECORD", "OwnData", "OwnModel", "OwnNet", "Part", "other_names"]
