"""The audit of what a visitor handed over, as the private worker of a page computes it: the same call as from Python."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.errors import UploadError
from ...core.lazy import torch
from ...engine.intake import module_of
from ._origin import came_from

if TYPE_CHECKING:
    from ...engine.results import Event


def uploaded(
    header: Mapping[str, Any], arrays: Mapping[str, np.ndarray], report: Callable[[Event], bool]
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The audit as JSON, and "truth", "ideal" and "guess".

    Args:
        header: "net" as it was handed over, "classes", "settings" of `invviz.audit` as plain words and numbers, "weights_seed".
        arrays: "inputs" and "targets" of the batch, "weight NAME".
            Of sentences the header has "vocabulary", words from number 1 on, and "foretells": whether they are their own targets.
        report: progress; answering False stops.

    Raises:
        InvvizError: the net cannot be audited, or does not take the records.
    """
    if "vocabulary" in header:
        return _of_words(header, arrays, report)
    from . import audit

    inputs, targets = torch.from_numpy(np.array(arrays["inputs"])), torch.from_numpy(np.array(arrays["targets"]))
    weights = {name.removeprefix("weight "): value for name, value in arrays.items() if name.startswith("weight ")}
    module = module_of(header["net"], tuple(inputs.shape[1:]), weights, header["weights_seed"])
    if not weights and inputs.dtype == torch.float64:
        inputs = inputs.float()
    loss = None if targets.dtype == torch.int64 else mean_squared_error
    found = audit(module, inputs, targets, loss, progress=report, **header["settings"])
    drawn = f"drawn with seed {header['weights_seed']}, none were handed over"
    found = came_from(found, "handed over as a file" if weights else drawn, "" if weights else f"Weights: {drawn}.")
    kept = {"truth": found.truth, "ideal": found.ideal, "guess": found.guess}
    return found.to_json(), {name: np.asarray(value, np.float32) for name, value in kept.items() if value is not None}


def _of_words(
    header: Mapping[str, Any], arrays: Mapping[str, np.ndarray], report: Callable[[Event], bool]
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The same of sentences; "words" are those of the vocabulary as JSON in UTF-8."""
    from . import audit_text

    tokens, targets = (torch.from_numpy(np.array(arrays[name])) for name in ("inputs", "targets"))
    weights = {name.removeprefix("weight "): value for name, value in arrays.items() if name.startswith("weight ")}
    module = module_of(header["net"], tuple(tokens.shape[1:]), weights, header["weights_seed"]).requires_grad_(True)
    found = audit_text(
        module, tokens, list(header["vocabulary"]), None if header["foretells"] else targets, progress=report, **header["settings"]
    )
    drawn = f"drawn with seed {header['weights_seed']}, none were handed over"
    found = came_from(found, "handed over as a file" if weights else drawn, "" if weights else f"Weights: {drawn}.")
    kept = {"truth": found.truth, "ideal": found.ideal, "guess": found.guess}
    words = np.frombuffer(json.dumps(found.vocabulary.words).encode(), np.uint8)
    return found.to_json(), {"words": words} | {name: np.asarray(value, np.int64) for name, value in kept.items() if value is not None}


def mean_squared_error(outputs: Any, targets: Any) -> Any:
    """One number a record beside one label a record."""
    if outputs.numel() != targets.numel():
        raise UploadError(f"The net gives {outputs.numel()} numbers for {targets.numel()} labels.")
    return torch.nn.functional.mse_loss(outputs.flatten(), targets.flatten())
