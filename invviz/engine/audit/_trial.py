"""One release of a net and its derivatives, tried: what stands in the way, in words."""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from ...core.gradient import gradient
from ...core.lazy import torch
from ...core.rng import stream
from ...core.tree import flatten
from ._reason import Reason

if TYPE_CHECKING:
    from torch import Tensor

    from ...core.types import Batch, Net


CHANNEL = "Pictures are (records, channels, height, width); of one channel, x[:, None] adds it."


PRODUCT = ("forward_mode", "double_backward")  # steps that together are one product of a spectrum


def tried(net: Net, batch: Batch, took: list[float] | None = None) -> list[Reason]:
    """The steps that every number of an audit needs, tried one after the other until one fails; `took` is given the seconds of one product."""
    point = batch.flat().detach()
    drawn = lambda like: torch.randn(like.shape, dtype=like.dtype, generator=stream(0, "trial")).to(like.device)  # noqa: E731  (ones would be blind: a softmax's errors add up to zero)
    release = lambda vector: flatten(gradient(net, net.params, batch.with_flat(vector)))  # noqa: E731
    steps: tuple[tuple[str, Callable[[], Tensor]], ...] = (
        ("forward", lambda: net.loss(net.params, batch)),
        ("gradient", lambda: release(point)),
        ("forward_mode", lambda: torch.func.jvp(release, (point,), (drawn(point),))[1]),
        ("double_backward", lambda: torch.func.vjp(release, point)[1](drawn(release(point)))[0]),
        ("vmap", lambda: torch.func.vmap(lambda v: torch.func.jvp(release, (point,), (v,))[1])(torch.stack([point, -point]))),
    )
    made: dict[str, Tensor] = {}
    for name, step in steps:
        try:
            made[name] = step().detach()
        except Exception as err:  # noqa: BLE001  (the user's own code runs here: whatever it raises is the reason)
            given = _inputs(net, batch)
            if name == "forward" and (misfit := _columns(err, given)):
                return [misfit]
            found = _raised(name, err, ", ".join(f"{name} {tuple(value.shape)}" for name, value in given.items()))
            return [
                dataclasses.replace(found, repair=f"{found.repair} {CHANNEL}")
                if name == "forward" and _lacks_channel(net, given)
                else found
            ]
    if took is not None:
        took.append(_seconds([step for name, step in steps if name in PRODUCT]))
    return [*_ways(net, batch), *_results(made)]


def _seconds(steps: list[Callable[[], Tensor]]) -> float:
    """How long they take once they have been made before: the first call loads and sets up what later ones have."""
    start = time.monotonic()
    for step in steps:
        step()
    return time.monotonic() - start


def _lacks_channel(net: Net, given: Mapping[str, Tensor]) -> bool:
    """Whether pictures without a channel go into a net of pictures."""
    return any(isinstance(part, torch.nn.Conv2d) for part in net.module.modules()) and any(v.ndim == 3 for v in given.values())


def _inputs(net: Net, batch: Batch) -> Mapping[str, Tensor]:
    """What the net is handed, by the names that the user gave."""
    own = getattr(net, "own", None)
    return batch.inputs if own is None else own(batch.private)


def _ways(net: Net, batch: Batch) -> list[Reason]:
    """Whether the net goes another way for other numbers: asked by giving it two batches at once, which such a net cannot take."""
    point = batch.flat().detach()
    try:
        torch.func.vmap(lambda vector: net.loss(net.params, batch.with_flat(vector)))(torch.stack([point, 0.5 * point]))
    except Exception as err:  # noqa: BLE001  (as above; what else it may raise has been tried before)
        if any(sign in str(err) for sign in ("data-dependent control flow", "calling .item()")):
            what = "The net goes another way for other numbers (an if, a loop or .item() on a tensor)."
            return [
                Reason(
                    "control_flow", "less", what, "All derivatives are those of the way that it goes for this batch; torch.where has both."
                )
            ]
    return []


