"""What the user hands over beside the net: inputs, targets, loss and bounds, read and checked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.errors import InvvizError
from ...core.lazy import torch
from ...core.modality import PICTURE, Modality
from ...core.task import CLASSIFICATION, Task, with_tangent
from ._own import RECORD, Part

if TYPE_CHECKING:
    from torch import Tensor

    from ...core.types import Batch
    from ._own import OwnNet

Loss = Callable[[Any, Any], Any]
Inputs = Any  # a tensor or an array; or a mapping of them, by the names of the module's arguments
Bounds = Any  # (low, high), each a number or an array like one record; or a mapping of those, by the names of the inputs

TOLD = "The attacker is told the targets."
CHANNELS = (1, 3)
IGNORED = -100  # cross-entropy's ignore_index


def inputs_of(batch: Inputs, dtype: Any, device: Any) -> dict[str, Tensor]:
    """The inputs by name, in the precision and the place of the net.

    Raises:
        InvvizError: they are no numbers, empty, or not finite.
    """
    given = batch if isinstance(batch, Mapping) else {"input": batch}
    if not given:
        raise InvvizError("The batch has no inputs. Give a tensor, or tensors by the names of the module's arguments.")
    found = {}
    for name, value in given.items():
        try:
            tensor = torch.as_tensor(value).detach()
        except (TypeError, ValueError, RuntimeError) as err:
            raise InvvizError(f"Input {name!r} is no tensor and no array of numbers: {type(value).__name__}.") from err
        if tensor.ndim == 0 or tensor.numel() == 0:
            raise InvvizError(
                f"Input {name!r} has shape {tuple(tensor.shape)}; the first dimension is the record, and there is at least one."
            )
        found[str(name)] = tensor.to(device, dtype if tensor.is_floating_point() else None).clone()
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise InvvizError(f"Input {name!r} holds numbers that are not finite. Replace or remove them.")
    return found


def private_of(inputs: Mapping[str, Tensor], public: Collection[str]) -> tuple[str, ...]:
    """Names of the private inputs.

    Raises:
        InvvizError: there is none, or they do not hold the same number of records.
    """
    if isinstance(public, str) or (unknown := [name for name in public if name not in inputs]):
        given = repr(public) if isinstance(public, str) else ", ".join(unknown)
        raise InvvizError(f"public names {given}; allowed is a list of names of inputs, which are {', '.join(inputs)}.")
    private = tuple(name for name, value in inputs.items() if value.is_floating_point() and name not in public)
    if not private:
        raise InvvizError(
            "No input is private and a real number, and the audit differentiates by those. Whole numbers (tokens, categories) are taken as known to "
            "everybody. Sentences, numbers of words, are audited by invviz.audit_text (from a terminal with --vocabulary); give categories as one-hot rows, divide bytes of pictures by 255, or name fewer inputs in public."
        )
    counts = {name: len(inputs[name]) for name in private}
    if len(set(counts.values())) > 1:
        raise InvvizError(f"Private inputs have different numbers of records: {counts}. The first dimension of each is the record.")
    return private


def task_of(loss: Loss | None, targets: Any, count: int, dtype: Any, device: Any) -> tuple[Task, dict[str, Tensor], list[str]]:
    """The task, the targets as a batch holds them, and what is to be said of them.

    Raises:
        InvvizError: targets that do not go with the loss.
    """
    if loss is None:
        if targets is None:
            raise InvvizError("No targets were given. Give class numbers, or a loss that needs none.")
        label = torch.as_tensor(targets, device=device)
        if label.is_floating_point():
            raise InvvizError(
                "Targets are real numbers, for which there are many losses. Say loss=torch.nn.functional.mse_loss, or another one; class numbers are whole numbers (int64)."
            )
        if label.shape[0:1] != (count,):
            raise InvvizError(f"There are {count} records and {tuple(label.shape)} targets.")
        _refuse_ignored(label, IGNORED)
        return CLASSIFICATION, {"label": label.long()}, []
    if targets is not None and not isinstance(targets, Mapping):
        label = torch.as_tensor(targets, device=device)
        label = label.to(dtype) if label.is_floating_point() else label
        _refuse_ignored(label, IGNORED if loss is torch.nn.functional.cross_entropy else getattr(loss, "ignore_index", None))
        plain = not label.is_floating_point() and label.ndim == 1 and _is_cross_entropy(loss)
        task = CLASSIFICATION if plain else Task("own loss", with_tangent(lambda outputs, given: loss(outputs, given["label"])))
        return task, {"label": label}, [] if plain else [TOLD]
    label, zeros = {}, torch.zeros(count, dtype=torch.int64, device=device)
    if targets is not None:
        label = {f"target {k}": torch.as_tensor(v, device=device) for k, v in targets.items()}
        label = {k: v.to(dtype) if v.is_floating_point() else v for k, v in label.items()}
    back = lambda given: {k.removeprefix("target "): v for k, v in given.items() if k != "label"} if label else None  # noqa: E731
    task = Task("own loss", with_tangent(lambda outputs, given: loss(outputs, back(given))))
    return task, {"label": zeros, **label}, [TOLD] if label else []


def _refuse_ignored(label: Tensor, ignored: int | None) -> None:
    """Refuse records that the loss leaves out: nothing of them is in the message, and they would read as hidden."""
    if ignored is None or label.is_floating_point() or not label.ndim:
        return
    out = (label.flatten(1) if label.ndim > 1 else label[:, None]).eq(ignored).all(1).nonzero().flatten().tolist()
    if out:
        raise InvvizError(
            f"The label of record {', '.join(map(str, out[:8]))} of the batch is {ignored}, which the loss leaves out (ignore_index): nothing of such a record is in the message. "
            "Leave these records out, or give them their class numbers."
        )


def _is_cross_entropy(loss: Loss) -> bool:
    """Whether it is the very loss that is meant where none is given."""
    if loss is torch.nn.functional.cross_entropy:
        return True
    if not isinstance(loss, torch.nn.CrossEntropyLoss):
        return False
    return loss.weight is None and loss.reduction == "mean" and loss.label_smoothing == 0 and loss.ignore_index == -100


def parts_of(private: Mapping[str, Tensor], bounds: Bounds) -> tuple[tuple[Part, ...], list[str]]:
    """The private inputs with their least and greatest value, and what is to be said of those.

    Raises:
        InvvizError: bounds that are none.
    """
    if isinstance(bounds, Mapping) and (unknown := [name for name in bounds if name not in private]):
        raise InvvizError(f"bounds name {', '.join(unknown)}; the private inputs are {', '.join(private)}.")
    found, said = [], []
    for name, value in private.items():
        given = bounds.get(name) if isinstance(bounds, Mapping) else bounds
        low, high = float(value.min()), float(value.max())
        if given is not None:
            ends = _ends(name, given, value)
            outside = int(((value.cpu() < ends[0]) | (value.cpu() > ends[1])).sum())
            said += [f"{outside:,} values of {name!r} lie outside the bounds that were given."] * bool(outside)
        elif low >= 0 and high <= 1:
            ends = torch.tensor(0.0).double(), torch.tensor(1.0).double()
            said.append(f"Values of {name!r} lie between 0 and 1, which are taken for their bounds.")
        else:
            high = high if high > low else low + 1.0
            ends = torch.tensor(low).double(), torch.tensor(high).double()
            said.append(
                f"Values of {name!r} are taken to lie between the least and the greatest of this batch, {low:.4g} and {high:.4g}; errors are measured in "
                "units of that range. Give bounds=(least, greatest) if you know them."
            )
        found.append(Part(name, tuple(value.shape[1:]), *ends))
    return tuple(found), said


def _ends(name: str, given: Any, value: Tensor) -> tuple[Tensor, Tensor]:
    refused = InvvizError(
        f"bounds of {name!r} are {given}; allowed: a least value and a greater one, each a number or shaped as one record {tuple(value.shape[1:])}."
    )
    try:
        low, high = (torch.as_tensor(np.asarray(end.detach().cpu() if torch.is_tensor(end) else end, dtype=np.float64)) for end in given)
        good = bool(torch.isfinite(low).all() and torch.isfinite(high).all() and (low < high).all())
        good = good and torch.broadcast_shapes(low.shape, high.shape, value.shape[1:]) == value.shape[1:]
    except (TypeError, ValueError, RuntimeError):
        raise refused from None
    if not good:
        raise refused
    return low, high


def modality_of(parts: tuple[Part, ...]) -> Modality:
    """Pictures where one private input looks like that: 1 or 3 channels, height, width."""
    shape = parts[0].shape
    return PICTURE if len(parts) == 1 and len(shape) == 3 and shape[0] in CHANNELS and min(shape[1:]) > 1 else RECORD


def refuse_classes(net: OwnNet, batch: Batch) -> None:
    """Refuse class numbers that the net has no score for; a net that does not take the batch is told of later."""
    if net.task is not CLASSIFICATION:
        return
    try:
        with torch.no_grad():
            out = net.outputs(net.params, batch)
    except Exception:  # noqa: BLE001  (the user's own code: `tried` says what is wrong)
        return
    low, high = int(batch.label.min()), int(batch.label.max())
    if torch.is_tensor(out) and out.ndim == 2 and batch.label.ndim == 1 and not 0 <= low <= high < out.shape[1]:
        raise InvvizError(
            f"Targets are class numbers from {low} to {high}; the net gives {out.shape[1]} scores a record, so classes are 0 to {out.shape[1] - 1}."
        )
