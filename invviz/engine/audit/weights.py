"""Weights of one's own: taken out of what PyTorch saved, and loaded into a net; names and shapes that do not go together are said in words."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.errors import InvvizError, UploadError
from ...core.lazy import torch
from ...datasets.own import OWN_DISK, Limits

if TYPE_CHECKING:
    from torch import Tensor, nn

PREFIXES = ("module.", "_orig_mod.")  # of DataParallel and DistributedDataParallel, and of torch.compile
NESTED = ("state_dict", "model_state_dict", "model", "net", "weights")  # where programs keep the weights in what they save
NAMED = 4  # that an error lists


def saved_weights(path: Path, limits: Limits = OWN_DISK) -> tuple[dict[str, np.ndarray], list[str]]:
    """Weights by name out of a file of torch.save, without a wrapper's prefix, and what is to be said of them. Read with weights_only=True: nothing in the file runs.

    Raises:
        UploadError: no such file, no weights, too large, not finite; says what, and what to do.
    """
    try:
        size = path.stat().st_size
        unpacked = sum(one.file_size for one in zipfile.ZipFile(path).infolist()) if zipfile.is_zipfile(path) else size
    except (OSError, zipfile.BadZipFile) as err:
        raise UploadError(f"{path} cannot be read: {getattr(err, 'strerror', '') or err}. Check its name.") from err
    if max(size, unpacked) > limits.unpacked:
        raise UploadError(f"{path} would take {max(size, unpacked) / 1e9:.1f} GB; at most {limits.unpacked / 1e9:.1f} GB are read.")
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as err:  # torch raises many kinds on broken files
        why = str(err).strip().splitlines()[0][:200] if str(err).strip() else type(err).__name__
        raise UploadError(
            f"{path} cannot be read as tensors alone ({why}). A whole net is saved as code that would run here: save its weights, torch.save(net.state_dict(), file)."
        ) from err
    state, said = _state(saved, path)
    arrays = {name: _array(value, f"{path}, {name}", limits) for name, value in plain_names(state).items()}
    if (total := sum(value.nbytes for value in arrays.values())) > limits.unpacked:
        raise UploadError(f"{path} holds {total / 1e9:.1f} GB of weights; at most {limits.unpacked / 1e9:.1f} GB are read.")
    if any(value.dtype == torch.bfloat16 for value in state.values()):
        said.append("Weights in bfloat16 are written in single precision, which holds the same numbers.")
    return arrays, said


def _state(saved: Any, path: Path) -> tuple[dict[str, Tensor], list[str]]:
    said = []
    if isinstance(saved, Mapping) and not any(torch.is_tensor(value) for value in saved.values()):
        inner = [name for name in NESTED if isinstance(saved.get(name), Mapping)]
        if not inner:
            raise UploadError(f"{path} holds no weights; it has {_list([str(k) for k in saved]) or 'nothing'}. Save net.state_dict().")
        said.append(
            f"The weights are those under {inner[0]!r}; {_list([str(k) for k in saved if k != inner[0]]) or 'nothing'} is left out."
        )
        saved = saved[inner[0]]
    if not isinstance(saved, Mapping):
        raise UploadError(f"{path} holds {type(saved).__name__}, no weights by name. Save net.state_dict().")
    other = [str(name) for name, value in saved.items() if not torch.is_tensor(value)]
    state = {str(name): value for name, value in saved.items() if torch.is_tensor(value)}
    if not state:
        raise UploadError(f"{path} holds no weights. Save net.state_dict().")
    return state, said + [f"{_list(other)} is no tensor and left out."] * bool(other)


def plain_names(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """The same without the prefix of a wrapper, where every name has it.

    Example:
        >>> plain_names({"module.fc.weight": 1, "module.fc.bias": 2}), plain_names({"module.a": 1, "b": 2})
        ({'fc.weight': 1, 'fc.bias': 2}, {'module.a': 1, 'b': 2})
    """
    found = dict(tensors)
    while found and (prefix := next((p for p in PREFIXES if all(name.startswith(p) for name in found)), "")):
        found = {name.removeprefix(prefix): value for name, value in found.items()}
    return found


def _array(value: Tensor, name: str, limits: Limits) -> np.ndarray:
    """Numbers of a tensor, looked at before they are laid out.

    Raises:
        UploadError: it is larger than what stands behind it, of a kind that no weight has, empty, or not finite.
    """
    if value.layout is not torch.strided or value.is_quantized or value.is_complex():
        raise UploadError(f"{name} is sparse, quantised or complex. Save ordinary real weights.")
    if value.numel() == 0:
        raise UploadError(f"{name} has shape {tuple(value.shape)}: it is empty. Save the net again.")
    held = value.untyped_storage().nbytes() // value.dtype.itemsize
    if value.numel() > held or value.numel() * value.dtype.itemsize > limits.unpacked:
        raise UploadError(
            f"{name} says that it has {value.numel():,} numbers, and {held:,} are in the file. Save it again: tensor.clone()."
        )
    if value.dtype == torch.bfloat16:
        value = value.float()
    try:
        array = value.detach().contiguous().numpy()
    except TypeError as err:
        raise UploadError(f"{name} is of {value.dtype}, which is not read. Save it in single precision: net.float().") from err
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise UploadError(f"{name} holds numbers that are not finite. Train again, or save weights that are whole.")
    return array


def load(module: nn.Module, tensors: Mapping[str, np.ndarray]) -> None:
    """Load weights into a net, every one of them.

    Args:
        module: which is changed.
        tensors: by name, with or without the prefix of a wrapper.

    Raises:
        InvvizError: names are missing or too many, shapes or kinds of numbers differ; says which.
    """
    given, own = plain_names(tensors), dict(module.state_dict())
    optional = [name for name in own if name.endswith("num_batches_tracked")]  # older files lack it, and no number depends on it
    if missing := [name for name in own if name not in given and name not in optional]:
        raise InvvizError(f"The weights lack {_list(missing)}, which the net has. Are they of the same architecture?")
    if more := [name for name in given if name not in own]:
        raise InvvizError(f"The weights hold {_list(more)}, which the net does not have. Are they of the same architecture?")
    if wrong := [
        f"{name} {v.shape}, the net has {tuple(own[name].shape)}" for name, v in given.items() if v.shape != tuple(own[name].shape)
    ]:
        raise InvvizError(f"Shapes differ: {_list(wrong)}. Build the net with the same sizes.")
    if kinds := [
        f"{name} {v.dtype}, the net has {own[name].dtype}"
        for name, v in given.items()
        if (v.dtype.kind == "f") != own[name].is_floating_point()
    ]:
        raise InvvizError(f"Kinds of numbers differ: {_list(kinds)}. Save the weights as the net has them.")
    module.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in given.items()}, strict=False)


def _list(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


__all__ = ["load", "plain_names", "saved_weights"]