def _results(made: Mapping[str, Tensor]) -> Iterator[Reason]:
    if made["forward"].numel() != 1:
        shape = tuple(made["forward"].shape)
        yield Reason("loss", "cannot", f"The loss is no single number; its shape is {shape}.", "Take its mean over the batch.")
    elif not all(bool(torch.isfinite(value).all()) for value in made.values()):
        yield Reason(
            "not_finite",
            "cannot",
            "Loss, gradient or its derivative is not finite at this batch.",
            "Scale the data as in training; look for a logarithm or a division of zero.",
        )
    elif not bool(made["gradient"].any()):
        yield Reason(
            "silent",
            "cannot",
            "The gradient is zero in every parameter.",
            "Look for detach(), no_grad() or argmax between the parameters and the loss.",
        )
    elif not bool(made["double_backward"].any()):
        what = "The gradient does not change with the private inputs."
        yield Reason("deaf", "cannot", what, "Look for detach(), rounding or an index between them and the first layer.")


CAUSES = (
    (
        "vmap: inplace",
        "in_place_operation",
        "The net writes into a tensor in place (such as x += y, or x[i] = y).",
        "Write x = x + y, or torch.where.",
    ),
    (
        "inplace operation",
        "in_place_operation",
        "The net writes into a tensor in place (such as x += y, or x[i] = y).",
        "Write x = x + y, or torch.where.",
    ),
    (
        "setup_context",
        "own_function",
        "An autograd.Function of its own cannot be transformed.",
        "Split its forward into forward and setup_context, and give it a jvp.",
    ),
    (
        "generate_vmap_rule",
        "own_function",
        "An autograd.Function of its own cannot be run for several vectors at once.",
        "Set generate_vmap_rule = True, or write a vmap method.",
    ),
    (
        "jvp",
        "own_function",
        "An autograd.Function of its own has no forward mode.",
        "Write its jvp, or build it of torch's own operations.",
    ),
    (
        "once_differentiable",
        "once_differentiable",
        "A part of the net can be differentiated once only.",
        "Build it of torch's own operations.",
    ),
    (
        "forward AD",
        "forward_mode",
        "An operation has no forward mode.",
        "Replace it; for attention, use the plain kernel (torch.nn.attention.sdpa_kernel).",
    ),
    (
        "derivative for",
        "double_backward",
        "An operation has no second derivative.",
        "Replace it; for attention, use the plain kernel (torch.nn.attention.sdpa_kernel).",
    ),
    (
        "does not require grad",
        "silent",
        "The loss does not depend on the parameters in a way that can be differentiated.",
        "Look for detach(), no_grad() or argmax.",
    ),
)  # what a message of torch says, and what it means


def _columns(err: Exception, given: Mapping[str, Tensor]) -> Reason | None:
    """Where a table has other columns than the net's first layer takes: how many of each; None elsewhere."""
    found = re.search(r"shapes cannot be multiplied \((\d+)x(\d+) and (\d+)x\d+\)", str(err))
    tables = [value for value in given.values() if value.ndim == 2]
    if found is None or len(given) != 1 or not tables or tuple(tables[0].shape) != (int(found[1]), int(found[2])):
        return None
    name, value = next(iter(given.items()))
    sizes = f"{value.shape[1]:,} columns are given, {int(found[3]):,} are wanted by the layer that gets them"
    what = f"The net does not take this batch of {name} {tuple(value.shape)}: {sizes}."
    return Reason(
        "forward",
        "cannot",
        what,
        "Give the columns that the net was trained with, all of them and in their order; the targets are none of them.",
    )


def _raised(step: str, err: Exception, given: str) -> Reason:
    said = f"{type(err).__name__}: {err}"
    for sign, name, what, repair in CAUSES if step != "forward" else ():
        if sign.lower() in said.lower():
            return Reason(name, "cannot", what, repair)
    first = said.splitlines()[0][:300]
    first = first if first.endswith((".", "!", "?")) else f"{first}."
    told = {"forward": f"The net or its loss does not take this batch of {given}", "gradient": "The gradient cannot be taken"}
    return Reason(
        step, "cannot", f"{told.get(step, 'The derivative of the gradient cannot be taken')}: {first}", "Mend that, and try again."
    )
