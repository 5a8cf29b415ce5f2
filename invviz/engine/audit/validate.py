"""Whether a net can be audited: reasons in words, each with its repair, in the manner of Opacus's ModuleValidator. What can be repaired is, on a copy."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ...core.errors import InvvizError
from ...core.lazy import torch
from ._reason import Reason
from ._trial import tried

if TYPE_CHECKING:
    from torch import nn

    from ...core.types import Batch, Net


def validate(module: nn.Module, net_of: Callable[[nn.Module], Net] | None = None, batch: Batch | None = None) -> list[Reason]:
    """All reasons against a net, those that stand in the way first; an empty list where there are none.

    Args:
        module: the live net; it is not changed.
        net_of: makes of a module what a client is sent; with `batch`, the release and its derivatives are tried once.
        batch: that the net takes.
    """
    found = list(_by_looking(module))
    if net_of is not None and batch is not None and not any(one.weight == "cannot" and not one.mends for one in found):
        mended, _ = mend(module)
        found += tried(net_of(mended), batch)
    order = ("cannot", "less", "note")
    return sorted(found, key=lambda one: order.index(one.weight))


def mend(module: nn.Module) -> tuple[nn.Module, list[Reason]]:
    """A copy of the net with everything repaired that can be, and what was.

    Wrappers of several devices and of the compiler are taken off, in-place activations become ordinary ones, half precision becomes single, and the copy is in
    evaluation mode: batch norm then uses the statistics that it has, and dropout lets everything through. Parameters keep their names and numbers.
    """
    done = [one for one in _by_looking(module) if one.mends]
    mended = copy.deepcopy(_unwrapped(module))
    for part in mended.modules():
        if getattr(part, "inplace", False) is True:
            part.inplace = False  # type: ignore[assignment]
    if any(one.name == "half_precision" for one in done):
        mended = mended.float()
    return mended.eval(), done


def _unwrapped(module: nn.Module) -> nn.Module:
    """Without what stands around the net itself."""
    if not isinstance(module, torch.nn.Module):
        name = getattr(module, "__name__", type(module).__name__)
        what = (
            f"the class {name}; give an object, as in {name}(...)"
            if isinstance(module, type)
            else f"{type(module).__name__}; give a torch.nn.Module"
        )
        raise InvvizError(f"module is {what}.")
    while type(module).__name__ in ("DataParallel", "DistributedDataParallel", "OptimizedModule"):
        module = getattr(module, "_orig_mod", None) or module.module  # type: ignore[assignment]
    return module


# What can be seen of the net alone


def _by_looking(module: nn.Module) -> Iterator[Reason]:
    inner = _unwrapped(module)
    if inner is not module:
        what = f"The net is wrapped in {type(module).__name__}."
        yield Reason("wrapped", "note", what, "The net inside of it is audited; its parameters have no prefix.", mends=True)
    if isinstance(inner, torch.jit.ScriptModule):
        what = "The net is a TorchScript module, whose derivatives cannot be taken as this needs."
        yield Reason("scripted", "cannot", what, "Give the Python module that it was made from.")
        return
    for check in (_parameters, _layers, _numbers):
        yield from check(inner)


def _parameters(module: nn.Module) -> Iterator[Reason]:
    named, lazy = dict(module.named_parameters()), torch.nn.parameter.is_lazy
    if empty := tuple(name for name, p in named.items() if lazy(p)):
        yield Reason("lazy", "cannot", "Parameters have no shape yet.", "Run the net once on a batch before the audit.", empty)
        return
    learns = {name: p for name, p in named.items() if p.requires_grad}
    if not learns:
        what = (
            "No parameter needs a gradient, so a client would send nothing."
            if named
            else "The net has no parameters, so a client would send nothing."
        )
        repair = "Switch on requires_grad for what is trained." if named else "Give the net that is trained."
        yield Reason("no_gradients", "cannot", what, repair)
    elif frozen := tuple(name for name in named if name not in learns):
        what = f"{len(frozen)} of {len(named)} parameters are frozen."
        yield Reason(
            "frozen", "note", what, "Only what is trained is sent, and audited; train more layers to see what they would tell.", frozen
        )
    every: dict[int, list[str]] = {}
    for name, p in module.named_parameters(remove_duplicate=False):
        every.setdefault(id(p), []).append(name)
    if shared := tuple(" = ".join(names) for names in every.values() if len(names) > 1):
        yield Reason("shared", "note", "Parameters are shared.", "Each is sent once, with the gradient of all its uses.", shared)


def _layers(module: nn.Module) -> Iterator[Reason]:
    norm, drop = torch.nn.modules.batchnorm._BatchNorm, torch.nn.modules.dropout._DropoutNd
    named = dict(module.named_modules())
    pick = lambda test: tuple(name for name, part in named.items() if test(part))  # noqa: E731
    if always := pick(lambda part: isinstance(part, norm) and (part.running_mean is None or part.running_var is None)):
        what = "Batch norm keeps no running statistics: it takes the batch's own, in training and afterwards, and so does the audit."
        repair = "What one record sends depends on the others of its batch: read its figures as those of this record among these others, or use group norm."
        yield Reason("batch_norm_of_batch", "note", what, repair, always)
    if training := pick(lambda part: isinstance(part, norm) and part.training and part.running_mean is not None):
        what = "Batch norm is in training mode: what one record sends depends on the others of its batch."
        repair = "The audit uses the statistics that the net has; replace it by group norm where clients train so."
        yield Reason("batch_norm", "less", what, repair, training, mends=True)
    if dropping := pick(lambda part: isinstance(part, drop) and part.training and part.p > 0):
        what = "Dropout is in training mode: a client draws at random what it leaves out."
        yield Reason(
            "dropout", "less", what, "The audit lets everything through, which tells at least as much on average.", dropping, mends=True
        )
    if places := pick(lambda part: getattr(part, "inplace", False) is True):
        yield Reason(
            "in_place",
            "note",
            "Activations overwrite their input, of which derivatives are needed.",
            "The audit's copy does not.",
            places,
            mends=True,
        )
    if quantised := pick(lambda part: type(part).__module__.startswith(("torch.ao.nn.quantized", "torch.nn.quantized"))):
        yield Reason("quantised", "cannot", "Layers are quantised and have no gradients.", "Give the net before quantisation.", quantised)


def _numbers(module: nn.Module) -> Iterator[Reason]:
    named = [(name, p) for name, p in module.named_parameters() if not torch.nn.parameter.is_lazy(p)]
    if half := tuple(name for name, p in named if p.dtype in (torch.float16, torch.bfloat16)):
        what = "Parameters are in half precision, in which small singular values drown in rounding."
        yield Reason(
            "half_precision",
            "less",
            what,
            "The audit computes in single precision: what an attacker gets of rounded messages is less.",
            half,
            mends=True,
        )
    if odd := tuple(name for name, p in named if p.is_complex()):
        yield Reason("complex", "cannot", "Parameters are complex numbers.", "Give a net of real parameters.", odd)
    if broken := tuple(name for name, p in named if not bool(torch.isfinite(p.detach().abs().sum()))):
        yield Reason(
            "not_finite", "cannot", "Parameters hold numbers that are not finite.", "Train again, or load weights that are whole.", broken
        )
    if len({p.device for _, p in named}) > 1:
        yield Reason("devices", "cannot", "Parameters lie on several devices.", "Move the net to one: net.to(device).")
