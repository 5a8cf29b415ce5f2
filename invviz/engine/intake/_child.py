"""The process that reads what a visitor hands over: `python -m invviz.engine.intake._child`, one message in, one out."""

from __future__ import annotations

import io
import math
import os
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
from ._targets import by, check_targets, labels_of, whole
from ._words import LABELS, reads_words, words_of

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
    sentences, rows = reads_words(header["net"])
    if sentences:
        return _of_words(header, weights, files, rows, notes)
    arrays, facts = _data(files, header["labels"], notes) if files else ({}, {})
    record = arrays["inputs"].shape[1:] if "inputs" in arrays else None
    net, wanted = _net(header["net"], record, weights is not None)
    facts |= net
    if "targets" in arrays:
        check_targets(arrays["targets"], facts)
    if weights is not None:
        if wanted is None:
            raise UploadError(
                "Weights are matched to the net once there are data, as a net of invviz takes its shape from them. Give data, too."
            )
        found, said = matched(read_safetensors(io.BytesIO(weights[1]), weights[0], WEIGHTS), wanted)
        notes += said
        arrays |= {f"weight {name}": value for name, value in found.items()}
    return {"facts": facts, "notes": notes}, arrays


def _of_words(
    header: dict[str, Any], weights: tuple[str, bytes] | None, files: list[tuple[str, bytes]], rows: int, notes: list[str]
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The same of a net that reads words: targets are class numbers where it tells classes, else the words themselves."""
    own: dict[str, np.ndarray] = {} if weights is None else read_safetensors(io.BytesIO(weights[1]), weights[0], WEIGHTS)
    if not files:
        facts = _net(header["net"], None, False)[0] if "layers" in header["net"] else {}
        return {"facts": facts, "notes": notes}, {}
    length = 0
    if "layers" in header["net"]:
        length = read_layers(header["net"]["layers"]).shape[0]
    elif weights is not None:
        rows, length = (next((len(v) for name, v in own.items() if name.endswith(end)), 0) for end in (".words", ".positions"))
        length = max(0, length - 1)
    tokens, targets, known, said = words_of(files, rows, length)
    notes += said
    tokens = np.pad(tokens, ((0, 0), (0, max(0, length - tokens.shape[1]))))
    net, foretells, wanted = dict(header["net"]), False, None
    if "layers" in net:
        facts, wanted = _net(net, tokens.shape[1:], weights is not None)
        foretells = facts["gives"] == [length, rows]
    else:
        model, classes = parse_component(str(net["registry"]), MODELS, "model"), max(rows, len(known))
        net["classes"], foretells = classes, model.task.of_inputs
        if said := model.problems(tokens.shape[1:]):
            raise UploadError(" ".join(said))
        wanted = registry_tensors(model, tokens.shape[1:], classes) if weights is not None else None
        facts = {"takes": list(tokens.shape[1:]), "gives": [classes]}
    arrays = {"inputs": tokens, "targets": np.zeros(len(tokens), np.int64)}
    if foretells and (targets is not None or header["labels"].strip()):
        notes.append("Labels are left out: the net foretells words, so they are its targets.")
    elif not foretells:
        if header["labels"].strip():
            targets = labels_of(header["labels"], len(tokens))
        elif targets is None:
            notes.append("There were no labels: every sentence counts as class 0.")
        arrays["targets"] = arrays["targets"] if targets is None else whole(targets)
        if arrays["targets"].shape != (len(tokens),):
            raise UploadError(
                f"There are {len(tokens):,} sentences and labels of shape {by(arrays['targets'].shape)}; allowed: one class number a sentence."
            )
        if arrays["targets"].dtype != np.int64:
            raise UploadError("The labels are real numbers; of sentences they are class numbers.")
        check_targets(arrays["targets"], facts)
    if weights is not None and wanted is not None:
        found, more = matched(own, wanted)
        notes += more
        arrays |= {f"weight {name}": value for name, value in found.items()}
    facts |= {"records": len(tokens), "kind": "sentence", "vocabulary": list(known.words[1:]), "foretells": foretells, "net": net}
    return {"facts": facts, "notes": notes}, arrays


def _net(given: dict[str, Any], record: Shape | None, weights: bool) -> tuple[dict[str, Any], dict[str, Shape] | None]:
    """Facts of the net, and shapes of its tensors by name where they are known and asked for."""
    if "layers" in given:
        net = read_layers(given["layers"])
        if record is not None and record != net.shape:
            raise UploadError(
                f"A record of the data is {by(record)}, and the net takes {by(net.shape)}. Write that as its input, or choose other data."
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
            f"{model.title} takes pictures, (channels, height, width), and a record of the data is {by(record)}. For rows of numbers choose MLP, or write layers."
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
        raise UploadError(f"The records have shape {by(inputs.shape)}; allowed: (records, columns) or (records, channels, height, width).")
    if len(inputs) > RECORDS:
        raise UploadError(f"There are {len(inputs):,} records; at most {RECORDS:,} are taken. Save fewer: an audit looks at a batch.")
    if not bool(np.isfinite(inputs).all()):
        raise UploadError("The records hold numbers that are not finite. Replace or leave out what is missing.")
    if labels.strip():
        targets = labels_of(labels, len(inputs))
    elif targets is None:
        targets = np.zeros(len(inputs), np.int64)
        notes.append("There were no labels: every record counts as class 0.")
    if targets.shape != (len(inputs),):
        raise UploadError(f"There are {len(inputs):,} records and labels of shape {by(targets.shape)}; allowed: one label a record.")
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
    return inputs[name], None if targets is None else whole(targets)


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
