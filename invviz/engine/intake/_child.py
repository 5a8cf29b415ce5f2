"""The process that reads what a visitor hands over: `python -m invviz.engine.intake._child`, one message in, one out."""

from __future__ import annotations

import io
import math
import os
import re
import sys
import tempfile
from pathlib import PurePath
from typing import Any

import numpy as np

from ...core.component import parse_component, shown
from ...core.errors import InvvizError, UploadError
from ...core.messages import Message, read, write
from ...datasets.own import FORMS, read_file, read_pictures, read_safetensors, records_and_targets
from ...models import MODELS, Model
from ...models.own import MAX_PRODUCTS, matched, read_layers
from ._limits import DATA, RECORDS, TOO_MUCH, WEIGHTS, limit
from ._net import house_shape, registry_tensors

LABELS = ("label", "labels", "y", "target", "targets", "class")  # what targets may be called
INPUTS = ("x", "input", "inputs", "images", "data", "features")
CLASSES = 10_000
Shape = tuple[int, ...]


def taken(message: Message) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Facts and notes, and arrays: "inputs", "targets", "weight NAME".

    Raises:
        InvvizError: something is not what it should be.
    """
    header = message.header
    blobs = [(name, message.arrays[str(place)].tobytes()) for place, name in enumerate(header["names"])]
    weights, files = (blobs[0], blobs[1:]) if header["weights"] else (None, blobs)
    notes: list[str] = []
    arrays, facts = _data(files, header["labels"], notes) if files else ({}, {})
    record = arrays["inputs"].shape[1:] if "inputs" in arrays else None
    net, wanted = _net(header["net"], record, weights is not None)
    facts |= net
    if "targets" in arrays:
        _check_targets(arrays["targets"], facts)
    if weights is not None:
        if wanted is None:
            raise UploadError(
                "Weights are matched to the net once there are data, as a net of invviz takes its shape from them. Give data, too."
            )
        found, said = matched(read_safetensors(io.BytesIO(weights[1]), weights[0], WEIGHTS), wanted)
        notes += said
        arrays |= {f"weight {name}": value for name, value in found.items()}
    return {"facts": facts, "notes": notes}, arrays


def _net(given: dict[str, Any], record: Shape | None, weights: bool) -> tuple[dict[str, Any], dict[str, Shape] | None]:
    """Facts of the net, and shapes of its tensors by name where they are known and asked for."""
    if "layers" in given:
        net = read_layers(given["layers"])
        if record is not None and record != net.shape:
            raise UploadError(
                f"A record of the data is {_x(record)}, and the net takes {_x(net.shape)}. Write that as its input, or choose other data."
            )
        wanted = net.tensors()
        count = sum(math.prod(shape) for name, shape in wanted.items() if "running_" not in name and "num_batches" not in name)
        return {"takes": list(net.shape), "gives": list(net.made), "parameters": count, "tensors": len(wanted)}, wanted
    model, classes = parse_component(str(given["registry"]), MODELS, "model"), given["classes"]
    if type(classes) is not int or not 2 <= classes <= CLASSES:
        raise UploadError(f"classes is {shown(classes, 20)}; allowed: a whole number, 2 to {CLASSES:,}.")
    if record is None:
        return {"gives": [classes]}, None
    shape = house_shape(record)
    _check_model(model, shape, record, classes)
    wanted = registry_tensors(model, shape, classes) if weights else None
    return {"takes": list(shape), "gives": [classes]}, wanted


def _check_model(model: Model, shape: Shape, record: Shape, classes: int) -> None:
    picture = len(record) == 3 and min(record[1:]) > 1
    if not picture and "row" not in model.modalities:
        raise UploadError(
            f"{model.title} takes pictures, (channels, height, width), and a record of the data is {_x(record)}. For rows of numbers choose MLP, or write layers."
        )
    said = (
        []
        if min(shape[1:]) >= model.min_side or not picture
        else [f"{model.title} takes pictures of at least {model.min_side} pixels a side."]
    )
    if said := [*said, *model.problems(shape)]:
        raise UploadError(" ".join(said))
    if (count := model.products(shape, classes)) > MAX_PRODUCTS:
        raise UploadError(
            f"The net takes {count:,} multiplications a record; at most {MAX_PRODUCTS:,} are taken here. Choose a smaller net or smaller records."
        )


def _data(files: list[tuple[str, bytes]], labels: str, notes: list[str]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    opened = [(name, io.BytesIO(data)) for name, data in files]
    ending = PurePath(opened[0][0]).suffix.lower()
    if len(opened) == 1 and ending in FORMS:
        name, file = opened[0]
        found = read_file(file, name, DATA)
        inputs, targets = _picked(found, ending == ".csv")
    else:
        inputs, targets = read_pictures(opened, "the pictures", DATA), None
    if inputs.dtype.kind in "iub":
        notes.append("Records are whole numbers, which were taken as real ones.")
    inputs = np.ascontiguousarray(inputs, np.float64 if inputs.dtype == np.float64 else np.float32)
    if inputs.ndim < 2 or inputs.ndim > 4:
        raise UploadError(f"The records have shape {_x(inputs.shape)}; allowed: (records, columns) or (records, channels, height, width).")
    if len(inputs) > RECORDS:
        raise UploadError(f"There are {len(inputs):,} records; at most {RECORDS:,} are taken. Save fewer: an audit looks at a batch.")
    if not bool(np.isfinite(inputs).all()):
        raise UploadError("The records hold numbers that are not finite. Replace or leave out what is missing.")
    if labels.strip():
        targets = _labels(labels, len(inputs))
    elif targets is None:
        targets = np.zeros(len(inputs), np.int64)
        notes.append("There were no labels: every record counts as class 0.")
    if targets.shape != (len(inputs),):
        raise UploadError(f"There are {len(inputs):,} records and labels of shape {_x(targets.shape)}; allowed: one label a record.")
    return {"inputs": inputs, "targets": targets}, {"records": len(inputs), "kind": "picture" if _pictures(inputs) else "row"}


def _pictures(inputs: np.ndarray) -> bool:
    return inputs.ndim == 4 and inputs.shape[1] in (1, 3) and min(inputs.shape[2:]) > 1


def _picked(found: dict[str, np.ndarray], table: bool) -> tuple[np.ndarray, np.ndarray | None]:
    """Records and targets among the arrays of a file."""
    low = {name.lower(): name for name in found}
    label = next((low[name] for name in LABELS if name in low), None)
    inputs, targets = records_and_targets(found, label, table)
    name = next((name for name in inputs if name.lower() in INPUTS), next(iter(inputs)) if len(inputs) == 1 else "")
    if not name or len(inputs) > 1:
        raise UploadError(f"The file holds {', '.join(shown(one, 30) for one in list(found)[:8])}; allowed: records as x, and labels as y.")
    return inputs[name], None if targets is None else _whole(targets)


def _whole(targets: np.ndarray) -> np.ndarray:
    if targets.dtype.kind in "iub":
        return targets.astype(np.int64)
    if not bool(np.isfinite(targets).all()):
        raise UploadError("The labels hold numbers that are not finite.")
    return targets.astype(np.float64)


def _labels(text: str, count: int) -> np.ndarray:
    words = re.split(r"[\s,;]+", text.strip(" ,;\n"))
    if len(words) != count or len(text) > 100_000 or not all(re.fullmatch(r"\d{1,6}", word) for word in words):
        raise UploadError(f"Labels are {shown(text, 40)}; allowed: {count:,} class numbers from 0 on, with commas, one a record.")
    return np.array([int(word) for word in words], np.int64)


def _check_targets(targets: np.ndarray, facts: dict[str, Any]) -> None:
    gives = facts["gives"]
    if targets.dtype == np.int64:
        if len(gives) != 1 or gives[0] < 2:
            raise UploadError(
                f"The net gives {_x(tuple(gives))} a record; for class numbers it has to give one score a class, at least 2. End it with flatten and linear."
            )
        if not 0 <= int(targets.min()) <= int(targets.max()) < gives[0]:
            raise UploadError(
                f"Labels go from {int(targets.min())} to {int(targets.max())}, and the net gives {gives[0]} scores: allowed are 0 to {gives[0] - 1}."
            )
    elif math.prod(gives) != 1:
        raise UploadError(
            f"Labels are real numbers, and the net gives {_x(tuple(gives))} a record; allowed: one number, for the mean squared error."
        )


def _x(shape: Shape) -> str:
    return " x ".join(map(str, shape)) or "one number"


def main() -> None:
    """One message from stdin, one to stdout."""
    incoming, outgoing = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever is printed is no part of the answer
    tempfile.tempdir = os.devnull  # nothing is written; libraries that only look for a place find one
    message = read(incoming)
    if message is None:
        return
    from PIL import Image

    Image.preinit()
    if message.header["weights"] and "registry" in message.header["net"]:
        import torch  # noqa: F401  (before the limit: it takes more room than any file)
    limit()
    try:
        header, arrays = taken(message)
    except InvvizError as err:
        header, arrays = {"refused": str(err)}, {}
    except (MemoryError, RecursionError):
        header, arrays = {"refused": TOO_MUCH}, {}
    write(outgoing, header, arrays)


if __name__ == "__main__":
    main()
