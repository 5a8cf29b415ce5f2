"""The net that was handed over, as a module with its weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.component import parse_component
from ...core.errors import UploadError
from ...core.lazy import torch
from ...models import MODELS, Model
from ...models.own import MAX_PARAMETERS, build, read_layers

if TYPE_CHECKING:
    from torch import nn

Shape = tuple[int, ...]


def module_of(net: Mapping[str, Any], record: Shape, weights: Mapping[str, np.ndarray], seed: int) -> nn.Module:
    """The module, with the weights that were handed over or fresh ones.

    Args:
        net: as of `Handed`.
        record: shape of one record of the data.
        weights: by name, checked; empty where they are drawn.
        seed: of drawn weights.

    Raises:
        UploadError: more parameters than are taken, or weights of another net.
    """
    if "layers" in net:
        module = build(read_layers(net["layers"]), seed)
    else:
        model = parse_component(str(net["registry"]), MODELS, "model")
        shape = record if model.modalities == ("tokens",) else house_shape(record)
        registry_tensors(model, shape, net["classes"])  # refuses what is too large before it is built
        module = model.build(shape, net["classes"], seed)
    if weights:
        given = {name: torch.from_numpy(np.array(value)) for name, value in weights.items()}
        if any(value.dtype == torch.float64 for value in given.values()):
            module = module.double()
        wrong = module.load_state_dict(given, strict=False)
        if missing := [name for name in (*wrong.missing_keys, *wrong.unexpected_keys) if not name.endswith("num_batches_tracked")]:
            raise UploadError(f"The weights do not go with the net: {', '.join(missing[:3])}.")
    return module


def house_shape(record: Shape) -> Shape:
    """The shape that a net of the house is built for; rows are pictures of height 1."""
    return record if len(record) == 3 else (1, 1, math.prod(record))


def registry_tensors(model: Model, shape: Shape, classes: int) -> dict[str, Shape]:
    """Shapes of the parameters and running numbers of a net of the house, which is not built for that.

    Raises:
        UploadError: more parameters than are taken.
    """
    with torch.device("meta"):
        found = {name: tuple(value.shape) for name, value in model.layers(shape, classes).state_dict().items()}
    if (count := sum(math.prod(one) for one in found.values())) > MAX_PARAMETERS:
        raise UploadError(
            f"The net has {count:,} parameters; at most {MAX_PARAMETERS:,} are taken. Choose a smaller net or smaller records."
        )
    return found
