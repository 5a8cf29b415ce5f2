"""One Python module with a Flower client mod that applies a stack of defenses: what it needs of `_numpy.py`, and the mod around it."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from typing import TYPE_CHECKING

from ..core.errors import TextError
from ..core.version import __version__
from . import _numpy

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import FunctionType

    from ._base import Defense
    from ._stack import Stack

HEAD = '''"""{title}: a client mod for Flower, written by invviz {version}.

    {command}

{steps}

Use: put this file beside the client app and name the mod first of all, so that it is the last to touch the reply:

    from {module} import mod
    app = ClientApp(mods=[mod])

It acts on the update: the parameters that the client app sends back, minus those that it was sent, all arrays together. Order of names, shapes and types stay those of the
reply. Absolute knobs (a clip norm, a sigma that is not relative) are in the units of that update, which is the gradient times the learning rate, summed over all steps.

Guarantee: {guarantee}

What it does not do:
* It acts on replies to training messages alone; replies to evaluation and queries go out as they are.
* It acts on arrays alone. Metrics and number of examples go out as the client app wrote them, and tell of its data.
* Arrays of whole numbers (counters) go back as they came from the server. An update that holds NaN or infinity, or arrays that the server did not send, is an error: nothing is sent,
  and the server sees that there was an error.
* All arrays of floating-point numbers count, batch norm's running statistics too: noise can make a variance negative.
* Flower sends whole parameters: what is pruned or rounded here saves no traffic.
* It does not change how the client trains, and does not see single samples: for DP-SGD clip and add noise in the training loop.

It needs numpy and flwr (made for 1.42). Each call draws from a new generator that the operating system seeds: a seed here would give clients and rounds the same noise.
"""

import numpy as np
from flwr.app import Array, ArrayRecord
'''

MOD = '''


def defended(before, after, rng):
    """The parameters that are sent: before + defense(after - before), with the names, shapes and types of `after`.

    Args:
        before: the arrays that the server sent, by name.
        after: those that the client app wants to send, by name.
        rng: a numpy generator.

    Raises:
        ValueError: names, shapes or types do not fit, or the update is not finite.
    """
    if set(before) != set(after):
        raise ValueError(f"the reply's arrays are not those that the server sent: {sorted(set(before) ^ set(after), key=str)}; nothing is sent.")
    for name, leaf in after.items():
        if leaf.shape != before[name].shape:
            raise ValueError(f"array {name} has shape {leaf.shape}, the server sent {before[name].shape}; nothing is sent.")
        if leaf.dtype.kind not in "fiub" or before[name].dtype.kind not in "fiub":
            raise ValueError(f"array {name} is of type {leaf.dtype}, which is neither floating point nor whole numbers; nothing is sent.")
    real = [name for name, leaf in after.items() if leaf.dtype.kind == "f"]
    wide = any(tree[name].dtype.itemsize > 4 for tree in (before, after) for name in real)
    work = np.float64 if wide else np.float32
    update = {name: after[name].astype(work) - before[name].astype(work) for name in real}
    for name, leaf in update.items():
        if not np.isfinite(leaf).all():
            raise ValueError(f"the update of array {name} holds NaN or infinity; nothing is sent.")
    if any(leaf.size for leaf in update.values()):
        for step, knobs in STEPS:
            update = step(update, rng, **knobs)
    sent = {}
    for name, leaf in after.items():
        moved = before[name].astype(work) + update[name] if name in update else before[name]
        sent[name] = np.asarray(moved).astype(leaf.dtype).reshape(leaf.shape)
    return sent


def mod(message, context, call_next):
    """Flower's client mod: lets the app train, then defends what it sends."""
    if message.metadata.message_type.split(".")[0] != "train":
        return call_next(message, context)
    came = {key: _arrays(record) for key, record in message.content.array_records.items()}  # read before the app can change them
    reply = call_next(message, context)
    if reply.has_error():
        return reply
    records = dict(reply.content.array_records.items())
    if len(records) == len(came) == 1:  # the app may call its one record by another name
        came = {key: next(iter(came.values())) for key in records}
    if set(records) != set(came):
        raise ValueError(f"the reply's array records {sorted(records)} are not those that the server sent, {sorted(came)}; nothing is sent.")
    before = {(key, name): leaf for key, arrays in came.items() for name, leaf in arrays.items()}
    after = {(key, name): leaf for key, record in records.items() for name, leaf in _arrays(record).items()}
    sent = defended(before, after, np.random.default_rng())
    for key, record in records.items():
        reply.content[key] = ArrayRecord({name: Array(sent[key, name]) for name in record})
    return reply


