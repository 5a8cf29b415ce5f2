"""What is audited: the user's net as a mended copy, the batch by the names of its inputs, what of it is private, and on which scale."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.errors import InvvizError
from ...core.lazy import torch
from ...core.types import Batch
from ...datasets import Samples
from ._first import first_layer
from ._inputs import Bounds, Inputs, Loss, inputs_of, modality_of, parts_of, private_of, refuse_classes, task_of
from ._own import PRIVATE, OwnData, OwnModel, OwnNet, Part, other_names
from ._reason import Reason
from ._similar import Similar, similar_of
from ._trial import tried
from ._uneven import uneven
from .validate import mend, validate

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ...core.task import Task


class NotAuditable(InvvizError):
    """A net that cannot be audited; `reasons` says why, and what to do."""

    def __init__(self, reasons: Collection[Reason]) -> None:
        super().__init__("This net cannot be audited:\n" + "\n".join(f"- {one}" for one in reasons))
        self.reasons = tuple(reasons)


@dataclasses.dataclass(frozen=True, eq=False)
class Subject:
    """Net and batch, ready for the engine.

    Attributes:
        net: takes private inputs between 0 and 1; what is scored is on this scale.
        batch: likewise.
        raw: the same net on the inputs' own scale, for attacks that read a layer's gradient; the same object where the scales are the same.
        raw_batch: its batch.
        data: as a part of a scenario.
        model: likewise.
        reasons: of the validator.
        notes: what was assumed, in words.
        facts: about the net and the batch, as plain numbers and words.
        similar: public records of the same kind, where the attacker has some.
        product: seconds that one product of a spectrum took when it was tried.
    """

    net: OwnNet
    batch: Batch
    raw: OwnNet
    raw_batch: Batch
    data: OwnData
    model: OwnModel
    reasons: tuple[Reason, ...]
    notes: tuple[str, ...]
    facts: Mapping[str, Any]
    similar: Similar | None = None
    product: float = 0.0

    @property
    def rescaled(self) -> bool:
        """Whether the private inputs do not lie between 0 and 1 by themselves."""
        return self.raw is not self.net

    def unit(self, raw: np.ndarray) -> np.ndarray:
        """What an attack on `raw` gives of the private inputs, between 0 and 1."""
        return packed({part.name: part.to_unit(piece) for part, piece in self._pieces(raw)}, self.raw.parts).cpu().numpy()

    def _pieces(self, raw: np.ndarray) -> list[tuple[Part, Tensor]]:
        own = self.raw.own(torch.as_tensor(raw))
        return [(part, own[part.name]) for part in self.raw.parts]


def subject(
    module: nn.Module,
    batch: Inputs,
    targets: Any = None,
    loss: Loss | None = None,
    public: Collection[str] = (),
    bounds: Bounds = None,
    device: str | None = None,
    similar: Any = None,
) -> Subject:
    """Check and mend a net, and take a batch of records for it apart into what is private and what everybody knows.

    Args:
        module: the live net; it is copied, and left as it is.
        batch: see Inputs; or a pair (inputs, targets), as loaders give it.
        targets: whatever the loss takes; class numbers (b,) where no loss is given.
        loss: (outputs, targets) -> scalar; None: cross-entropy.
        public: names of inputs that everybody knows, beside those that are whole numbers.
        bounds: see Bounds; None: 0 and 1 where the private inputs lie there, else their least and greatest value.
        device: where to compute; None: where the net is.
        similar: public records of the same kind (`similar_of`); None: there are none.

    Raises:
        NotAuditable: says why.
        InvvizError: inputs or targets that do not fit; says what was given and what is allowed.
    """
    found = validate(module)
    _refuse(found)
    copy, _ = mend(module)
    like = next(copy.parameters())
    place, dtype = torch.device(device) if device else like.device, like.dtype
    copy = copy.to(place)
    if targets is None and isinstance(batch, (tuple, list)) and len(batch) == 2:
        batch, targets = batch
    inputs = inputs_of(batch, dtype, place)
    private = private_of(inputs, public)
    count = len(inputs[private[0]])
    task, goals, notes = task_of(loss, targets, count, dtype, place)
    parts, said = parts_of({name: inputs[name] for name in private}, bounds)
    raw = net_of(copy, task, parts, isinstance(batch, Mapping))
    kind = modality_of(parts)
    known = {name: value for name, value in inputs.items() if name not in private}
    ends = float(min(part.low.min() for part in parts)), float(max(part.high.max() for part in parts))
    raw_batch = Batch({PRIVATE: packed(inputs, parts), **known}, goals, dataclasses.replace(kind, bounds=ends))
    net, unit_batch = raw, dataclasses.replace(raw_batch, modality=kind)
    if not all(part.unit for part in parts):
        net = dataclasses.replace(raw, scaled=True)
        unit_batch = Batch({PRIVATE: packed({p.name: p.to_unit(inputs[p.name]) for p in parts}, parts), **known}, goals, kind)
    refuse_classes(raw, raw_batch)
    took: list[float] = []
    found = sorted(
        [*found, *uneven(parts, inputs), *tried(net, unit_batch, took)], key=lambda one: ("cannot", "less", "note").index(one.weight)
    )
    _refuse(found)
    first, act = first_layer(raw, raw_batch)
    known = similar_of(similar, parts, unit_batch.private.shape[1:])
    public_digest, samples = _public(known)
    data = OwnData(
        digest=digest(inputs),
        sizes=tuple(unit_batch.private.shape[1:]),
        modality=kind,
        num_classes=_classes(raw, raw_batch),
        public=public_digest,
        samples=samples,
    )
    model = OwnModel(digest=digest(dict(copy.state_dict())), first_layer=first, act=act)
    facts = {
        "module": type(module).__name__,
        "parameters": sum(p.numel() for p in copy.parameters()),
        "trained": raw.num_params,
        "tensors": len(raw.params),
        "records": count,
        "inputs": {
            name: {"shape": list(v.shape), "dtype": str(v.dtype).removeprefix("torch."), "private": name in private}
            for name, v in inputs.items()
        },
        "task": task.name,
        "device": str(place),
        "dtype": str(dtype).removeprefix("torch."),
        "hashes": {"model": model.digest, "data": data.digest},
    }
    said += (
        [f"The attacker has {len(known):,} public records of the same kind{'' if known.labelled else ', without their classes'}."]
        if known
        else []
    )
    return Subject(
        net,
        unit_batch,
        raw,
        raw_batch,
        data,
        model,
        tuple(found),
        (*notes, *said),
        facts,
        known,
        sum(took),
    )


def net_of(module: nn.Module, task: Task, parts: tuple[Part, ...], named: bool) -> OwnNet:
    """A mended module as what a client is sent: what needs gradients is trained and sent, the rest stays. The module is frozen.

    Args:
        module: in evaluation mode; it is kept.
        task: its loss.
        parts: the private inputs.
        named: whether inputs go in by name.
    """
    trained = {name: p.detach() for name, p in module.named_parameters() if p.requires_grad}
    aliases = other_names(module)
    fused = any(isinstance(part, (torch.nn.RNNBase, torch.nn.MultiheadAttention)) for part in module.modules())
    return OwnNet(module.requires_grad_(False), trained, task, parts, named, False, aliases, fused)


def packed(inputs: Mapping[str, Tensor], parts: tuple[Part, ...]) -> Tensor:
    """Private inputs as the batch holds them, (b, ...)."""
    if len(parts) == 1 and len(parts[0].shape) == 3:
        return inputs[parts[0].name]
    flat = torch.cat([inputs[part.name].flatten(1) for part in parts], 1)
    return flat[:, None, None]


def _refuse(found: Collection[Reason]) -> None:
    if barred := [one for one in found if one.weight == "cannot"]:
        raise NotAuditable(barred)


def digest(tensors: Mapping[str, Tensor]) -> str:
    """16 hex digits of SHA-256 over names, shapes and bytes."""
    total = hashlib.sha256()
    for name, value in sorted(tensors.items()):
        array = np.ascontiguousarray(
            value.detach().cpu().float().numpy() if value.dtype == torch.bfloat16 else value.detach().cpu().numpy()
        )
        total.update(f"{name} {array.dtype} {array.shape};".encode())
        total.update(array.tobytes())
    return total.hexdigest()[:16]


def _public(known: Similar | None) -> tuple[str, Samples | None]:
    """Their digest, and what a data set gives."""
    if known is None:
        return "", None
    return digest({"records": torch.as_tensor(known.images), "classes": torch.as_tensor(known.labels)}), Samples(known, known, ())


def _classes(net: OwnNet, batch: Batch) -> int:
    """How many class scores the net gives of a record; without such, one more than the largest target."""
    with torch.no_grad():
        out = net.outputs(net.params, batch)
    if torch.is_tensor(out) and out.ndim == 2 and out.shape[1] > 1:
        return int(out.shape[1])
    label = batch.label
    return 2 if label.is_floating_point() else max(2, int(label.max()) + 1)


__all__ = ["Bounds", "Inputs", "Loss", "NotAuditable", "Subject", "digest", "net_of", "packed", "subject"]
