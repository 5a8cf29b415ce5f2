"""The layers that a net of one's own may be written with: knobs with their ranges, shapes and parameters, all without PyTorch. Anything else is refused."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ._layer import Kind, Knob, Knobs, Misfit, Shape

LARGEST = 20_000_000  # numbers that a layer makes of one record


def _rank(given: Shape, *allowed: int, what: str) -> None:
    if len(given) not in allowed:
        raise Misfit(f"it takes {what}, and is given {'x'.join(map(str, given))}")


def _same(knobs: Knobs, name: str, size: int) -> None:
    """A size that follows from the layer before may be written down; then it has to be that."""
    if knobs.get(name) not in (None, size):
        raise Misfit(f"{name} is {knobs[name]:,}, and what comes in has {size:,}")


def _linear(knobs: Knobs, given: Shape) -> Shape:
    _rank(given, 1, 2, 3, what="numbers in a row")
    _same(knobs, "in_features", given[-1])
    return (*given[:-1], knobs["out_features"])


def _sides(value: Any, count: int, name: str) -> tuple[int, ...]:
    sides = value if isinstance(value, tuple) else (value,) * count
    if len(sides) != count:
        raise Misfit(f"{name} has {len(sides)} numbers; allowed: one, or {count}")
    return sides


def _window(knobs: Knobs, sides: Shape) -> Shape:
    """Sides behind a window that is moved over them."""
    count = len(sides)
    size, pad = _sides(knobs["kernel_size"], count, "kernel_size"), _sides(knobs["padding"], count, "padding")
    step = _sides(knobs["stride"] or knobs["kernel_size"], count, "stride")
    wide = _sides(knobs.get("dilation", 1), count, "dilation")
    made = tuple((s + 2 * p - w * (k - 1) - 1) // t + 1 for s, p, w, k, t in zip(sides, pad, wide, size, step, strict=True))
    if min(made) < 1:
        raise Misfit(f"its window of {'x'.join(map(str, size))} does not fit into {'x'.join(map(str, sides))}")
    return made


def _linear_params(knobs: Knobs, given: Shape) -> dict[str, Shape]:
    bias: dict[str, Shape] = {"bias": (knobs["out_features"],)} if knobs["bias"] else {}
    return {"weight": (knobs["out_features"], given[-1])} | bias


def _conv(count: int) -> Kind:
    def shape(knobs: Knobs, given: Shape) -> Shape:
        _rank(given, count + 1, what="channels, height, width" if count == 2 else "channels, length")
        _same(knobs, "in_channels", given[0])
        if given[0] % knobs["groups"] or knobs["out_channels"] % knobs["groups"]:
            raise Misfit(f"{given[0]} channels in and {knobs['out_channels']} out are not divisible by groups = {knobs['groups']}")
        return (knobs["out_channels"], *_window(knobs, given[1:]))

    def params(knobs: Knobs, given: Shape) -> dict[str, Shape]:
        weight = (knobs["out_channels"], given[0] // knobs["groups"], *_sides(knobs["kernel_size"], count, "kernel_size"))
        bias: dict[str, Shape] = {"bias": (knobs["out_channels"],)} if knobs["bias"] else {}
        return {"weight": weight} | bias

    knobs = {
        "out_channels": Knob(), "kernel_size": Knob("sides", high=99), "stride": Knob("sides", 1, high=99), "padding": Knob("sides", 0, 0, 99),
        "dilation": Knob("sides", 1, high=99), "groups": Knob(default=1), "bias": Knob("flag", True), "in_channels": Knob(default=None),
    }  # fmt: skip
    return Kind(f"Conv{count}d", knobs, shape, params, lambda knobs, given: {"in_channels": given[0]})


def _pool(module: str, count: int, largest: bool) -> Kind:
    def shape(knobs: Knobs, given: Shape) -> Shape:
        _rank(given, count + 1, what="channels, height, width" if count == 2 else "channels, length")
        pads, sizes = (_sides(knobs[name], count, name) for name in ("padding", "kernel_size"))
        if any(2 * pad > size for pad, size in zip(pads, sizes, strict=True)):
            raise Misfit("its padding is more than half of its window")
        return (given[0], *_window(knobs, given[1:]))

    knobs = {"kernel_size": Knob("sides", high=99), "stride": Knob("sides", None, high=99), "padding": Knob("sides", 0, 0, 49)}
    return Kind(module, knobs | ({"dilation": Knob("sides", 1, high=99)} if largest else {}), shape)


def _adaptive(count: int) -> Kind:
    def shape(knobs: Knobs, given: Shape) -> Shape:
        _rank(given, count + 1, what="channels, height, width" if count == 2 else "channels, length")
        return (given[0], *_sides(knobs["output_size"], count, "output_size"))

    return Kind(f"AdaptiveAvgPool{count}d", {"output_size": Knob("sides", 1, high=999)}, shape)


def _batch_norm(count: int) -> Kind:
    def shape(knobs: Knobs, given: Shape) -> Shape:
        _rank(
            given, *((3,) if count == 2 else (1, 2)), what="channels, height, width" if count == 2 else "features, or channels and length"
        )
        _same(knobs, "num_features", given[0])
        return given

    def params(knobs: Knobs, given: Shape) -> dict[str, Shape]:
        own: dict[str, Shape] = {"weight": (given[0],), "bias": (given[0],)} if knobs["affine"] else {}
        return own | {"running_mean": (given[0],), "running_var": (given[0],), "num_batches_tracked": ()}

    knobs = {"num_features": Knob(default=None), "eps": EPS, "momentum": Knob("number", 0.1, 0, 1), "affine": Knob("flag", True)}
    return Kind(f"BatchNorm{count}d", knobs, shape, params, lambda knobs, given: {"num_features": given[0]})


def _group_norm(knobs: Knobs, given: Shape) -> Shape:
    if given[0] % knobs["num_groups"]:
        raise Misfit(f"{given[0]} channels are not divisible by num_groups = {knobs['num_groups']}")
    _same(knobs, "num_channels", given[0])
    return given


def _layer_norm(knobs: Knobs, given: Shape) -> Shape:
    wanted = knobs["normalized_shape"]
    ends = wanted if isinstance(wanted, tuple) else given[-1:] if wanted is None else (wanted,)
    if given[-len(ends) :] != ends:
        raise Misfit(f"normalized_shape is {list(ends)}, and what comes in is {'x'.join(map(str, given))}")
    return given


def _normalized(knobs: Knobs, given: Shape) -> Shape:
    wanted = knobs["normalized_shape"]
    return given[-1:] if wanted is None else wanted if isinstance(wanted, tuple) else (wanted,)


def _unflatten(knobs: Knobs, given: Shape) -> Shape:
    wanted = knobs["shape"]
    if math.prod(wanted) != math.prod(given):
        raise Misfit(f"shape {list(wanted)} has {math.prod(wanted):,} numbers, and {math.prod(given):,} come in")
    return wanted


def _permute(knobs: Knobs, given: Shape) -> Shape:
    if sorted(knobs["order"]) != list(range(len(given))):
        raise Misfit(f"order is {list(knobs['order'])}; allowed: the numbers 0 to {len(given) - 1}, each once")
    return tuple(given[k] for k in knobs["order"])


def _embedding(knobs: Knobs, given: Shape) -> Shape:
    _rank(given, 1, what="whole numbers in a row")
    return (*given, knobs["embedding_dim"])


EPS = Knob("number", 1e-5, 1e-12, 1)
WEIGHTED = lambda shape: {"weight": shape, "bias": shape}  # noqa: E731
ACTIVATIONS = {
    "relu": "ReLU", "leaky_relu": "LeakyReLU", "elu": "ELU", "selu": "SELU", "gelu": "GELU", "silu": "SiLU", "mish": "Mish", "sigmoid": "Sigmoid",
    "tanh": "Tanh", "softplus": "Softplus", "softsign": "Softsign", "hardtanh": "Hardtanh", "relu6": "ReLU6", "hardswish": "Hardswish",
}  # fmt: skip
NESTED = ("sequential", "residual")
KINDS: dict[str, Kind] = {
    "linear": Kind(
        "Linear", {"out_features": Knob(), "bias": Knob("flag", True), "in_features": Knob(default=None)}, _linear,
        _linear_params, lambda knobs, given: {"in_features": given[-1]},
    ),
    "conv1d": _conv(1),
    "conv2d": _conv(2),
    "batch_norm1d": _batch_norm(1),
    "batch_norm2d": _batch_norm(2),
    "group_norm": Kind(
        "GroupNorm", {"num_groups": Knob(), "num_channels": Knob(default=None), "eps": EPS}, _group_norm,
        lambda knobs, given: WEIGHTED(given[:1]), lambda knobs, given: {"num_channels": given[0]},
    ),
    "layer_norm": Kind(
        "LayerNorm", {"normalized_shape": Knob("sides", None), "eps": EPS}, _layer_norm,
        lambda knobs, given: WEIGHTED(_normalized(knobs, given)), lambda knobs, given: {"normalized_shape": _normalized(knobs, given)},
    ),
    **{name: Kind(module) for name, module in ACTIVATIONS.items()},
    "leaky_relu": Kind("LeakyReLU", {"negative_slope": Knob("number", 0.01, 0, 1)}),
    "max_pool1d": _pool("MaxPool1d", 1, True),
    "max_pool2d": _pool("MaxPool2d", 2, True),
    "avg_pool1d": _pool("AvgPool1d", 1, False),
    "avg_pool2d": _pool("AvgPool2d", 2, False),
    "adaptive_avg_pool1d": _adaptive(1),
    "adaptive_avg_pool2d": _adaptive(2),
    "flatten": Kind("Flatten", {}, lambda knobs, given: (math.prod(given),)),
    "unflatten": Kind("Unflatten", {"shape": Knob("list")}, _unflatten, given=lambda knobs, given: {"dim": 1, "unflattened_size": knobs["shape"]}),
    "permute": Kind("", {"order": Knob("list", low=0, high=7)}, _permute),
    "embedding": Kind(
        "Embedding", {"num_embeddings": Knob(), "embedding_dim": Knob(high=10_000)}, _embedding,
        lambda knobs, given: {"weight": (knobs["num_embeddings"], knobs["embedding_dim"])},
    ),
    "dropout": Kind("Dropout", {"p": Knob("number", 0.5, 0, 0.99)}),
    "identity": Kind("Identity"),
}  # fmt: skip
FROM_SHAPE = ("in_features", "in_channels", "num_features", "num_channels", "normalized_shape")  # may be left out: what comes in says it


def products(name: str, params: Mapping[str, Shape], made: Shape) -> int:
    """Multiplications of one record's way through a layer."""
    if "weight" not in params or name == "embedding":
        return math.prod(made)
    places = math.prod(made) // (made[0] if name.startswith("conv") else made[-1]) if name.startswith(("conv", "linear")) else 1
    return max(math.prod(made), places * math.prod(params["weight"]))