def _arrays(record):
    return {name: array.numpy().copy() for name, array in record.items()}
'''


def flower_module(stack: Stack, name: str = "invviz_mod", command: str = "") -> str:
    """Python source of one module that needs numpy and flwr only; its `mod` is a client mod, its `defended(before, after, rng)` what that does.

    Args:
        stack: at least one defense that is not off.
        name: what the file is called, without its ending; stands in its instructions alone.
        command: that made it, which its docstring repeats; empty: the one that does, with every knob written out.

    Raises:
        TextError: there is none, or one of them acts on more than the update.
    """
    from . import DEFENSES  # the table imports this file

    for defense in stack:
        if defense.beyond_update:
            able = ", ".join(one for one, kind in DEFENSES.items() if kind.on_update is not None)
            raise TextError(
                f"{defense.name} cannot be exported: it {defense.beyond_update}. Those that act on the update alone can: {able}."
            )
    live = stack.live
    if not live:
        raise TextError(
            'There is nothing to export: no defense is named, or every one is off. Name one, as in "defense=gaussian_noise(sigma=0.1)".'
        )
    command = command or f'invviz export "{"&".join(d.text(full=True) for d in stack)}" --to flower'
    head = HEAD.format(
        title=stack.title,
        version=__version__,
        command=command.replace("\\", "\\\\").replace('"""', ""),
        module=name,
        steps=_told(live),
        guarantee=_guarantee(live),
    )
    steps = "".join(f"    ({d.on_update.__name__}, {d.update_knobs()!r}),\n" for d in live)  # type: ignore[union-attr]
    functions = "".join(f"\n\n{inspect.getsource(one).rstrip()}\n" for one in _needed(live))
    return f"{head}{functions}\n\nSTEPS = (  # first one first; the defense's function and its knobs\n{steps}){MOD}"


def _told(live: Iterable[Defense]) -> str:
    """The defenses, in words: name, what it does, strength."""
    return "\n".join(textwrap.fill(f"{d.text(full=True)}: {_acts(d)}", 160, subsequent_indent="  ", initial_indent="* ") for d in live)


def _acts(defense: Defense) -> str:
    """What its function does at these knobs, in that function's own words; what stands in brackets there holds where it is relative."""
    said = (defense.on_update.__doc__ or "").strip().split("\n")[0]
    relative = getattr(defense, "relative", getattr(defense, "relative_clip", False))
    return re.sub(r" \(relative: (.*?)\)", r"; here \1" if relative else "", said)


def _guarantee(live: Stack) -> str:
    if not live.promise:
        return "none. It makes reconstruction harder or not, as invviz measures it; it promises nothing of what an attacker can learn."
    return (
        f"{live.promise}.\nIt is of one round and one client: over rounds it adds up. It covers the arrays, and nothing else in the reply. "
        "It is that of exact real numbers;\nnoise in floating point, from numpy's PCG64 (no cryptographic generator), comes near it."
    )


def _needed(live: Iterable[Defense]) -> list[FunctionType]:
    """The functions of `_numpy.py` that these defenses call, in the order of that file."""
    every = {name: one for name, one in vars(_numpy).items() if inspect.isfunction(one)}
    wanted = {d.on_update.__name__ for d in live if d.on_update is not None}
    while True:
        named = {n.id for w in wanted for n in ast.walk(ast.parse(inspect.getsource(every[w]))) if isinstance(n, ast.Name)} & set(every)
        if named <= wanted:
            return [one for name, one in every.items() if name in wanted]
        wanted |= named
